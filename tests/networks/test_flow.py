"""Values and channels followed through operators that move axes, against real forward passes."""

import copy
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch_pruning
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, fx, nn

from explorer.errors import ExplorerError
from explorer.networks import (
    ChannelGroup,
    channel_groups,
    cost_model,
    fold_batchnorm,
    graph_of,
    pieces,
    remove,
    sides,
    source_code,
    spec_of,
    unsliceable,
    with_widths,
    zero,
)
from explorer.networks.axes import BATCH, HEIGHT, IMAGE, WIDTH, Target, Unfit, Value, reshaped, settled
from explorer.networks.groups import SHUFFLED
from tests.networks.examples import images, trained_like
from tests.networks.moving import MOVING
from tests.networks.test_cost import counted

SIZE = 32


def widths(model: nn.Module) -> dict[str, int]:
    return {group.key: group.width for group in channel_groups(model)}


def some(model: nn.Module) -> dict[ChannelGroup, Tensor]:
    """Half of the channels of every group that loses any."""
    generator = torch.Generator().manual_seed(0)
    return {
        group: torch.randperm(group.width, generator=generator)[: max(1, group.width // 2)].sort().values
        for group in channel_groups(model)
        if not group.mixed
    }


def as_program(model: nn.Module) -> nn.Module:
    """The same network built from its spec, with its weights."""
    again = spec_of(model).build().eval()
    again.load_state_dict(model.state_dict())
    return again


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Weighed", {"stem": 8, "excite.0": 3, "out": 6}),
        # Of the 20 channels four, one of each part, go together.
        ("Shuffled", {"stem": 4, "grouped": 5, "out": 7}),
        ("ChannelsLast", {"stem": 8, "wide": 20}),
        ("Halves", {"stem": 6, "down": 5, "hidden": 6}),
        ("Written", {"one": 7, "out#2": 2}),
        ("Bare", {"stem": 10, "out": 6}),
        ("OwnNorm", {"stem": 6, "out": 9}),
    ],
)
def test_the_groups_are_these(name: str, expected: dict[str, int]) -> None:
    assert widths(MOVING[name]()) == expected


def test_channels_that_are_shuffled_lie_where_the_shuffle_puts_them() -> None:
    group = channel_groups(MOVING["Shuffled"]())[1]
    lies = {(member.layer, member.role): member.entries.tolist() for member in group.members}
    assert lies["grouped", "filter"][:2] == [[0, 5, 10, 15], [1, 6, 11, 16]]
    assert lies["depthwise", "depthwise filter"][:2] == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_what_cannot_be_sliced_is_said_group_by_group() -> None:
    assert unsliceable(MOVING["Weighed"]()) == {}
    norms = unsliceable(MOVING["ChannelsLast"]())
    assert norms == {
        "stem + back": "norm weighs each channel against all: without one the others would change."
    }
    assert set(unsliceable(MOVING["ShuffleNet"]()).values()) == {SHUFFLED}
    assert unsliceable(MOVING["Written"]()) == {
        "stem": "split is written for 4 entries: that number stands in the code.",
        "stem, part 2": "split is written for 5 entries: that number stands in the code.",
        "out": "getitem_2 is written for 4 entries: that number stands in the code.",
        "two + three": "view is written for 192 entries: that number stands in the code.",
    }


def test_numbers_of_a_program_follow_its_widths() -> None:
    model = as_program(trained_like(MOVING["Written"]))
    assert widths(model) == {"stem": 4, "stem#2": 5, "one": 7, "out": 4, "out#2": 2, "two": 3}
    assert unsliceable(model) == {}
    small = remove(model, some(model))
    steps = {step.name: step for step in small.program.steps}
    assert steps["split"].args[1] == [2, 2]
    assert steps["view"].args[2] == 64


@pytest.mark.parametrize("name", MOVING)
@pytest.mark.parametrize("program", [False, True], ids=["code", "program"])
@torch.no_grad()
def test_everything_is_derived_from_the_graph(name: str, program: bool) -> None:
    model = trained_like(MOVING[name])
    x = images(SIZE)
    expected = model(x)
    if program:
        model = as_program(model)
        assert torch.equal(model(x), expected)
    before = copy.deepcopy(model.state_dict())
    kept = some(model)
    small, silent = remove(model, kept), zero(model, kept)
    output = silent(x)
    assert torch.allclose(small(x), output, atol=1e-5 * float(output.abs().max().clamp_min(1)), rtol=0)
    assert not torch.allclose(output, expected, atol=1e-4)
    fresh = with_widths(model, {group.key: len(stay) for group, stay in kept.items()})
    shapes = [{key: tensor.shape for key, tensor in each.state_dict().items()} for each in (small, fresh)]
    assert shapes[0] == shapes[1]
    assert widths(fresh) == widths(model) | {group.key: len(stay) for group, stay in kept.items()}
    wide = with_widths(model, {key: width + 2 for key, width in widths(model).items()}).eval()
    assert wide(x).isfinite().all()
    for piece in pieces(model):
        x = piece.run(x)
    assert torch.equal(x, expected)
    assert torch.allclose(fold_batchnorm(model)(images(SIZE)), expected, atol=1e-4)
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())


@pytest.mark.parametrize("name", MOVING)
def test_the_cost_is_what_torchinfo_counts(name: str) -> None:
    model = trained_like(MOVING[name])
    formula, narrow = (
        cost_model(model, SIZE),
        {key: max(2, width // 2) for key, width in widths(model).items()},
    )
    other = with_widths(model, narrow).eval()
    program = as_program(model)
    assert formula.cost(widths(model)) == counted(model, SIZE) == counted(program, SIZE)
    assert formula.cost(narrow) == counted(other, SIZE)
    assert cost_model(program, SIZE).cost(widths(program)) == formula.cost(widths(model))


@pytest.mark.parametrize("name", MOVING)
@torch.no_grad()
def test_the_code_computes_the_same(name: str) -> None:
    model = trained_like(MOVING[name])
    room: dict[str, Any] = {}
    exec(source_code(model), room)  # noqa: S102 (our own text)
    again = room["get_student_model"]().eval()
    assert set(again.state_dict()) == set(model.state_dict())
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(images(SIZE)), model(images(SIZE)))


class Shapes(fx.Interpreter):
    """Runs a graph and notes the shape of every tensor."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(fx.GraphModule(model, graph_of(model).graph))
        self.shapes: dict[str, tuple[int, ...]] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if isinstance(value, Tensor) and n.op not in ("output", "get_attr"):
            self.shapes[n.name] = tuple(value.shape)
        return value


@pytest.mark.parametrize("name", MOVING)
@torch.no_grad()
def test_the_sides_are_those_of_a_forward_pass(name: str) -> None:
    model = trained_like(MOVING[name])
    shapes = Shapes(model)
    shapes.run(images(SIZE, 1))
    found = sides(model, SIZE)
    for step in graph_of(model).steps:
        if step.operator.channels in ("convolution", "norm"):
            assert found[step.name] == (*shapes.shapes[step.name][2:], 1, 1)[:2]
    assert found.keys() >= {step.name for step in graph_of(model).steps if step.layer}


def test_an_image_that_the_code_is_not_written_for_is_refused() -> None:
    with pytest.raises(
        ExplorerError, match="An image of 64 pixels does not fit Written: view cannot make an axis"
    ):
        sides(MOVING["Written"](), 64)
    with pytest.raises(
        ExplorerError, match="An image of 64 pixels does not fit Weighed: head is made for 49 pixels"
    ):
        sides(MOVING["Weighed"](), 64)


@pytest.mark.parametrize("name", ["ChannelsLast", "ShuffleNet"])
def test_of_channels_that_hang_together_none_is_removed(name: str) -> None:
    model = MOVING[name]()
    group = next(group for group in channel_groups(model) if group.mixed)
    for make in (remove, zero):
        with pytest.raises(ExplorerError, match="can be removed: "):
            make(model, {group: torch.tensor([0])})
    remove(model, {group: torch.arange(group.width)})


def test_the_same_slices_as_torch_pruning_where_it_follows() -> None:
    model = trained_like(MOVING["Weighed"])
    kept = some(model)
    ours, theirs = remove(model, kept), copy.deepcopy(model)
    graph = torch_pruning.DependencyGraph().build_dependency(theirs, example_inputs=images(SIZE))
    for group in reversed(kept):
        module = theirs.get_submodule(group.producers[0])
        convolution = isinstance(module, nn.Conv2d)
        prune = (
            torch_pruning.prune_conv_out_channels if convolution else torch_pruning.prune_linear_out_channels
        )
        gone = [channel for channel in range(group.width) if channel not in kept[group].tolist()]
        graph.get_pruning_group(module, prune, gone).prune()
    assert all(torch.equal(theirs.state_dict()[key], tensor) for key, tensor in ours.state_dict().items())


def test_a_graph_that_doubles_its_channels_over_and_over_is_refused_soon() -> None:
    class Doubling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            for _ in range(60):
                x = torch.cat([x, x], 1)
            return x.mean((2, 3))

    begun = time.process_time()
    with pytest.raises(ExplorerError, match="Doubling has more channels than the explorer can follow"):
        graph_of(Doubling())
    assert time.process_time() - begun < 5


def shown(value: Value) -> npt.NDArray[np.int64]:
    """The channel of every entry of a value with two images, laid out as its axes are."""
    factors = [factor for axis in value.axes for factor in axis]
    lengths = [2 if factor == BATCH else value.length(factor) for factor in factors]
    grid = value.channels.reshape(
        [n if isinstance(f, int) else 1 for f, n in zip(factors, lengths, strict=True)]
    )
    whole = np.broadcast_to(grid, lengths)  # type: ignore[arg-type]
    return whole.reshape([2 if n == BATCH else n for n in value.lengths()])  # type: ignore[misc]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_order_and_any_view_of_an_image_lays_channels_as_numpy_does(data: st.DataObject) -> None:
    value = Value(IMAGE, np.arange(12), (3, 5))
    array = shown(value)
    for _ in range(data.draw(st.integers(1, 3))):
        if data.draw(st.booleans()):
            order = [0, *data.draw(st.permutations(range(1, len(value.axes))))]
            value = settled([value.axes[axis] for axis in order], value.channels, value.sides)
            array = array.transpose(order)
        else:
            lengths = data.draw(
                st.lists(st.sampled_from([1, 2, 3, 4, 5, 6, 12, 15, 20, 36, 60, 180]), max_size=4)
            )
            assume(np.prod(lengths) == 180)
            try:
                result = reshaped(
                    value, [Target(BATCH, written=False), *(Target(n, written=True) for n in lengths)]
                )
            except Unfit:
                return
            value, array = result.value, array.reshape(2, *lengths)
            for units in result.tied:
                assert sorted(units.ravel()) == list(range(12)), "every channel is in one unit"
        assert value.lengths()[1:] == array.shape[1:]
        assert np.array_equal(shown(value), array)


def test_single_pixels_are_the_sides_of_an_image() -> None:
    vector = Value(((BATCH,), (0,)), np.arange(4), (1, 1))
    image = reshaped(
        vector, [Target(BATCH, written=False), *(Target(n, written=True) for n in (4, 1, 1))]
    ).value
    assert image.axes == ((BATCH,), (0,), (HEIGHT,), (WIDTH,))
