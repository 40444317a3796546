import copy
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from explorer.__main__ import main
from explorer.checkpoints import load
from explorer.data import BUNDLED, ImageSet
from explorer.errors import ExplorerError
from explorer.measure import PATIENCE, Latency, has_bfloat16, logits
from explorer.networks import StudentNet, StudentSpec, maskable_weights, parameter_count
from explorer.pruning.methods import Kind, baseline
from explorer.pruning.plan import SweepPlan, SweepSettings
from explorer.pruning.sweep import SweepRow, clocked, rows_asked_for, sweep, sweep_table
from explorer.work.progress import Update
from explorer.workspace import open_workspace
from tests.pruning.test_reading import row as row_of


def rows_of(steps: Iterable[SweepRow | Update]) -> list[SweepRow]:
    return [step for step in steps if isinstance(step, SweepRow)]


QUICK = SweepPlan(("global-l1", "random", "channels-l1"), (0.0, 0.5), repeats=2)


def untied() -> StudentNet:
    """A trained network without equal weights, between which torch chooses otherwise."""
    torch.manual_seed(0)
    model = load("student-60k")
    with torch.no_grad():
        for weight in maskable_weights(model).values():
            weight.mul_(1 + 1e-4 * torch.randn_like(weight))
    assert isinstance(model, StudentNet)
    return model


def torchs_global(model: nn.Module, ratio: float) -> None:
    layers = [(model.get_submodule(name), "weight") for name in maskable_weights(model)]
    prune.global_unstructured(layers, prune.L1Unstructured, amount=ratio)


def torchs_layerwise(model: nn.Module, ratio: float) -> None:
    for name in list(maskable_weights(model)):
        prune.l1_unstructured(model.get_submodule(name), "weight", amount=ratio)


def silence(model: nn.Module, ratio: float, order: int) -> None:
    """The channels of a StudentNet with the weakest filters, silenced through BatchNorm."""
    norms = {"conv1": ("bn1", "layer1.1"), "layer4.3": ("layer4.4",)}
    norms |= {f"layer{at}.3": (f"layer{at}.4", f"layer{at + 1}.1") for at in (1, 2, 3)}
    for name, behind in norms.items():
        strength = model.get_parameter(f"{name}.weight").detach().flatten(1).norm(order, dim=1)
        weakest = strength.argsort()[: round(ratio * len(strength))]
        for norm in behind:
            for part in ("weight", "bias"):
                model.get_parameter(f"{norm}.{part}").data[weakest] = 0


@pytest.mark.parametrize(
    ("method", "by_hand"),
    [
        ("global-l1", torchs_global),
        ("layer-l1", torchs_layerwise),
        ("channels-l1", partial(silence, order=1)),
        ("channels-l2", partial(silence, order=2)),
    ],
    ids=["global-l1", "layer-l1", "channels-l1", "channels-l2"],
)
def test_a_sweep_measures_what_a_plain_loop_does(method: str, by_hand: Callable[..., None]) -> None:
    """Real weights and images: the same right answers as torch's own pruning, or as filters ranked here."""
    test = BUNDLED.load("test").select(slice(150))
    model, right = untied(), []
    plan = SweepPlan((method,), (0.0, 0.3, 0.6), repeats=0)
    for row in sweep(model, test.inputs(), test.targets(), plan):
        plain = untied()
        by_hand(plain, row.ratio)
        assert row.correct == int((logits(plain, test.inputs()).argmax(1) == test.targets()).sum())
        right.append(row.correct)
    assert len(set(right)) == 3, "each ratio gives another number, or the comparison tells nothing"


@pytest.mark.parametrize("kind", ["mask", "removal"])
def test_the_seed_of_the_plan_reaches_the_random_methods(kind: Kind) -> None:
    inputs, targets = torch.zeros(2, 3, 64, 64), torch.zeros(2)
    plan = SweepPlan((baseline(kind).key,), (0.5,), repeats=0)
    bytes_of = {}
    for seed in (0, 1):
        (row,) = sweep(load("student-60k"), inputs, targets, replace(plan, seed=seed))
        (again,) = sweep(load("student-60k"), inputs, targets, replace(plan, seed=seed))
        assert row == again
        bytes_of[seed] = row.zipped_bytes
    assert bytes_of[0] != bytes_of[1]


@pytest.mark.parametrize("chance", ["random", "channels-random", "shuffled"])
def test_each_seed_of_a_method_with_chance_is_a_network_of_its_own_and_others_have_one(chance: str) -> None:
    images = BUNDLED.load("test").stratified(40)
    methods = ("global-l1", chance)
    plan = SweepPlan(methods, (0.0, 0.3), repeats=0, seeds=3)
    rows = rows_of(sweep(load("student-5k"), images.inputs(), images.targets(), plan))
    assert [row.row for row in rows] == list(plan.states)
    assert len(rows) == plan.steps == 2 * 2 + 2, "at ratio 0 every seed is the dense network"
    for row in rows[2:]:
        alone = replace(plan, methods=methods[1:], ratios=(row.ratio,), seed=row.seed, seeds=1)
        (fresh,) = sweep(load("student-5k"), images.inputs(), images.targets(), alone)
        assert row == fresh
    assert len({row.zipped_bytes for row in rows if row.ratio and row.method == methods[1]}) == 3


def test_only_the_first_seed_is_timed_and_a_clock_can_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def clock(models: Iterable[nn.Module], batch: torch.Tensor, *_: object) -> tuple[Latency, ...]:
        return tuple(Latency(7.0, 1.0, 9.0, len(batch), 15, 1, 0.0) for _ in models)

    monkeypatch.setattr("explorer.pruning.sweep.latencies", clock)
    images, model = BUNDLED.load("test").stratified(4), load("student-5k")
    plan = SweepPlan(("global-l1", "random"), (0.0, 0.5), repeats=15, seeds=2)
    at_once = rows_of(sweep(model, images.inputs(), images.targets(), plan))
    assert [row.ms is not None for row in at_once] == [row.seed == 0 for row in at_once]
    counted = rows_of(sweep(model, images.inputs(), images.targets(), replace(plan, repeats=0)))
    assert not any(row.ms for row in counted)
    later = list(clocked(model, images.inputs(), plan, [replace(counted[0], ms=9.0), *counted[1:]]))
    assert later == at_once[1:4], "what has its time keeps it"


@pytest.mark.parametrize("method", ["global-l1", "channels-l1"])
def test_a_recovery_changes_nothing_of_the_next_ratio(method: str, shard: ImageSet) -> None:
    """Every row as pruned is that of a fresh sweep of its ratio alone."""
    test = BUNDLED.load("test").select(slice(100))
    plan = SweepPlan((method,), (0.5, 0.2), repeats=0, recalibrate=1, finetune=2)
    model = load("student-60k")
    rows = rows_of(sweep(model, test.inputs(), test.targets(), plan, shard=shard))
    assert [(row.ratio, row.recovery) for row in rows[::3]] == [(0.5, "none"), (0.2, "none")]
    for row, recalibrated, tuned in (rows[:3], rows[3:]):
        alone = replace(plan, ratios=(row.ratio,), recalibrate=0, finetune=0)
        (fresh,) = sweep(load("student-60k"), test.inputs(), test.targets(), alone)
        assert row == fresh
        assert len({row.zipped_bytes, recalibrated.zipped_bytes, tuned.zipped_bytes}) == 3


def test_the_network_that_is_swept_is_left_alone() -> None:
    torch.manual_seed(0)
    model = StudentNet(StudentSpec(4, (5, 6, 7, 8), classes=10)).eval()
    before = copy.deepcopy(model.state_dict())
    images = BUNDLED.load("test").select(slice(8))
    rows = list(sweep(model, images.inputs(), images.targets(), QUICK))
    assert [(row.method, row.ratio) for row in rows] == [
        (method, ratio) for method in QUICK.methods for ratio in QUICK.ratios
    ]
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
    removed = rows[-1]
    assert removed.params < rows[0].params
    assert removed.mult_adds < rows[0].mult_adds
    assert sweep_table(rows)["accuracy"].between(0, 1).all()


@pytest.mark.usefixtures("quiet")
def test_every_recovery_adds_a_row_after_the_pruned_network(shard: ImageSet) -> None:
    images = BUNDLED.load("test").select(slice(60))
    plan = SweepPlan(("global-l1", "channels-l1"), (0.6,), repeats=0, recalibrate=1, finetune=3)
    model = load("student-60k")
    before = copy.deepcopy(model.state_dict())
    rows = rows_of(sweep(model, images.inputs(), images.targets(), plan, shard=shard))
    assert [row.recovery for row in rows] == 2 * ["none", "recalibrated", "fine-tuned"]
    assert len(rows) == plan.steps
    pruned, recalibrated, tuned = rows[:3]
    assert pruned.nonzero == recalibrated.nonzero == tuned.nonzero, "masks are kept"
    assert recalibrated.correct > pruned.correct
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
    with pytest.raises(ExplorerError, match="training shard"):
        next(sweep(model, images.inputs(), images.targets(), plan))


def test_bytes_stay_and_compressed_bytes_shrink_under_masks() -> None:
    images = BUNDLED.load("test").select(slice(4))
    plan = SweepPlan(("global-l1", "channels-l1"), (0.0, 0.8), repeats=0)
    dense, masked, _, removed = sweep(load("student-60k"), images.inputs(), images.targets(), plan)
    assert dense.file_bytes == masked.file_bytes > removed.file_bytes
    assert masked.zipped_bytes < dense.zipped_bytes / 2
    assert (dense.ms, dense.speed_up, dense.busy) == (None, None, False), "no clock was asked for"


def test_the_times_are_of_the_pruned_and_of_the_dense_network_and_not_the_other_way_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a clock that takes a microsecond for each parameter."""

    def clock(models: Iterable[nn.Module], batch: torch.Tensor, *_: object) -> tuple[Latency, ...]:
        times = [parameter_count(model) / 1000 for model in models]
        return tuple(Latency(time, time - 1, time + 1, len(batch), 15, 1, 0.0) for time in times)

    monkeypatch.setattr("explorer.pruning.sweep.latencies", clock)
    images = BUNDLED.load("test").select(slice(4))
    plan = SweepPlan(("channels-l1",), (0.0, 0.5), repeats=15)
    dense, removed = rows_of(sweep(load("student-60k"), images.inputs(), images.targets(), plan))
    assert dense.ms == dense.dense_ms == removed.dense_ms
    assert removed.ms is not None
    assert removed.dense_ms is not None
    assert (removed.ms_low, removed.ms_high) == (removed.ms - 1, removed.ms + 1)
    assert removed.ms < removed.dense_ms / 2
    assert removed.speed_up == removed.dense_ms / removed.ms
    assert dense.speed_up == 1


@pytest.mark.skipif(not has_bfloat16(), reason="this CPU has no bfloat16")
def test_bfloat16_says_how_far_it_agrees() -> None:
    images = BUNDLED.load("test").select(slice(40))
    plan = SweepPlan(("global-l1",), (0.3,), repeats=0, precision="bfloat16")
    (row,) = sweep(load("student-60k"), images.inputs(), images.targets(), plan)
    assert row.precision == "bfloat16"
    assert row.agreement is not None
    assert 0.8 < row.agreement <= 1


def test_a_machine_that_stays_busy_gets_rows_without_times(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("explorer.measure.clock.others_between", lambda *_: asked.append(1) or 0.9)
    monkeypatch.setattr("explorer.measure.clock.BLOCK", 0.001)
    images = BUNDLED.load("test").select(slice(4))
    rows = list(sweep(load("student-60k"), images.inputs(), images.targets(), QUICK))
    assert all(row.busy and row.ms is None and row.dense_ms is None for row in rows)
    assert len(asked) == PATIENCE + len(rows) - 1, "after the first network it is asked only once"
    assert sweep_table(rows)["speed_up"].isna().all()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"ratios": (1.0,)}, "from 0 to below 1"),
        ({"ratios": ()}, "at least one"),
        ({"methods": ("magic",)}, "no method 'magic'"),
        ({"device": "tpu"}, "no device 'tpu' here; there are cpu"),
        ({"precision": "float16"}, "float32 or bfloat16"),
        ({"recalibrate": 6}, "0 to 5 batches"),
        ({"finetune": -1}, "0 to 500 steps"),
        ({"repeats": -1}, "0 times or more"),
        ({"seeds": 0}, "1 to 30 seeds"),
    ],
)
def test_an_impossible_plan_is_refused(values: dict, sentence: str) -> None:
    with pytest.raises(ExplorerError, match=sentence):
        SweepPlan(**values)


def test_the_shipped_sweep_of_the_teacher_holds_on_a_sample() -> None:
    """The precomputed accuracy at ratio 0 is the dense teacher's on those images, counted again."""
    found = open_workspace(BUNDLED).find_rows("sweep", SweepRow, "teacher")
    assert found is not None
    dense = next(row for row in found.rows if row.method == "global-l1" and row.ratio == 0)
    test = found.choose(BUNDLED.load("test"))
    assert int((logits(load("teacher"), test.inputs()).argmax(1) == test.targets()).sum()) == dense.correct


def test_the_terminal_prunes_and_prints(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["prune", "student-60k", "--method", "global-l1", "--images", "20", "--repeats", "0"]
    arguments += ["--seeds", "2"]
    assert main([*arguments, "--ratios", "0.5", "--recalibrate", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["method"], row["recovery"], row["seed"]) for row in rows] == [
        ("global-l1", "none", 0),
        ("global-l1", "recalibrated", 0),
        ("random", "none", 0),
        ("random", "recalibrated", 0),
        ("random", "none", 1),
    ], "the baseline is drawn too, with two seeds"
    assert main([*arguments, "--ratios", "0,0.5", "--no-baseline"]) == 0
    said = capsys.readouterr().out
    *table, counted = said.splitlines()
    assert len(table) == 3
    assert re.fullmatch(r"Counted on \d+ test images, each class by its share\.", counted)
    assert "recovery" not in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--ratios", "1"], "from 0 to below 1"),
        (["--ratios", "half"], "numbers between commas"),
        (["--images", "0"], "1 to 10,000"),
        (["--method", "magic"], "no method 'magic'"),
        (["--recalibrate", "9"], "0 to 5 batches"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prune", "student-60k", *arguments]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_what_is_asked_for_is_shown_with_every_seed_that_is_known() -> None:
    known = [replace(row_of("random", ratio, 50), seed=seed) for ratio in (0.2, 0.5) for seed in range(4)]
    asked = SweepSettings(("random",), (0.5,))
    assert rows_asked_for(known, asked) == tuple(known[4:])
    assert rows_asked_for(known, replace(asked, seeds=5)) is None, "the fifth one is not known"
    assert rows_asked_for(known[1:4], replace(asked, ratios=(0.2,))) is None, "nor is the first one here"
