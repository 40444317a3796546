import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from explorer.networks import StudentNet, StudentSpec, channel_groups, parameter_count, remove, zero
from explorer.pruning import forms
from explorer.pruning.removal import kept_channels
from tests.networks.examples import KINDS, SMALL
from tests.pruning import toy

SPEC = StudentSpec(12, (16, 20, 24, 16), classes=4)


def trained_like() -> StudentNet:
    torch.manual_seed(0)
    model = StudentNet(SPEC)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.bias)
    return model.eval()


@pytest.mark.usefixtures("quiet")
def test_forms_of_one_ratio_and_what_changes_in_which() -> None:
    model, images = trained_like(), torch.randn(40, 3, 64, 64)
    targets = torch.randint(4, (40,))
    dense, unstructured, masked, zeroed, sliced = found = list(
        forms.forms(model, images, targets, 0.5, repeats=2)
    )
    assert [form.name for form in found] == ["dense", "unstructured", "masked", "zeroed", "sliced"]
    assert (
        dense.params
        == unstructured.params
        == masked.params
        == zeroed.params
        == parameter_count(model)
        > sliced.params
    )
    assert (
        dense.mult_adds == unstructured.mult_adds == masked.mult_adds == zeroed.mult_adds > sliced.mult_adds
    )
    assert masked.file_bytes > 1.5 * dense.file_bytes, "a masked network stores its masks too"
    assert abs(zeroed.file_bytes - dense.file_bytes) < 100
    assert sliced.file_bytes < dense.file_bytes
    assert zeroed.zipped_bytes < dense.zipped_bytes, "zeros compress"
    assert zeroed.correct == sliced.correct, "they compute the same"
    assert masked.torchinfo_params < masked.params, "torchinfo counts the ones of a mask"
    assert len(forms.form_table(found)) == 5
    assert dense.ms is not None
    assert sliced.ms is not None
    assert unstructured.ms is not None
    text = forms.describe_speed(found, 0.5)
    assert f"masks on single weights run {dense.ms / unstructured.ms:.2f} times" in text
    assert f"{dense.ms / sliced.ms:.2f} times as fast" in text


@pytest.mark.usefixtures("quiet")
def test_another_runtime_runs_the_dense_network_with_nothing_dropped() -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is an optional package")
    model, images = trained_like(), torch.randn(8, 3, 64, 64)
    targets = torch.randint(4, (8,))
    dense, *_, plain, small = found = list(
        forms.forms(model, images, targets, 0.5, repeats=1, calibration=[images])
    )
    assert [form.name for form in found[-3:]] == ["sliced", "onnxruntime", "int8"]
    assert plain.correct == dense.correct
    assert (
        (plain.params, plain.mult_adds) == (dense.params, dense.mult_adds) == (small.params, small.mult_adds)
    )
    assert plain.zipped_bytes < plain.file_bytes
    assert small.torchinfo_params == dense.torchinfo_params
    said = forms.describe_speed(found, 0.5)
    assert "With nothing dropped, it runs" in said
    assert said.endswith("times in int8.")
    assert "onnxruntime" not in forms.describe_speed(found[:-2], 0.5)


def test_the_other_runtime_is_two_networks_more() -> None:
    spec = toy.spec_of(forms.FormsSettings(20, 0.5))
    both = toy.spec_of(forms.FormsSettings(20, 0.5, "toy-training"))
    assert (forms.FORMS.steps(spec), forms.FORMS.steps(both)) == (5, 7)
    assert forms.FORMS.work(both) > forms.FORMS.work(spec)


def test_zeroed_and_sliced_agree_and_masks_alone_do_not() -> None:
    """A mask on the filters leaves BatchNorm's shift in place."""
    model, images = trained_like(), torch.randn(2, 3, 64, 64)
    kept = kept_channels(model, 0.5, forms.METHOD)
    with torch.no_grad():
        left, right, hooked = (form(model, kept).eval()(images) for form in (zero, remove, forms.masked))
    assert torch.allclose(left, right, atol=1e-5)
    assert not torch.allclose(left, hooked, atol=1e-3)


def test_unstructured_is_the_homeworks_own_pruning_with_its_hooks_left_on() -> None:
    """What torch's own pruning makes, called for every convolution as the homework does."""
    model, images = trained_like(), torch.randn(3, 3, 64, 64)
    theirs = copy.deepcopy(model)
    for module in theirs.modules():
        if isinstance(module, nn.Conv2d):
            prune.l1_unstructured(module, "weight", amount=0.6)
    ours = forms.unstructured(model, 0.6)
    with torch.no_grad():
        assert torch.equal(ours(images), theirs(images))
    assert {name for name, _ in ours.named_buffers()} == {name for name, _ in theirs.named_buffers()}


def test_times_are_told_apart_where_the_middle_halves_do_not_overlap() -> None:
    one, other = form("masked", 1, ms_low=9.0, ms_high=11.0), form("sliced", 1, ms_low=4.0, ms_high=8.9)
    assert forms.told_apart(other, one) is True
    assert forms.told_apart(one, other) is False
    assert forms.told_apart(one, replace(other, ms_high=9.0)) is None
    assert forms.told_apart(replace(one, ms_low=None), other) is None


def test_a_busy_machine_gets_its_own_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorer.measure.clock.others_between", lambda *_: 0.9)
    monkeypatch.setattr("explorer.measure.clock.BLOCK", 0.001)
    found = list(forms.forms(trained_like(), torch.randn(4, 3, 64, 64), torch.zeros(4), 0.5, repeats=1))
    assert all(form.ms is None and form.busy for form in found)
    assert forms.form_table(found)["speed_up"].isna().all()
    assert "too busy" in forms.describe_speed(found, 0.5)


@pytest.mark.parametrize("name", ["StudentNet", "Concatenation", "Grouped", "Flattened", "Parts"])
def test_masks_are_on_every_filter_of_the_dropped_channels_and_nowhere_else(name: str) -> None:
    model = (SMALL | KINDS)[name]()
    kept = {group: torch.arange(group.width)[1::2] for group in channel_groups(model) if group.width > 1}
    hooked = forms.masked(model, kept)
    expected: dict[str, set[int]] = {}
    for group in kept:
        for member in group.members:
            if member.role in ("filter", "depthwise filter"):
                expected.setdefault(member.layer, set()).update(member.entries[::2].ravel().tolist())
    for layer, module in hooked.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            mask = getattr(module, "weight_mask", torch.ones(()).expand(module.weight.shape))
            assert {n for n, part in enumerate(mask) if not part.any()} == expected.get(layer, set())
            assert {n for n, part in enumerate(mask) if not part.all()} == expected.get(layer, set())
            assert torch.equal(module.weight, model.get_submodule(layer).weight * mask)


def form(name: str, correct: int, **changes: object) -> forms.Form:
    return replace(
        forms.Form(name, correct, 1000, 500, 500, 900, 2000, 1500, 10.0, 9.0, 11.0, False), **changes
    )


def test_sentences_on_the_forms_follow_the_figures() -> None:
    dense, masked = form("dense", 900), form("masked", 145, torchinfo_params=260, file_bytes=4000, ms=12.5)
    zeroed, sliced = form("zeroed", 100), form("sliced", 100, file_bytes=700, ms=2.5)
    rows = (dense, masked, zeroed, sliced)
    assert forms.describe_speed(rows, 0.5).endswith(
        "masks on whole filters run 0.80 times as fast as the dense network, baked-in zeros 1.00 times; with the "
        "channels physically removed it runs 4.00 times as fast."
    )
    said = forms.explain_accuracies(rows, 10)
    assert said.startswith(
        "Zeroed and sliced get 100 of 1,000 right, masked 145: masks leave BatchNorm's shift"
    )
    assert "Zeroed and sliced cannot be told from chance, which is 10.0% for 10 classes" in said
    assert "chance" not in forms.explain_accuracies(rows, 2)
    assert "Masked cannot be told from chance, which is 12.5%" in forms.explain_accuracies(rows, 8)
    equal = (dense, replace(masked, correct=100), zeroed, replace(sliced, correct=99))
    assert forms.explain_accuracies(equal, 4) == "Zeroed gets 100 and sliced 99 of 1,000 right, masked 100."
    assert "a network that is no smaller and runs 0.80 times as fast." in forms.explain_torchinfo(rows)
    single = form("unstructured", 880, ms=11.1)
    assert (
        "masks on single weights run 0.90 times as fast as the dense network, masks on whole filters 0.80 times"
        in (forms.describe_speed((dense, single, masked, zeroed, sliced), 0.5))
    )
    said = forms.explain_accuracies((dense, single, masked, zeroed, sliced), 10)
    assert "with as large a share of single weights gone, 880." in said.replace("880. ", "880.")
    untimed = (dense, replace(masked, ms=None), zeroed, sliced)
    assert forms.explain_torchinfo(untimed).endswith("a network that is no smaller.")
