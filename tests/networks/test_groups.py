"""Channel groups against what is known of small networks, against each other, and against torch-pruning."""

import pytest
import torch
import torch_pruning
from torch import Tensor, nn
from torch.nn import functional

from explorer.errors import ExplorerError
from explorer.networks import (
    ChannelGroup,
    channel_groups,
    depthwise_layers,
    graph_of,
    maskable_weights,
    with_widths,
)
from explorer.networks.groups import axis_length, axis_lengths
from tests.networks.examples import (
    EVERY,
    KINDS,
    SMALL,
    Concatenation,
    Flattened,
    Grouped,
    Parts,
    Residual,
    ResidualStudent,
    Spread,
    Squeeze,
    Twice,
    images,
    trained_like,
)


def roles(group: ChannelGroup) -> dict[str, tuple[str, ...]]:
    return {
        "filters": group.producers,
        "norms": group.norms,
        "depthwise": group.depthwise,
        "inputs": group.consumers,
    }


def axes(group: ChannelGroup, channel: int) -> dict[tuple[str, int], set[int]]:
    """(layer, axis of its weight) -> positions of one channel."""
    lies: dict[tuple[str, int], set[int]] = {}
    for member in group.members:
        lies.setdefault((member.layer, member.axis), set()).update(member.entries[channel].tolist())
    return lies


@pytest.mark.parametrize("name", EVERY)
def test_a_position_belongs_to_one_channel_of_one_group_at_most(name: str) -> None:
    model = EVERY[name]()
    groups = channel_groups(model)
    taken: set[tuple[str, int, int]] = set()
    for group in groups:
        for member in group.members:
            assert len(member.entries) == group.width
            assert list(member.of(range(group.width))) == sorted(member.entries.ravel())
            for position in member.entries.ravel().tolist():
                module = model.get_submodule(member.layer)
                length = (
                    module.num_features if member.role == "BatchNorm" else module.weight.shape[member.axis]
                )
                assert 0 <= position < length
                assert (member.layer, member.axis, position) not in taken
                taken.add((member.layer, member.axis, position))
    assert len({group.key for group in groups}) == len({group.title for group in groups}) == len(groups)
    made = [step.layer for step in graph_of(model).steps]
    firsts = [made.index(group.key.partition("#")[0]) for group in groups]
    assert firsts == sorted(firsts), "from input to output"
    assert all(group.producers[0] == group.key.partition("#")[0] for group in groups)


@pytest.mark.parametrize("name", EVERY)
def test_only_the_colours_and_the_logits_belong_to_no_group(name: str) -> None:
    """Every filter, BatchNorm entry and input channel is some group's, but for the network's two ends."""
    model = EVERY[name]()
    covered: dict[tuple[str, int], int] = {}
    for group in channel_groups(model):
        for member in group.members:
            place = member.layer, member.axis
            covered[place] = covered.get(place, 0) + member.entries.size
    free = []
    for layer, module in model.named_modules():
        if not isinstance(module, nn.Conv2d | nn.Linear):
            continue
        for axis in (0, 1):
            depthwise = isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1
            if covered.get((layer, axis), 0) != module.weight.shape[axis] and not (depthwise and axis == 1):
                free.append((layer, axis))
    ends = {
        "Concatenation": {("left", 1), ("right", 1), ("head", 0)},
        "Parts": {("wide", 1), ("one", 1), ("two", 1), ("out", 0), ("side", 0)},
        "Spread": {("stem", 1), ("mask", 0), ("mask", 1), ("head", 0)},
        "Unordered": {("conv1", 1), ("head", 0)},
    }
    first, last = free[0], free[-1]
    assert set(free) == ends.get(name, {first, last})
    assert (len(free) == 2 and first[1] == 1 and last[1] == 0) or name in ends


def test_the_groups_of_a_student_chain_pointwise_to_depthwise() -> None:
    groups = channel_groups(KINDS["StudentNet"]())
    assert [group.width for group in groups] == [9, 8, 12, 10, 7]
    assert roles(groups[0]) == {
        "filters": ("conv1",),
        "norms": ("bn1", "layer1.1"),
        "depthwise": ("layer1.0",),
        "inputs": ("layer1.3",),
    }
    for number in (1, 2, 3):
        after = f"layer{number + 1}"
        assert roles(groups[number]) == {
            "filters": (f"layer{number}.3",),
            "norms": (f"layer{number}.4", f"{after}.1"),
            "depthwise": (f"{after}.0",),
            "inputs": (f"{after}.3",),
        }
    assert roles(groups[4]) == {
        "filters": ("layer4.3",),
        "norms": ("layer4.4",),
        "depthwise": (),
        "inputs": ("fc",),
    }


def test_the_groups_of_a_resnet_share_their_residual_stages() -> None:
    groups = {group.key: group for group in channel_groups(KINDS["ResNet-18"]())}
    assert len(groups) == 12
    assert [group.width for group in groups.values()] == [64] * 3 + [128] * 3 + [256] * 3 + [512] * 3
    for stage in (1, 2, 3, 4):
        one, two = f"layer{stage}.0", f"layer{stage}.1"
        after = ("fc",) if stage == 4 else (f"layer{stage + 1}.0.conv1", f"layer{stage + 1}.0.downsample.0")
        filters = (f"{one}.conv2", f"{one}.downsample.0", f"{two}.conv2")
        norms = (f"{one}.bn2", f"{one}.downsample.1", f"{two}.bn2")
        inputs = (f"{two}.conv1", *after)
        if stage == 1:
            filters = ("conv1", f"{one}.conv2", f"{two}.conv2")
            norms = ("bn1", f"{one}.bn2", f"{two}.bn2")
            inputs = (f"{one}.conv1", *inputs)
        shared = groups[filters[0]]
        assert roles(shared) == {"filters": filters, "norms": norms, "depthwise": (), "inputs": inputs}
        for block in (one, two):
            inner = groups[f"{block}.conv1"]
            assert roles(inner) == {
                "filters": (f"{block}.conv1",),
                "norms": (f"{block}.bn1",),
                "depthwise": (),
                "inputs": (f"{block}.conv2",),
            }


def test_what_is_added_or_multiplied_is_one_group() -> None:
    shared, inner = channel_groups(Residual())
    assert (shared.producers, shared.consumers) == (("stem", "back"), ("inner", "head"))
    assert (inner.producers, inner.consumers) == (("inner",), ("back",))
    scaled, reduced, out = channel_groups(Squeeze())
    assert (scaled.producers, scaled.consumers) == (("stem", "expand"), ("reduce", "out"))
    assert (reduced.producers, reduced.consumers) == (("reduce",), ("expand",))
    assert out.consumers == ("head",)


def test_one_channel_that_is_spread_over_many_has_its_number_given() -> None:
    assert [(group.key, group.width) for group in channel_groups(Spread())] == [("stem", 6), ("out", 5)]


def test_concatenated_channels_lie_behind_each_other() -> None:
    left, right, after, side = channel_groups(Concatenation())
    assert [group.key for group in (left, right, after, side)] == ["left", "right", "after", "side"]
    for group, first in ((left, 0), (right, 4)):
        for channel in range(group.width):
            lies = axes(group, channel)
            assert lies["norm", 0] == lies["after", 1] == {first + channel}
    assert axes(left, 1)["side", 1] == {1}
    assert "side" not in right.consumers
    assert axes(side, 2)["head", 1] == {5 + 2}


def test_a_flattened_channel_is_h_times_w_entries() -> None:
    group = channel_groups(Flattened())[0]
    assert [axes(group, channel)["head.1", 1] for channel in (0, 4)] == [set(range(6)), set(range(24, 30))]


def test_the_parts_of_a_grouped_convolution_shrink_alike() -> None:
    stem, grouped, _ = channel_groups(Grouped())
    assert (stem.width, grouped.width) == (4, 3)
    assert axes(stem, 1) == {("stem", 0): {1, 5}, ("norm", 0): {1, 5}, ("grouped", 1): {1}}
    assert axes(grouped, 2) == {
        ("grouped", 0): {2, 5},
        ("depthwise", 0): {4, 5, 10, 11},
        ("out", 1): {4, 5, 10, 11},
    }


def test_a_layer_used_twice_has_the_same_channels_both_times() -> None:
    (group,) = channel_groups(Twice())
    assert axes(group, 2) == {
        ("stem", 0): {2},
        ("again", 0): {2},
        ("again", 1): {2},
        ("norm", 0): {2},
        ("head", 1): {2, 6},
    }


def test_an_identity_shortcut_makes_a_blocks_input_its_output() -> None:
    groups = channel_groups(ResidualStudent())
    assert [group.title for group in groups] == [
        "conv1 + blocks.0.3",
        "blocks.1.3 + shortcuts.1.0 + blocks.2.3",
        "blocks.3.3 + shortcuts.3.0",
    ]
    assert groups[0].consumers == ("blocks.0.3", "blocks.1.3", "shortcuts.1.0")
    assert groups[0].depthwise == ("blocks.0.0", "blocks.1.0")


def test_masks_of_a_network_with_shortcuts_touch_its_convolutions_and_its_head() -> None:
    assert list(maskable_weights(ResidualStudent())) == [
        "conv1",
        *("blocks.0.0", "blocks.0.3"),
        *("blocks.1.0", "blocks.1.3", "shortcuts.1.0"),
        *("blocks.2.0", "blocks.2.3"),
        *("blocks.3.0", "blocks.3.3", "shortcuts.3.0"),
        "fc",
    ]


def test_channels_of_one_layer_that_others_share_in_part_are_parts() -> None:
    first, second = channel_groups(Parts())
    assert [(group.key, group.title, group.width) for group in (first, second)] == [
        ("wide", "wide + one", 4),
        ("wide#2", "wide + two, part 2", 2),
    ]
    assert axes(second, 1) == {("wide", 0): {5}, ("two", 0): {1}, ("out", 1): {5}}
    assert first.consumers == ("out", "side")


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        (
            (nn.Conv2d(3, 4, 1), nn.Conv2d(5, 2, 1)),
            "1 reads 5 channels, but 4 come in: the widths do not fit each other",
        ),
        ((nn.Conv2d(3, 4, 1), nn.BatchNorm2d(5)), "1 reads 5 channels, but 4 come in"),
        ((nn.Conv2d(3, 4, 1), nn.Flatten(), nn.Linear(9, 2)), "2 reads 9 channels, but 4 come in"),
        ((nn.Conv2d(3, 4, 1), nn.Conv2d(2, 2, 1, groups=2)), "1 reads 2 channels, but 4 come in"),
        (
            (nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4), nn.Linear(8, 2)),
            "4 reads 8",
        ),
    ],
)
def test_widths_that_do_not_fit_are_told(layers: tuple[nn.Module, ...], sentence: str) -> None:
    with pytest.raises(ExplorerError, match=sentence):
        channel_groups(nn.Sequential(*layers))


def test_what_is_added_must_be_as_wide() -> None:
    class Uneven(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 5, 1)

        def forward(self, x: Tensor) -> Tensor:
            return (self.left(x) + self.right(x)).mean((2, 3))

    with pytest.raises(ExplorerError, match="add adds or multiplies 4 and 5 channels"):
        channel_groups(Uneven())


def test_the_groups_of_changed_widths_are_read_anew() -> None:
    model = Flattened()
    assert channel_groups(model) is channel_groups(model)
    model.head[1], model.head[4] = nn.Linear(30, 9), nn.Linear(9, 4)
    assert [group.width for group in channel_groups(model)] == [5, 9]


class ThreeParts(nn.Module):
    """A value whose channels are tied to three layers, two of each."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Conv2d(3, 6, 1)
        self.parts = nn.ModuleList([nn.Conv2d(3, 2, 1) for _ in range(3)])
        self.out = nn.Conv2d(6, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.wide(x) + torch.cat([part(x) for part in self.parts], 1)).mean((2, 3))


def test_parts_are_counted() -> None:
    groups = channel_groups(ThreeParts())
    assert [group.key for group in groups] == ["wide", "wide#2", "wide#3"]
    assert groups[2].title == "wide + parts.2, part 3"
    assert groups[1].values == ("wide", "parts_1", "cat", "add")


class Colours(nn.Module):
    """Channels that are added to the colours of the image and then multiplied by a single one."""

    def __init__(self) -> None:
        super().__init__()
        self.like, self.mask, self.out = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 1, 1), nn.Conv2d(3, 4, 1)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.like(x) + x
        return self.head(self.out(y * self.mask(y)).mean((2, 3)))


def test_what_is_added_to_the_colours_has_their_number() -> None:
    assert [group.key for group in channel_groups(Colours())] == ["out"]


class FlattenedTwice(nn.Module):
    """Two images of 3 x 3 pixels that are flattened, added and passed on before a linear layer reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.head = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1), nn.Linear(36, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.flatten(self.one(x), 1) + torch.flatten(self.two(x), 1)
        return self.head(functional.dropout(torch.relu(y), training=self.training))


def test_a_flattened_channel_stays_h_times_w_entries_until_it_is_read() -> None:
    (group,) = channel_groups(FlattenedTwice())
    assert axes(group, 1) == {("one", 0): {1}, ("two", 0): {1}, ("head", 1): set(range(9, 18))}


def test_a_depthwise_convolution_has_as_many_groups_as_channels_and_more_than_one() -> None:
    layers = (nn.Conv2d(3, 2, 1), nn.Conv2d(2, 4, 1, groups=2), nn.Conv2d(4, 4, 1, groups=2))
    assert depthwise_layers(nn.Sequential(*layers, nn.Conv2d(4, 1, 1), nn.Conv2d(1, 2, 1))) == {"1"}


@pytest.mark.parametrize("name", SMALL)
def test_the_length_of_every_axis_follows_the_widths(name: str) -> None:
    model = SMALL[name]()
    lengths, groups = axis_lengths(model), channel_groups(model)
    wide = with_widths(model, {group.key: 2 * group.width + 1 for group in groups})
    for axis, length in lengths.items():
        assert length.at([group.width for group in groups]) == axis_length(model, *axis)
        assert length.at([2 * group.width + 1 for group in groups]) == axis_length(wide, *axis)
    assert set(lengths) == {(member.layer, member.axis) for group in groups for member in group.members}


def test_the_weights_of_a_channel_are_its_slices() -> None:
    model = Flattened()
    first, second = channel_groups(model)
    (conv, _, head), (hidden, _) = first.members, second.members
    assert torch.equal(conv.weights(model), model.features[0].weight.flatten(1))
    assert torch.equal(hidden.weights(model), model.head[1].weight)
    by_channel = [model.head[1].weight[:, list(columns)].T for columns in head.entries]
    assert torch.equal(head.weights(model), torch.stack([each.flatten() for each in by_channel]))
    assert not head.weights(model).requires_grad


def test_a_mean_is_one_entry_a_channel() -> None:
    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 4, 1), nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.conv(x).mean((2, 3)))

    with pytest.raises(ExplorerError, match="head reads 8 channels, but 4 come in"):
        channel_groups(Mean())


LAYERS = (nn.Conv2d, nn.Linear, nn.BatchNorm2d)
APART = {
    "Grouped": "torch-pruning ties the parts of a grouped convolution only when it prunes",
    "Spread": "torch-pruning ties a spread channel to the first of those that it is multiplied into",
}


@pytest.mark.parametrize("name", [name for name in EVERY if name not in APART])
def test_a_channel_lies_where_torch_pruning_says(name: str) -> None:
    """Oracle: torch-pruning follows autograd's graph of a real forward pass."""
    model = trained_like(EVERY[name])
    theirs = torch_pruning.DependencyGraph().build_dependency(model, example_inputs=images())
    names = {module: layer for layer, module in model.named_modules()}
    for group in channel_groups(model):
        made = next(member for member in group.members if member.role == "filter")
        module = model.get_submodule(made.layer)
        convolution = isinstance(module, nn.Conv2d)
        prune = (
            torch_pruning.prune_conv_out_channels if convolution else torch_pruning.prune_linear_out_channels
        )
        for channel in {0, group.width // 2, group.width - 1}:
            expected: dict[tuple[str, int], set[int]] = {}
            for change, positions in theirs.get_pruning_group(module, prune, [int(made.entries[channel][0])]):
                layer = change.target.module
                if not isinstance(layer, LAYERS):
                    continue
                inputs = theirs.is_in_channel_pruning_fn(change.handler) and not isinstance(
                    layer, nn.BatchNorm2d
                )
                depthwise = isinstance(layer, nn.Conv2d) and layer.groups == layer.in_channels > 1
                expected.setdefault((names[layer], int(inputs and not depthwise)), set()).update(positions)
            assert axes(group, channel) == expected
