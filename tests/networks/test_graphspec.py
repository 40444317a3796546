"""Any network as a spec: written down, read back, built again, at its own widths and at others."""

import contextlib
import copy
import json
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from explorer.architecture.budget import budget
from explorer.errors import ExplorerError
from explorer.networks import (
    GraphSpec,
    StudentSpec,
    builder_of,
    channel_groups,
    cost_of,
    describe,
    parameter_count,
    remove,
    source_code,
    spec_of,
    with_widths,
)
from explorer.networks.program import call_name, calls, parse
from tests.networks.examples import KINDS, TORCHVISION, images
from tests.networks.nets import NETS, built, images_for

ALL = sorted({*NETS, *TORCHVISION})


def network(name: str) -> nn.Module:
    return built(name) if name in NETS else TORCHVISION[name]().eval()


def spec(name: str) -> GraphSpec:
    result = spec_of(network(name))
    assert isinstance(result, GraphSpec)
    return result


@pytest.mark.parametrize("name", ALL)
def test_a_network_built_from_its_spec_computes_the_same(name: str) -> None:
    model = network(name)
    spec = spec_of(model)
    again = spec.build().eval()
    assert list(again.state_dict()) == list(model.state_dict())
    again.load_state_dict(model.state_dict())
    x = images_for(model, 64)
    with torch.no_grad():
        assert torch.equal(again(x), model(x))
        assert spec.classes == model(x).shape[1]
    assert spec.channels == tuple(group.width for group in channel_groups(model))
    assert [group.title for group in channel_groups(again)] == [
        group.title for group in channel_groups(model)
    ]


@pytest.mark.parametrize("name", ALL)
def test_a_spec_comes_back_from_json(name: str) -> None:
    first = spec(name)
    wider = first.with_channels(tuple(width + 1 for width in first.channels))
    for each in (first, wider):
        again = builder_of("graph").from_dict(json.loads(json.dumps(each.to_dict())), 0)
        assert again == each
        assert hash(again) == hash(each)
    assert first != wider
    assert wider.with_channels(first.channels) == first


@pytest.mark.parametrize("name", ALL)
def test_other_widths_are_those_of_the_graph(name: str) -> None:
    model, first = network(name), spec(name)
    narrow = tuple(max(1, width // 2) for width in first.channels)
    keys = [group.key for group in channel_groups(model)]
    expected = with_widths(model, dict(zip(keys, narrow, strict=True)))
    other = first.with_channels(narrow).build()
    assert {key: tensor.shape for key, tensor in other.state_dict().items()} == {
        key: tensor.shape for key, tensor in expected.state_dict().items()
    }
    assert parameter_count(other) == cost_of(first.with_channels(narrow), 64).params


def test_a_network_with_channels_removed_tells_its_widths() -> None:
    model = spec("Residual").build()
    group = channel_groups(model)[0]
    small = remove(model, {group: torch.arange(group.width - 1)})
    assert spec_of(small).channels[0] == group.width - 1
    assert spec_of(small).build().state_dict().keys() == small.state_dict().keys()
    assert parameter_count(spec_of(small).build()) == parameter_count(small)


def test_a_network_of_a_known_kind_keeps_its_spec() -> None:
    assert spec_of(KINDS["StudentNet"]()) == StudentSpec(9, (8, 12, 10, 7), classes=6, conv_bias=True)


def test_a_budget_and_code_are_made_of_it_as_of_any_spec() -> None:
    first = spec("mobilenet_v2")
    costs, expected = budget(first, 64), budget(TORCHVISION["mobilenet_v2"](), 64)
    assert (costs.total_params, costs.mult_adds) == (expected.total_params, expected.mult_adds)
    room: dict[str, Any] = {}
    exec(source_code(first.build()), room)  # noqa: S102  # our own text
    again = room["get_student_model"]().eval()
    model = first.build().eval()
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(images()), model(images()))


@pytest.mark.parametrize("name", ["Chain", "squeezenet1_1", "mobilenet_v2"])
def test_another_number_of_classes_changes_the_last_layer_alone(name: str) -> None:
    first = spec(name)
    other = first.with_classes(9)
    model = other.build().eval()
    assert model(images_for(model, 64)).shape[1] == other.classes == 9
    assert other.channels == first.channels
    assert other.with_classes(first.classes) == first
    with pytest.raises(ExplorerError, match="between 2 and"):
        first.with_classes(1)


def test_it_is_described_by_the_name_of_its_class() -> None:
    assert describe(spec("Residual")).startswith("Residual (")
    assert describe(spec("mobilenet_v2")).startswith("MobileNetV2 (32; 16, 96, ")


def test_every_call_has_a_name_of_its_own() -> None:
    assert all(call_name(target) == name for name, target in calls().items())


class Helpless(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.gru = nn.GRU(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x).mean((2, 3))


def test_a_layer_off_the_list_is_refused_also_where_it_is_not_called() -> None:
    with pytest.raises(ExplorerError, match=r"^gru is a GRU, which the explorer does not know\.$"):
        spec_of(Helpless())


PLAIN = spec("Chain").to_dict()


def refusal(change: Any) -> str:
    values = copy.deepcopy(PLAIN)
    change(values)
    with pytest.raises(ExplorerError) as error:
        GraphSpec.from_dict(values)
    return str(error.value)


def test_what_a_stranger_wrote_is_refused_in_a_sentence() -> None:
    def layer(key: str, value: Any) -> Any:
        return lambda values: values["layers"][1].update({key: value})

    def step(key: str, value: Any) -> Any:
        return lambda values: values["steps"][1].update({key: value})

    assert "'GRU'" in refusal(layer("type", "GRU"))
    assert "for something else" in refusal(layer("name", "cnn.forward"))
    assert "inside another layer" in refusal(layer("name", "cnn.1.weight"))
    assert "no name for a layer" in refusal(layer("name", "cnn..0"))
    assert "no name for a layer" in refusal(layer("name", 7))
    assert "does not take" in refusal(layer("settings", {"device": "cuda"}))
    assert "numbers among its weights, and at most" in refusal(
        lambda values: values["layers"][1]["settings"].update(in_channels=3, out_channels=10**7)
    )
    assert "too large" in refusal(lambda values: values["layers"][1]["settings"].update(out_channels=10**12))
    assert "either a layer or a function" in refusal(step("call", "torch.relu"))
    assert "does not know" in refusal(lambda values: values["steps"][1].update(layer="", call="torch.load"))
    assert "does not know" in refusal(lambda values: values["steps"][1].update(layer="", call=".__reduce__"))
    assert "not computed before" in refusal(step("args", [{"value": "fc"}]))
    assert "not computed before" in refusal(step("args", [{"parameter": "cnn.0.weight"}]))
    assert "too deep" in refusal(step("args", [[[[[[[1]]]]]]]))
    assert "second of that name" in refusal(step("name", "image"))
    assert "none of its steps" in refusal(lambda values: values.update(logits="nothing"))
    assert "nothing else" in refusal(lambda values: values.update(code="1"))
    assert "no list" in refusal(lambda values: values.update(steps=5))
    assert "widths" in refusal(lambda values: values.update(widths=[1]))
    assert "between 1 and" in refusal(lambda values: values.update(widths=[0] * len(spec("Chain").channels)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)


@given(st.data())
def test_no_change_of_a_program_raises_anything_else(data: st.DataObject) -> None:
    values = copy.deepcopy(PLAIN)
    place: Any = values
    while isinstance(place, dict | list) and place:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or data.draw(st.integers(0, 3)) == 0:
            place[key] = data.draw(JSON)
            break
        place = place[key]
    with contextlib.suppress(ExplorerError):
        GraphSpec.from_dict(values).build()


def test_a_program_that_is_no_json_is_refused() -> None:
    for text in ("", "[", "[]", "7", '{"name": 1}', "[" * 100_000):
        with pytest.raises(ExplorerError):
            parse(text)
