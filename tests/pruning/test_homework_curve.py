from dataclasses import replace

import pytest

from explorer.checkpoints import load
from explorer.data import BUNDLED
from explorer.measure import logits
from explorer.pruning.homework import HOMEWORK, KIND, RATIOS, describe_homework, homework_settings
from explorer.pruning.sweep import SweepRow, settings_of
from explorer.work.instrument import InstrumentSpec, measure
from explorer.workspace import open_workspace
from tests.pruning.methods.test_homework import pruned_by_torch
from tests.pruning.toy import ToyImages, ToyNetwork, images

ROW = SweepRow("homework", 0.0, 900, 1000, 9, 9, 9, None, None, None, None, 32, 1, False, 1, 1)


def curve(*shares: float) -> list[SweepRow]:
    return [
        replace(ROW, ratio=round(0.05 * step, 2), correct=round(1000 * share))
        for step, share in enumerate(shares)
    ]


def test_it_asks_for_what_the_homework_asks_for() -> None:
    assert RATIOS[0] == 0
    assert RATIOS[-1] == 0.95
    assert [round(100 * ratio) for ratio in RATIOS] == list(range(0, 100, 5))
    settings = homework_settings(5000)
    assert (settings.methods, settings.repeats, settings.recoveries) == (("homework",), 0, ("none",))


def test_it_is_counted_on_all_validation_images_and_on_no_others() -> None:
    validation = images("validation")
    spec = InstrumentSpec(ToyNetwork(), ToyImages(), "validation", "key", homework_settings(len(validation)))
    rows = measure(HOMEWORK, spec)
    assert [row.ratio for row in rows] == list(RATIOS)
    for row in (rows[0], rows[12]):
        model = pruned_by_torch(ToyNetwork().load(), row.ratio).eval()
        right = logits(model, validation.inputs()).argmax(1) == validation.targets()
        assert (row.correct, row.total) == (int(right.sum()), 30)


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        (
            (0.9, 0.9, 0.895, 0.88, 0.891, 0.4),
            "N as it is: **90.0%** of 1,000 images. Up to **10%** of each convolution's weights masked costs at most "
            "one point (89.5% there). From 25% on, less than half of it is left (40.0%).",
        ),
        (
            (0.9, 0.8, 0.9),
            "N as it is: **90.0%** of 1,000 images. Already 5% masked costs more than one point (80.0%).",
        ),
        (
            (0.9, 0.9, 0.92),
            "N as it is: **90.0%** of 1,000 images. Up to **10%** of each convolution's weights masked costs at most "
            "one point (92.0% there).",
        ),
    ],
)
def test_what_it_says_follows_the_rows(shares: tuple[float, ...], said: str) -> None:
    assert describe_homework(curve(*shares)[::-1], "N") == said


def test_the_shipped_curve_of_a_student_is_that_of_torch_run_as_the_homework_does() -> None:
    """All 5,000 validation images, at one ratio where much is lost and at none."""
    workspace = open_workspace(BUNDLED)
    found = workspace.find_rows(KIND, SweepRow, "student-5k-kd", "validation")
    assert found is not None
    validation = found.choose(BUNDLED.load("validation"))
    assert len(validation) == 5000
    assert settings_of(found.rows, found.images, found.settings) == homework_settings(5000)
    row = next(row for row in found.rows if row.ratio == 0.6)
    model = pruned_by_torch(load("student-5k-kd"), row.ratio).eval()
    right = logits(model, validation.inputs()).argmax(1) == validation.targets()
    assert abs(row.correct - int(right.sum())) <= 1, "another processor may turn a near tie"
