"""What ``torchsummary.summary`` does to a network, and where its count goes wrong; torchsummary itself is not needed.

The package (1.5.1) runs the network once on two random images, *in the mode it is in*. A network that was just built
or loaded is in train mode, and there every forward pass moves BatchNorm's running mean and variance a tenth of the way
to those of the batch. The images are noise, so the network has forgotten a little of what it knew, without an error
and without a word. ``model.eval()`` before the summary is all it takes.
"""

import copy
from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from explorer.data import ImageSet
from explorer.errors import ExplorerError
from explorer.measure import Accuracy, accuracy, logits
from explorer.networks import cost_of, parameter_count, spec_of
from explorer.work.identity import setting
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.progress import Update

IMAGES_PER_PASS = 2
KIND = "summary"
EPSILON = 1e-5  # as BatchNorm adds it to a variance
CALL = """from torchsummary import summary

teacher = resnet18(num_classes=10)
teacher.load_state_dict(torch.load(FILE))
# In train mode: the teacher is now another one.
summary(teacher, (3, 64, 64), device="cpu")"""
"""How it happens."""
MENDED = """teacher.eval()  # nothing moves
summary(teacher, (3, 64, 64), device="cpu")"""
"""How it does not."""


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
        moved: how far the running means of BatchNorm are from where they were, in standard deviations as the network
            had them, on average over all channels.
        variance: what BatchNorm's running variances are of what they were, the median of all channels.
    """

    passes: int
    seed: int
    correct: int
    total: int
    moved: float
    variance: float

    @property
    def accuracy(self) -> Accuracy:
        """The right answers as an accuracy."""
        return Accuracy(self.correct, self.total)


@dataclass(frozen=True)
class SideEffectSettings:
    """What is tried.

    Attributes:
        images: how many of the images are counted, each class by its share.
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


def settings_of(rows: Sequence[SideEffect]) -> SideEffectSettings:
    """The settings with which rows were measured."""
    passes = tuple(sorted({row.passes for row in rows if row.passes}))
    return SideEffectSettings(rows[0].total, passes, 1 + max(row.seed for row in rows))


class SummarySideEffect(Instrument[SideEffectSettings, SideEffect]):
    """The network as it is, and after summaries."""

    key = KIND
    title = "what a summary changes"
    unit = "copies"
    resumes = True

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
        """Those that are not there yet."""
        images = (yield from spec.data.read(spec.use)).stratified(spec.settings.images)
        skip = {(row.passes, row.seed) for row in done}
        yield from side_effects(spec.network.load(), images, spec.settings, skip)

    def describe(self, part: SideEffect) -> str:
        """What is left."""
        return f"{often(part.passes)}: {part.accuracy.value:.1%} right"


SIDE_EFFECT = SummarySideEffect()


def side_effects(
    model: nn.Module, images: ImageSet, settings: SideEffectSettings, skip: Collection[tuple[int, int]] = ()
) -> Iterator[SideEffect]:
    """The accuracy of a network before and after summaries.

    Args:
        model: in eval mode; it is only read.
        images: what is counted.
        settings: how many summaries, with how many seeds.
        skip: summaries and seed of what is not counted again.
    """
    inputs, targets = images.batches(), images.targets()
    for passes, seed in ((0, 0), *product(settings.passes, range(settings.seeds))):
        if (passes, seed) not in skip:
            network = summarised(model, images.input_size, passes, seed)
            counted = accuracy(logits(network, inputs), targets)
            yield SideEffect(passes, seed, counted.correct, counted.total, *_moved(model, network))


def _moved(before: nn.Module, after: nn.Module) -> tuple[float, float]:
    """How far BatchNorm's statistics are from where they were, see ``SideEffect.moved`` and ``variance``."""
    old, new = dict(before.named_buffers()), dict(after.named_buffers())
    shifts, shares = [], []
    for mean in (name for name in old if name.endswith("running_mean")):
        variance = f"{mean.removesuffix('mean')}var"
        shifts.append((new[mean] - old[mean]).abs() / (old[variance] + EPSILON).sqrt())
        shares.append((new[variance] + EPSILON) / (old[variance] + EPSILON))
    return (float(torch.cat(shifts).mean()), float(torch.cat(shares).median())) if shifts else (0.0, 1.0)


def often(passes: int) -> str:
    """How often a summary was called, in words.

    >>> often(0), often(1), often(5)
    ('as loaded', 'after one summary', 'after 5 summaries')
    """
    if passes == 0:
        return "as loaded"
    return "after one summary" if passes == 1 else f"after {passes} summaries"


def side_effect_table(rows: Sequence[SideEffect]) -> pd.DataFrame:
    """The rows for people, one line each: columns summaries, noise, accuracy, right, images, moved, variance."""
    return pd.DataFrame(
        [
            {
                "summaries": row.passes,
                "noise": row.seed,
                "accuracy": row.accuracy.value,
                "right": row.correct,
                "images": row.total,
                "moved": row.moved,
                "variance": row.variance,
            }
            for row in rows
        ]
    )


def describe_side_effect(rows: Sequence[SideEffect]) -> str:
    """What the summaries did, in sentences; empty where nothing was tried."""
    before = next((row for row in rows if row.passes == 0), None)
    tried = [row for row in rows if row.passes]
    if before is None or not tried:
        return ""
    least, most = min(row.passes for row in tried), max(row.passes for row in tried)
    parts = [
        f"{often(passes)} {_span([row.accuracy.value for row in tried if row.passes == passes])}"
        for passes in sorted({least, most})
    ]
    said = f"As loaded it gets **{before.accuracy.value:.2%}** right, {', '.join(parts)}."
    worst = min(tried, key=lambda row: row.correct)
    lost = before.correct - worst.correct
    if lost <= 0:
        return f"{said} Here that costs nothing: no copy gets fewer right."
    return f"{said} At worst that is {lost:,} fewer of {before.total:,} images, for having looked at a table."


def why(rows: Sequence[SideEffect]) -> str:
    """Why the accuracy is another one, with how far BatchNorm moved; empty where it did not."""
    tried = [row for row in rows if row.passes and row.moved]
    if not tried:
        return ""
    least, most = min(row.passes for row in tried), max(row.passes for row in tried)
    moved = [
        f"{often(passes)} the means are {_mean([row.moved for row in some])} standard deviations away and the "
        f"variances {_mean([row.variance for row in some])} times what they were"
        for passes in sorted({least, most})
        if (some := [row for row in tried if row.passes == passes])
    ]
    return (
        "In train mode each forward pass moves BatchNorm's running means and variances part of the way (a tenth, by "
        f"default) to those of the batch, and this batch is noise: {'; '.join(moved)} (mean and median of all "
        "channels). Each BatchNorm then scales a little otherwise, and the next layer is fed what comes of that. No "
        "weight has changed."
    )


def _mean(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.2f}"


def _span(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"**{low:.2%}**" if f"{low:.2%}" == f"{high:.2%}" else f"**{low:.2%} to {high:.2%}**"


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
    """Parameters with names other than weight and bias, as those of a recurrent layer: they are not counted."""

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
