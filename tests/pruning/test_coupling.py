import math

import pytest
import torch
from torch import nn

from explorer.checkpoints import load
from explorer.errors import ExplorerError
from explorer.networks import (
    StudentNet,
    StudentSpec,
    channel_groups,
    parameter_count,
    remove,
    resnet18_teacher,
)
from explorer.pruning import coupling
from explorer.pruning.methods import METHODS
from tests.networks.examples import (
    SMALL,
    Concatenation,
    Flattened,
    Grouped,
    ResidualStudent,
    Sigmoid,
    Squeeze,
    Twice,
    trained_like,
)

BUILDS = {
    "student": lambda: load("student-60k"),
    "student with bias": lambda: StudentNet(StudentSpec(5, (6, 7, 8, 9), 4, conv_bias=True)).eval(),
    "resnet18": lambda: resnet18_teacher(10).eval(),
    **SMALL,
}


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("chosen", [(1,), (0, 2, 4)])
def test_the_slices_are_what_removing_the_channels_takes(name: str, chosen: tuple[int, ...]) -> None:
    model = BUILDS[name]()
    for group in channel_groups(model):
        if group.width <= max(chosen):
            continue
        stay = torch.tensor([channel for channel in range(group.width) if channel not in chosen])
        gone = parameter_count(model) - parameter_count(remove(model, {group: stay}))
        slices = coupling.coupled(model, group, chosen)
        assert sum(each.params for each in slices) == gone
        assert coupling.slice_table(slices)["parameters"].iloc[-1] == gone
        for each in slices:
            tensor = model.get_parameter(each.tensor)
            assert each.whole == tuple(tensor.shape)
            # Less only where a layer reads the channels that it makes: where both slices cross, weights go once.
            both = each.layer in group.producers and each.layer in group.consumers
            assert both or each.params == len(chosen) * math.prod(each.shape)


def test_what_goes_along_is_said_of_this_network() -> None:
    said = coupling.goes_along(load("student-60k"))
    assert said == (
        "A channel cannot be removed alone: with it go its BatchNorm entry, the depthwise filter that reads it and an "
        "input channel of every layer after it."
    )
    resnet = coupling.goes_along(BUILDS["resnet18"]())
    assert "depthwise" not in resnet
    assert resnet.endswith("with it go its BatchNorm entry and an input channel of every layer after it.")
    plain = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.Flatten(), nn.LazyLinear(2)
    ).eval()
    plain(torch.zeros(1, 3, 8, 8))
    assert coupling.goes_along(plain).endswith("with it goes an input channel of every layer after it.")


def test_a_pointwise_channel_takes_the_next_depthwise_filter_along() -> None:
    model = load("student-60k")
    group = coupling.by_title(model)["layer1.3"]
    slices = coupling.coupled(model, group, (0,))
    assert [(each.layer, each.role) for each in slices if each.tensor.endswith("weight")] == [
        ("layer1.3", "filter"),
        ("layer1.4", "BatchNorm"),
        ("layer2.0", "depthwise filter"),
        ("layer2.1", "BatchNorm"),
        ("layer2.3", "input channel"),
    ]
    assert slices[0].shape == (48, 1, 1)


def test_the_map_has_a_line_per_layer_and_channel() -> None:
    model = load("student-60k")
    group = coupling.by_title(model)["conv1"]
    rows = coupling.strengths(model, group)
    assert rows.groupby("layer").size().tolist() == [48] * 5
    first = rows[rows["role"] == "filter"].sort_values("channel")["norm"]
    assert coupling.weakest(model, group, METHODS["channels-l1"]) == first.reset_index(drop=True).idxmin()
    assert rows["strength"].between(0, 1).all()


def test_the_map_tells_the_two_roles_of_a_layer_apart() -> None:
    model = trained_like(ResidualStudent)
    rows = coupling.strengths(model, coupling.by_title(model)["conv1 + blocks.0.3"])
    weight = model.blocks[0][3].weight.detach().abs()
    for label, axis in (("blocks.0.3, filter", 0), ("blocks.0.3, input channel", 1)):
        norms = rows[rows["layer"] == label].sort_values("channel")["norm"]
        assert norms.tolist() == pytest.approx(weight.movedim(axis, 0).flatten(1).sum(1).tolist())


def test_a_channel_that_is_not_there_is_refused() -> None:
    model = load("student-60k")
    with pytest.raises(ExplorerError, match="channels 0 to 47, not 48"):
        coupling.coupled(model, coupling.by_title(model)["conv1"], (48,))
    with pytest.raises(ExplorerError, match="single layer"):
        coupling.by_title(nn.Linear(2, 2))


def linked(model: nn.Module, title: str) -> dict[str, tuple[str, ...]]:
    return {link.name: link.after for link in coupling.chain(model, coupling.by_title(model)[title])}


def test_the_chain_of_a_student_is_a_line() -> None:
    assert linked(load("student-60k"), "layer1.3") == {
        "layer1.3": (),
        "layer1.4": ("layer1.3",),
        "layer2.0": ("layer1.4",),
        "layer2.1": ("layer2.0",),
        "layer2.3": ("layer2.1",),
    }


def test_the_chain_of_a_residual_stage_meets_in_two_sums() -> None:
    model = resnet18_teacher(10)
    (title,) = (title for title in coupling.by_title(model) if "layer2.0.downsample.0" in title)
    first, second = "add_2", "add_3"
    assert linked(model, title) == {
        "layer2.0.conv2": (),
        "layer2.0.bn2": ("layer2.0.conv2",),
        "layer2.0.downsample.0": (),
        "layer2.0.downsample.1": ("layer2.0.downsample.0",),
        first: ("layer2.0.bn2", "layer2.0.downsample.1"),
        "layer2.1.conv1": (first,),
        "layer2.1.conv2": (),
        "layer2.1.bn2": ("layer2.1.conv2",),
        second: ("layer2.1.bn2", first),
        "layer3.0.conv1": (second,),
        "layer3.0.downsample.0": (second,),
    }


def test_an_identity_shortcut_ties_a_depthwise_block_to_its_input() -> None:
    chain = linked(ResidualStudent(), "conv1 + blocks.0.3")
    assert chain["add"] == ("blocks.0.4", "bn1")
    assert chain["blocks.0.3"] == ("blocks.0.1",), "it reads the channels that it makes"
    assert chain["shortcuts.1.0"] == chain["blocks.1.0"] == ("add",)


def test_products_and_concatenations_are_where_they_are() -> None:
    squeeze = Squeeze()
    links = coupling.chain(squeeze, coupling.by_title(squeeze)["stem + expand"])
    (product,) = (link for link in links if not link.layer)
    assert (product.roles, product.after) == (("product",), ("expand", "norm"))
    assert links[-1].after == (product.name,)
    both = Concatenation()
    chain = linked(both, "left")
    assert chain["side"] == ("left",)
    assert chain["norm"] == ("cat",)
    assert chain["after"] == ("norm",)
    kinds = {link.roles for link in coupling.chain(both, coupling.by_title(both)["left"]) if not link.layer}
    assert kinds == {("concatenation",)}


def test_what_goes_of_a_layer_that_holds_several_entries_of_a_channel() -> None:
    def shapes(model: nn.Module, title: str) -> dict[str, tuple[int, ...]]:
        slices = coupling.coupled(model, coupling.by_title(model)[title], (0,))
        return {each.tensor: each.shape for each in slices if each.tensor.endswith("weight")}

    assert shapes(Flattened(), "features.0")["head.1.weight"] == (7, 6), (
        "H x W entries of the flattened channel"
    )
    assert shapes(Grouped(), "grouped") == {
        "grouped.weight": (2, 4, 3, 3),
        "depthwise.weight": (4, 1, 3, 3),
        "out.weight": (5, 4, 1, 1),
    }
    assert shapes(Twice(), "stem + again")["head.weight"] == (3, 2)
    assert "norm.weight" not in shapes(Sigmoid(), "out"), "it has no weights"


def test_a_concatenations_slices_are_those_of_its_part() -> None:
    """The second value's channels lie behind the first one's."""
    model = trained_like(Concatenation)
    with torch.no_grad():
        model.after.weight.zero_()
        model.after.weight[:, 4 + 2] = 1
    strong = {}
    for title in ("left", "right"):
        rows = coupling.strengths(model, coupling.by_title(model)[title])
        norms = rows[rows["layer"] == "after"].set_index("channel")["norm"]
        strong[title] = norms[norms > 0].to_dict()
    assert strong == {"left": {}, "right": {2: 45.0}}


@pytest.mark.parametrize("name", BUILDS)
def test_picture_and_words_tell_the_same_chain(name: str) -> None:
    model = BUILDS[name]()
    for group in channel_groups(model):
        links, slices = coupling.chain(model, group), coupling.coupled(model, group, (0,))
        dot, lines = coupling.chain_dot(links, slices), coupling.chain_text(links, slices).split("\n")
        assert {link.name for link in links if link.layer} == {member.layer for member in group.members}
        assert dot.count(" -> ") == sum(len(link.after) for link in links)
        assert len(lines) == len(links)
        for link, line in zip(links, lines, strict=True):
            assert all(f'"{before}" -> "{link.name}";' in dot for before in link.after)
            assert link.name in line
            assert all(before in line.partition(", after ")[2] for before in link.after)
            if link.layer:
                params = sum(each.params for each in slices if each.layer == link.name)
                assert f"{params:,} parameters" in line
                assert f"\\n{params:,} parameters" in dot
