"""Kinds of networks that are a fixed wiring with free widths: a new one is a function that builds it, and a name.

What a spec must say is then little: how many classes, and the width of each channel group. How many groups there
are, and how wide they are at first, is read off the graph of what the function builds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.networks.builders import MAX_WIDTH, Builder, checked_classes, checked_int
from explorer.networks.graph import graph_of
from explorer.networks.groups import channel_groups
from explorer.networks.resize import with_widths


@dataclass(frozen=True)
class WiredSpec:
    """Everything that defines one network of a wiring; each kind is a subclass that says ``standard``.

    Attributes:
        classes: number of output classes (logits).
        channels: widths of its channel groups, in the order of its graph; the standard ones if there are none.

    Raises:
        ExplorerError: the network cannot be built; the message says which value and what is allowed.
    """

    kind: ClassVar[str]
    title: ClassVar[str]

    classes: int = 11
    channels: tuple[int, ...] = ()

    @classmethod
    def standard(cls, classes: int) -> nn.Module:
        """The network at its standard widths with fresh weights."""
        raise NotImplementedError

    @classmethod
    @cache
    def wiring(cls) -> nn.Module:
        """The standard network without numbers, built once: only read it."""
        with torch.device("meta"):
            return cls.standard(2)

    @classmethod
    @cache
    def standard_channels(cls) -> tuple[int, ...]:
        """The widths of the standard network's channel groups, in the order of its graph."""
        return tuple(group.width for group in channel_groups(cls.wiring()))

    def __post_init__(self) -> None:
        classes, usual = checked_classes(self.classes), self.standard_channels()
        channels = tuple(self.channels) or usual
        if len(channels) != len(usual):
            raise ExplorerError(f"A {self.title} has {len(usual)} widths, not {len(channels)}.")
        rule = f"Each width of a {self.title} must be between 1 and {MAX_WIDTH} channels"
        channels = tuple(checked_int(width, 1, MAX_WIDTH, rule) for width in channels)
        for name, value in (("classes", classes), ("channels", channels)):
            # A frozen class only allows it so.
            object.__setattr__(self, name, value)

    def with_channels(self, channels: tuple[int, ...]) -> Self:
        """The same with other widths."""
        return replace(self, channels=tuple(channels))

    def with_classes(self, classes: int) -> Self:
        """The same for another number of classes."""
        return replace(self, classes=classes)

    def build(self) -> nn.Module:
        """The network with fresh weights, not initialised from any download."""
        model = self.standard(self.classes)
        if self.channels != self.standard_channels():
            keys = (group.key for group in channel_groups(model))
            model = with_widths(model, dict(zip(keys, self.channels, strict=True)))
        model.spec = self  # type: ignore[assignment]  # a plain attribute, which nn.Module allows but does not type
        return model

    def to_dict(self) -> dict[str, Any]:
        """The spec as plain values for JSON; at standard widths the number of classes says everything."""
        widths = {} if self.channels == self.standard_channels() else {"channels": list(self.channels)}
        return {"classes": self.classes} | widths


def wired_builder(kind: type[WiredSpec], role: Literal["teacher", "student"]) -> Builder:
    """The builder of a wiring: its networks are recognised by the names of the layers that make channels."""

    def from_dict(values: Mapping[str, Any], classes: int) -> WiredSpec:
        return kind(values.get("classes", classes), tuple(values.get("channels", ())))

    def candidates(state: Mapping[str, Tensor]) -> Iterator[WiredSpec]:
        model = kind.wiring()
        makers = [
            step.layer
            for step in graph_of(model).steps
            if step.operator.channels in ("convolution", "linear")
        ]
        told = {f"{group.producers[0]}.weight" for group in channel_groups(model)} | {f"{makers[-1]}.weight"}
        shapes = model.state_dict()
        # Without the layers that tell widths and classes it is another kind; what else is missing is told in words.
        if all(name in state and state[name].ndim == shapes[name].ndim for name in told):
            yield kind(len(state[f"{makers[-1]}.weight"]))

    return Builder(kind.kind, kind.title, role, from_dict, candidates)
