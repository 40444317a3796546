"""A pinned rounding or runtime is a row that can be made again, with the bytes of the file that is then written."""

import pytest

from explorer.bits.rounding import Rounding
from explorer.bits.rows import PINNED, Shown, rounded_row, runtime_row
from explorer.bits.sweep import BitsPlan, round_at_all
from explorer.data import BUNDLED
from explorer.ledger import Recipe
from explorer.report.rebuild import recompute
from explorer.runtime.compare import RuntimeRow, calibration_batches
from explorer.work.progress import follow
from explorer.workspace import open_workspace

pytestmark = pytest.mark.usefixtures("known_exports")

SOURCE = open_workspace(BUNDLED).source("student-5k")
SHOWN = Shown(SOURCE, BUNDLED, 32, "precomputed", "some day", "Some CPU, Linux, cpu, 2 threads")
IMAGES = BUNDLED.load("test").stratified(200)


@pytest.mark.parametrize(("rounding", "activations"), [(Rounding(4), 0), (Rounding(3, "tensor", False), 8)])
def test_a_rounding_is_found_again_from_its_row(rounding: Rounding, activations: int) -> None:
    way = ((rounding.per, rounding.symmetric),)
    batches = calibration_batches(BUNDLED.load("training"), 32)
    plan = BitsPlan((rounding.bits,), way, (activations,), 32)
    (row,) = round_at_all(
        SOURCE.load(), IMAGES.inputs(), IMAGES.targets(), IMAGES.inputs(), plan, calibration=batches
    )
    pinned = follow(rounded_row(SHOWN, row), lambda update: None)
    again = follow(recompute(pinned, [SOURCE], [BUNDLED]), lambda update: None)
    for each in ("params", "nonzero", "mult_adds", "file_bytes", "zipped_bytes", "total", "correct"):
        assert getattr(again, each) == getattr(pinned, each), each
    assert pinned.identity == again.identity
    assert (pinned.correct, pinned.lesson, pinned.origin) == (row.correct, "bits", "precomputed")
    assert pinned.nonzero < pinned.params
    bits = f"{SOURCE.card.title}, weights of {rounding.bits} bits, a scale per {rounding.per}"
    assert pinned.title.startswith(bits)
    assert ("activations of 8 bits" in pinned.title) == bool(activations)


@pytest.mark.parametrize("runtime", PINNED)
def test_a_runtime_is_found_again_from_its_row(runtime) -> None:
    timed = RuntimeRow(runtime, 32, 1, 2.0, 1.9, 2.1, 4.0, 9, 10, 10, 1000, False)
    pinned = follow(runtime_row(SHOWN, timed), lambda update: None)
    again = follow(recompute(pinned, [SOURCE], [BUNDLED]), lambda update: None)
    assert (again.params, again.mult_adds, again.network) == (pinned.params, pinned.mult_adds, pinned.network)
    assert (again.file_bytes, again.zipped_bytes) == (pinned.file_bytes, pinned.zipped_bytes)
    assert (pinned.ms, pinned.ms_low, pinned.ms_high, pinned.batch) == (2.0, 1.9, 2.1, 32)
    assert pinned.timed_on == "Some CPU, Linux, cpu, 1 thread", "on as many threads as it was timed on"
    steps = Recipe.from_dict(pinned.recipe).steps
    assert len(steps) == (runtime != "torch")
    if "int8" in runtime:
        assert steps[0].calibration == 32
        assert steps[0].reduce_range == ("7-bit" in runtime)


def test_what_could_not_be_timed_is_pinned_without_times() -> None:
    row = RuntimeRow("torch", 1, 1, None, None, None, None, 9, 10, 10, 1000, True)
    pinned = follow(runtime_row(SHOWN, row), lambda update: None)
    assert (pinned.ms, pinned.batch, pinned.timed_on) == (None, None, "")
