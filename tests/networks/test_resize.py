"""Channels removed, silenced and made anew: against each other, and against torch-pruning's slicing."""

import copy
from collections.abc import Callable

import pytest
import torch
import torch_pruning
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.networks import (
    ChannelGroup,
    StudentNet,
    channel_groups,
    fold_batchnorm,
    parameter_count,
    remove,
    with_widths,
    zero,
)
from tests.networks.examples import EVERY, KINDS, SMALL, Concatenation, Sigmoid, images, trained_like


def any_channels(model: nn.Module, share: float, seed: int = 0) -> dict[ChannelGroup, Tensor]:
    """Of each group about a share of the channels, at least one, whichever the seed says."""
    generator = torch.Generator().manual_seed(seed)
    return {
        group: torch.randperm(group.width, generator=generator)[: max(1, round(share * group.width))]
        .sort()
        .values
        for group in channel_groups(model)
    }


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("share", [0.0, 0.4, 0.8, 1.0])
@torch.no_grad()
def test_the_smaller_network_computes_what_the_silenced_one_does(name: str, share: float) -> None:
    model = trained_like(EVERY[name])
    before, x = copy.deepcopy(model.state_dict()), images()
    kept = any_channels(model, share)
    small, silent = remove(model, kept), zero(model, kept)
    output = silent(x)
    assert torch.allclose(small(x), output, atol=1e-5 * float(output.abs().max().clamp_min(1)), rtol=0)
    if share == 1:
        assert torch.equal(small(x), model(x))
    else:
        assert not torch.allclose(output, model(x), atol=1e-3)
        assert parameter_count(small) < parameter_count(silent) == parameter_count(model)
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(list(SMALL)), st.data())
@torch.no_grad()
def test_any_channels_of_any_groups(name: str, data: st.DataObject) -> None:
    model = trained_like(SMALL[name])
    kept = {}
    for group in data.draw(st.lists(st.sampled_from(channel_groups(model)), unique=True)):
        channels = st.lists(st.integers(0, group.width - 1), min_size=1, unique=True)
        kept[group] = torch.tensor(data.draw(channels))
    x = images(33)
    small, silent = remove(model, kept)(x), zero(model, kept)(x)
    assert torch.allclose(small, silent, atol=1e-5, rtol=0)
    in_order = {group: channels.sort().values for group, channels in kept.items()}
    assert torch.equal(remove(model, in_order)(x), small), (
        "channels stay in their order, whatever theirs in the list"
    )


def test_a_sigmoid_does_not_let_a_silenced_channel_speak() -> None:
    model = trained_like(Sigmoid)
    group = channel_groups(model)[0]
    silent = zero(model, {group: torch.tensor([0])})
    assert not silent.out.weight[:, 1:].any()
    assert silent.out.weight[:, :1].any()
    plain = trained_like(KINDS["StudentNet"])
    group = channel_groups(plain)[0]
    assert torch.equal(zero(plain, {group: torch.tensor([0])}).layer1[3].weight, plain.layer1[3].weight), (
        "where zero stays zero, the layers that read it need no change"
    )


def layer_shapes(model: nn.Module) -> dict[str, str]:
    return {name: repr(module) for name, module in model.named_modules() if not list(module.children())}


@pytest.mark.parametrize("name", EVERY)
@torch.no_grad()
def test_new_widths_have_the_shapes_that_removing_gives(name: str) -> None:
    model = trained_like(EVERY[name])
    kept = any_channels(model, 0.5)
    small = remove(model, kept)
    fresh = with_widths(model, {group.key: len(stay) for group, stay in kept.items()})
    shapes = [{key: tensor.shape for key, tensor in each.state_dict().items()} for each in (small, fresh)]
    assert shapes[0] == shapes[1]
    assert layer_shapes(small) == layer_shapes(fresh), "the layers say their new shapes, groups included"
    assert getattr(small, "spec", None) == getattr(fresh, "spec", None)
    wide = with_widths(fresh, {group.key: 2 * group.width + 1 for group in channel_groups(fresh)})
    assert wide.eval()(images(33)).isfinite().all()
    assert parameter_count(wide) > parameter_count(fresh)


def plain_chain(first: int, second: int, hidden: int) -> nn.Sequential:
    """Layers whose settings are none of them the usual ones."""
    return nn.Sequential(
        nn.Conv2d(3, first, 3, 2, 1, 2, bias=False, padding_mode="circular"),
        nn.BatchNorm2d(first, eps=0.1, momentum=0.3, affine=False),
        nn.Conv2d(first, second, 1),
        nn.BatchNorm2d(second, momentum=None, track_running_stats=False),
        nn.BatchNorm2d(second, affine=False, track_running_stats=False),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(second, hidden, bias=False),
        nn.Linear(hidden, 2),
    )


def test_new_widths_keep_the_settings_and_the_device() -> None:
    for device in ("cpu", "meta"):
        model = plain_chain(4, 5, 6).to(device)
        other = with_widths(model, {"0": 7, "2": 8, "7": 9})
        assert repr(other) == repr(plain_chain(7, 8, 9))
        assert repr(with_widths(model, {"2": 8})) == repr(plain_chain(4, 8, 6))
        assert {key: tensor.shape for key, tensor in other.state_dict().items()} == {
            key: tensor.shape for key, tensor in plain_chain(7, 8, 9).state_dict().items()
        }
        assert {tensor.device.type for tensor in other.state_dict().values()} == {device}


@pytest.mark.parametrize("name", KINDS)
def test_the_spec_follows_and_builds_a_network_that_the_weights_fit(name: str) -> None:
    model = trained_like(KINDS[name])
    small = remove(model, any_channels(model, 0.4))
    assert small.spec.channels == tuple(max(1, round(0.4 * width)) for width in model.spec.channels)
    assert type(small.spec) is type(model.spec)
    assert model.spec.channels == tuple(group.width for group in channel_groups(model))
    rebuilt = small.spec.build().eval()
    rebuilt.load_state_dict(small.state_dict())
    assert torch.equal(rebuilt(images()), small(images()))
    assert isinstance(rebuilt, StudentNet) == (name == "StudentNet")


@pytest.mark.parametrize("make", [remove, zero], ids=["remove", "zero"])
def test_the_copy_shares_no_memory_with_the_original(make: Callable[..., nn.Module]) -> None:
    model = trained_like(Concatenation)
    first = channel_groups(model)[0]
    for kept in ({}, {first: torch.tensor([1, 2])}, {first: torch.arange(first.width)}):
        other = make(model, kept)
        before = copy.deepcopy(model.state_dict())
        for tensor in other.state_dict().values():
            tensor.zero_()
        assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
        memory = [{each.data_ptr() for each in net.state_dict().values()} for net in (model, other)]
        assert not memory[0] & memory[1]


def test_what_is_frozen_stays_frozen_and_a_group_keeps_a_channel() -> None:
    model = trained_like(Concatenation)
    model.left.weight.requires_grad_(False)
    group = channel_groups(model)[0]
    small = remove(model, {group: torch.tensor([0])})
    assert not small.left.weight.requires_grad
    assert small.left.bias.requires_grad
    with pytest.raises(ExplorerError, match="At least one channel of left must stay"):
        remove(model, {group: torch.tensor([], dtype=torch.int64)})


@pytest.mark.parametrize("name", [name for name in EVERY if name not in ("Grouped", "Spread")])
def test_the_weights_are_those_that_torch_pruning_slices(name: str) -> None:
    """Oracle: each group's channels pruned by torch-pruning, one group after the other."""
    model = trained_like(EVERY[name])
    kept = any_channels(model, 0.5)
    ours, theirs = remove(model, kept), copy.deepcopy(model)
    graph = torch_pruning.DependencyGraph().build_dependency(theirs, example_inputs=images())
    # A channel's position moves when another group on the same axis shrinks, so the last one goes first.
    for group in reversed(kept):
        made = next(member for member in group.members if member.role == "filter")
        module = theirs.get_submodule(made.layer)
        convolution = isinstance(module, nn.Conv2d)
        prune = (
            torch_pruning.prune_conv_out_channels if convolution else torch_pruning.prune_linear_out_channels
        )
        gone = [channel for channel in range(group.width) if channel not in kept[group].tolist()]
        if gone:
            graph.get_pruning_group(module, prune, made.of(gone).tolist()).prune()
    expected = theirs.state_dict()
    assert expected.keys() == ours.state_dict().keys()
    assert all(torch.equal(expected[key], tensor) for key, tensor in ours.state_dict().items())


def test_a_folded_network_gives_up_the_same_channels() -> None:
    model = trained_like(KINDS["ResNet-18"])
    kept = any_channels(model, 0.5)
    folded = fold_batchnorm(model)
    alike = dict(zip(channel_groups(folded), kept.values(), strict=True))
    expected = remove(model, kept)(images())
    assert torch.allclose(remove(folded, alike)(images()), expected, atol=1e-4)
