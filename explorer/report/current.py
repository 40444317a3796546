"""The state that the report is about: what the lessons show, and where they show nothing the shipped one."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from explorer.architecture.state import ArchitectureState
from explorer.checkpoints.evidence import StoredRows
from explorer.data import BUNDLED
from explorer.distillation.loss import check_alpha, check_temperature
from explorer.errors import ExplorerError
from explorer.ledger import Origin
from explorer.networks import StudentSpec
from explorer.pruning.forms import Form
from explorer.pruning.sweep import SweepRow
from explorer.report.blocks import Where
from explorer.work.progress import Update, follow
from explorer.workspace import Workspace, open_workspace, origin_of

_SHIPPED_DESIGN = ArchitectureState()


@dataclass(frozen=True, eq=False)
class Batch:
    """Real logits for questions 2-1 and 2-2.

    Attributes:
        teacher: (N, C).
        student: (N, C).
        labels: (N,).
        source: which images they are of.
        origin: how the logits were got.
    """

    teacher: Tensor
    student: Tensor
    labels: Tensor
    source: str
    origin: Origin = "computed"

    @property
    def where(self) -> Where:
        """Where figures that are computed from these logits come from."""
        stored = "precomputed logits" if self.origin == "precomputed" else "logits computed here"
        return Where("computed", f"from {stored} of {self.source}.")


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
    """Of the distillation lesson: the weight of the soft term, T, and logits; None for those of ``default_batch``."""

    alpha: float = 0.5
    temperature: float = 1.0
    batch: Batch | None = None


@dataclass(frozen=True)
class Pruned:
    """Of the pruning lesson: the network, and what was measured of it in this session, if anything.

    ``network`` is its name in the workspace, empty for the first teacher; ``title`` is for people, empty for
    that on its card.
    """

    network: str = ""
    title: str = ""
    sweep: Swept | None = None
    forms: Formed | None = None


def homework(
    design: ArchitectureState = _SHIPPED_DESIGN,
    taught: Taught = Taught(),
    pruned: Pruned = Pruned(),
    workspace: Workspace | None = None,
) -> Homework:
    """The report's state; what was not measured in this session is taken from the workspace's evidence.

    Without a workspace it is that of the bundled images.

    Raises:
        ExplorerError: there is no such network, or its stored results cannot be read.
    """
    workspace = workspace or open_workspace(BUNDLED)
    name = pruned.network or next(iter(workspace.teachers), "")
    known, sweep, forms = name in workspace.cards, pruned.sweep, pruned.forms
    if sweep is None and known and (evidence := workspace.find_rows("sweep", SweepRow, name)):
        sweep = Swept(evidence.rows, _where(evidence, workspace))
    if forms is None and known and (evidence_of_forms := workspace.find_rows("forms", Form, name)):
        ratio = float(evidence_of_forms.settings["ratio"])
        forms = Formed(evidence_of_forms.rows, ratio, _where(evidence_of_forms, workspace))
    return Homework(
        design.spec,
        design.size,
        design.limit,
        taught.alpha,
        taught.temperature,
        taught.batch or follow(default_batch(workspace), lambda update: None),
        pruned.title or (workspace.cards[name].title if known else name),
        sweep,
        forms,
    )


def _where(evidence: StoredRows[Any], workspace: Workspace) -> Where:
    images = f"first {evidence.images:,} {workspace.data.noun('test')}s"
    return Where("precomputed", f"{evidence.where}; {images}.")


def default_batch(workspace: Workspace) -> Generator[Update, None, Batch]:
    """The logits of a workspace's first teacher and its default student on the validation images.

    Without a student the teacher's stand for it.

    Raises:
        ExplorerError: there is no teacher.
    """
    if not workspace.teachers:
        raise ExplorerError(
            f"{workspace.data.title} has no teacher: put the checkpoint of a ResNet-18 into it."
        )
    images = yield from workspace.images("validation")
    teacher = yield from workspace.logits(workspace.teachers[0], images)
    name = workspace.default_student
    student = teacher if name is None else (yield from workspace.logits(name, images))
    alone = ", without a student" if name is None else ""
    source = f"the {len(images):,} {images.noun}s of {workspace.data.name}{alone}"
    return Batch(teacher.values, student.values, images.targets(), source, origin_of(teacher, student)[0])
