"""What the report is about: a design, two networks that teach and learn, and one that was pruned."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from explorer.architecture.state import ArchitectureState
from explorer.checkpoints.evidence import StoredRows
from explorer.data import BUNDLED, Use
from explorer.distillation.loss import check_alpha, check_temperature
from explorer.errors import ExplorerError
from explorer.ledger import Origin
from explorer.networks import NetworkSpec, describe
from explorer.pruning.forms import Form
from explorer.pruning.sweep import SweepRow
from explorer.report.blocks import Provenance
from explorer.runtime.compare import KIND as RUNTIMES
from explorer.runtime.compare import RuntimeRow
from explorer.work.progress import Update, follow
from explorer.workspace import NetworkSource, Workspace, open_workspace, origin_of

_SHIPPED_DESIGN = ArchitectureState()
CURVE = "homework"
"""The kind of evidence that the homework's curve is."""
HOMEWORK_ALPHA, HOMEWORK_TEMPERATURE = 0.5, 1.0
"""With what question 2-1 asks for the loss."""


@dataclass(frozen=True)
class NetworkRole:
    """A network of the report: its title, for people, and whether it ships with the explorer."""

    title: str
    ships: bool

    @classmethod
    def of(cls, source: NetworkSource) -> "NetworkRole":
        """That of a network of the workspace."""
        return cls(source.card.title, source.ships)


@dataclass(frozen=True, eq=False)
class LogitsBatch:
    """Real logits for questions 2-1 and 2-2.

    Attributes:
        teacher: (N, C).
        student: (N, C).
        labels: (N,).
        source: which images they are of.
        networks: the teacher, and the student where there is one.
        origin: how the logits were got.
    """

    teacher: Tensor
    student: Tensor
    labels: Tensor
    source: str
    networks: tuple[NetworkRole, ...] = ()
    origin: Origin = "computed"

    @property
    def where(self) -> Provenance:
        """Where figures that are computed from these logits come from."""
        stored = "precomputed logits" if self.origin == "precomputed" else "logits computed here"
        return Provenance("computed", f"from {stored} of {self.source}.")


@dataclass(frozen=True)
class MeasuredSweep:
    """A sweep of the pruned network.

    Attributes:
        rows: as measured.
        where: and when, and on what.
        noun: what one of its images is called ("validation image").
    """

    rows: tuple[SweepRow, ...]
    where: Provenance
    noun: str = "test image"


@dataclass(frozen=True)
class MeasuredForms:
    """The dense network and its forms at one share that is dropped, and where that was measured, on what images."""

    rows: tuple[Form, ...]
    ratio: float
    where: Provenance
    use: Use = "test"


@dataclass(frozen=True)
class MeasuredRuntimes:
    """The dense network in several runtimes, and where that was measured, on what images."""

    rows: tuple[RuntimeRow, ...]
    where: Provenance


@dataclass(frozen=True, eq=False)
class ReportSubject:
    """What the report is about.

    Attributes:
        spec: the designed network.
        size: side of its input in pixels.
        limit: parameters at most.
        alpha: weight of the soft term.
        temperature: T.
        batch: real logits.
        pruned: the network that was pruned.
        curve: the homework's curve of it; None if there is none.
        sweep: a sweep of it in the lesson, beside that curve or for want of one; None if there is none.
        forms: its forms; None if they were not measured.
        runtimes: in which runtimes it was timed beside them; None if in none.
    """

    spec: NetworkSpec
    size: int
    limit: int
    alpha: float
    temperature: float
    batch: LogitsBatch
    pruned: NetworkRole
    curve: MeasuredSweep | None
    sweep: MeasuredSweep | None
    forms: MeasuredForms | None
    runtimes: MeasuredRuntimes | None = None

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        check_temperature(self.temperature)

    @property
    def first_line(self) -> str:
        """What the report is about, plain text; says so where some of its networks ship and others are the user's."""
        between = " and ".join(f"“{network.title}”" for network in self.batch.networks)
        line = (
            f"About {describe(self.spec)}; alpha {self.alpha:g} and "
            f"T {self.temperature:g}{f' between {between}' if between else ''}; “{self.pruned.title}”, pruned."
        )
        roles = tuple(dict.fromkeys((*self.batch.networks, self.pruned)))
        yours = [role.title for role in roles if not role.ships]
        shipped = [role.title for role in roles if role.ships]
        if yours and shipped:
            line = (
                f"This report mixes networks of yours ({'; '.join(yours)}) with networks that ship with the explorer "
                f"({'; '.join(shipped)}): its answers are not about one piece of work. {line}"
            )
        return line

    @property
    def classes(self) -> int:
        """Among how many classes the networks choose."""
        return self.batch.teacher.shape[1]

    @property
    def has_homework_loss(self) -> bool:
        """Whether alpha and T are those that the homework asks for."""
        return (self.alpha, self.temperature) == (HOMEWORK_ALPHA, HOMEWORK_TEMPERATURE)


@dataclass(frozen=True, eq=False)
class DistillationSubject:
    """Of the distillation lesson: the weight of the soft term, T, and logits; None for those of ``default_logits``."""

    alpha: float = HOMEWORK_ALPHA
    temperature: float = HOMEWORK_TEMPERATURE
    batch: LogitsBatch | None = None


@dataclass(frozen=True)
class PruningSubject:
    """Of the pruning lesson: the network, by its name in the workspace, and what was measured of it, if anything.

    An empty name stands for the first teacher.
    """

    network: str = ""
    curve: MeasuredSweep | None = None
    sweep: MeasuredSweep | None = None
    forms: MeasuredForms | None = None


def report_subject(
    design: ArchitectureState = _SHIPPED_DESIGN,
    distillation: DistillationSubject = DistillationSubject(),
    pruning: PruningSubject = PruningSubject(),
    workspace: Workspace | None = None,
) -> ReportSubject:
    """What the report is about; what was not measured in this session is taken from the workspace's evidence.

    Without a workspace it is that of the bundled images.

    Raises:
        ExplorerError: there is no such network, or its stored results cannot be read.
    """
    workspace = workspace or open_workspace(BUNDLED)
    name = pruning.network or next(iter(workspace.teachers), "")
    source, curve, sweep, forms = workspace.source(name), pruning.curve, pruning.sweep, pruning.forms
    if curve is None:
        curve = _stored_sweep(workspace, CURVE, name, "validation")
    if curve is not None and sweep is not None and sweep.where.origin != "measured":
        sweep = None  # the lesson only showed what is stored: nothing of the student's
    if sweep is None and curve is None:
        sweep = _stored_sweep(workspace, "sweep", name, "test")
    if forms is None and (stored := workspace.find_rows("forms", Form, name)):
        ratio = float(stored.settings["ratio"])
        forms = MeasuredForms(stored.rows, ratio, _where(stored, workspace, "test"))
    beside = workspace.find_rows(RUNTIMES, RuntimeRow, name)
    return ReportSubject(
        design.spec,
        design.size,
        design.limit,
        distillation.alpha,
        distillation.temperature,
        distillation.batch or follow(default_logits(workspace), lambda update: None),
        NetworkRole.of(source),
        curve,
        sweep,
        forms,
        None if beside is None else MeasuredRuntimes(beside.rows, _where(beside, workspace, "test")),
    )


def _stored_sweep(workspace: Workspace, kind: str, name: str, use: Use) -> MeasuredSweep | None:
    stored = workspace.find_rows(kind, SweepRow, name, use)
    if stored is None:
        return None
    return MeasuredSweep(stored.rows, _where(stored, workspace, use), workspace.data.noun(use))


def _where(stored: StoredRows[Any], workspace: Workspace, use: Use) -> Provenance:
    return Provenance("precomputed", f"{stored.where}; {stored.counted(workspace.data, use)}.")


def default_logits(workspace: Workspace) -> Generator[Update, None, LogitsBatch]:
    """The logits of a workspace's first teacher and its default student on the validation images.

    Raises:
        ExplorerError: there is no teacher.
    """
    if not workspace.teachers:
        raise ExplorerError(
            f"{workspace.data.title} has no teacher: put a network with {len(workspace.data.classes)} classes into it."
        )
    teacher = workspace.teachers[0]
    return (yield from logits_of(workspace, teacher, workspace.default_student_of(teacher)))


def logits_of(
    workspace: Workspace, teacher: str, student: str | None
) -> Generator[Update, None, LogitsBatch]:
    """The logits of two networks of a workspace on its validation images; without a student the teacher's stand for it.

    Raises:
        ExplorerError: there is no such network.
    """
    images = yield from workspace.images("validation")
    of_teacher = yield from workspace.logits(teacher, images)
    of_student = of_teacher if student is None else (yield from workspace.logits(student, images))
    alone = ", without a student" if student is None else ""
    return LogitsBatch(
        of_teacher.values,
        of_student.values,
        images.targets(),
        f"the {len(images):,} {images.noun}s of {workspace.data.name}{alone}",
        tuple(NetworkRole.of(workspace.source(name)) for name in (teacher, student) if name is not None),
        origin_of(of_teacher, of_student)[0],
    )
