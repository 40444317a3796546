"""The kinds of networks that the explorer can build, each an entry in a registry, each in a file of its own.

A kind brings a *spec*: a frozen dataclass with everything that defines one network of the kind. What a network
costs, how its channels hang together, how it is written as code or pruned is not said by the kind: it is derived
from the graph of what the spec builds.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from operator import index
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any, Literal, Protocol, Self

import torch
from torch import Tensor, nn

from explorer.errors import ExplorerError

MAX_WIDTH = 1024
MAX_CLASSES = 1000
MOST_WIDTHS = 16  # written one by one for people


class NetworkSpec(Hashable, Protocol):
    """Everything that defines one network of a kind: plain values, frozen and hashable."""

    @property
    def kind(self) -> str:
        """The key of its builder."""
        ...

    @property
    def classes(self) -> int:
        """Number of logits."""
        ...

    @property
    def channels(self) -> tuple[int, ...]:
        """The widths of its channel groups, in the order of its graph."""
        ...

    def with_channels(self, channels: tuple[int, ...]) -> Self:
        """The same with other widths, in the same order."""
        ...

    def with_classes(self, classes: int) -> Self:
        """The same for another number of classes.

        Raises:
            ExplorerError: it cannot be had: the number is not allowed, or the logits are made by no layer alone.
        """
        ...

    def build(self) -> nn.Module:
        """The network with fresh weights; it carries this spec as its attribute ``spec``."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, from which ``Builder.from_dict`` makes it again."""
        ...


@dataclass(frozen=True)
class Builder:
    """One kind of network.

    Attributes:
        key: on cards and in files.
        title: for people.
        role: what the homework uses it for.
        from_dict: the spec that ``to_dict`` wrote; other values of a card that matter are the number of classes.
        candidates: specs that a state_dict could belong to, by the shapes in it; none if it is another kind. Their
            widths are read off afterwards, see ``recognise``. None if a state_dict cannot tell.
    """

    key: str
    title: str
    role: Literal["teacher", "student"]
    from_dict: Callable[[Mapping[str, Any], int], NetworkSpec]
    candidates: Callable[[Mapping[str, Tensor]], Iterator[NetworkSpec]] | None = None

    def __post_init__(self) -> None:
        for name in ("key", "title"):
            if not getattr(self, name).strip():
                raise ExplorerError(f"A builder needs a {name}.")


@cache
def all_builders() -> Mapping[str, Builder]:
    """Every module-level ``Builder`` of this package's modules, by key: a new kind is a new file.

    Collected at the first call and not on import, since each kind's module imports this one.
    """
    package = __name__.rpartition(".")[0]
    builders: dict[str, Builder] = {}
    for info in sorted(iter_modules(import_module(package).__path__), key=lambda each: each.name):
        for value in vars(import_module(f"{package}.{info.name}")).values():
            if isinstance(value, Builder) and builders.setdefault(value.key, value) is not value:
                raise ExplorerError(f"Two builders have the key {value.key!r}.")
    return MappingProxyType(builders)


def builder_of(kind: str) -> Builder:
    """The builder of a kind.

    Raises:
        ExplorerError: there is none; the message names those there are.
    """
    builders = all_builders()
    if kind not in builders:
        raise ExplorerError(f"There is no kind of network {kind!r}; there are {', '.join(builders)}.")
    return builders[kind]


def widths_text(channels: Sequence[int]) -> str:
    """The widths of channel groups for people, those of the blocks after the stem's; of very many the first and last.

    >>> widths_text((64, 64, 128, 256, 141))
    '(64; 64, 128, 256, 141)'
    >>> widths_text(range(1, 41))
    '(1; 2, 3, 4, 5, 6, 7, ..., 39, 40: 40 widths)'
    """
    stem, blocks = ", ".join(map(str, channels[:1])), [str(width) for width in channels[1:]]
    if len(channels) > MOST_WIDTHS:
        blocks = [*blocks[:6], "...", *blocks[-2:-1], f"{blocks[-1]}: {len(channels)} widths"]
    return f"({'; '.join(filter(None, (stem, ', '.join(blocks))))})"


def describe(network: NetworkSpec | nn.Module) -> str:
    """A network in a few words: its kind, and of a student, whose widths are what is designed, its widths.

    A module that carries no spec is told by its class.
    """
    spec = getattr(network, "spec", type(network).__name__) if isinstance(network, nn.Module) else network
    if isinstance(spec, str):
        return spec
    builder = builder_of(spec.kind)
    # A network that was read off its graph has the name of its class, which says more than its kind.
    title: str = getattr(spec, "name", builder.title)
    return f"{title} {widths_text(spec.channels)}" if builder.role == "student" else title


def wiring_of(spec: NetworkSpec) -> nn.Module:
    """A network of the kind of ``spec`` without numbers, two channels wide everywhere, built once: only read it.

    What hangs together in it hangs together at every width. With a single channel that could not be told: a
    depthwise convolution of one channel looks like an ordinary one.
    """
    return _wiring(spec.with_channels((2,) * len(spec.channels)))


@lru_cache(maxsize=64)
def _wiring(spec: NetworkSpec) -> nn.Module:
    with torch.device("meta"):
        return spec.build()


def checked_int(value: object, low: int, high: int, rule: str) -> int:
    """``value`` as a whole number from ``low`` to ``high``; ``rule`` begins the sentence that refuses another."""
    try:
        number = index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or not low <= number <= high:
        raise ExplorerError(f"{rule}, not {value!r}.")
    return number


def checked_classes(value: object) -> int:
    """``value`` as a number of classes."""
    return checked_int(value, 2, MAX_CLASSES, f"There must be between 2 and {MAX_CLASSES} classes")
