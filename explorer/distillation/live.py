"""Distil it now: one network trained twice side by side, with labels alone and with the teacher."""

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from explorer.checkpoints import stored
from explorer.data import DataSet, ImageSet
from explorer.distillation.loss import DistillationLoss, check_alpha, check_temperature
from explorer.errors import ExplorerError
from explorer.measure import LEVEL, accuracy, eval_mode, logits, paired, spared_core
from explorer.networks import NetworkSpec, cost_of, describe
from explorer.training import Loss, Progress, Recipe, labels_alone, train
from explorer.work.identity import Identity, setting
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.progress import Update
from explorer.workspace import NetworkSource, Workspace

Way = Literal["labels alone", "distilled"]
WAYS: tuple[Way, ...] = ("labels alone", "distilled")


_SCORES = "logits"


def _kl_direction(reverse: bool) -> str:
    return "KL(student || teacher)" if reverse else "KL(teacher || student)"


@dataclass(frozen=True)
class TrainingPairSettings:
    """What is trained twice, how, and for how long.

    Attributes:
        student: the network; both copies start from the same weights.
        alpha: weight of the soft term for the distilled copy.
        temperature: T for the distilled copy.
        reverse: whether its KL is KL(student || teacher).
        epochs: length of the one-cycle schedule.
        seconds: the longest it may take; past it the training ends with what is there.
        validation: key of the images that the accuracies are counted on.
        seed: of weights, order and views.
        left_out: the label of a class whose images neither copy is shown; None to show all.
    """

    student: NetworkSpec = setting("network", describe)
    alpha: float = setting("weight of the soft term", "{:g}".format, default=0.9)
    temperature: float = setting("T", "{:g}".format, default=4.0)
    reverse: bool = setting("direction", _kl_direction, default=False)
    epochs: int = setting("epochs", default=8)
    seconds: float = setting("seconds at most", "{:g}".format, default=120.0)
    validation: str = setting("validation images", default="")
    seed: int = setting("seed", default=1)
    left_out: int | None = setting("class left out", default=None)

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
    """What one copy has reached at the end of an epoch.

    Attributes:
        way: which copy.
        epoch: the epoch that has ended, from 1.
        loss: of its last batch, in nats.
        seconds: since the training began.
        validation_accuracy: 0 to 1.
        weights: the copy as it then was, as the bytes of a safetensors file; empty once a later one is there.
        scores: its logits (N, C) on the validation images, likewise.
    """

    way: Way
    epoch: int
    loss: float
    seconds: float
    validation_accuracy: float
    weights: bytes
    scores: bytes

    @property
    def logits(self) -> Tensor:
        """The copy's logits (N, C) on the validation images; only while they are kept."""
        return unpack_logits(self.scores)


def pack_logits(values: Tensor) -> bytes:
    """Logits (N, C) as ``EpochEnd.scores`` holds them."""
    return save({_SCORES: values.contiguous()})


def unpack_logits(scores: bytes) -> Tensor:
    """The logits (N, C) that ``pack_logits`` wrote."""
    return load(scores)[_SCORES]


def train_pair(
    settings: TrainingPairSettings, images: ImageSet, validation: ImageSet, teacher_logits: Tensor
) -> Iterator[Update | EpochEnd]:
    """Train both copies in turn, epoch by epoch, so that a stop leaves two that can be compared.

    Args:
        settings: what and how long.
        images: the training images.
        validation: what the accuracy is counted on.
        teacher_logits: the teacher's (views, N, C) on the training images, for the settings' recipe.

    Raises:
        ExplorerError: too few images are left without the class that is left out.
    """
    if settings.left_out is not None:
        shown = np.flatnonzero(images.labels != settings.left_out)
        images, teacher_logits = images.select(shown), teacher_logits[:, torch.from_numpy(shown)]
    copies: dict[Way, nn.Module] = {}
    for way in WAYS:
        torch.manual_seed(settings.seed)  # again for each copy: the same initial weights
        copies[way] = settings.student.build().to(memory_format=torch.channels_last)
    runs = {
        way: train(copy, images, None, settings.recipe, settings.loss(way), teacher_logits=teacher_logits)
        for way, copy in copies.items()
    }
    started = time.monotonic()
    for _ in range(settings.epochs):
        for way, run in runs.items():
            for step in run:
                seconds, ended = time.monotonic() - started, step.is_epochs_last
                if ended:
                    yield _end_of_epoch(way, step, copies[way], validation, seconds)
                else:
                    said = f"epoch {step.epoch} of {settings.epochs}, {way}, loss {step.loss:.3f}"
                    yield Update(said, step.step, step.steps)
                if seconds > settings.seconds:
                    return
                if ended:
                    break  # the other copy's turn; this one's generator waits where it is


def _end_of_epoch(
    way: Way, step: Progress, copy: nn.Module, validation: ImageSet, seconds: float
) -> EpochEnd:
    with eval_mode(copy):
        scores = logits(copy, validation.batches())
    reached = accuracy(scores, validation.targets()).value
    weights = save(stored(copy, torch.float32))
    return EpochEnd(way, step.epoch, step.loss, seconds, reached, weights, pack_logits(scores))


class PairTraining(Instrument[TrainingPairSettings, EpochEnd]):
    """Distil it now: the network of a spec is the teacher, its images are those that both copies are trained on."""

    key = "training pair"
    title = "both ways of training"
    unit = "epochs"

    def steps(self, spec: InstrumentSpec[TrainingPairSettings]) -> int:
        """Two copies, epoch by epoch."""
        return len(WAYS) * spec.settings.epochs

    def work(self, spec: InstrumentSpec[TrainingPairSettings]) -> float:
        """A backward pass takes about two forward passes; the teacher looks at every view once if it has not yet."""
        workspace, teacher, settings = *_teacher_workspace(spec), spec.settings
        sizes, size = workspace.data.sizes, workspace.data.input_size
        shown = sizes["training"]
        if settings.left_out is not None:
            shown -= shown // len(workspace.data.classes)  # about: classes need not be equally large
        looks = self.steps(spec) * (3 * shown + sizes["validation"])
        amount = float(cost_of(settings.student, size).mult_adds * looks)
        if not workspace.has_view_logits(teacher, settings.recipe):
            looks = len(settings.recipe.views) * sizes["training"]
            amount += cost_of(workspace.cards[teacher].network_spec(), size).mult_adds * looks
        return amount

    def longest(self, spec: InstrumentSpec[TrainingPairSettings]) -> float:
        """It ends by itself after the settings' time."""
        return spec.settings.seconds

    def run(
        self, spec: InstrumentSpec[TrainingPairSettings], done: Sequence[EpochEnd] = ()
    ) -> Generator[Update | EpochEnd, None, None]:
        """Train both copies on the data set's training images, with the teacher's logits of every view."""
        workspace, teacher = _teacher_workspace(spec)
        images = yield from workspace.data.read("training")
        validation = yield from workspace.data.read("validation")
        logits = yield from workspace.view_logits(teacher, images, spec.settings.recipe)
        with spared_core():
            yield from train_pair(spec.settings, images, validation, logits.values)

    def describe(self, part: EpochEnd) -> str:
        """Which copy, and how good it is."""
        return f"{part.way}, validation accuracy {part.validation_accuracy:.1%}"

    def collect(self, parts: Sequence[EpochEnd], part: EpochEnd) -> tuple[EpochEnd, ...]:
        """Only the newest weights of each copy are kept: of a large network, all of them would fill the memory."""
        earlier = (replace(each, weights=b"", scores=b"") if each.way == part.way else each for each in parts)
        return (*earlier, part)


def _teacher_workspace(spec: InstrumentSpec[TrainingPairSettings]) -> tuple[Workspace, str]:
    """The data set with the teacher alone, and the teacher's name in it."""
    workspace = Workspace(cast(DataSet, spec.data), (cast(NetworkSource, spec.network),))
    return workspace, next(iter(workspace.sources))


class TrainingWithoutAClass(PairTraining):
    """The class it never saw: the same, under a name of its own, so that one page may hold both."""

    key = "training without a class"
    title = "both ways of training without a class"

    def identity(self, spec: InstrumentSpec[TrainingPairSettings]) -> Identity:
        """Without another class it is a result of other images."""
        whole = super().identity(spec)
        return replace(whole, images=f"{whole.images} without {spec.settings.left_out}")


PAIR_TRAINING = PairTraining()
TRAINING_WITHOUT = TrainingWithoutAClass()


@dataclass(frozen=True, eq=False)
class TrainedPair:
    """What a training of two copies has brought so far: the end of every epoch, in order."""

    settings: TrainingPairSettings
    ends: Sequence[EpochEnd]

    @property
    def common_epoch(self) -> int:
        """The last epoch that both copies have ended; 0 before there is one."""
        last: dict[Way, int] = dict.fromkeys(WAYS, 0)
        last |= {end.way: end.epoch for end in self.ends}
        return min(last.values())

    def curves(self) -> pd.DataFrame:
        """Validation accuracy by epoch: columns way, epoch, accuracy, seconds."""
        return pd.DataFrame(
            [(end.way, end.epoch, end.validation_accuracy, end.seconds) for end in self.ends],
            columns=["way", "epoch", "accuracy", "seconds"],
        )

    def logits(self) -> dict[Way, Tensor]:
        """The logits (N, C) of each copy that has ended an epoch, on the validation images, at the end of its last."""
        return {end.way: end.logits for end in self.ends if end.scores}

    def tell_apart(self, labels: Tensor) -> str:
        """Whether the two copies can be told apart by their answers to the same images, in a sentence.

        Empty unless both have ended the same epoch last. ``labels`` (N,) are those of the validation images.
        """
        scores = self.logits()
        if len(scores) < len(WAYS) or max(end.epoch for end in self.ends) > self.common_epoch:
            return ""
        both = paired(scores[WAYS[0]], scores[WAYS[1]], labels)
        said = "can" if both.chance < LEVEL else "cannot"
        return (
            f"Of the same {both.total:,} images {both.first:,} are right with {WAYS[0]} only and {both.second:,} "
            f"{WAYS[1]} only: by McNemar's test the two {said} be told apart (p = {both.chance:.2g})."
        )

    def networks(self) -> dict[Way, nn.Module]:
        """Each copy that has ended an epoch, as it was at the end of its last, in eval mode."""
        newest = {end.way: end.weights for end in self.ends if end.weights}
        networks: dict[Way, nn.Module] = {}
        for way, weights in newest.items():
            networks[way] = self.settings.student.build()
            networks[way].load_state_dict(load(weights))
            networks[way].eval()
        return networks
