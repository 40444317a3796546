"""The class it never saw: students trained without the images of one class, and the one bias that is raised after it.

A distilled student is told of the class by what its teacher says of the others: how much this shirt could be a
coat. It learns the bias of the class as far too low, since the class was never the answer; raised by hand, that
one number shows what it knows. Source: Hinton, Vinyals, Dean 2015, arXiv 1503.02531, section 3.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from explorer.checkpoints import SHIPPED
from explorer.checkpoints.evidence import LOGITS, find_rows, find_tensor
from explorer.classroom import Question
from explorer.data import DataSet, ImageSet
from explorer.distillation.live import WAYS, EpochEnd, TrainingPairSettings, Way, pack_logits
from explorer.errors import ExplorerError
from explorer.measure import LEVEL, Paired
from explorer.networks import StudentSpec
from explorer.runs import SMALLER

KIND = "unseen"
FOLDER = SHIPPED / "_unseen"
"""A folder of checkpoints of its own: these students are evidence, and no lesson offers them."""
ALPHA, TEMPERATURE, EPOCHS = 1.0, 8.0, 8
SECONDS = 600.0
"""The longest a pair may take; it takes about one minute."""
STEP = 0.1
"""Between two settings of the raise, in nats."""
MOST_STEPS = 400
SHOWN = 40
"""Photographs of the class."""


def settings_for(data: DataSet, left_out: int) -> TrainingPairSettings:
    """How a pair is trained without a class of a data set: the teacher alone teaches the distilled one."""
    return TrainingPairSettings(
        SMALLER["20k"].with_classes(len(data.classes)),
        ALPHA,
        TEMPERATURE,
        epochs=EPOCHS,
        seconds=SECONDS,
        validation=data.key_of("validation"),
        left_out=left_out,
    )


@dataclass(frozen=True)
class StoredEnd:
    """The end of an epoch without its weights and logits, see ``EpochEnd``."""

    way: Way
    epoch: int
    loss: float
    seconds: float
    validation_accuracy: float

    @classmethod
    def of(cls, end: EpochEnd) -> "StoredEnd":
        """What is stored of it."""
        return cls(end.way, end.epoch, end.loss, end.seconds, end.validation_accuracy)


@dataclass(frozen=True)
class UnseenPair:
    """Both copies of a training without one class, as they are stored.

    Attributes:
        settings: how they were trained.
        ends: of the last epoch of each copy.
        weights: the sha256 of each copy's weights, by way.
        where: the day, the machine and the version of torch.
    """

    settings: TrainingPairSettings
    ends: tuple[StoredEnd, ...]
    weights: Mapping[Way, str]
    where: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, accepted again by ``from_dict``."""
        settings = asdict(self.settings) | {"student": self.settings.student.to_dict()}
        return {
            "settings": settings,
            "ends": [list(vars(end).values()) for end in self.ends],
            "weights": dict(self.weights),
            "where": self.where,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "UnseenPair":
        """The pair that ``to_dict`` wrote."""
        settings = values["settings"] | {"student": StudentSpec.from_dict(values["settings"]["student"])}
        ends = tuple(StoredEnd(*end) for end in values["ends"])
        return cls(TrainingPairSettings(**settings), ends, values["weights"], values["where"])


def find_pair(
    settings: TrainingPairSettings, teacher: str, training: str, validation: ImageSet, folder: Path = FOLDER
) -> tuple[tuple[EpochEnd, ...], str] | None:
    """The stored training of exactly these settings, as its instrument brings it, and where; None if there is none.

    Args:
        settings: as ``settings_for`` makes them.
        teacher: sha256 of the teacher's weights.
        training: key of the training images.
        validation: what both copies were judged on.
        folder: of the stored trainings.
    """
    stored = find_rows(KIND, UnseenPair, teacher, training, folder)
    for pair in stored.rows if stored else ():
        if pair.settings == settings:
            scores = {way: find_tensor(LOGITS, sha, validation, folder) for way, sha in pair.weights.items()}
            packed = {way: pack_logits(values) for way, values in scores.items() if values is not None}
            if len(packed) == len(scores):  # else the file of the logits is damaged, which is told elsewhere
                ends = tuple(EpochEnd(**vars(end), weights=b"", scores=packed[end.way]) for end in pair.ends)
                return ends, pair.where
    return None


# --- The one bias ------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Raised:
    """How a network answers when the logit of one class is raised, image by image.

    Raising the bias of the last layer raises the logit of every image by as much, so an image is taken for the
    class as soon as the raise exceeds its margin, and for the same other class until then.

    Attributes:
        margins: (N,) by how much the class's logit lies below the highest other one, in nats.
        others: (N,) the class of that highest other logit.
    """

    margins: Tensor
    others: Tensor

    @classmethod
    def of(cls, logits: Tensor, label: int) -> "Raised":
        """From logits (N, C), for the class of this label."""
        rest = logits.clone()
        rest[:, label] = -math.inf
        highest = rest.max(1)
        return cls(highest.values - logits[:, label], highest.indices)

    def answers(self, label: int, raised_by: float) -> Tensor:
        """The answers (N,) at a raise.

        >>> Raised.of(torch.tensor([[3.0, 1.0], [5.0, 1.0]]), 1).answers(1, 2.5).tolist()
        [1, 0]
        """
        return torch.where(self.margins < raised_by, label, self.others)

    def usual(self, times: int) -> float:
        """The raise at which the class is the answer to so many images: for that, no image's label is needed."""
        ranked = self.margins.sort().values
        return float(ranked[times - 1] + ranked[min(times, len(ranked) - 1)]) / 2


@dataclass(frozen=True, eq=False)
class RaisedStudent:
    """One student at every step of the raise.

    Attributes:
        way: how it was trained.
        usual: the step at which it names the class as often as the class occurs, or nearly so.
        found: by step, how many images of the class it takes for it.
        right: by step, to how many of all images its answer is right.
        taken: by step, how many images of other classes it takes for it.
        instead: by step, what it takes the class's images for: how many for each class.
        margins: of the images that are shown, see ``Raised``.
        others: of the images that are shown, see ``Raised``.
    """

    way: Way
    usual: int
    found: tuple[int, ...]
    right: tuple[int, ...]
    taken: tuple[int, ...]
    instead: tuple[tuple[int, ...], ...]
    margins: tuple[float, ...]
    others: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class RaisedPair:
    """Both students at every step of the raise of one class's bias.

    Attributes:
        label: of the class.
        classes: the class names.
        raises: the steps, in nats.
        members: how many images of the class there are.
        images: how many of all classes.
        shown: positions of the images of the class that are shown, its first ones.
        labels_alone: the student trained with labels alone.
        distilled: the student that was distilled.
        chance: by McNemar's test, how often two equally good students would differ by so much or more in the images of
            the class that they find, each at its ``usual`` step.
    """

    label: int
    classes: tuple[str, ...]
    raises: tuple[float, ...]
    members: int
    images: int
    shown: tuple[int, ...]
    labels_alone: RaisedStudent
    distilled: RaisedStudent
    chance: float

    @property
    def students(self) -> tuple[RaisedStudent, ...]:
        """Both."""
        return self.labels_alone, self.distilled

    @property
    def name(self) -> str:
        """Of the class."""
        return self.classes[self.label]

    def rows(self) -> pd.DataFrame:
        """One row per student and step: columns trained, raise, found, members, right, images, taken."""
        return pd.DataFrame(
            [
                (student.way, by, found, self.members, right, self.images, taken)
                for student in self.students
                for by, found, right, taken in zip(
                    self.raises, student.found, student.right, student.taken, strict=True
                )
            ],
            columns=["trained", "raise", "found", "members", "right", "images", "taken"],
        )


def raise_bias(logits: Mapping[Way, Tensor], images: ImageSet, label: int, shown: int = SHOWN) -> RaisedPair:
    """What two students answer as the bias of one class is raised.

    Args:
        logits: (N, C) of either student on the images.
        images: what they are judged on.
        label: of the class that neither was shown.
        shown: how many images of the class are shown.

    Raises:
        ExplorerError: there are no images of the class, or of no other.
    """
    truth = images.targets()
    members = truth == label
    count = int(members.sum())
    if not 0 < count < len(images):
        raise ExplorerError(
            f"{count:,} of the {len(images):,} {images.noun}s are of {images.classes[label]}: take images of several "
            "classes."
        )
    raised = {way: Raised.of(logits[way], label) for way in WAYS}
    # A quarter beyond the later of the two, so that one sees where too much leads.
    highest = max(4.0, *(each.usual(count) for each in raised.values()))
    steps = min(MOST_STEPS, math.ceil(1.25 * highest / STEP))
    raises = tuple(round(STEP * step, 6) for step in range(steps + 1))
    first = torch.nonzero(members).flatten()[:shown]
    labels_alone, distilled = (_at_every_step(way, raised[way], truth, label, raises, first) for way in WAYS)
    hits = [
        raised[student.way].answers(label, raises[student.usual])[members] == label
        for student in (labels_alone, distilled)
    ]
    paired = Paired(int((hits[0] & ~hits[1]).sum()), int((hits[1] & ~hits[0]).sum()), count)
    return RaisedPair(
        label,
        images.classes,
        raises,
        count,
        len(images),
        tuple(first.tolist()),
        labels_alone,
        distilled,
        paired.chance,
    )


def _at_every_step(
    way: Way, raised: Raised, truth: Tensor, label: int, raises: Sequence[float], shown: Tensor
) -> RaisedStudent:
    members = truth == label
    answers = torch.stack([raised.answers(label, by) for by in raises])  # (steps, N)
    named = answers == label
    classes = int(max(truth.max(), answers.max())) + 1
    usual = raised.usual(int(members.sum()))
    return RaisedStudent(
        way,
        min(range(len(raises)), key=lambda step: abs(raises[step] - usual)),
        tuple(named[:, members].sum(1).tolist()),
        tuple((answers == truth).sum(1).tolist()),
        tuple(named[:, ~members].sum(1).tolist()),
        tuple(tuple(torch.bincount(row, minlength=classes).tolist()) for row in answers[:, members]),
        tuple(raised.margins[shown].tolist()),
        tuple(raised.others[shown].tolist()),
    )


# --- In words ----------------------------------------------------------------------------------------------


def question(pair: RaisedPair, about: tuple[str, ...]) -> Question:
    """What to ask before the students are shown; ``about`` says whose answers on which images they are."""
    return Question(
        "unseen",
        f"There are {pair.members:,} validation images of the class {pair.name}, and the distilled student was never "
        "shown one. Its bias is raised until it gives that answer as often as the class occurs: how many does it find?",
        about,
        unit="images",
        high=pair.members,
        answer=pair.distilled.found[pair.distilled.usual],
        because=f"With labels alone it is {pair.labels_alone.found[pair.labels_alone.usual]:,}.",
    )


def verdict(pair: RaisedPair) -> str:
    """Sentences: what raising the one bias brings of a class that was never shown, and whether it works for it."""
    taught, plain, name = pair.distilled, pair.labels_alone, f"**{pair.name}**"
    found, beside = taught.found[taught.usual], plain.found[plain.usual]
    before, after = (taught.right[step] / pair.images for step in (0, taught.usual))
    text = (
        f"Neither student was ever shown one of the class {name}. Raise the one bias of the distilled student by "
        f"**{pair.raises[taught.usual]:.1f}**, so that it gives that answer as often as the class occurs: "
        f"**{found} of {pair.members}** are found, and of all images **{after:.1%}** are right, not {before:.1%}. "
        f"With labels alone the same rule (a raise of {pair.raises[plain.usual]:.1f}) finds **{beside}**."
    )
    return f"{text} {_whether_it_works(found, beside, pair)}"


def in_short(pair: RaisedPair) -> str:
    """The same in a few words, to stand beside another pair."""
    said = [f"{student.way} {student.found[student.usual]} of {pair.members}" for student in pair.students]
    return f"{' and '.join(said)} found, each raised until it names the class as often as it occurs"


def _whether_it_works(found: int, beside: int, pair: RaisedPair) -> str:
    apart = pair.chance < LEVEL
    if apart and found > beside and 2 * found >= pair.members:
        return "What it knows of them, the teacher has said about other classes."
    if apart and found > beside:
        return "A weak case: the teacher has said something of them, but most are still missed."
    if apart:
        return "**Here it does not work**: labels alone find more."
    return f"**Here it does not work**: the two cannot be told apart (McNemar, p = {pair.chance:.2g})."
