"""The state that the report is about: what the lessons show, and where they show nothing the shipped one."""

from dataclasses import dataclass, field
from pathlib import Path

from explorer.architecture.budget import LIMITS
from explorer.checkpoints import SHIPPED, catalogue
from explorer.data import fashion_mnist
from explorer.evidence import read_logits
from explorer.models import StudentSpec
from explorer.pruning import stored
from explorer.pruning.forms import Form
from explorer.pruning.sweep import read_evidence
from explorer.report.answers import Batch, Formed, Homework, Swept, Where


@dataclass(frozen=True)
class Choices:
    """Of the architecture lesson: the network, its input size in pixels, the limit in parameters."""

    spec: StudentSpec = field(default_factory=StudentSpec)
    size: int = 224
    limit: int = LIMITS["Spring 2023"]


@dataclass(frozen=True)
class Taught:
    """Of the distillation lesson: the student's checkpoint, the weight of the soft term, and T."""

    student: str = "student-60k-kd"
    alpha: float = 0.5
    temperature: float = 1.0


@dataclass(frozen=True)
class Pruned:
    """Of the pruning lesson: the checkpoint, and what was measured of it in this session, if anything."""

    checkpoint: str = "teacher"
    sweep: Swept | None = None
    forms: Formed | None = None


def homework(
    design: Choices = Choices(), taught: Taught = Taught(), pruned: Pruned = Pruned(), folder: Path = SHIPPED
) -> Homework:
    """The report's state; what was not measured in this session is taken from the shipped evidence.

    Raises:
        ExplorerError: there is no such checkpoint, or its stored results cannot be read.
    """
    labels = fashion_mnist.load("validation").targets()
    batch = Batch(
        read_logits("teacher", folder=folder),
        read_logits(taught.student, folder=folder),
        labels,
        f"the {len(labels):,} validation images of Fashion-MNIST, teacher and {taught.student}",
    )
    sweep, forms = pruned.sweep, pruned.forms
    if sweep is None and (evidence := read_evidence(pruned.checkpoint, folder)):
        where = f"{evidence.date}, {evidence.machine}, torch {evidence.torch}; test images."
        sweep = Swept(evidence.rows, Where("precomputed", where))
    if forms is None and (found := stored.read("forms", Form, pruned.checkpoint, folder)):
        where = f"{found.date}, {found.machine}, torch {found.torch}."
        forms = Formed(found.rows, found.ratio or 0.0, Where("precomputed", where))
    return Homework(
        design.spec,
        design.size,
        design.limit,
        taught.alpha,
        taught.temperature,
        batch,
        title(pruned.checkpoint, folder),
        sweep,
        forms,
    )


def title(checkpoint: str, folder: Path = SHIPPED) -> str:
    """A checkpoint's title on its card; another network's own name."""
    cards = catalogue(folder)
    return cards[checkpoint].title if checkpoint in cards else checkpoint
