"""Repair: what each row is of, what rounds and rewinding do, and what goes on after a stop."""

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from explorer.errors import ExplorerError
from explorer.networks import maskable_weights, nonzero_count, parameter_count
from explorer.pruning import repair
from explorer.pruning.engine import prune_network
from explorer.pruning.methods import METHODS, get_method
from explorer.pruning.recovery import FINETUNE_RATE
from explorer.pruning.repair import REPAIR, RepairSettings, prune_in_rounds, ratios_of_rounds
from explorer.work.instrument import measure
from explorer.work.progress import follow
from tests.pruning import toy

QUICK: dict[str, Any] = {"images": 130, "epochs": (1,), "shard": 256}


@pytest.mark.parametrize("method", ["global-l1", "channels-bn", "channels-taylor"])
def test_each_row_is_of_the_network_as_pruned_and_repaired(method: str) -> None:
    settings = RepairSettings(**QUICK, method=method, ratios=(0.0, 0.5))
    rows = measure(REPAIR, toy.spec_of(settings))
    assert [row.state for row in rows] == list(settings.states)
    network, shard = toy.ToyNetwork().load(), toy.images("training").select(slice(256))
    pruned = prune_network(network, get_method(method), 0.5, images=shard)
    half = [row for row in rows if row.ratio == 0.5]
    assert {row.params for row in half} == {parameter_count(pruned)}
    assert half[0].nonzero == nonzero_count(pruned)
    assert all(row.nonzero <= half[0].nonzero for row in half), "a mask stays through every repair"
    assert {(row.trained_on, row.rate) for row in half} == {(0, 0.0), (256, FINETUNE_RATE)}
    assert {row.total for row in rows} == {130}
    assert rows[0].correct == next(r.correct for r in rows if r.state == (0.0, "none", 0))


def test_a_run_goes_on_where_it_ended() -> None:
    settings = RepairSettings(**QUICK, ratios=(0.5,))
    whole = measure(REPAIR, toy.spec_of(settings))
    assert measure(REPAIR, toy.spec_of(settings), whole[:3]) == whole[3:]
    other = RepairSettings(**QUICK, method="lamp", ratios=(0.5,))
    assert len(measure(REPAIR, toy.spec_of(other), whole)) == len(whole), (
        "rows of another method are not its own"
    )


def test_in_rounds_the_same_share_of_what_is_left_goes_and_the_last_reaches_the_ratio() -> None:
    ratios = ratios_of_rounds(0.9, 3)
    left = [1.0, *(1 - ratio for ratio in ratios)]
    shares = [after / before for before, after in itertools.pairwise(left)]
    assert ratios[-1] == 0.9
    assert shares == pytest.approx([shares[0]] * 3)


@pytest.mark.parametrize("method", ["global-l1", "channels-l1"])
def test_rounds_prune_further_what_was_trained_on(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[int] = []
    real = repair.finetune

    def watched(model, *arguments):
        ends.append(nonzero_count(model))
        yield from real(model, *arguments)

    monkeypatch.setattr(repair, "finetune", watched)
    network, shard = toy.ToyNetwork().load(), toy.images("training").select(slice(256))
    once = prune_network(network, METHODS[method], 0.75)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    steps = prune_in_rounds(network, METHODS[method], 0.75, shard, rounds=2, epochs=2)
    rounds = follow(steps, lambda update: None)
    assert ends[0] > ends[1], "the second round prunes further"
    assert [tensor.shape for tensor in rounds.parameters()] == [tensor.shape for tensor in once.parameters()]
    zeros = [
        sum(int((weight == 0).sum()) for weight in maskable_weights(each).values()) for each in (rounds, once)
    ]
    assert zeros[0] == zeros[1]
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_rewound_means_the_peak_of_the_networks_own_training() -> None:
    settings = RepairSettings(**QUICK, ratios=(0.5,), rewind=True)
    spec = toy.spec_of(settings)
    card = SimpleNamespace(sha256="toy", recipe={"max_lr": 0.125})
    network = SimpleNamespace(card=card, load=toy.ToyNetwork().load)
    rows = measure(REPAIR, type(spec)(network, spec.data, spec.use, spec.images, settings))
    assert [row.rate for row in rows if row.epochs] == [0.125]
    card.recipe.clear()
    with pytest.raises(ExplorerError, match="does not say its learning rate"):
        repair.peak_rate(type(spec)(network, spec.data, spec.use, spec.images, settings))


def test_shares_by_sensitivity_reach_the_ratio_and_leave_a_layer_whole() -> None:
    plain = RepairSettings(**QUICK, ratios=(0.5,))
    settings = RepairSettings(**QUICK, ratios=(0.5,), shares="sensitivity", left_out=("fc",))
    rows, others = measure(REPAIR, toy.spec_of(settings)), measure(REPAIR, toy.spec_of(plain))
    assert {row.plan for row in rows} == {"shares by sensitivity, fc left whole"}
    assert rows[0].nonzero == pytest.approx(others[0].nonzero, abs=10)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"ratios": ()}, "at least one ratio"),
        ({"epochs": (0,)}, "1 to 20 epochs"),
        ({"rounds": 11, "epochs": (11,)}, "1 to 10 rounds"),
        ({"rounds": 2, "epochs": (3,)}, "multiples of 2"),
        ({"rounds": 1, "shares": "sensitivity", "method": "channels-l1"}, "take a mask"),
        ({"rounds": 2, "epochs": (2,), "method": "random"}, "without chance"),
        ({"left_out": ("fc",)}, "found by sensitivity"),
        ({"shard": 199}, "on 200 images or more"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ExplorerError, match=sentence):
        RepairSettings(**{"images": 10, **change})


def test_longer_trainings_are_more_work() -> None:
    one, five = (
        REPAIR.work(toy.spec_of(RepairSettings(130, ratios=(0.5,), epochs=(epochs,), shard=256)))
        for epochs in (1, 5)
    )
    assert five > one
