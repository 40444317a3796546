import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from explorer.checkpoints import card
from explorer.errors import ExplorerError
from explorer.ledger import State, counts
from explorer.networks import StudentSpec, parameter_count
from explorer.report.rebuild import rebuild, recompute, shipped
from explorer.report.receipt import receipt

ROOT = Path(__file__).parent.parent.parent
SHA = card("student-60k").sha256


def state(recipe: dict, total: int | None = 30) -> State:
    """A row of wrong numbers; recomputing it makes them right."""
    return State(
        "a state",
        "pruning",
        "StudentNet",
        1,
        1,
        1,
        64,
        "carried",
        "a file",
        ms=1.0,
        batch=32,
        correct=0 if total else None,
        total=total,
        images="Fashion-MNIST, test" if total else "",
        recipe=recipe,
    )


RECIPES: list[dict] = [
    {"spec": StudentSpec(8, (8, 16, 32, 18), conv_bias=True).to_dict()},
    {"checkpoint": "student-60k", "sha256": SHA},
    {"checkpoint": "student-60k", "sha256": SHA, "method": "layer-l1", "ratio": 0.5, "seed": 0},
    {"checkpoint": "student-60k", "sha256": SHA, "method": "channels-random", "ratio": 0.3, "seed": 2},
]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: str(recipe.get("method", "plain")))
def test_a_receipt_holds_in_a_fresh_interpreter_and_fails_when_a_number_is_wrong(
    recipe: dict, tmp_path: Path
) -> None:
    right = recompute(state(recipe, None if "spec" in recipe else 30))
    text = receipt(right)
    assert len(text.splitlines()) < 60
    for script, status in ((text, 0), (receipt(replace(right, nonzero=right.nonzero + 1)), 1)):
        path = tmp_path / "receipt.py"
        path.write_text(script, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, path], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=False
        )
        assert done.returncode == status, done.stderr.decode()


def test_recomputing_drops_the_milliseconds_and_says_so() -> None:
    found = recompute(state(RECIPES[2]))
    assert found.ms is None
    assert found.batch is None
    assert found.origin == "computed"
    assert found.nonzero < found.params == 59_026
    assert found.correct is not None
    assert 0 < found.correct <= 30


def test_counts_are_those_of_the_network() -> None:
    model = rebuild(RECIPES[3])
    params, nonzero, mult_adds = counts(model, 64)
    assert params == parameter_count(model) < 59_026
    assert nonzero == sum(int((part != 0).sum()) for part in model.parameters())
    assert mult_adds < counts(rebuild(RECIPES[1]), 64)[2]
    assert not any(part.is_meta for part in model.parameters()), "the model itself is left alone"


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        ({}, "does not say from which checkpoint"),
        ({"checkpoint": 3}, "does not say from which checkpoint"),
        ({"checkpoint": "nobody"}, "no checkpoint 'nobody'"),
        ({"checkpoint": "student-60k", "sha256": "other"}, "other weights"),
        (
            {"checkpoint": "student-60k", "method": "magic", "ratio": 0.5},
            "no method 'magic'; there are global-l1",
        ),
        ({"checkpoint": "student-60k", "method": ["random"], "ratio": 0.5}, "its method is no name"),
        ({"checkpoint": "student-60k", "method": "random", "ratio": "half"}, "ratio or seed no number"),
        ({"checkpoint": "student-60k", "method": "random", "ratio": 2}, "from 0 to below 1"),
        ({"spec": {"stem": 0}}, "not those of a StudentNet"),
        ({"spec": {"stem": 0, "widths": [1, 1, 1, 1]}}, "between 1 and"),
    ],
)
def test_what_cannot_be_rebuilt_is_told(recipe: dict, sentence: str) -> None:
    with pytest.raises(ExplorerError, match=sentence):
        rebuild(recipe)


def test_a_row_on_unknown_images_or_without_a_recipe_is_told() -> None:
    with pytest.raises(ExplorerError, match="are not here"):
        recompute(replace(state(RECIPES[1]), images="my lunch"))
    with pytest.raises(ExplorerError, match="has no receipt"):
        receipt(replace(state(RECIPES[1]), recipe={}))


def test_the_shipped_rows_are_their_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "explorer.report.rebuild.catalogue", lambda folder: {"student-60k": card("student-60k")}
    )
    (row,) = shipped()
    assert (row.params, row.total) == (59_026, 10_000)
    assert row.accuracy is not None
    assert row.accuracy.value == card("student-60k").test_accuracy
    assert row.file_bytes == card("student-60k").bytes
