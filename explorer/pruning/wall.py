"""The wall: what a network says to photographs of every class as it is pruned further and further, and when recovered.

A sweep that keeps the answers in place of the time: for each method, ratio and recovery what every photograph on the
wall is called, how many images of each class are called what, and what is left of the weights.
"""

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from explorer.data import ImageSet
from explorer.measure import Accuracy, logits
from explorer.networks import maskable_weights
from explorer.pruning.methods import METHODS, get_method
from explorer.pruning.plan import Recovery, SweepPlan, SweepSettings
from explorer.pruning.states import networks_of
from explorer.pruning.sweep import SWEEP
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.progress import Update

KIND = "wall"
PHOTOGRAPHS = 60
BINS = 40
WITHIN = 0.995  # of all weights, so that a few large ones do not make the histogram narrow
STEP = 0.05
RATIOS = tuple(round(STEP * number, 2) for number in range(20))
RECALIBRATE, REFIT = 1, 128  # batches of BatchNorm recalibration, images to re-fit on

Weights = npt.NDArray[np.float32]


WallKey = tuple[str, float, Recovery]
"""A method by its key, a ratio, and what was done after the pruning; the wall has one seed."""


@dataclass(frozen=True)
class WallState:
    """A network's answers at one method, ratio and recovery.

    Attributes:
        method: how it was pruned, by key.
        ratio: the share that was asked for.
        recovery: what was done to it after the pruning.
        confusion: how many images of a class (rows) are called what (columns).
        shown: what each photograph on the wall is called, by number of the class.
        weights: how many weights that are not zero lie in each of ``BINS`` bins from -reach to reach; what lies
            beyond counts in the outer ones.
        reach: of the histogram, the same for all states of a network.
        threshold: the magnitude below which every weight was masked and above which none; None where there is none.
    """

    method: str
    ratio: float
    recovery: Recovery
    confusion: tuple[tuple[int, ...], ...]
    shown: tuple[int, ...]
    weights: tuple[int, ...]
    reach: float
    threshold: float | None = None

    @property
    def state(self) -> WallKey:
        """Which state it is: method, ratio and recovery."""
        return self.method, self.ratio, self.recovery

    @cached_property
    def right(self) -> tuple[int, ...]:
        """How many images of each class are called what they are."""
        return tuple(row[number] for number, row in enumerate(self.confusion))

    @cached_property
    def images(self) -> tuple[int, ...]:
        """How many images of each class there are."""
        return tuple(map(sum, self.confusion))

    @property
    def accuracy(self) -> Accuracy:
        """The right answers to all images."""
        return Accuracy(sum(self.right), sum(self.images))

    @property
    def guesses(self) -> bool:
        """Whether it cannot be told from guessing: as many right as by chance, within the 95% interval, or fewer."""
        return self.accuracy.interval()[0] <= 1 / len(self.confusion)

    def to_dict(self) -> dict[str, Any]:
        """As it is stored: rows of numbers as text, which takes a fifth of the lines."""
        return asdict(self) | {
            "confusion": "; ".join(map(_text, self.confusion)),
            "shown": _text(self.shown),
            "weights": _text(self.weights),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "WallState":
        """From what ``to_dict`` gives."""
        rows = values["confusion"].split("; ")
        return cls(
            **{
                **values,
                "confusion": tuple(map(_numbers, rows)),
                "shown": _numbers(values["shown"]),
                "weights": _numbers(values["weights"]),
            }
        )


def _text(numbers: Sequence[int]) -> str:
    return " ".join(map(str, numbers))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))


def photographs(images: ImageSet) -> npt.NDArray[np.int64]:
    """Positions of the photographs on the wall, class by class: of each the first ones, as many as of the others."""
    classes = range(min(len(images.classes), PHOTOGRAPHS))
    each = max(1, PHOTOGRAPHS // len(classes))
    return np.concatenate([np.flatnonzero(images.labels == number)[:each] for number in classes])


def wall(
    model: nn.Module,
    images: ImageSet,
    plan: SweepPlan,
    shard: ImageSet | None = None,
    skip: Collection[WallKey] = (),
) -> Iterator[WallState | Update]:
    """The answers of every network of a plan; updates while one is recovered.

    Args:
        model: in eval mode, on the CPU; only read.
        images: what is counted; the photographs on the wall are among them.
        plan: methods, ratios and recoveries.
        shard: training images; the recoveries and some methods need them.
        skip: states that are not counted again.

    Raises:
        ExplorerError: the plan needs training images and there are none.
    """
    inputs, positions, count = images.batches(), photographs(images), len(images.classes)
    dense = _weights(model)
    reach = float(np.quantile(np.abs(dense), WITHIN)) or 1.0
    for step in networks_of(model, plan, shard, {(*key, plan.seed) for key in skip}):
        if isinstance(step, Update):
            yield step
            continue
        method, recovery, pruned = step.method, step.recovery, step.pruned
        answers = logits(pruned.fast, inputs).argmax(1).numpy()
        confusion = np.bincount(count * images.labels + answers, minlength=count**2).reshape(count, count)
        left = _weights(pruned.plain())
        yield WallState(
            method,
            pruned.ratio,
            recovery,
            tuple(tuple(row) for row in confusion.tolist()),
            tuple(answers[positions].tolist()),
            tuple(np.histogram(np.clip(left[left != 0], -reach, reach), BINS, (-reach, reach))[0].tolist()),
            reach,
            # A re-fitted weight is another one: its magnitude says nothing of why it stayed.
            _threshold(dense, left)
            if get_method(method).kind == "mask" and recovery != "re-fitted"
            else None,
        )


def _weights(model: nn.Module) -> Weights:
    """The weights of all convolutions and linear layers in one row."""
    rows = [weight.detach().flatten() for weight in maskable_weights(model).values()]
    return torch.cat(rows).float().numpy()


def _threshold(dense: Weights, left: Weights) -> float | None:
    """What every masked weight is at most and every other one at least, in magnitude; None without such a line."""
    gone = (left == 0) & (dense != 0)
    if not gone.any():
        return None
    magnitude = np.abs(dense)
    lowest = float(magnitude[left != 0].min(initial=np.inf))
    return lowest if float(magnitude[gone].max()) <= lowest < np.inf else None


def wall_settings(
    methods: tuple[str, ...],
    images: int,
    training: str,
    *,
    ratios: tuple[float, ...] = RATIOS,
    refit: bool = True,
) -> SweepSettings:
    """The plan of a wall, always with the same recoveries, so that walls made at different times go together.

    Args:
        methods: by key.
        images: how many are counted.
        training: key of the training images, which the recoveries take.
        ratios: how much is pruned.
        refit: whether networks are re-fitted too, which takes minutes for each of a large network.
    """
    return SweepSettings(
        methods,
        ratios,
        repeats=0,
        recalibrate=RECALIBRATE,
        refit=REFIT if refit else 0,
        images=images,
        training=training,
    )


def settings_of_states(states: Sequence[WallState], images: int, written: Mapping[str, Any]) -> SweepSettings:
    """The settings with which stored states were made: what they tell, and what was written beside them."""
    return SweepSettings(
        **written,
        methods=tuple(key for key in METHODS if any(each.method == key for each in states)),
        ratios=tuple(sorted({each.ratio for each in states})),
        images=images,
    )


class Wall(Instrument[SweepSettings, WallState]):
    """The wall as an instrument: a state for each network of a sweep that is not timed."""

    key = KIND
    title = "the wall"
    unit = "networks"
    resumes = True

    def steps(self, spec: InstrumentSpec[SweepSettings]) -> int:
        """A state for each method, ratio and recovery."""
        return spec.settings.steps

    def work(self, spec: InstrumentSpec[SweepSettings]) -> float:
        """That of the same sweep."""
        return SWEEP.work(spec)

    def run(
        self, spec: InstrumentSpec[SweepSettings], done: Sequence[WallState] = ()
    ) -> Generator[Update | WallState, None, None]:
        """The states that are not there yet."""
        settings = spec.settings
        images = (yield from spec.data.read(spec.use)).stratified(settings.images)
        shard = (yield from spec.data.read("training")) if settings.needs_training else None
        yield from wall(spec.network.load(), images, settings, shard, {part.state for part in done})

    def describe(self, part: WallState) -> str:
        """What this network still gets right."""
        return f"{get_method(part.method).title} at {part.ratio:.0%}: {part.accuracy.value:.1%} right"


WALL = Wall()
