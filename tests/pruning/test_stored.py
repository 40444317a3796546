import json
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from torch import nn

from explorer.__main__ import main
from explorer.checkpoints import SHIPPED, card
from explorer.checkpoints.evidence import StoredRows, find_rows
from explorer.data import BUNDLED
from explorer.measure import Latency
from explorer.pruning.sweep import SweepRow, settings_of

NAME = "student-5k"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("manifest.json", f"{NAME}.safetensors"):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    return tmp_path


def prune(folder: Path, *arguments: str) -> int:
    always = ["--ratios", "0,0.5", "--images", "20", "--evidence", "--checkpoints", str(folder)]
    return main(["prune", NAME, *always, *arguments])


def stored(folder: Path) -> StoredRows[SweepRow]:
    found = find_rows("sweep", SweepRow, card(NAME).sha256, BUNDLED.key_of("test"), folder)
    assert found is not None
    return found


def test_a_stored_sweep_takes_further_methods_and_seeds_and_measures_nothing_twice(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = ("--method", "channels-l1", "--repeats", "0", "--seeds", "1")
    assert prune(folder, *first) == 0
    before = stored(folder)
    assert (before.images, before.choice, len(before.rows)) == (20, "stratified", 4)
    assert prune(folder, "--method", "global-l1", "--repeats", "0", "--seeds", "2") == 0
    both = stored(folder)
    assert set(before.rows) < set(both.rows)
    assert [row.method for row in both.rows] == 2 * ["global-l1"] + 3 * ["random"] + 2 * [
        "channels-l1"
    ] + 2 * ["channels-random"]
    settings = settings_of(both.rows, both.images, both.settings)
    assert (settings.seeds, settings.seed, settings.ratios) == (2, 0, (0.0, 0.5))
    # Whatever is measured again would say so now.
    monkeypatch.setattr("explorer.pruning.sweep.logits", None)
    capsys.readouterr()
    assert prune(folder, *first, "--json") == 0
    assert len(json.loads(capsys.readouterr().out)) == 4


@pytest.mark.parametrize(
    "other", [("--images", "30"), ("--precision", "bfloat16"), ("--seed", "5"), ("--refit", "16")]
)
def test_rows_that_were_measured_otherwise_are_not_mixed_with_new_ones(
    folder: Path, other: tuple[str, str]
) -> None:
    quick = ("--method", "channels-l1", "--repeats", "0", "--no-baseline")
    assert prune(folder, *quick) == 0
    assert prune(folder, *quick, "--method", "global-l1", *other) == 0
    assert [row.method for row in stored(folder).rows if row.recovery == "none"] == 2 * ["global-l1"] + 2 * [
        "channels-l1"
    ]
    assert len({(row.total, row.precision) for row in stored(folder).rows}) == 1


def test_the_clock_adds_the_times_of_the_first_seed_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clock(models: Iterable[nn.Module], batch: torch.Tensor, *_: object) -> tuple[Latency, ...]:
        return tuple(Latency(3.0, 1.0, 2.0, len(batch), 15, 1, 0.0) for _ in models)

    assert prune(folder, "--method", "global-l1", "--repeats", "0", "--seeds", "2") == 0
    before = stored(folder)
    monkeypatch.setattr("explorer.pruning.sweep.latencies", clock)
    assert main(["prune", NAME, "--clock", "--checkpoints", str(folder)]) == 0
    after = stored(folder)
    assert [row.correct for row in after.rows] == [row.correct for row in before.rows]
    assert [row.ms for row in after.rows] == [3.0 if row.seed == 0 else None for row in after.rows]
    assert after.settings["repeats"] == 15
    # Nor is it forgotten which training images a method looked at.
    assert prune(folder, "--method", "channels-taylor", "--repeats", "0", "--no-baseline") == 0
    key = BUNDLED.key_of("training")
    assert stored(folder).settings["training"] == key
    assert main(["prune", NAME, "--clock", "--checkpoints", str(folder)]) == 0
    after = stored(folder)
    assert after.settings["training"] == key
    # Further methods can be counted while the machine is busy: what was timed stays, and is told of.
    assert prune(folder, "--method", "channels-l1", "--repeats", "0", "--no-baseline") == 0
    more = stored(folder)
    assert set(after.rows) < set(more.rows)
    assert (more.settings["repeats"], more.settings["training"]) == (15, key)


def test_a_busy_machine_leaves_the_rows_as_they_are_and_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prune(folder, "--method", "random", "--repeats", "0", "--seeds", "1") == 0
    before = stored(folder)
    monkeypatch.setattr("explorer.measure.clock.others_between", lambda *_: 0.9)
    monkeypatch.setattr("explorer.measure.clock.BLOCK", 0.001)
    assert main(["prune", NAME, "--clock", "--checkpoints", str(folder)]) == 1
    assert "too busy to time 2 of 2 networks" in capsys.readouterr().err
    assert stored(folder).rows == before.rows


def test_there_is_nothing_to_time_without_a_stored_sweep(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prune", NAME, "--clock", "--checkpoints", str(folder)]) == 2
    assert "No sweep of student-5k is stored: measure it first, with --evidence." in capsys.readouterr().err
