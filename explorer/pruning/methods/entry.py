"""What a pruning method is: one entry that every page, chart, command, report and export reads."""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, ModuleType
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn

from explorer import palette
from explorer.errors import ExplorerError
from explorer.networks import ChannelGroup

Kind = Literal["mask", "removal"]
KINDS: tuple[Kind, ...] = get_args(Kind)

MaskScore = Callable[[Mapping[str, Tensor], int], Mapping[str, Tensor]]
"""All maskable weights by module name, and a seed -> a score per weight, shaped as the weights are."""


@dataclass(frozen=True, eq=False)
class Basis:
    """What the channels of one network are ranked by.

    Attributes:
        model: the network, in eval mode; only read.
        generator: where random numbers come from; one for all groups, so no two groups draw the same.
        gradients: of the loss on training images, by name of the parameter; empty unless the method asks for images.
    """

    model: nn.Module
    generator: torch.Generator = field(default_factory=torch.Generator)
    gradients: Mapping[str, Tensor] = field(default_factory=dict)


RemovalScore = Callable[[Basis, ChannelGroup], Tensor]
"""What a network is ranked by, and one of its channel groups -> a score per channel (C,)."""


@dataclass(frozen=True)
class PruningMethod:
    """One way to prune. Whatever has the higher score stays longer.

    Attributes:
        key: its name in addresses, files and commands: small letters, digits, hyphens.
        title: its name for people.
        kind: "mask" sets single weights to zero, "removal" cuts whole channels out.
        score: a ``MaskScore`` or a ``RemovalScore``, as the kind is.
        color: of its curves, one of ``palette.METHOD_SLOTS`` that no other method has.
        sentence: what it does, in one sentence that starts with a capital letter and ends with a stop.
        order: lower comes first in lists, and speaks first in a headline.
        layerwise: whether a mask's scores are ranked within each layer instead of over the whole network.
        layers: the kinds of layers whose weights a mask may set to zero, "convolution" and "linear" or one of them.
        baseline: whether it is the random one of its kind, which any ranking has to beat.
        seeded: whether random numbers play a part, so that another seed gives another network.
        images: how many training images it looks at, the first so many; 0 for none.

    Raises:
        ExplorerError: the entry is not complete.
    """

    key: str
    title: str
    kind: Kind
    score: MaskScore | RemovalScore
    color: str
    sentence: str
    order: int = 10
    layerwise: bool = False
    layers: tuple[str, ...] = ("convolution", "linear")
    baseline: bool = False
    seeded: bool = False
    images: int = 0

    def __post_init__(self) -> None:
        name = f"The pruning method {self.key!r}"
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.key):
            raise ExplorerError(f"{name} needs a key of small letters, digits and hyphens.")
        if not self.title.strip():
            raise ExplorerError(f"{name} needs a title.")
        if self.kind not in KINDS:
            raise ExplorerError(f"{name} is of the kind {self.kind!r}; there are {', '.join(KINDS)}.")
        if not callable(self.score):
            raise ExplorerError(f"{name} needs a function as its score.")
        if self.color not in palette.METHOD_SLOTS:
            raise ExplorerError(f"{name} needs a colour of palette.METHOD_SLOTS, not {self.color!r}.")
        if not re.fullmatch(r"[A-Z].*\.", self.sentence):
            raise ExplorerError(f"{name} needs a sentence: a capital letter first, a stop at the end.")
        if self.layerwise and self.kind != "mask":
            raise ExplorerError(f"{name} cannot be layerwise: channels are ranked within their group anyway.")
        if self.baseline and not self.seeded:
            raise ExplorerError(f"{name} is a baseline, so random numbers play a part: it needs seeded=True.")
        if self.images and self.kind != "removal":
            raise ExplorerError(f"{name} cannot look at images: only channels are ranked by them.")

    @property
    def share(self) -> str:
        """What a ratio of this method is a share of, as in "80% of the weights masked"."""
        what = "of the channels removed"
        if self.kind == "mask":
            parts = "layer" if len(self.layers) > 1 else f"{self.layers[0]} layer"
            what = f"of each {parts}'s weights masked" if self.layerwise else "of the weights masked"
        return f"{what} at random" if self.baseline else what

    @property
    def headline_ratio(self) -> float:
        """The ratio that a headline tells about: where this kind of pruning begins to cost accuracy."""
        return 0.8 if self.kind == "mask" else 0.5

    @property
    def kind_color(self) -> str:
        """The colour of its kind, where pruned stands beside dense and the method does not matter."""
        return palette.MASKED if self.kind == "mask" else palette.REMOVED

    def mask_scores(self, weights: Mapping[str, Tensor], seed: int) -> Mapping[str, Tensor]:
        """A score per weight, by module name.

        Raises:
            ExplorerError: the method removes channels, or its scores do not fit the weights.
        """
        if self.kind != "mask":
            raise ExplorerError(f"The method {self.key!r} removes channels; it has no masks.")
        scores = cast(MaskScore, self.score)(weights, seed)
        shapes, expected = ({name: each.shape for name, each in part.items()} for part in (scores, weights))
        if shapes != expected:
            raise ExplorerError(f"The scores of {self.key!r} are not one for each weight.")
        return scores

    def channel_scores(self, basis: Basis, group: ChannelGroup) -> Tensor:
        """A score per channel of the group, (C,).

        Raises:
            ExplorerError: the method masks weights, it lacks gradients, or its scores do not fit the group.
        """
        if self.kind != "removal":
            raise ExplorerError(f"The method {self.key!r} masks weights; it removes no channels.")
        if self.images and not basis.gradients:
            raise ExplorerError(
                f"The method {self.key!r} ranks by training images: give it the training images."
            )
        scores = cast(RemovalScore, self.score)(basis, group)
        if scores.shape != (group.width,):
            raise ExplorerError(f"The scores of {self.key!r} are not one for each of {group.width} channels.")
        return scores


def discover(package: ModuleType) -> list[PruningMethod]:
    """Every entry that a module of the package holds, so that a new file is all a new method takes.

    Raises:
        ExplorerError: a module holds none, so its method would be missing without a word.
    """
    entries: dict[int, PruningMethod] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        if module.__name__ == __name__:
            continue
        held = [value for value in vars(module).values() if isinstance(value, PruningMethod)]
        if not held:
            raise ExplorerError(f"{module.__name__} holds no pruning method: give it a PruningMethod.")
        # By identity: a module may import another one's entry, but a copied entry has to be told.
        entries.update((id(method), method) for method in held)
    return list(entries.values())


def collect(entries: Iterable[PruningMethod]) -> Mapping[str, PruningMethod]:
    """The entries by key, in the order of lists: masks first, within a kind by ``order``, its baseline last.

    Raises:
        ExplorerError: two share a key, a title, a colour or a sentence, or a kind has not one baseline.
    """
    ordered = sorted(entries, key=lambda each: (KINDS.index(each.kind), each.baseline, each.order, each.key))
    for shared in ("key", "title", "color", "sentence"):
        first: dict[str, PruningMethod] = {}
        for method in ordered:
            value = getattr(method, shared)
            if value in first:
                raise ExplorerError(
                    f"The pruning methods {first[value].key!r} and {method.key!r} have the same {shared}, {value!r}."
                )
            first[value] = method
    for kind in dict.fromkeys(method.kind for method in ordered):
        baselines = [method.key for method in ordered if method.kind == kind and method.baseline]
        if len(baselines) != 1:
            raise ExplorerError(f"The kind {kind!r} needs one baseline, not {len(baselines)}: {baselines}.")
    return MappingProxyType({method.key: method for method in ordered})
