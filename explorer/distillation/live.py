"""Distil it now: one network trained twice side by side, with labels alone and with the teacher."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from explorer.data import ImageSet
from explorer.distillation.loss import DistillationLoss, check_alpha, check_temperature
from explorer.errors import ExplorerError
from explorer.networks import StudentSpec
from explorer.training import Loss, Recipe, labels_alone, train

Way = Literal["labels alone", "distilled"]
WAYS: tuple[Way, ...] = ("labels alone", "distilled")


@dataclass(frozen=True)
class TrainingPairSpec:
    """What is trained twice and for how long; plain values, so that another process can run it.

    Attributes:
        student: the network; both copies start from the same weights.
        alpha: weight of the soft term for the distilled copy.
        temperature: T for the distilled copy.
        reverse: whether its KL is KL(student || teacher).
        epochs: length of the one-cycle schedule.
        seconds: the longest it may take; past it the training ends with what is there.
        seed: of weights, order and views.
    """

    student: StudentSpec
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
            raise ExplorerError("The training needs some time: more than 0 seconds.")

    @property
    def recipe(self) -> Recipe:
        """The schedule of both copies."""
        return Recipe(self.epochs, batch_size=64, max_lr=0.2, weight_decay=2e-4, seed=self.seed)

    def loss(self, way: Way) -> Loss:
        """What a copy is trained with."""
        if way == "labels alone":
            return labels_alone
        return DistillationLoss(self.alpha, self.temperature, self.reverse)


@dataclass(frozen=True)
class EpochEnd:
    """What a copy has reached at the end of an epoch: enough to go on with when the training is stopped.

    Attributes:
        validation_accuracy: 0 to 1.
        weights: its state_dict, as the bytes of a safetensors file.
    """

    validation_accuracy: float
    weights: bytes


@dataclass(frozen=True)
class PairStep:
    """Where one copy stands after a step.

    Attributes:
        way: which copy.
        epoch: the epoch the step belongs to, from 1.
        done: share of the whole training, 0 to 1.
        loss: of the step's batch, in nats.
        seconds: since the training began.
        end: on the last step of an epoch, what the copy has reached.
    """

    way: Way
    epoch: int
    done: float
    loss: float
    seconds: float
    end: EpochEnd | None = None


def train_pair(
    spec: TrainingPairSpec, images: ImageSet, validation: ImageSet, teacher_logits: Tensor
) -> Iterator[PairStep]:
    """Train both copies in turn, epoch by epoch, so that a stop leaves two that can be compared.

    Args:
        spec: what and how long.
        images: the training images.
        validation: what the accuracy is measured on.
        teacher_logits: the teacher's (views, N, C) on the training images, for the spec's recipe.
    """
    copies: dict[Way, nn.Module] = {}
    for way in WAYS:
        torch.manual_seed(spec.seed)  # again for each copy: the same initial weights
        copies[way] = spec.student.build().to(memory_format=torch.channels_last)
    runs = {
        way: train(copy, images, validation, spec.recipe, spec.loss(way), teacher_logits=teacher_logits)
        for way, copy in copies.items()
    }
    started, done = time.monotonic(), 0
    for _ in range(spec.epochs):
        for way, run in runs.items():
            for progress in run:
                seconds = time.monotonic() - started
                done += 1
                end = None
                if progress.validation_accuracy is not None:
                    end = EpochEnd(progress.validation_accuracy, state_bytes(copies[way]))
                yield PairStep(way, progress.epoch, done / (2 * progress.steps), progress.loss, seconds, end)
                if seconds > spec.seconds:
                    return
                if end:
                    break  # the other copy's turn; this one's generator waits where it is


def state_bytes(model: nn.Module) -> bytes:
    """A network's state_dict as the bytes of a safetensors file."""
    return save({key: tensor.contiguous() for key, tensor in model.state_dict().items()})


@dataclass(frozen=True, eq=False)
class TrainedPair:
    """What a training of two copies has brought so far: every step that ended an epoch, in order."""

    spec: TrainingPairSpec
    ends: Sequence[PairStep]

    @property
    def common_epoch(self) -> int:
        """The last epoch that both copies have ended; 0 before there is one."""
        last: dict[Way, int] = dict.fromkeys(WAYS, 0)
        last |= {step.way: step.epoch for step in self.ends}
        return min(last.values())

    def curves(self) -> pd.DataFrame:
        """Validation accuracy by epoch: columns way, epoch, accuracy, seconds."""
        return pd.DataFrame(
            [
                {
                    "way": step.way,
                    "epoch": step.epoch,
                    "accuracy": step.end.validation_accuracy,
                    "seconds": step.seconds,
                }
                for step in self.ends
                if step.end
            ],
            columns=["way", "epoch", "accuracy", "seconds"],
        )

    def networks(self) -> dict[Way, nn.Module]:
        """Each copy that has ended an epoch, as it was at the end of its last, in eval mode."""
        states = {step.way: step.end.weights for step in self.ends if step.end}
        networks: dict[Way, nn.Module] = {}
        for way, state in states.items():
            networks[way] = self.spec.student.build()
            networks[way].load_state_dict(load(state))
            networks[way].eval()
        return networks
