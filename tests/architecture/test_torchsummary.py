"""What torchsummary does to a network and counts of it, held against torchsummary itself."""

import contextlib
import copy
import io
import re

import pytest
import torch
import torchsummary
from torch import nn

from explorer.architecture.torchsummary import (
    MISCOUNTED,
    SideEffect,
    SideEffectSettings,
    counted_by_torchsummary,
    describe_side_effect,
    miscounts,
    side_effects,
    summarised,
)
from explorer.checkpoints import load
from explorer.data import BUNDLED
from explorer.errors import ExplorerError
from explorer.measure import accuracy, logits
from explorer.networks import StudentNet, StudentSpec


def printed(model: nn.Module, side: int) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as text:
        torchsummary.summary(model, (3, side, side), device="cpu")
    return text.getvalue()


def test_a_copy_is_changed_exactly_as_torchsummary_changes_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load("student-5k")
    before = copy.deepcopy(model.state_dict())
    generator, rand = torch.Generator().manual_seed(4), torch.rand
    monkeypatch.setattr(torch, "rand", lambda *shape: rand(*shape, generator=generator))
    theirs = copy.deepcopy(model).train()
    printed(theirs, 64)
    printed(theirs, 64)
    monkeypatch.undo()
    ours = summarised(model, 64, passes=2, seed=4)
    assert not ours.training
    moved = 0
    for name, value in ours.state_dict().items():
        assert torch.allclose(value, theirs.state_dict()[name], atol=1e-6), name
        moved += not torch.equal(value, before[name])
    assert moved > 0, "BatchNorm's statistics have moved"
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_in_eval_mode_nothing_moves() -> None:
    model = load("student-5k")
    before = copy.deepcopy(model.state_dict())
    printed(model, 64)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_accuracies_are_counted_before_and_after() -> None:
    model, images = load("student-5k"), BUNDLED.load("test").select(slice(100))
    inputs, targets = images.inputs(), images.targets()
    rows = list(side_effects(model, inputs, targets, SideEffectSettings(100, (1, 40), 2)))
    assert [(row.passes, row.seed) for row in rows] == [(0, 0), (1, 0), (1, 1), (40, 0), (40, 1)]
    assert rows[0].accuracy == accuracy(logits(model, inputs), targets)
    assert rows[3].accuracy == accuracy(logits(summarised(model, 64, 40, 0), inputs), targets)
    assert rows[3].correct < rows[0].correct, "after forty it has forgotten a lot"


def test_the_sentence_tells_what_was_counted() -> None:
    rows = [
        SideEffect(0, 0, 90, 100),
        SideEffect(1, 0, 88, 100),
        SideEffect(1, 1, 89, 100),
        SideEffect(5, 0, 50, 100),
    ]
    assert describe_side_effect(rows) == (
        "As loaded the network gets 90.00% right; after torchsummary ran it once in train mode 88.00% to 89.00%, "
        "after 5 times 50.00%."
    )
    assert describe_side_effect(rows[:1]) == ""
    with pytest.raises(ExplorerError, match="at least one summary"):
        SideEffectSettings(100, (0,))


def total(text: str) -> int:
    found = re.search(r"Total params: ([\d,]+)", text)
    assert found
    return int(found[1].replace(",", ""))


@pytest.mark.parametrize("kind", MISCOUNTED, ids=lambda kind: kind.__name__)
def test_what_it_counts_is_what_it_prints_and_not_what_is_there(kind: type[nn.Module]) -> None:
    network = kind()
    counted = counted_by_torchsummary(network, torch.zeros(2, 3, 8, 8))
    assert counted == total(printed(network, 8))
    assert counted != sum(each.numel() for each in network.parameters())


def test_a_plain_network_is_counted_right_and_the_table_has_all_four_ways() -> None:
    model = StudentNet(StudentSpec(6, (7, 8, 9, 10), classes=4))
    count = sum(each.numel() for each in model.parameters())
    assert counted_by_torchsummary(model, torch.zeros(2, 3, 64, 64)) == count == total(printed(model, 64))
    table = miscounts()
    assert (table["torchsummary"] != table["parameters"]).all()
    assert len(table) == 4
    assert table["why"].str.endswith(".").all()
