"""Which network a state_dict belongs to, read off its names and shapes."""

from collections.abc import Mapping
from functools import lru_cache

import torch
from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.networks.builders import NetworkSpec, all_builders, wiring_of
from explorer.networks.groups import ChannelGroup, channel_groups


def recognise(state: Mapping[str, Tensor], source: str) -> nn.Module:
    """The network that a state_dict belongs to, with these weights, in eval mode.

    Each kind of network says what its shapes could mean; the widths of all channel groups are then read off the
    layers that make them, so networks with channels removed open as well.

    Raises:
        ExplorerError: it is none of the kinds, or not all of it fits.
    """
    # A single number has no shape to read anything off.
    shaped = {key: tensor for key, tensor in state.items() if tensor.ndim}
    kinds = [builder for builder in all_builders().values() if builder.candidates is not None]
    candidates = (spec for kind in kinds if kind.candidates for spec in kind.candidates(shaped))
    specs = [spec for spec in (_with_widths_of(shaped, each) for each in candidates) if spec is not None]
    if specs:
        # One kind may have all layers of another and some more, so all their names must be there and no other. If
        # they are not, the first kind says what does not fit.
        named = (spec for spec in specs if _keys(wiring_of(spec).state_dict()) == _keys(state))
        return load_weights(next(named, specs[0]).build(), state, source).eval()
    known = " nor a ".join(kind.title for kind in kinds)
    raise ExplorerError(f"{source} is neither a {known}.")


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


def load_weights(model: nn.Module, state: Mapping[str, Tensor], source: str) -> nn.Module:
    """``model`` with the weights of ``state``; the first thing that does not fit is named.

    Raises:
        ExplorerError: a tensor is missing, has another shape, does not belong there, or is no plain dense floats.
    """
    expected = model.state_dict()
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


def _keys(state: Mapping[str, Tensor]) -> set[str]:
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
