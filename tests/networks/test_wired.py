"""Kinds that are a fixed wiring with free widths: the starter, the MobileNetV2-like and the ResNet-like student."""

import pytest
import torch
from torch import nn

from explorer.errors import ExplorerError
from explorer.networks import (
    ResNetSpec,
    StudentSpec,
    all_builders,
    builder_of,
    channel_groups,
    cost_of,
    describe,
    parameter_count,
    recognise,
)
from explorer.networks.mobile import MobileSpec
from explorer.networks.residual import ResidualSpec
from explorer.networks.starter import WIDTHS_2022, WIDTHS_2023, StarterNet, StarterSpec
from explorer.networks.wired import WiredSpec
from tests.networks.examples import images

WIRED = (ResNetSpec, StarterSpec, MobileSpec, ResidualSpec)


def starter(widths: tuple[int, ...], classes: int) -> nn.Sequential:
    """The course's starter written down layer by layer, apart from our class."""
    a, b, c, d = widths
    cnn = nn.Sequential(
        *(nn.Conv2d(3, a, 3), nn.BatchNorm2d(a), nn.ReLU()),
        *(nn.Conv2d(a, b, 3), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2, 2, 0)),
        *(nn.Conv2d(b, c, 3), nn.BatchNorm2d(c), nn.ReLU(), nn.MaxPool2d(2, 2, 0)),
        *(nn.Conv2d(c, d, 3), nn.BatchNorm2d(d), nn.ReLU(), nn.MaxPool2d(2, 2, 0)),
        nn.AdaptiveAvgPool2d((1, 1)),
    )
    model = nn.Sequential()
    model.add_module("cnn", cnn)
    model.add_module("flat", nn.Flatten())
    model.add_module("fc", nn.Sequential(nn.Linear(d, classes)))
    return model


@pytest.mark.parametrize(("widths", "params"), [(WIDTHS_2023, 59_723), (WIDTHS_2022, 87_907)])
def test_the_starters_state_dict_loads_and_computes_the_same(widths: tuple[int, ...], params: int) -> None:
    torch.manual_seed(0)
    theirs, x = starter(widths, 11).eval(), torch.randn(2, 3, 64, 64)
    ours = recognise(theirs.state_dict(), "student.ckpt")
    assert ours.spec == StarterSpec(11, widths)
    assert isinstance(ours, StarterNet)
    assert torch.equal(ours(x), theirs(x))
    assert parameter_count(ours) == params


@pytest.mark.parametrize("kind", [StarterSpec, MobileSpec, ResidualSpec])
def test_the_students_are_close_below_the_limit_of_2023(kind: type[WiredSpec]) -> None:
    assert 59_000 < cost_of(kind(10), 64).params == parameter_count(kind(10).build()) < 60_000
    assert builder_of(kind.kind).role == "student"
    assert describe(kind(10)).startswith(kind.title)


@torch.no_grad()
def test_a_block_is_added_to_what_came_in_where_the_shape_stays() -> None:
    torch.manual_seed(0)
    x, added = images(), []
    y = (mobile := MobileSpec(10).build().eval()).stem(x)
    for number, block in enumerate(mobile.blocks):
        before, y = y, block(y)
        inner = block.layers(before)
        if not torch.equal(y, inner):
            added.append(number)
            assert torch.equal(y, before + inner)
    assert added == [2, 4]
    y = (residual := ResidualSpec(10).build().eval()).stem(x)
    for block in residual.blocks:
        before, y = y, block(y)
        assert torch.equal(y, torch.relu(block.body(before) + block.shortcut(before)))
        assert len(block.shortcut), "each block of this network changes the shape"


@pytest.mark.parametrize("kind", WIRED)
def test_a_spec_survives_its_plain_values_and_builds_any_widths(kind: type[WiredSpec]) -> None:
    usual = kind(7)
    assert usual.to_dict() == {"classes": 7}
    odd = usual.with_channels(tuple(range(3, 3 + len(usual.channels))))
    for spec in (usual, odd, odd.with_classes(4), odd.with_channels((1,) * len(odd.channels))):
        again = builder_of(kind.kind).from_dict(spec.to_dict(), 99)
        assert again == spec
        assert hash(again) == hash(spec)
        with torch.device("meta"):
            model = spec.build()
        assert model.spec == spec
        assert tuple(group.width for group in channel_groups(model)) == spec.channels
        assert parameter_count(model) == cost_of(spec, 64).params
    assert kind(7) != odd
    assert kind(7).with_channels(odd.channels) == odd
    # Cards of before had nothing but the number of classes, beside the spec.
    assert builder_of(kind.kind).from_dict({}, 7) == usual


def test_specs_of_two_kinds_are_not_equal_even_with_the_same_widths() -> None:
    widths = tuple(range(2, 6))
    assert StarterSpec(5, widths) == StarterSpec(5, widths)

    class Other(StarterSpec):
        kind = "other"

    assert Other(5, widths) != StarterSpec(5, widths)


@pytest.mark.parametrize(
    ("classes", "channels", "sentence"),
    [
        (1, (), "between 2 and 1000 classes, not 1"),
        (True, (), "between 2 and 1000 classes"),
        (5, (1, 2, 3), "A Course starter has 4 widths, not 3."),
        (5, (1, 2, 0, 3), "Each width of a Course starter must be between 1 and 1024 channels, not 0."),
        (5, (1, 2, 2.5, 3), "channels, not 2.5"),
        (5, (1, 2, 5000, 3), "channels, not 5000"),
    ],
)
def test_an_impossible_spec_is_refused_in_one_sentence(
    classes: int, channels: tuple[int, ...], sentence: str
) -> None:
    with pytest.raises(ExplorerError) as caught:
        StarterSpec(classes, channels)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_kind_recognises_its_own_and_no_other() -> None:
    specs = [StudentSpec(classes=5), *(kind(5) for kind in WIRED)]
    assert {spec.kind for spec in specs} <= set(all_builders())
    for spec in specs:
        state = spec.build().state_dict()
        shaped = {key: tensor for key, tensor in state.items() if tensor.ndim}
        able = [builder for builder in all_builders().values() if builder.candidates is not None]
        found = [builder.key for builder in able if list(builder.candidates(shaped))]
        assert found == [spec.kind]
        assert recognise(state, "it").spec == spec
