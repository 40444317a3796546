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
    SIDE_EFFECT,
    SideEffect,
    SideEffectSettings,
    _moved,
    counted_by_torchsummary,
    describe_side_effect,
    miscounts,
    side_effect_table,
    side_effects,
    summarised,
    why,
)
from explorer.checkpoints import SHIPPED, card, load
from explorer.data import BUNDLED
from explorer.errors import ExplorerError
from explorer.measure import accuracy, logits
from explorer.networks import StudentNet, StudentSpec
from explorer.work.instrument import InstrumentSpec, measure
from explorer.workspace import NetworkSource


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
    settings = SideEffectSettings(100, (1, 40), 2)
    rows = list(side_effects(model, images, settings))
    assert [(row.passes, row.seed) for row in rows] == [(0, 0), (1, 0), (1, 1), (40, 0), (40, 1)]
    assert rows[0].accuracy == accuracy(logits(model, inputs), targets)
    assert rows[3].accuracy == accuracy(logits(summarised(model, 64, 40, 0), inputs), targets)
    assert rows[3].correct < rows[0].correct, "after forty it has forgotten a lot"
    assert rows[0].moved == 0
    assert 0 < rows[1].moved < rows[3].moved
    assert list(side_effects(model, images, settings, {(0, 0), (1, 0), (40, 0), (40, 1)})) == [rows[2]]


def test_how_far_batchnorm_moved_is_the_mean_over_all_channels() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 1, 1), nn.BatchNorm2d(1)).eval()
    for each in (model[0], model[2]):
        each.running_var.fill_(4.0)
    after = copy.deepcopy(model)
    after[0].running_mean += torch.tensor([2.0, -4.0, 0.0])
    after[2].running_mean += 6.0
    after[0].running_var[:] = torch.tensor([2.0, 3.0, 4.0])
    assert _moved(model, after) == pytest.approx(((1 + 2 + 0 + 3) / 4, 3 / 4), abs=1e-4)
    assert _moved(nn.Conv2d(3, 1, 1), nn.Conv2d(3, 1, 1)) == (0, 1), "nothing to move"


def test_the_sentences_tell_what_was_counted() -> None:
    rows = [
        SideEffect(0, 0, 90, 100, 0.0, 1.0),
        SideEffect(1, 0, 88, 100, 0.25, 0.9),
        SideEffect(1, 1, 89, 100, 0.35, 0.8),
        SideEffect(5, 0, 50, 100, 1.5, 0.6),
    ]
    assert describe_side_effect(rows) == (
        "As loaded it gets **90.00%** right, after one summary **88.00% to 89.00%**, after 5 summaries **50.00%**. "
        "At worst that is 40 fewer of 100 images, for having looked at a table."
    )
    assert (
        "after one summary the means are 0.30 standard deviations away and the variances 0.85 times what they were; "
        "after 5 summaries the means are 1.50 standard deviations away and the variances 0.60 times what they were"
    ) in why(rows)
    unharmed = [rows[0], SideEffect(1, 0, 91, 100, 0.25, 0.9)]
    assert describe_side_effect(unharmed).endswith("Here that costs nothing: no copy gets fewer right.")
    assert describe_side_effect(rows[:1]) == why(rows[:1]) == ""
    assert why([rows[0], SideEffect(1, 0, 90, 100, 0.0, 1.0)]) == "", "a network without BatchNorm"
    with pytest.raises(ExplorerError, match="at least one summary"):
        SideEffectSettings(100, (0,))


def test_a_run_that_was_stopped_goes_on_and_its_table_has_every_copy() -> None:
    source = NetworkSource(card("student-5k"), SHIPPED / "student-5k.safetensors")
    spec = InstrumentSpec(
        source, BUNDLED, "validation", BUNDLED.key_of("validation"), SideEffectSettings(50, (1,), 2)
    )
    rows = measure(SIDE_EFFECT, spec)
    assert len(rows) == SIDE_EFFECT.steps(spec) == 3
    assert measure(SIDE_EFFECT, spec, rows[:2]) == rows[2:]
    table = side_effect_table(rows)
    assert list(table["right"]) == [row.correct for row in rows]
    assert list(table["summaries"]) == [0, 1, 1]


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
