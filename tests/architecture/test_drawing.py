"""The drawing's blocks and formulas: together they are the network, at any widths, as torchinfo counts it."""

from typing import Any

import pytest
import torch
import torchinfo
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from explorer.architecture.drawing import Drawing, drawing
from explorer.architecture.presets import presets
from explorer.networks import NetworkSpec, ResNetSpec, StudentSpec, image_channels, spec_of
from explorer.networks.mobile import MobileSpec
from tests.networks.examples import Concatenation, Preactivated
from tests.networks.nets import built

SIZE = 40
SPECS: dict[str, NetworkSpec] = {
    "student": StudentSpec(conv_bias=True, kernel=5),
    "teacher": ResNetSpec(10),
    "mobile": MobileSpec(10),
    "concatenation": spec_of(Concatenation()),
    "preactivated": spec_of(Preactivated()),
    "excited": spec_of(built("Excited")),
}


def length(axis: list[Any], widths: tuple[int, ...]) -> int:
    constant, entries = axis
    return int(constant + sum(count * widths[group] for group, count in entries))


def product(axes: list[Any], widths: tuple[int, ...]) -> int:
    found = 1
    for axis in axes:
        found *= length(axis, widths)
    return found


def totals(plain: dict[str, Any], widths: tuple[int, ...]) -> tuple[int, int]:
    """Parameters and multiply-adds from what the browser is given, as ``drawing.js`` adds them up."""
    params, adds = plain["unused"], 0
    for block in plain["blocks"]:
        for layer in block["layers"]:
            own = product(layer["weight"], widths) + (product(layer["bias"], widths) if layer["bias"] else 0)
            params += own
            adds += own * layer["uses"]
    return params, adds


@pytest.mark.parametrize("name", SPECS)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_what_the_browser_is_given_adds_up_to_torchinfos_count_at_any_widths(
    name: str, data: st.DataObject
) -> None:
    spec = SPECS[name]
    widths = tuple(data.draw(st.integers(1, 70)) for _ in spec.channels)
    other = spec.with_channels(widths)
    with torch.device("meta"):
        model = other.build().eval()
    shape = (1, image_channels(model), SIZE, SIZE)
    counted = torchinfo.summary(model, shape, device="meta", verbose=0)
    drawn = drawing(spec, SIZE)
    assert totals(drawn.plain(), widths) == (counted.total_params, counted.total_mult_adds)
    costs = [block.cost(widths) for block in drawn.blocks]
    assert sum(cost.params for cost in costs) + drawn.unused == counted.total_params


@pytest.mark.parametrize("name", SPECS)
def test_a_block_is_as_tall_as_the_channels_that_its_layers_give(name: str) -> None:
    spec, drawn = SPECS[name], drawing(SPECS[name], SIZE)
    with torch.device("meta"):
        modules = dict(spec.build().named_modules())
    named = [(layer, block) for block in drawn.blocks for layer in block.layers if layer.kind]
    assert {layer.formula.layer for layer, _ in named} == {
        name
        for name, module in modules.items()
        if not list(module.children()) and any(True for _ in module.parameters())
    }
    for layer, block in named:
        module = modules[layer.formula.layer]
        assert layer.kind == type(module).__name__
        gives = getattr(module, "out_channels", getattr(module, "out_features", None))
        tall = block.channels.at(spec.channels)
        assert tall == (gives if gives is not None else getattr(module, "num_features", tall))


def test_a_convolution_begins_a_block_and_its_norm_belongs_to_it() -> None:
    drawn = drawing(StudentSpec())
    names = [[layer.formula.layer for layer in block.layers] for block in drawn.blocks]
    assert names[:3] == [["conv1", "bn1"], ["layer1.0", "layer1.1"], ["layer1.3", "layer1.4"]]
    assert names[-1] == ["fc"]
    assert [block.part for block in drawn.blocks] == [
        *("stem", "block 1", "block 1", "block 2", "block 2", "block 3", "block 3", "block 4", "block 4"),
        "head",
    ]


def grips(drawn: Drawing) -> list[str]:
    return [drawn.blocks[number].layers[0].formula.layer for number in drawn.grips]


def test_each_width_is_dragged_at_the_layer_that_makes_it() -> None:
    assert grips(drawing(StudentSpec())) == ["conv1", "layer1.3", "layer2.3", "layer3.3", "layer4.3"]
    for spec in SPECS.values():
        drawn = drawing(spec, SIZE)
        for group, number in enumerate(drawn.grips):
            assert group in [each for each, _ in drawn.blocks[number].channels.entries]


class Turned(nn.Module):
    """A bare parameter beside the layers, and a layer that is never used."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.scale, self.head = (
            nn.Conv2d(3, 6, 3),
            nn.Parameter(torch.ones(6, 1, 1)),
            nn.Linear(6, 4),
        )
        self.never = nn.Linear(5, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head((self.conv(x) * self.scale).mean((2, 3)))


def test_a_bare_parameter_is_drawn_but_is_no_layer_and_what_is_never_used_is_counted() -> None:
    spec = spec_of(Turned())
    drawn = drawing(spec, SIZE)
    kinds = {layer.formula.layer: layer.kind for block in drawn.blocks for layer in block.layers}
    assert kinds == {"conv": "Conv2d", "scale": "", "head": "Linear"}
    assert drawn.unused == 5 * 7 + 7
    assert totals(drawn.plain(), (9,))[0] == 9 * 28 + 9 + 9 * 4 + 4 + drawn.unused


def test_every_network_that_is_offered_can_be_drawn() -> None:
    for preset in presets():
        drawn = drawing(preset.spec, preset.course.size)
        assert len(drawn.groups) == len(preset.spec.channels)
