"""What a sweep is asked to measure: which networks, where, how precisely, with which recovery."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from explorer.errors import ExplorerError
from explorer.pruning.engine import Precision, Setting
from explorer.pruning.masks import check_ratio
from explorer.pruning.methods import get_method
from explorer.work.identity import percentages, setting

MAX_RECALIBRATE, MAX_FINETUNE, MAX_REFIT, MAX_SEEDS = 5, 500, 512, 30
SEEDS = 10
"""Of a method with chance in it, where nothing else is asked for: one seed may be a lucky one."""

Recovery = Literal["none", "re-fitted", "recalibrated", "fine-tuned"]
State = tuple[str, float, Recovery, int]
"""A method by its key, a ratio, what was done after the pruning, and the seed."""


def _titles(methods: tuple[str, ...]) -> str:
    return ", ".join(get_method(method).title for method in methods)


@dataclass(frozen=True)
class SweepPlan:
    """What a sweep measures, on whatever images.

    Attributes:
        methods: how to prune, by key.
        ratios: shares of weights (masks) or of each group's channels (removal), 0 to below 1.
        device: where the network runs.
        repeats: timed forward passes per network; 0 for no clock at all.
        seed: the first one of the random methods.
        seeds: with so many seeds the methods with chance in them are measured, this one and those after it; the
            further ones as pruned, without a recovery and without the clock.
        precision: of weights and images in the passes that are counted and timed.
        recalibrate: batches of 100 training images that BatchNorm is recalibrated on, 0 to 5.
        finetune: SGD steps of a short fine-tuning, 0 to 500; it goes on from what was recalibrated.
        refit: training images on which the surviving weights are fitted anew, 0 to 512.
    """

    methods: tuple[str, ...] = setting("methods", _titles, default=("global-l1", "random", "channels-l1"))
    ratios: tuple[float, ...] = setting("ratios", percentages, default=(0.0, 0.2, 0.4, 0.6, 0.8, 0.9))
    device: str = setting("device", default="cpu")
    repeats: int = setting("timed passes", default=15)
    seed: int = setting("seed", default=0)
    precision: Precision = setting("precision", default="float32")
    recalibrate: int = setting("recalibration", "{} batches".format, default=0)
    finetune: int = setting("fine-tuning", "{} steps".format, default=0)
    refit: int = setting("re-fitting", "{} images".format, default=0)
    seeds: int = setting("seeds at random", default=1)

    def __post_init__(self) -> None:
        for method in self.methods:
            get_method(method)  # refuses an unknown one
        for ratio in self.ratios:
            check_ratio(ratio)
        if not self.methods or not self.ratios:
            raise ExplorerError("A sweep needs at least one method and one ratio.")
        _ = self.setting  # refuses what is not here
        if self.repeats < 0:
            raise ExplorerError("A network is timed 0 times or more.")
        if not 0 <= self.recalibrate <= MAX_RECALIBRATE:
            raise ExplorerError(f"BatchNorm is recalibrated on 0 to {MAX_RECALIBRATE} batches.")
        if not 0 <= self.finetune <= MAX_FINETUNE:
            raise ExplorerError(f"The fine-tuning is short: 0 to {MAX_FINETUNE} steps.")
        if not 0 <= self.refit <= MAX_REFIT:
            raise ExplorerError(f"Weights are re-fitted on 0 to {MAX_REFIT} images.")
        if not 1 <= self.seeds <= MAX_SEEDS:
            raise ExplorerError(f"A method with chance in it is measured with 1 to {MAX_SEEDS} seeds.")

    @property
    def setting(self) -> Setting:
        """Device and precision."""
        return Setting(self.device, self.precision)

    @property
    def recoveries(self) -> tuple[Recovery, ...]:
        """The states in which each pruned network is measured, in order.

        >>> SweepPlan(recalibrate=1, finetune=50).recoveries
        ('none', 'recalibrated', 'fine-tuned')
        """
        switched: tuple[tuple[Recovery, int], ...] = (
            ("re-fitted", self.refit),
            ("recalibrated", self.recalibrate),
            ("fine-tuned", self.finetune),
        )
        return ("none", *(name for name, amount in switched if amount))

    @property
    def needs_training(self) -> bool:
        """Whether training images are needed: by a recovery, or by a method that looks at some."""
        return len(self.recoveries) > 1 or any(get_method(method).images for method in self.methods)

    @property
    def states(self) -> tuple[State, ...]:
        """The networks that are measured, one after the other: a row for each.

        >>> SweepPlan(("global-l1", "random"), (0.0, 0.5), seeds=2).states[2:]
        (('random', 0.0, 'none', 0), ('random', 0.5, 'none', 0), ('random', 0.5, 'none', 1))
        """
        return tuple(self._states())

    def _states(self) -> Iterator[State]:
        for method in self.methods:
            for ratio in self.ratios:
                yield from ((method, ratio, recovery, self.seed) for recovery in self.recoveries)
            further = range(1, self.seeds) if get_method(method).seeded else ()
            for seed in further:
                # At ratio 0 nothing is pruned, so every seed gives the dense network.
                yield from ((method, ratio, "none", self.seed + seed) for ratio in self.ratios if ratio)

    @property
    def steps(self) -> int:
        """How many networks are measured: the rows of the sweep."""
        return len(self.states)


@dataclass(frozen=True)
class SweepSettings(SweepPlan):
    """A plan together with the images it is measured on: everything that the figures depend on but the network.

    Attributes:
        images: how many of the images are counted, each class by its share.
        training: key of the training images that recoveries and some methods take; empty if none does.
    """

    images: int = setting("images", "{:,}".format, default=500)
    training: str = setting(
        "training images", lambda key: f"those of key {key[:6]}" if key else "none", default=""
    )
