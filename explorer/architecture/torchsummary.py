"""What ``torchsummary.summary`` does to a network, and where its count goes wrong; torchsummary itself is not needed.

The package (1.5.1) runs the network once on two random images, *in the mode it is in*. A network that was just built
or loaded is in train mode, and there every forward pass moves BatchNorm's running mean and variance a tenth of the way
to those of the batch. The images are noise, so the network has forgotten a little of what it knew, without an error
and without a word. ``model.eval()`` before the summary is all it takes.
"""

import copy
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.measure import Accuracy, accuracy, logits
from explorer.networks import cost_of, parameter_count, spec_of
from explorer.work.identity import setting
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.progress import Update

IMAGES_PER_PASS = 2


def summarised(model: nn.Module, side: int, passes: int = 1, seed: int = 0) -> nn.Module:
    """A copy, in eval mode, after so many summaries in train mode; ``model`` is only read.

    Args:
        model: any mode.
        side: of the images, in pixels.
        passes: how often the summary is called; a notebook's cell is run more than once.
        seed: of the noise.
    """
    network = copy.deepcopy(model).train()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _ in range(passes):
            # As torchsummary makes them: uniform from 0 to 1, not normalised as images are.
            network(torch.rand(IMAGES_PER_PASS, 3, side, side, generator=generator))
    return network.eval()


@dataclass(frozen=True)
class SideEffect:
    """Accuracy after so many summaries.

    Attributes:
        passes: summaries in train mode; 0 is the network as it was loaded.
        seed: of the noise.
        correct: right answers.
        total: images.
    """

    passes: int
    seed: int
    correct: int
    total: int

    @property
    def accuracy(self) -> Accuracy:
        """The right answers as an accuracy."""
        return Accuracy(self.correct, self.total)


@dataclass(frozen=True)
class SideEffectSettings:
    """What is tried.

    Attributes:
        images: how many of the images are counted, the first so many.
        passes: how often the summary is called.
        seeds: how often each is tried, with other noise.
    """

    images: int = setting("images", "{:,}".format)
    passes: tuple[int, ...] = setting(
        "summaries", lambda passes: ", ".join(map(str, passes)), default=(1, 2, 5)
    )
    seeds: int = setting("seeds", default=3)

    def __post_init__(self) -> None:
        if not self.passes or min(self.passes) < 1 or self.seeds < 1:
            raise ExplorerError("Try at least one summary, with at least one seed.")


class SummarySideEffect(Instrument[SideEffectSettings, SideEffect]):
    """The network as it is, and after summaries."""

    key = "summary-side-effect"
    title = "what a summary changes"
    unit = "networks"

    def steps(self, spec: InstrumentSpec[SideEffectSettings]) -> int:
        """The network as it is, and one for each number of summaries and seed."""
        return 1 + len(spec.settings.passes) * spec.settings.seeds

    def work(self, spec: InstrumentSpec[SideEffectSettings]) -> float:
        """Every image through each of them."""
        one = cost_of(spec_of(spec.network.load()), spec.data.input_size).mult_adds
        return float(one * spec.settings.images * self.steps(spec))

    def run(
        self, spec: InstrumentSpec[SideEffectSettings], done: Sequence[SideEffect] = ()
    ) -> Generator[Update | SideEffect, None, None]:
        """All of them."""
        del done
        images = (yield from spec.data.read(spec.use)).select(slice(spec.settings.images))
        yield from side_effects(spec.network.load(), images.inputs(), images.targets(), spec.settings)

    def describe(self, part: SideEffect) -> str:
        """What is left."""
        return f"after {part.passes} summaries: {part.accuracy.value:.1%} right"


SIDE_EFFECT = SummarySideEffect()


def side_effects(
    model: nn.Module, inputs: Tensor, targets: Tensor, settings: SideEffectSettings
) -> Iterator[SideEffect]:
    """The accuracy of a network before and after summaries.

    Args:
        model: in eval mode; it is only read.
        inputs: images (N, 3, H, W).
        targets: labels (N,).
        settings: how many summaries, with how many seeds.
    """
    before = accuracy(logits(model, inputs), targets)
    yield SideEffect(0, 0, before.correct, before.total)
    for passes in settings.passes:
        for seed in range(settings.seeds):
            after = accuracy(logits(summarised(model, inputs.shape[-1], passes, seed), inputs), targets)
            yield SideEffect(passes, seed, after.correct, after.total)


def describe_side_effect(rows: Sequence[SideEffect]) -> str:
    """What the summaries did, in sentences; empty where nothing was tried."""
    before = next((row for row in rows if row.passes == 0), None)
    tried = [row for row in rows if row.passes]
    if before is None or not tried:
        return ""
    least = min(row.passes for row in tried)
    first = [row.accuracy.value for row in tried if row.passes == least]
    often = "once" if least == 1 else f"{least} times"
    said = (
        f"As loaded the network gets {before.accuracy.value:.2%} right; after torchsummary ran it {often} in train "
        f"mode {_span(first)}"
    )
    most = max(row.passes for row in tried)
    if most > least:
        said += f", after {most} times {_span([row.accuracy.value for row in tried if row.passes == most])}"
    return f"{said}."


def _span(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.2%}" if f"{low:.2%}" == f"{high:.2%}" else f"{low:.2%} to {high:.2%}"


# --- Where its count goes wrong ---------------------------------------------------------------------------


def counted_by_torchsummary(model: nn.Module, images: Tensor) -> int:
    """The total that torchsummary (1.5.1) prints: ``weight`` and ``bias`` of every module, each time it is called.

    Args:
        model: it is run once, in eval mode and on a copy, so that nothing of it moves.
        images: a batch, (N, 3, H, W).
    """
    network = copy.deepcopy(model).eval()
    total = 0

    def count(module: nn.Module, args: Any, output: Any) -> None:
        nonlocal total
        total += sum(
            value.numel()
            for value in (getattr(module, "weight", None), getattr(module, "bias", None))
            if isinstance(value, Tensor)
        )

    def watch(module: nn.Module) -> None:
        # A container is not counted, nor the network itself: what it holds directly is overlooked.
        if not isinstance(module, nn.Sequential | nn.ModuleList) and module is not network:
            module.register_forward_hook(count)

    network.apply(watch)
    with torch.no_grad():
        network(images)
    return total


class SharedLayer(nn.Module):
    """A layer that is called twice: its parameters are counted twice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Twice the same layer."""
        again: Tensor = self.layer(self.layer(x))
        return again


class BareParameter(nn.Module):
    """A parameter that the network itself holds: it is not counted."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, padding=1)
        self.scale = nn.Parameter(torch.ones(3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """A layer, scaled by channel."""
        scaled: Tensor = self.layer(x) * self.scale
        return scaled


class UncalledLayer(nn.Module):
    """A layer that this forward pass does not call, as a head for training alone: it is not counted."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, padding=1)
        self.helper = nn.Conv2d(3, 10, 1)

    def forward(self, x: Tensor) -> Tensor:
        """One of the two layers."""
        out: Tensor = self.layer(x)
        return out


class OtherNames(nn.Module):
    """Parameters that are not called ``weight`` or ``bias``, as those of a recurrent layer: they are not counted."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, padding=1)
        self.recurrent = nn.GRU(3, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """Pixel after pixel."""
        out: Tensor = self.recurrent(self.layer(x).flatten(2).transpose(1, 2))[0]
        return out


MISCOUNTED: tuple[type[nn.Module], ...] = (SharedLayer, BareParameter, UncalledLayer, OtherNames)
"""Four small networks, one for each way in which the count goes wrong; their docstrings say which."""


def miscounts() -> pd.DataFrame:
    """What torchsummary counts of these networks, and what they have: columns network, why, torchsummary, parameters.

    >>> miscounts()[["network", "torchsummary", "parameters"]].to_string(index=False).splitlines()[1].split()
    ['SharedLayer', '168', '84']
    """
    images = torch.zeros(2, 3, 8, 8)
    rows = []
    for kind in MISCOUNTED:
        network = kind()
        rows.append(
            {
                "network": kind.__name__,
                "why": str(kind.__doc__),
                "torchsummary": counted_by_torchsummary(network, images),
                "parameters": parameter_count(network),
            }
        )
    return pd.DataFrame(rows)
