"""Coupled channels: every slice of every tensor that goes with a channel of a group, and how they hang together."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn

from explorer import palette
from explorer.errors import ExplorerError
from explorer.networks import ChannelGroup, Member, Role, graph_of
from explorer.networks.graph import Step
from explorer.networks.operators import PRODUCT, SUM
from explorer.pruning.methods import Basis, PruningMethod
from explorer.pruning.removal import removable_groups


@dataclass(frozen=True)
class Slice:
    """What goes from one tensor.

    Attributes:
        layer: module name.
        role: what the channel is to that layer.
        tensor: name of the parameter in the state_dict.
        whole: shape of the tensor.
        shape: shape of the part that goes with one channel.
        params: parameters that go with all chosen channels.
    """

    layer: str
    role: Role
    tensor: str
    whole: tuple[int, ...]
    shape: tuple[int, ...]
    params: int


def coupled(model: nn.Module, group: ChannelGroup, channels: tuple[int, ...]) -> list[Slice]:
    """Every slice that goes with these channels of the group, in the order of the data.

    Raises:
        ExplorerError: there is no such channel.
    """
    for channel in channels:
        if not 0 <= channel < group.width:
            raise ExplorerError(f"{group.title} has channels 0 to {group.width - 1}, not {channel}.")
    slices = []
    gone: dict[str, Tensor] = {}
    for member in group.members:
        for name, parameter in _tensors(model, member):
            # A layer may both read and make the channels; where its two slices cross, a weight goes only once.
            mask = gone.setdefault(name, torch.zeros(parameter.shape, dtype=torch.bool))
            before = int(mask.sum())
            mask.index_fill_(member.axis, torch.from_numpy(member.of(channels)), value=True)
            shape, entries = list(parameter.shape), member.entries.shape[1]
            shape[member.axis : member.axis + 1] = [entries] if entries > 1 else []
            slices.append(
                Slice(
                    member.layer,
                    member.role,
                    name,
                    tuple(parameter.shape),
                    tuple(shape) or (1,),
                    int(mask.sum()) - before,
                )
            )
    return slices


def _tensors(model: nn.Module, member: Member) -> Iterator[tuple[str, Tensor]]:
    """The tensors that channels lie on where they are a member, by their names in the state_dict."""
    if member.role == "parameter":
        yield member.layer, model.get_parameter(member.layer)
        return
    for part in ("weight",) if member.role == "input channel" else ("weight", "bias"):
        parameter = getattr(model.get_submodule(member.layer), part, None)
        if parameter is not None:
            yield f"{member.layer}.{part}", parameter


def strengths(model: nn.Module, group: ChannelGroup) -> pd.DataFrame:
    """How strong each channel is in each coupled weight, for the map.

    Columns layer, role, channel, norm (L1 of its slice) and strength: the norm over the layer's largest. A layer
    that reads the channels that it makes is there once for each role, and says it.
    """
    layers = [member.layer for member in group.members]
    tables = []
    for member in group.members:
        if not list(_tensors(model, member)):
            continue  # a BatchNorm without weights of its own
        norm = member.weights(model).abs().sum(1)
        tables.append(
            pd.DataFrame(
                {
                    "layer": member.layer
                    if layers.count(member.layer) == 1
                    else f"{member.layer}, {member.role}",
                    "role": member.role,
                    "channel": range(group.width),
                    "norm": norm.tolist(),
                    "strength": (norm / norm.max().clamp_min(1e-12)).tolist(),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def slice_table(slices: list[Slice]) -> pd.DataFrame:
    """The slices for people, the sum in the last line."""
    lines: list[dict[str, object]] = [
        {
            "tensor": each.tensor,
            "its role": each.role,
            "whole": "x".join(map(str, each.whole)),
            "goes per channel": "x".join(map(str, each.shape)),
            "parameters": each.params,
        }
        for each in slices
    ]
    total = sum(each.params for each in slices)
    return pd.DataFrame([*lines, {"tensor": "together", "parameters": total}]).fillna("")


def by_title(model: nn.Module) -> dict[str, ChannelGroup]:
    """The groups of a network by their titles, from input to output."""
    return {group.title: group for group in removable_groups(model)}


_ALONG: Mapping[str, str] = {
    "BatchNorm": "its BatchNorm entry",
    "LayerNorm": "its LayerNorm entry",
    "PReLU": "its PReLU slope",
    "depthwise filter": "the depthwise filter that reads it",
    "input channel": "an input channel of every layer after it",
}


def goes_along(model: nn.Module) -> str:
    """In a sentence, what has to go with a channel of this network, whichever it is; empty if nothing has to."""
    roles = {member.role for group in removable_groups(model) for member in group.members}
    *parts, last = [said for role, said in _ALONG.items() if role in roles] or [""]
    if not last:
        return ""
    listed = f"{', '.join(parts)} and {last}" if parts else last
    return f"A channel cannot be removed alone: with it {'go' if parts else 'goes'} {listed}."


def longest(model: nn.Module) -> int:
    """Which of the groups has the longest chain, the first of them: the most telling one to start with."""
    lengths = [len(group.members) for group in removable_groups(model)]
    return lengths.index(max(lengths))


def weakest(model: nn.Module, group: ChannelGroup, method: PruningMethod) -> int:
    """The channel with the lowest score: the first that this method takes."""
    return int(method.channel_scores(Basis(model), group).argmin())


@dataclass(frozen=True)
class Link:
    """One thing on the way of the channels: a layer that goes with them, or a place where values meet.

    Attributes:
        name: of the layer, or of the value that is made there.
        roles: what the channels are to the layer; of a place where values meet, "sum", "product" or "concatenation".
        layer: whether it is a layer.
        after: names of those that hand the channels on to it.
    """

    name: str
    roles: tuple[str, ...]
    layer: bool
    after: tuple[str, ...]


def chain(model: nn.Module, group: ChannelGroup) -> tuple[Link, ...]:
    """What the channels of a group pass on their way through the graph, in the direction of the data.

    Activations, pooling and the like, which have nothing to cut, are passed over.
    """
    roles: dict[str, tuple[str, ...]] = {}
    for member in group.members:
        roles[member.layer] = (*roles.get(member.layer, ()), member.role)
    links: dict[str, Link] = {}
    # For every value that holds the channels: which links handed them on to it last.
    last: dict[str, tuple[str, ...]] = {}
    for step in graph_of(model).steps:
        after = tuple(dict.fromkeys(name for value in step.inputs for name in last.get(value, ())))
        link = None
        layer = step.layer or step.parameter
        if layer in roles:
            link = Link(layer, roles[layer], True, after)
        elif (
            step.name in group.values
            and step.operator.channels in ("join", "concat")
            and len(step.inputs) > 1
        ):
            link = Link(step.name, (_meeting(step),), False, after)
        if link is not None:
            # A layer that is used twice is one link, after whatever leads to it.
            earlier = links[link.name].after if link.name in links else ()
            link = Link(link.name, link.roles, link.layer, tuple(dict.fromkeys((*earlier, *after))))
            links[link.name] = link
        if step.name in group.values or (step.parameter and link is not None):
            last[step.name] = after if link is None else (link.name,)
    return tuple(links.values())


def _meeting(step: Step) -> str:
    return "sum" if step.operator is SUM else "product" if step.operator is PRODUCT else "concatenation"


def _described(link: Link, slices: Sequence[Slice]) -> Iterator[str]:
    """A link in words: its name, then what goes of it."""
    if not link.layer:
        yield link.roles[0]
        return
    yield link.name
    mine = [each for each in slices if each.layer == link.name]
    for each in mine:
        if not each.tensor.endswith(".bias"):
            yield f"{each.role} {'x'.join(map(str, each.shape))}"
    yield f"{sum(each.params for each in mine):,} parameters"


def chain_dot(links: Sequence[Link], slices: Sequence[Slice]) -> str:
    """The chain as a Graphviz graph (DOT), in the direction of the data; reads on both themes."""
    fills = {
        "filter": palette.REMOVED,
        "BatchNorm": palette.DENSE,
        "depthwise filter": palette.FIRST,
        "input channel": palette.LAST,
    }
    lines = []
    for link in links:
        label = json.dumps("\n".join(_described(link, slices)))
        shape = "box" if link.layer else "ellipse"
        fill = fills.get(link.roles[0], palette.PARAMETERS)
        colors = f'fillcolor="{fill}", fontcolor={palette.ink(fill)}'
        lines.append(f"{json.dumps(link.name)} [label={label}, shape={shape}, {colors}];")
        lines += [f"{json.dumps(before)} -> {json.dumps(link.name)};" for before in link.after]
    style = (
        'graph [bgcolor="transparent", nodesep=0.15, ranksep=0.3]; '
        'node [style="filled,rounded", color="transparent", '
        f'fontname="sans-serif", fontsize=12]; edge [color="{palette.DENSE}"];'
    )
    return "digraph coupled { " + style + " " + " ".join(lines) + " }"


def chain_text(links: Sequence[Link], slices: Sequence[Slice]) -> str:
    """The chain in words, a line for each link, for readers who do not see the picture."""
    names = {link.name: link.name if link.layer else f"the {link.roles[0]} ({link.name})" for link in links}
    lines = []
    for link in links:
        first, *rest = (names[link.name],) if not link.layer else _described(link, slices)
        said = f"{first}: {', '.join(rest)}" if rest else first[0].upper() + first[1:]
        after = f", after {' and '.join(names[name] for name in link.after)}" if link.after else ""
        lines.append(f"{said}{after}.")
    return "\n".join(lines)
