"""Courses that set such a homework, and networks to begin with: each a line in a table."""

from collections.abc import Iterable
from dataclasses import dataclass

from explorer.checkpoints import Card
from explorer.networks import NetworkSpec, StudentSpec
from explorer.networks.mobile import MobileSpec
from explorer.networks.residual import ResidualSpec
from explorer.networks.starter import WIDTHS_2022, WIDTHS_2023, StarterSpec
from explorer.runs import REPORT, UNDER_60K


@dataclass(frozen=True)
class Course:
    """What a homework asks of a student network.

    Attributes:
        key: its short name, in the address.
        title: for people.
        limit: parameters at most.
        data: what its images are of.
        classes: how many classes they have.
        size: side in pixels of what its networks are fed.
        floor: the test accuracy that it asks for; None if it grades by rank.
    """

    key: str
    title: str
    limit: int
    data: str
    classes: int
    size: int
    floor: float | None = None

    @property
    def words(self) -> str:
        """What it asks for, in a sentence without a full stop."""
        asked = f", with at least {self.floor:.1%} of the test images right" if self.floor else ""
        return f"{self.data}, {self.classes} classes, {self.size} pixels: at most {self.limit:,} parameters{asked}"


HOMEWORKS = (
    Course("Spring 2023", "Network Compression, spring 2023", 60_000, "Food-11", 11, 224),
    Course("Spring 2022", "Network Compression, spring 2022", 100_000, "Food-11", 11, 224),
)
FASHION = Course("Fashion-MNIST", "A course on Fashion-MNIST", 100_000, "Fashion-MNIST", 10, 28, floor=0.924)
COURSES = (*HOMEWORKS, FASHION)
LIMITS = {course.key: course.limit for course in HOMEWORKS}


@dataclass(frozen=True)
class Preset:
    """A network to begin with: its name in the address and its title, and the course whose limit it is held against."""

    key: str
    title: str
    spec: NetworkSpec
    course: Course


def presets(classes: int = HOMEWORKS[0].classes) -> tuple[Preset, ...]:
    """Networks to begin with, in the order in which they are offered.

    >>> [preset.title for preset in presets()][:2]
    ["The sample's StudentNet", 'Tiny StudentNet']
    """
    spring_2023, spring_2022 = HOMEWORKS
    return (
        Preset("report", "The sample's StudentNet", REPORT.with_classes(classes), spring_2023),
        Preset("tiny", "Tiny StudentNet", StudentSpec(8, (8, 16, 32, 18), classes), spring_2023),
        Preset("under-60k", "StudentNet under 60,000", UNDER_60K.with_classes(classes), spring_2023),
        Preset("course-2023", "The course's starter of 2023", StarterSpec(classes, WIDTHS_2023), spring_2023),
        Preset("course-2022", "The course's starter of 2022", StarterSpec(classes, WIDTHS_2022), spring_2022),
        Preset("mobilenetv2-like", "MobileNetV2-like student", MobileSpec(classes), spring_2023),
        Preset("resnet-like", "ResNet-like student", ResidualSpec(classes), spring_2023),
    )


def passing(cards: Iterable[Card], course: Course) -> tuple[Card, ...]:
    """The measured networks that keep a course's limit and reach its accuracy, the most accurate first.

    Without a floor every network under the limit passes.
    """
    inside = [card for card in cards if card.measured and card.params <= course.limit]
    passed = [card for card in inside if card.test_accuracy >= (course.floor or 0)]
    return tuple(sorted(passed, key=lambda card: (-card.test_accuracy, card.params)))
