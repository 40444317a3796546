"""Which network a state_dict belongs to, read off its names and shapes."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain, takewhile

import torch
from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.networks.assumed import way_out
from explorer.networks.builders import NetworkSpec, all_builders, wiring_of
from explorer.networks.graphspec import GraphSpec, spec_of
from explorer.networks.groups import ChannelGroup, channel_groups
from explorer.networks.loose import loose_network


def recognise(state: Mapping[str, Tensor], source: str) -> nn.Module:
    """The network that a state_dict belongs to, with these weights, in eval mode.

    Each kind of network says what its shapes could mean; the widths of all channel groups are then read off the
    layers that make them, so networks with channels removed open as well. What no kind has all names of may be of a
    family beside them, see ``loose_network``.

    Raises:
        ExplorerError: it is none of these, or not all of it fits.
    """
    # A single number has no shape to read anything off.
    shaped = {key: tensor for key, tensor in state.items() if tensor.ndim}
    kinds = [builder for builder in all_builders().values() if builder.candidates is not None]
    candidates = (spec for kind in kinds if kind.candidates for spec in kind.candidates(shaped))
    specs = [spec for spec in (_with_widths_of(shaped, each) for each in candidates) if spec is not None]
    refused: list[ExplorerError] = []
    for spec in chain(_named_alike(specs, state), _beside_the_kinds(shaped, source)):
        try:
            return load_weights(spec.build(), state, source).eval()
        except ExplorerError as error:
            refused.append(error)
    if refused:
        raise refused[0]
    if specs:  # some of its names are a kind's: what is missing or too much is named
        return load_weights(specs[0].build(), state, source).eval()
    raise ExplorerError(
        f"{source} has the names of none of {', '.join(kind.title for kind in kinds)} and torchvision's networks, and "
        f"names and shapes alone do not tell a network: {way_out(source)}."
    )


def _named_alike(specs: Iterable[NetworkSpec], state: Mapping[str, Tensor]) -> Iterator[NetworkSpec]:
    """The specs of which the state has all names and no other: one kind may have all layers of another and more."""
    return (spec for spec in specs if _names(wiring_of(spec).state_dict()) == _names(state))


def _beside_the_kinds(state: Mapping[str, Tensor], source: str) -> Iterator[NetworkSpec]:
    """What a state_dict may be that is of no kind, with its widths."""
    loose = loose_network(state)
    if loose is None:
        return
    try:
        written = GraphSpec.from_dict({**spec_of(loose.model).to_dict(), "name": loose.name})
    except ExplorerError as error:
        raise ExplorerError(f"{source} holds a {loose.name}, which cannot be opened: {error}") from error
    shapes = {key: tensor.shape for key, tensor in loose.model.state_dict().items() if tensor.ndim}
    same = shapes == {key: tensor.shape for key, tensor in state.items()}
    spec = written if same else _with_widths_of(state, written)
    if spec is not None:
        yield spec


def _loose_spec(state: Mapping[str, Tensor], source: str) -> tuple[NetworkSpec, nn.Module] | None:
    """What a state_dict may be beside the kinds, with its widths, and its wiring."""
    loose = loose_network(state)
    if loose is None:
        return None
    try:
        written = GraphSpec.from_dict({**spec_of(loose.model).to_dict(), "name": loose.name})
    except ExplorerError as error:
        raise ExplorerError(f"{source} holds a {loose.name}, which cannot be opened: {error}") from error
    spec = _with_widths_of(state, written)
    return None if spec is None else (spec, loose.model)


@lru_cache(maxsize=64)
def groups_of_spec(spec: NetworkSpec) -> tuple[ChannelGroup, ...]:
    """The channel groups of what a spec builds, without building its weights."""
    with torch.device("meta"):
        return channel_groups(spec.build())


def _with_widths_of(state: Mapping[str, Tensor], spec: NetworkSpec) -> NetworkSpec | None:
    """The spec with the widths that the state's tensors have; None if a layer that makes channels is missing."""
    widths = []
    for group in groups_of_spec(spec):
        made = next(member for member in group.members if member.role == "filter")
        weight = state.get(f"{made.layer}.weight")
        if weight is None:
            return None
        # A grouped convolution makes as many entries of a channel as it has groups.
        widths.append(len(weight) // made.entries.shape[1])
    return spec.with_channels(tuple(widths))


def common_prefix(names: Iterable[str]) -> str:
    """The modules that all of these names begin with.

    >>> common_prefix(["net.features.0.weight", "net.features.0.bias", "net.fc.weight"])
    'net.'
    """
    split = [name.split(".")[:-1] for name in names]
    shared = takewhile(lambda each: len(set(each)) == 1, zip(*split, strict=False))
    return "".join(f"{each[0]}." for each in shared)


def load_weights(model: nn.Module, state: Mapping[str, Tensor], source: str) -> nn.Module:
    """``model`` with the weights of ``state``; the first thing that does not fit is named.

    Raises:
        ExplorerError: a tensor is missing, has another shape, does not belong there, or is no plain dense floats.
    """
    expected = model.state_dict()
    prefix = common_prefix(expected)
    if prefix and _names(state) == {key.removeprefix(prefix) for key in _names(expected)}:
        # What all names begin with, wrappers add and readers take away: it tells no two networks apart.
        state = {prefix + key: tensor for key, tensor in state.items()}
    # How many batches a BatchNorm has seen is not used when it averages as here, and is often left out.
    counters = {key: tensor for key, tensor in expected.items() if _is_counter(key) and key not in state}
    state = {**state, **counters}
    for key, tensor in expected.items():
        if key not in state:
            raise ExplorerError(f"{source} has no {key!r}: it is a checkpoint of another network.")
        if state[key].shape != tensor.shape:
            raise ExplorerError(
                f"{source}: {key!r} has shape {tuple(state[key].shape)}, this network needs {tuple(tensor.shape)}."
            )
    for key in state:
        if key not in expected:
            raise ExplorerError(f"{source}: this network has no {key!r}.")
    _check_kinds(state, source)
    model.load_state_dict(dict(state))
    return model


def _names(state: Mapping[str, Tensor]) -> set[str]:
    """The names in a state_dict that must be there."""
    return {key for key in state if not _is_counter(key)}


def _is_counter(key: str) -> bool:
    return key.endswith("num_batches_tracked")


def _check_kinds(state: Mapping[str, Tensor], source: str) -> None:
    """Refuse weights that cannot be copied into a network: not dense or not floating point."""
    for key, tensor in state.items():
        if not _is_counter(key) and not tensor.is_floating_point():
            kind = str(tensor.dtype).removeprefix("torch.")
            raise ExplorerError(f"{source}: {key!r} is {kind}, not floating point.")
        if tensor.layout != torch.strided or tensor.is_meta:
            raise ExplorerError(f"{source}: {key!r} is {'empty' if tensor.is_meta else 'sparse'}, not dense.")
