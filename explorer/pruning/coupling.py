"""Coupled channels: every slice of every tensor that goes when one channel of a group goes."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import pandas as pd
import torch
from torch import Tensor, nn

from explorer import palette
from explorer.errors import ExplorerError
from explorer.pruning.channels import Group, groups
from explorer.pruning.methods import PruningMethod

Role = Literal["filter", "BatchNorm", "depthwise filter", "input channel"]


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


def title(group: Group) -> str:
    """A group for people: the convolutions that make its channels."""
    return " + ".join(group.producers)


def size(model: nn.Module, group: Group) -> int:
    """How many channels the group has."""
    return len(_parameter(model, f"{group.producers[0]}.weight"))


def coupled(model: nn.Module, group: Group, channels: tuple[int, ...]) -> list[Slice]:
    """Every slice that goes with these channels of the group, in the order of the data.

    Raises:
        ExplorerError: there is no such channel.
    """
    there = size(model, group)
    for channel in channels:
        if not 0 <= channel < there:
            raise ExplorerError(f"{title(group)} has channels 0 to {there - 1}, not {channel}.")
    found = []
    for layer, role in _layers(model, group):
        for part in ("weight", "bias"):
            if role == "input channel" and part == "bias":
                continue
            parameter = getattr(model.get_submodule(layer), part)
            if parameter is None:
                continue
            one = _slice(parameter, role, 0)
            found.append(
                Slice(
                    layer,
                    role,
                    f"{layer}.{part}",
                    tuple(parameter.shape),
                    tuple(one.shape) or (1,),
                    len(set(channels)) * one.numel(),
                )
            )
    return found


def strengths(model: nn.Module, group: Group) -> pd.DataFrame:
    """How strong each channel is in each coupled weight, for the map.

    Columns layer, role, channel, norm (L1 of its slice) and strength: the norm over the layer's largest.
    """
    tables = []
    for layer, role in _layers(model, group):
        weight = _parameter(model, f"{layer}.weight")
        wide = weight.transpose(0, 1) if role == "input channel" else weight
        norm = wide.abs().flatten(1).sum(1) if wide.ndim > 1 else wide.abs()
        tables.append(
            pd.DataFrame(
                {
                    "layer": layer,
                    "role": role,
                    "channel": range(len(norm)),
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


def _layers(model: nn.Module, group: Group) -> list[tuple[str, Role]]:
    """The layers of a group with their roles, in the order in which the network names them."""
    roles: dict[str, Role] = dict.fromkeys(group.producers, "filter")
    roles |= dict.fromkeys(group.norms, "BatchNorm")
    roles |= dict.fromkeys(group.depthwise, "depthwise filter")
    roles |= dict.fromkeys(group.consumers, "input channel")
    return [(name, roles[name]) for name, _ in model.named_modules() if name in roles]


def _slice(parameter: Tensor, role: Role, channel: int) -> Tensor:
    return parameter[:, channel] if role == "input channel" else parameter[channel]


def _parameter(model: nn.Module, name: str) -> Tensor:
    return model.get_parameter(name).detach()


def by_title(model: nn.Module) -> dict[str, Group]:
    """The groups of a network by their titles, from input to output."""
    return {title(group): group for group in groups(model)}


def longest(model: nn.Module) -> int:
    """Which of the groups has the longest chain, the first of them: the most telling one to start with."""
    lengths = [len(_layers(model, group)) for group in groups(model)]
    return lengths.index(max(lengths))


def weakest(model: nn.Module, group: Group, method: PruningMethod) -> int:
    """The channel with the lowest score: the first that this method takes."""
    return int(method.channel_scores(model, group, torch.Generator()).argmin())


def chain(group: Group, slices: list[Slice]) -> str:
    """The coupled slices as a Graphviz graph (DOT), in the direction of the data; reads on both themes."""
    shapes = {each.layer: "x".join(map(str, each.shape)) for each in slices if each.tensor.endswith("weight")}
    roles = {each.layer: each.role for each in slices}
    params = {layer: sum(each.params for each in slices if each.layer == layer) for layer in roles}
    fills = {
        "filter": palette.REMOVED,
        "BatchNorm": "#5d6876",
        "depthwise filter": palette.SOFT,
        "input channel": palette.TEACHER,
    }
    lines = [
        f'"{layer}" [label="{layer}\\n{role} {shapes[layer]}\\n{params[layer]:,} parameters", '
        f'fillcolor="{fills[role]}"];'
        for layer, role in roles.items()
    ]
    ends = []
    for number, producer in enumerate(group.producers):
        path = [producer, group.norms[number]]
        for depth, layer in enumerate(group.depthwise):
            path += [layer, group.norms[len(group.producers) + depth]]
        lines += [f'"{one}" -> "{two}";' for one, two in pairwise(path)]
        ends.append(path[-1])
    if len(ends) > 1:
        lines.append(f'"sum" [label="residual sum", shape=ellipse, fillcolor="{palette.MASKED}"];')
        lines += [f'"{end}" -> "sum";' for end in ends]
        ends = ["sum"]
    lines += [f'"{end}" -> "{consumer}";' for end in ends for consumer in group.consumers]
    style = (
        'graph [bgcolor="transparent", nodesep=0.15, ranksep=0.3]; '
        'node [shape=box, style="filled,rounded", color="transparent", fontcolor="white", '
        f'fontname="sans-serif", fontsize=12]; edge [color="{palette.DENSE}"];'
    )
    return "digraph coupled { " + style + " " + " ".join(lines) + " }"
