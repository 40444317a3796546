from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks import __main__ as benchmarks_command
from benchmarks import pruning as bench
from benchmarks.figure import BenchFigure
from benchmarks.pruning import TimedSweep
from explorer.checkpoints import load
from explorer.data import BUNDLED
from explorer.measure import logits
from explorer.pruning.engine import Setting


def test_the_engine_predicts_what_a_homework_does(tmp_path: Path) -> None:
    """The teacher, real images: torch's own pruning on decoded PNGs, batch by batch, against the fast path."""
    images = BUNDLED.load("test").select(slice(24))
    torch.save(load("teacher").state_dict(), tmp_path / "teacher.ckpt")
    files = [bench._png(picture) for picture in images.images]
    plain = bench.plain_loop(tmp_path / "teacher.ckpt", files, (0.0, 0.7))
    ours = bench.engine_sweep(images, Setting(), (0.0, 0.7))
    assert torch.equal(plain.predictions, ours.predictions)
    assert ours.counted is not None
    assert torch.equal(ours.counted, ours.predictions)
    assert ours.seconds > ours.counting > 0 < min(ours.forward, ours.sweep)


def test_the_sweeps_figures_are_ratios_of_their_runs() -> None:
    images = BUNDLED.load("test").select(slice(3))
    right = (
        logits(load("teacher"), images.inputs()).argmax(1).expand(2, 3)
    )  # what a ratio of 0 and of 0.1 predicts
    wrong = right.clone()
    wrong[1, 2] = (wrong[1, 2] + 1) % 10
    runs = {
        "float32": [TimedSweep(2.0, right, 0.0, 1.8, 1.5, 0.9, right)],
        "bfloat16": [TimedSweep(1.0, wrong, 0.0, 0.9, 0.8)],
    }
    cost, quick, exact, half, equal = bench._sweep_figures(
        images, runs, [TimedSweep(5.0, wrong, 0.0)], "2 x 3"
    )
    assert (cost.value, cost.holds) == (1.2, False)
    assert (quick.value, quick.holds) == (0.6, True)
    assert (exact.value, exact.holds) == (2.5, True)
    assert (half.value, half.holds) == (5.0, True)
    assert "1 predictions differ from float32's" in half.how
    assert (equal.value, equal.holds) == (1, False), "no choice among equal weights explains it"
    runs["float32"] = [replace(runs["float32"][0], counted=wrong)]
    _, quick, *_ = bench._sweep_figures(images, runs, [TimedSweep(5.0, wrong, 0.0)], "2 x 3")
    assert not quick.holds, "a route that predicts otherwise is not exact"
    assert "1 predictions differ" in quick.how


def test_a_busy_machine_is_said_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def figures() -> Iterator[BenchFigure]:
        yield BenchFigure("a time", None, "times faster", "1", False, f"not measured{bench._said(0.34)}")

    monkeypatch.setitem(benchmarks_command.BENCHES, "pruning", figures)
    assert benchmarks_command.main(["--only", "pruning"]) == 1
    said = capsys.readouterr().out
    assert "not measured, aim 1: DOES NOT HOLD" in said
    assert "34% of the machine" in said
    assert benchmarks_command.main(["--only", "cooking"]) == 2
    assert "there are architecture, distillation, pruning" in capsys.readouterr().err
