"""Distil it now: one network trained twice side by side, with labels alone and with the teacher."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn

from explorer.data import ImageSet
from explorer.distillation.loss import Distilled, check_alpha, check_temperature
from explorer.errors import ExplorerError
from explorer.networks import StudentNet, StudentSpec
from explorer.training import Loss, Recipe, labels_alone, train

WAYS = ("labels alone", "distilled")


@dataclass(frozen=True)
class Race:
    """What is trained and for how long.

    Attributes:
        spec: the network; both copies start from the same weights.
        alpha: weight of the soft term for the distilled copy.
        temperature: T for the distilled copy.
        reverse: whether its KL is KL(student || teacher).
        epochs: length of the one-cycle schedule.
        seconds: the longest it may take; past it the race ends with what is there.
        seed: of weights, order and views.
    """

    spec: StudentSpec
    alpha: float = 0.9
    temperature: float = 4.0
    reverse: bool = False
    epochs: int = 8
    seconds: float = 120.0
    seed: int = 1

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        check_temperature(self.temperature)
        if self.seconds <= 0:
            raise ExplorerError("The race needs some time: more than 0 seconds.")

    @property
    def recipe(self) -> Recipe:
        """The schedule of both copies."""
        return Recipe(self.epochs, batch_size=64, max_lr=0.2, weight_decay=2e-4, seed=self.seed)


@dataclass(frozen=True)
class Lap:
    """Where one copy stands after a step; ``validation_accuracy`` on the last step of an epoch.

    ``done`` is the share of the whole race, 0 to 1.
    """

    way: str
    epoch: int
    done: float
    loss: float
    seconds: float
    validation_accuracy: float | None


@dataclass(frozen=True)
class Kept:
    """What a race has brought so far: its networks, and a lap for every epoch that has ended."""

    plan: Race
    networks: dict[str, nn.Module]
    laps: list[Lap]

    @property
    def common(self) -> int:
        """The last epoch that both copies have ended; 0 before there is one."""
        ended = [max((lap.epoch for lap in self.laps if lap.way == way), default=0) for way in WAYS]
        return min(ended)

    def rows(self) -> pd.DataFrame:
        """The curves: columns way, epoch, accuracy, seconds."""
        return pd.DataFrame(
            [
                {
                    "way": lap.way,
                    "epoch": lap.epoch,
                    "accuracy": lap.validation_accuracy,
                    "seconds": lap.seconds,
                }
                for lap in self.laps
            ]
        )


def race(
    plan: Race, images: ImageSet, validation: ImageSet, table: Tensor
) -> tuple[dict[str, nn.Module], Iterator[Lap]]:
    """The two networks, and the laps that train them in turn, epoch by epoch.

    Args:
        plan: what and how long.
        images: the training images.
        validation: what the accuracy is measured on.
        table: the teacher's logits (views, N, C) for the plan's recipe.
    """
    networks: dict[str, nn.Module] = {}
    for way in WAYS:
        torch.manual_seed(plan.seed)
        networks[way] = StudentNet(plan.spec).to(memory_format=torch.channels_last)
    return networks, _laps(plan, networks, images, validation, table)


def _laps(
    plan: Race, networks: dict[str, nn.Module], images: ImageSet, validation: ImageSet, table: Tensor
) -> Iterator[Lap]:
    losses: dict[str, Loss] = {
        "labels alone": labels_alone,
        "distilled": Distilled(plan.alpha, plan.temperature, plan.reverse),
    }
    runs = {
        way: train(network, images, validation, plan.recipe, losses[way], teacher_logits=table)
        for way, network in networks.items()
    }
    started = time.monotonic()
    done = 0
    for _ in range(plan.epochs):
        for way, steps in runs.items():
            for step in steps:
                seconds = time.monotonic() - started
                done += 1
                yield Lap(
                    way, step.epoch, done / (2 * step.steps), step.loss, seconds, step.validation_accuracy
                )
                if seconds > plan.seconds:
                    return
                if step.validation_accuracy is not None:
                    break
