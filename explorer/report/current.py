"""The state that the report is about: what the lessons show, and where they show nothing the shipped one."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from explorer.architecture.state import ArchitectureState
from explorer.checkpoints import SHIPPED, catalogue
from explorer.data import BUNDLED
from explorer.distillation.loss import check_alpha, check_temperature
from explorer.evidence import read_logits
from explorer.networks import StudentSpec
from explorer.pruning import stored
from explorer.pruning.forms import Form
from explorer.pruning.sweep import SweepRow
from explorer.report.blocks import Where

_SHIPPED_DESIGN = ArchitectureState()


@dataclass(frozen=True, eq=False)
class Batch:
    """Real logits for questions 2-1 and 2-2: teacher's and student's (N, C), labels (N,), and of what."""

    teacher: Tensor
    student: Tensor
    labels: Tensor
    source: str


@dataclass(frozen=True)
class Swept:
    """A sweep of the pruned network, and where it was measured."""

    rows: tuple[SweepRow, ...]
    where: Where


@dataclass(frozen=True)
class Formed:
    """Dense, masked, zeroed and sliced at one share of dropped channels, and where that was measured."""

    rows: tuple[Form, ...]
    ratio: float
    where: Where


@dataclass(frozen=True, eq=False)
class Homework:
    """The state that the report is about.

    Attributes:
        spec: the student network.
        size: side of its input in pixels.
        limit: parameters at most.
        alpha: weight of the soft term.
        temperature: T.
        batch: real logits.
        pruned: title of the network that was pruned.
        sweep: its sweep; None if there is none.
        forms: its three forms; None if they were not measured.
    """

    spec: StudentSpec
    size: int
    limit: int
    alpha: float
    temperature: float
    batch: Batch
    pruned: str
    sweep: Swept | None
    forms: Formed | None

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        check_temperature(self.temperature)


@dataclass(frozen=True, eq=False)
class Taught:
    """Of the distillation lesson: the weight of the soft term, T, and logits; None for the shipped ones."""

    alpha: float = 0.5
    temperature: float = 1.0
    batch: Batch | None = None


@dataclass(frozen=True)
class Pruned:
    """Of the pruning lesson: the checkpoint, and what was measured of it in this session, if anything."""

    checkpoint: str = "teacher"
    title: str = ""
    sweep: Swept | None = None
    forms: Formed | None = None


def homework(
    design: ArchitectureState = _SHIPPED_DESIGN,
    taught: Taught = Taught(),
    pruned: Pruned = Pruned(),
    folder: Path = SHIPPED,
) -> Homework:
    """The report's state; what was not measured in this session is taken from the shipped evidence.

    Raises:
        ExplorerError: there is no such checkpoint, or its stored results cannot be read.
    """
    sweep, forms = pruned.sweep, pruned.forms
    if sweep is None and (evidence := stored.read("sweep", SweepRow, pruned.checkpoint, folder)):
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
        taught.batch or shipped_batch(folder),
        pruned.title or title(pruned.checkpoint, folder),
        sweep,
        forms,
    )


def shipped_batch(folder: Path = SHIPPED) -> Batch:
    """The stored logits of the shipped teacher and distilled student on the validation images."""
    images = BUNDLED.load("validation")
    teacher, student = (read_logits(name, folder=folder) for name in ("teacher", "student-60k-kd"))
    source = f"the {len(images):,} {images.noun}s of {BUNDLED.name}"
    return Batch(teacher, student, images.targets(), source)


def title(checkpoint: str, folder: Path = SHIPPED) -> str:
    """A checkpoint's title on its card; another network's own name."""
    cards = catalogue(folder)
    return cards[checkpoint].title if checkpoint in cards else checkpoint
