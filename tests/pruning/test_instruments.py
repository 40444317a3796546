"""The lesson's long works as instruments: what they measure on what, stopped and gone on with, in words and in work."""

import copy
import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from explorer.architecture.torchsummary import SIDE_EFFECT, SideEffectSettings
from explorer.bits import sweep as bits_sweep
from explorer.bits.sweep import BITS, BitsSettings
from explorer.errors import ExplorerError
from explorer.measure import accuracy, logits, state_bytes
from explorer.networks import nonzero_count, parameter_count
from explorer.pruning.answers import ANSWERS, BATCH, AnswersSettings, PrunedAnswers, pruned_network
from explorer.pruning.engine import prune_network
from explorer.pruning.forms import FORMS, FormsSettings
from explorer.pruning.methods import get_method
from explorer.pruning.plan import SweepSettings
from explorer.pruning.recovery import finetune, recalibrate
from explorer.pruning.repair import REPAIR, RepairSettings
from explorer.pruning.sensitivity import SENSITIVITY, SensitivitySettings
from explorer.pruning.sweep import SWEEP, SweepRow, rows_asked_for, settings_of
from explorer.runtime.compare import RUNTIMES, RuntimesSettings
from explorer.work.instrument import Instrument, measure
from explorer.work.progress import Update, follow
from tests.networks.test_cost import counted
from tests.pruning import toy

QUICK = SweepSettings(("global-l1", "channels-l1"), (0.3, 0.6), repeats=0, images=90)
RECOVERING = replace(QUICK, recalibrate=1, finetune=4, training="toy-training")
ASKED = AnswersSettings(120, "global-l1", 0.7)
EVERY: tuple[tuple[Instrument[Any, Any], Any], ...] = (
    (SWEEP, RECOVERING),
    (FORMS, FormsSettings(20, 0.5)),
    (ANSWERS, ASKED),
)


def by_hand(method: str, ratio: float, recoveries: Sequence[str], recovering: str = "training") -> nn.Module:
    """The pruned network after some recoveries, one after the other."""
    network = copy.deepcopy(prune_network(toy.ToyNetwork().load(), get_method(method), ratio))
    images = toy.images(recovering)
    for recovery in recoveries:
        if recovery == "recalibrated":
            recalibrate(network, images, RECOVERING.recalibrate)
        else:
            for _ in finetune(network, images, RECOVERING.finetune):
                pass
    return network


AFTER = {"none": (), "recalibrated": ("recalibrated",), "fine-tuned": ("recalibrated", "fine-tuned")}


def test_every_row_of_a_sweep_with_recoveries_is_that_of_a_plain_loop_on_the_training_images() -> None:
    test = toy.images("test").stratified(90)
    rows = measure(SWEEP, toy.spec_of(RECOVERING))
    assert [row.row[:3] for row in rows] == [
        (method, ratio, recovery)
        for method in RECOVERING.methods
        for ratio in RECOVERING.ratios
        for recovery in AFTER
    ]
    on_test_images = []
    for row in rows:
        network = by_hand(row.method, row.ratio, AFTER[row.recovery])
        expected = accuracy(logits(network, test.inputs()), test.targets())
        assert abs(row.correct - expected.correct) <= 1, "folded, one answer may turn by rounding"
        assert row.total == 90
        assert (row.params, row.nonzero) == (parameter_count(network), nonzero_count(network))
        assert row.mult_adds == counted(network, toy.SIDE).mult_adds
        assert (row.file_bytes, row.zipped_bytes) == state_bytes(network.state_dict())
        other = by_hand(row.method, row.ratio, AFTER[row.recovery], recovering="test")
        on_test_images.append(state_bytes(other.state_dict())[1])
    assert sum(row.zipped_bytes == other for row, other in zip(rows, on_test_images, strict=True)) <= 5


def test_the_answers_are_those_of_both_networks_to_the_same_images() -> None:
    settings = replace(ASKED, method="channels-l1", ratio=0.5, recalibrate=2, training="toy-training")
    test = toy.images("test").stratified(120)
    answers = PrunedAnswers.joined(settings, measure(ANSWERS, toy.spec_of(settings)))
    dense = toy.ToyNetwork().load()
    pruned = copy.deepcopy(prune_network(dense, get_method("channels-l1"), 0.5))
    recalibrate(pruned, toy.images("training"), 2)
    assert torch.allclose(answers.dense, logits(dense, test.inputs()), atol=1e-5)
    assert torch.allclose(answers.pruned, logits(pruned, test.inputs()), atol=1e-5)
    again = follow(pruned_network(toy.spec_of(settings)), lambda update: None)
    assert all(torch.equal(one, again.state_dict()[name]) for name, one in pruned.state_dict().items())


COUNTING: tuple[tuple[Instrument[Any, Any], Any, Callable[[Any], int]], ...] = (
    (SENSITIVITY, SensitivitySettings(60, (0.5,)), lambda cell: cell.dense_correct),
    (BITS, BitsSettings((8,), (("channel", True),), (0,), images=60), lambda row: row.dense_correct),
    (SIDE_EFFECT, SideEffectSettings(60, (1,), 1), lambda row: row.correct),
    (RUNTIMES, RuntimesSettings(60, "toy-training", 4, 1), lambda row: row.correct),
    (
        REPAIR,
        RepairSettings(60, ratios=(0.0,), epochs=(), training="toy-training"),
        lambda row: row.correct,
    ),
)


@pytest.mark.parametrize(
    ("instrument", "settings", "dense"), COUNTING, ids=[each[0].key for each in COUNTING]
)
def test_a_part_of_the_images_has_each_class_by_its_share(
    instrument: Instrument[Any, Any], settings: Any, dense: Callable[[Any], int]
) -> None:
    model, test = toy.ToyNetwork().load(), toy.images("test")
    first, some = (
        accuracy(logits(model, part.inputs()), part.targets())
        for part in (test.select(slice(60)), test.stratified(60))
    )
    assert first != some, "so that one is not taken for the other"
    steps = instrument.run(toy.spec_of(settings))
    row = next(step for step in steps if not isinstance(step, Update))
    assert (dense(row), row.total) == (some.correct, some.total)


def test_errors_of_layers_are_taken_from_images_of_every_class(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []
    real = bits_sweep.layer_errors
    monkeypatch.setattr(
        bits_sweep, "layer_errors", lambda network, images: seen.append(images) or real(network, images)
    )
    settings = BitsSettings((8,), (("channel", True),), (0,), images=120)
    measure(BITS, toy.spec_of(settings))
    assert torch.equal(seen[0], toy.images("test").stratified(120).stratified(100).inputs())


@pytest.mark.parametrize(
    "change",
    [
        {"method": "channels-l1"},
        {"method": "random"},
        {"ratio": 0.9},
        {"recalibrate": 1, "training": "toy-training"},
    ],
)
def test_every_setting_of_the_answers_changes_them(change: dict[str, Any]) -> None:
    one, other = (
        PrunedAnswers.joined(ASKED, measure(ANSWERS, toy.spec_of(settings)))
        for settings in (ASKED, replace(ASKED, **change))
    )
    assert torch.equal(one.dense, other.dense)
    assert not torch.allclose(one.pruned, other.pruned, atol=1e-3)


@pytest.mark.parametrize("done", [1, 4, 5, 11])
def test_a_sweep_that_goes_on_ends_with_the_rows_of_a_whole_one(done: int) -> None:
    spec = toy.spec_of(RECOVERING)
    whole = measure(SWEEP, spec)
    rest = [part for part in SWEEP.run(spec, whole[:done]) if isinstance(part, SweepRow)]
    assert (*whole[:done], *rest) == whole


def test_answers_that_go_on_end_with_those_of_a_whole_run() -> None:
    spec = toy.spec_of(ASKED)
    whole = measure(ANSWERS, spec)
    rest = [part for part in ANSWERS.run(spec, whole[:1]) if not isinstance(part, Update)]
    joined = PrunedAnswers.joined(ASKED, (*whole[:1], *rest))
    assert len(joined) == 120
    assert torch.allclose(joined.pruned, PrunedAnswers.joined(ASKED, whole).pruned, atol=1e-5)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(("instrument", "settings"), EVERY)
def test_a_spec_goes_in_and_parts_come_out_as_pickles_as_many_as_were_announced(
    instrument: Instrument[Any, Any], settings: Any
) -> None:
    spec = pickle.loads(pickle.dumps(toy.spec_of(settings)))  # noqa: S301 (made here)
    assert spec == toy.spec_of(settings)
    parts = measure(instrument, spec)
    assert len(parts) == instrument.steps(spec)
    again = pickle.loads(pickle.dumps(parts))  # noqa: S301
    assert [type(part) for part in again] == [type(part) for part in parts]
    assert all(isinstance(instrument.describe(part), str) for part in parts)


@pytest.mark.parametrize(("instrument", "settings"), EVERY)
def test_identities_differ_by_weights_and_by_every_setting(
    instrument: Instrument[Any, Any], settings: Any
) -> None:
    changes: dict[str, Any] = {
        "images": 7,
        "ratio": 0.25,
        "ratios": (0.1,),
        "methods": ("random",),
        "method": "random",
        "recalibrate": 3,
        "finetune": 9,
        "seed": 5,
        "repeats": 3,
        "training": "another set",
    }
    first = instrument.identity(toy.spec_of(settings))
    assert first == instrument.identity(toy.spec_of(copy.deepcopy(settings)))
    assert first != instrument.identity(toy.spec_of(settings, seed=1)), "other weights"
    for name, value in changes.items():
        if hasattr(settings, name):
            assert first != instrument.identity(toy.spec_of(replace(settings, **{name: value}))), name


def test_the_work_of_a_sweep_is_what_its_parts_take() -> None:
    dense = counted(toy.ToyNetwork().load(), toy.SIDE).mult_adds
    once = SWEEP.work(toy.spec_of(replace(QUICK, methods=("global-l1",), ratios=(0.5,))))
    assert once == 90 * dense
    assert SWEEP.work(toy.spec_of(replace(QUICK, methods=("global-l1",)))) == 2 * once
    removing = SWEEP.work(toy.spec_of(replace(QUICK, methods=("channels-l1",), ratios=(0.5,))))
    assert 0.2 < removing / once < 0.7, "half the channels"
    tuned = SWEEP.work(toy.spec_of(replace(QUICK, methods=("global-l1",), ratios=(0.5,), finetune=10)))
    assert tuned / once == pytest.approx(2 + 10 * 64 * 3 / 90)
    timed = SWEEP.work(toy.spec_of(replace(QUICK, methods=("global-l1",), ratios=(0.5,), repeats=15)))
    assert timed > once


def test_the_work_of_the_others() -> None:
    one = ANSWERS.work(toy.spec_of(replace(ASKED, ratio=0.0)))
    assert ANSWERS.work(toy.spec_of(replace(ASKED, images=240, ratio=0.0))) == 2 * one
    assert ANSWERS.work(toy.spec_of(replace(ASKED, method="channels-l1", ratio=0.9))) < 0.7 * one
    # As many images more, and the clock's 15 passes of 32 images stay.
    few, many = (FORMS.work(toy.spec_of(FormsSettings(images, 0.5))) for images in (100, 700))
    assert many / few == pytest.approx((700 + 15 * 32) / (100 + 15 * 32))
    assert FORMS.work(toy.spec_of(FormsSettings(100, 0.9))) < FORMS.work(toy.spec_of(FormsSettings(100, 0.1)))


def test_settings_that_cannot_be_measured_are_refused() -> None:
    for settings in (
        lambda: AnswersSettings(10, "magic", 0.5),
        lambda: AnswersSettings(10, "random", 1.5),
        lambda: FormsSettings(10, -0.1),
    ):
        with pytest.raises(ExplorerError):
            settings()


def test_stored_rows_are_shown_in_the_part_that_is_asked_for() -> None:
    rows = measure(SWEEP, toy.spec_of(QUICK))
    settings = settings_of(rows, 90, {"repeats": 0, "methods": ["random"]})
    assert settings == QUICK
    written = {"repeats": 7, "seed": 4, "recalibrate": 2, "finetune": 25, "device": "cpu"}
    assert settings_of(rows, 90, written) == replace(QUICK, repeats=7, seed=4, recalibrate=2, finetune=25)
    part = replace(QUICK, methods=("channels-l1",), ratios=(0.6,))
    assert rows_asked_for(rows, part) == (rows[3],)
    assert rows_asked_for(rows, replace(part, ratios=(0.6, 0.7))) is None
    assert rows_asked_for(rows, replace(part, recalibrate=1)) is None


def test_a_batch_of_answers_is_as_large_as_is_announced() -> None:
    parts = measure(ANSWERS, toy.spec_of(ASKED))
    assert [len(part.dense) for part in parts] == [BATCH, BATCH, 20]
