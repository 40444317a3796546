"""When does distillation help? Students of several sizes on several numbers of images, each trained twice.

A *pair* is the same student trained with labels alone and distilled: from the same initial weights, on the
same images in the same order and views. A *cell* is one of the two. Every cell is judged on images that no
cell of its row was trained on, never on test images, and what it got right is kept image by image.

The teacher was trained on the training images, so what it says of them is surer than what it says of new
ones. Two arms measure what that does: students trained on images that it has seen, and on validation images,
which it has not; both are judged on the validation images that are then left.
"""

import base64
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from explorer.checkpoints.tables import read_table
from explorer.data import BUNDLED, ImageSet
from explorer.distillation.loss import DistillationLoss
from explorer.distillation.trainings import keep, run_trainings
from explorer.errors import ExplorerError
from explorer.measure import describe_machine, eval_mode, logits
from explorer.networks import StudentSpec, cost_of
from explorer.runs import REPORT, SMALLER, STUDENT_RECIPE, UNDER_60K
from explorer.training import Recipe, labels_alone, train
from explorer.work.progress import follow

KIND = "study"
FAMILY: Mapping[str, StudentSpec] = {
    **{f"student-{size}": spec for size, spec in SMALLER.items()},
    "student-60k": UNDER_60K,
    "report": REPORT,
}
"""The students by the name of their shipped checkpoint, smallest first; distilled ones are called ``-kd``."""

SCHEDULES: Mapping[int, Recipe] = {
    images: replace(STUDENT_RECIPE, epochs=epochs)
    for images, epochs in ((500, 200), (2_000, 67), (2_500, 53), (10_000, 26), (55_000, 9))
}
"""The recipe by the number of training images: about 600, 1,000, 1,000, 2,000 and 3,900 steps.

A fixed number of steps and not of epochs: nine passes over 500 images would be 27 steps, which train nothing.
"""

SIZES = (500, 2_000, 10_000, 55_000)
HALF = 2_500
ALPHA, TEMPERATURE = 0.9, 4.0

Arm = Literal["training", "seen", "unseen"]
"""What a cell learns from and is judged on.

``training``: training images, judged on all validation images. ``unseen``: one half of the validation
images, judged on the other. ``seen``: training images, judged on that other half as well.
"""


@dataclass(frozen=True)
class StudyCell:
    """One training.

    Attributes:
        student: its name in ``FAMILY``.
        images: how many it learns from.
        arm: which ones.
        seed: of the choice of images, of weights, order and views.
        distilled: with the teacher, else with labels alone.
    """

    student: str
    images: int
    arm: Arm
    seed: int
    distilled: bool

    def __post_init__(self) -> None:
        if self.student not in FAMILY:
            raise ExplorerError(f"There is no student {self.student!r}; there are {', '.join(FAMILY)}.")
        if self.arm not in get_args(Arm):
            raise ExplorerError(f"There is no arm {self.arm!r}; there are {', '.join(get_args(Arm))}.")

    @property
    def file(self) -> str:
        """Name of the result's file."""
        way = "distilled" if self.distilled else "labels"
        return f"{self.student}-{self.images}-{self.arm}-seed-{self.seed}-{way}.json"


@dataclass(frozen=True)
class CellSettings:
    """How a cell is trained; results under other settings belong to another study.

    Attributes:
        spec: the student.
        recipe: the schedule, with the cell's seed.
        alpha: weight of the soft term; 0 with labels alone.
        temperature: T of the soft term; None with labels alone.
        teacher: sha256 of the teacher's weights.
    """

    spec: StudentSpec
    recipe: Recipe
    alpha: float
    temperature: float | None
    teacher: str

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "CellSettings":
        """The settings that a result's ``to_dict`` wrote."""
        spec, recipe = StudentSpec.from_dict(values["spec"]), Recipe(**values["recipe"])
        return cls(spec, recipe, values["alpha"], values["temperature"], values["teacher"])


@dataclass(frozen=True)
class CellResult:
    """What one training reached.

    Attributes:
        cell: which training.
        settings: how it was trained.
        right: of each image it was judged on, 1 or 0: packed into bits, in base64.
        judged: on how many images.
        trained_on: key of the images it learned from.
        judged_on: key of the images it was judged on.
        seconds: how long the training took, on one thread.
        where: the day, the machine and the version of torch.
    """

    cell: StudyCell
    settings: CellSettings
    right: str
    judged: int
    trained_on: str
    judged_on: str
    seconds: float
    where: str

    @property
    def hits(self) -> npt.NDArray[np.bool_]:
        """Of each image it was judged on, in the order of the set, whether it was right: (N,)."""
        packed = np.frombuffer(base64.b64decode(self.right, validate=True), np.uint8)
        return np.unpackbits(packed)[: self.judged].astype(bool)

    @property
    def accuracy(self) -> float:
        """The share of right answers, 0 to 1."""
        return float(self.hits.mean())

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, accepted again by ``from_dict``."""
        settings = asdict(self.settings) | {"spec": self.settings.spec.to_dict()}
        own = {key: value for key, value in vars(self).items() if key not in ("cell", "settings")}
        return asdict(self.cell) | own | {"settings": settings}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "CellResult":
        """The result that ``to_dict`` wrote.

        Raises:
            ExplorerError: something is missing or is not what a result holds.
        """
        try:
            cell = StudyCell(**{key: values[key] for key in StudyCell.__dataclass_fields__})
            rest = {key: values[key] for key in cls.__dataclass_fields__ if key not in ("cell", "settings")}
            result = cls(cell, CellSettings.from_dict(values["settings"]), **rest)
            if len(result.hits) != result.judged or result.seconds < 0:
                raise ValueError("the images do not add up")
        except (KeyError, TypeError, ValueError) as error:
            raise ExplorerError(f"This is no result of a study: {error!r} in {str(values)[:80]}.") from error
        return result


@dataclass(frozen=True, eq=False)
class StudyPlan:
    """How the cells are trained and where their results go.

    Attributes:
        teacher: sha256 of the teacher's weights.
        folder: where the results go.
        table: file of the teacher's logits (views, N, C) on the training images at the positions ``pool``.
        validation_table: the same for all validation images.
        pool: (N,) rising positions among the training images; None for all of them.
        data: folder of the original files, or None to find them.
    """

    teacher: str
    folder: Path
    table: Path | None = None
    validation_table: Path | None = None
    pool: npt.NDArray[np.int64] | None = None
    data: Path | None = None

    def settings(self, cell: StudyCell) -> CellSettings:
        """How this plan trains a cell.

        Raises:
            ExplorerError: there is no schedule for so many images.
        """
        if cell.images not in SCHEDULES:
            known = ", ".join(f"{images:,}" for images in SCHEDULES)
            raise ExplorerError(f"There is no schedule for {cell.images:,} images; there are {known}.")
        recipe = replace(SCHEDULES[cell.images], seed=cell.seed)
        weight, temperature = (ALPHA, TEMPERATURE) if cell.distilled else (0.0, None)
        return CellSettings(FAMILY[cell.student], recipe, weight, temperature, self.teacher)


# --- Which cells, on which images ------------------------------------------------------------------------


def study_cells(
    sizes: Sequence[int] = SIZES,
    *,
    students: Sequence[str] = tuple(FAMILY),
    seeds: int = 3,
    unseen: bool = True,
) -> tuple[StudyCell, ...]:
    """The cells of a study, the quickest first and both of a pair together, so that a part of them is of use.

    Args:
        sizes: numbers of training images.
        students: names in ``FAMILY``.
        seeds: pairs for each student and number of images.
        unseen: whether the arms ``seen`` and ``unseen`` are among them, at half of the validation images.

    >>> len(study_cells(unseen=False)), len(study_cells())
    (120, 180)
    """
    if seeds < 1:
        raise ExplorerError("A study needs at least one seed.")
    rows: list[tuple[int, Arm]] = [(images, "training") for images in sizes]
    if unseen:
        rows += [(HALF, "seen"), (HALF, "unseen")]
    cells = [
        StudyCell(student, images, arm, seed, distilled)
        for images, arm in rows
        for student in students
        for seed in range(1, seeds + 1)
        for distilled in (False, True)
    ]
    order = list(FAMILY)
    return tuple(sorted(cells, key=lambda each: (each.images, each.seed, order.index(each.student))))


def parameters_of(student: str) -> int:
    """The parameters of a student of the family.

    >>> [parameters_of(student) for student in FAMILY]
    [4764, 9502, 19320, 59026, 98918]
    """
    return cost_of(FAMILY[student], BUNDLED.input_size).params


def stratified(labels: npt.NDArray[np.int64], count: int, seed: int) -> npt.NDArray[np.int64]:
    """Rising positions of ``count`` images, as many of each class; a seed's smaller choices lie in its larger ones.

    Raises:
        ExplorerError: the classes cannot share ``count``, or one has too few images.
    """
    classes = np.unique(labels)
    each, rest = divmod(count, len(classes))
    generator = np.random.default_rng(seed)
    # The whole class is shuffled whatever the count is: that is what makes a seed's choices nest.
    shuffled = [generator.permutation(np.flatnonzero(labels == label)) for label in classes]
    if rest or not each or min(map(len, shuffled)) < each:
        raise ExplorerError(
            f"{count:,} images cannot be taken evenly from {len(classes)} classes of at least "
            f"{min(map(len, shuffled)):,} images: take another number."
        )
    return np.sort(np.concatenate([positions[:each] for positions in shuffled]))


def split_of(cell: StudyCell, validation: ImageSet) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Positions among the validation images: a seed's half to learn from, and what a cell is judged on."""
    everything = np.arange(len(validation))
    if cell.arm == "training":
        return everything[:0], everything
    half = stratified(validation.labels, len(validation) // 2, cell.seed)
    return half, np.setdiff1d(everything, half)


def pool_of(cells: Iterable[StudyCell], training: ImageSet) -> npt.NDArray[np.int64]:
    """Rising positions of the training images that any of the cells learns from."""
    chosen = {(cell.images, cell.seed) for cell in cells if cell.arm != "unseen"}
    parts = [stratified(training.labels, images, seed) for images, seed in sorted(chosen)]
    return np.unique(np.concatenate(parts)) if parts else np.arange(0)


# --- Training them ---------------------------------------------------------------------------------------


def train_cell(cell: StudyCell, plan: StudyPlan) -> CellResult:
    """Train one student, judge it and write its result into the plan's folder."""
    torch.set_num_threads(1)  # the trainings run beside each other, one core each
    settings, validation = plan.settings(cell), BUNDLED.load("validation")
    images, table = _lesson(cell, plan, validation)
    judged = validation.select(split_of(cell, validation)[1])
    torch.manual_seed(cell.seed)  # the same initial weights for both of a pair
    student = settings.spec.build().to(memory_format=torch.channels_last)
    loss = DistillationLoss(ALPHA, TEMPERATURE) if cell.distilled else labels_alone
    started = time.monotonic()
    for _ in train(student, images, None, settings.recipe, loss, teacher_logits=table):
        pass
    seconds = round(time.monotonic() - started, 1)
    with eval_mode(student):
        hits = logits(student, judged.batches()).argmax(1) == judged.targets()
    result = CellResult(
        cell,
        settings,
        base64.b64encode(np.packbits(hits.numpy()).tobytes()).decode(),
        len(judged),
        images.key,
        judged.key,
        seconds,
        f"{datetime.now(UTC).date().isoformat()}, {describe_machine()}, torch {torch.__version__}",
    )
    keep(plan.folder / cell.file, result.to_dict())
    return result


def _lesson(cell: StudyCell, plan: StudyPlan, validation: ImageSet) -> tuple[ImageSet, Tensor | None]:
    """What a cell learns from: images, and the teacher's logits (views, N, C) on them if it has a teacher."""
    if cell.arm == "unseen":
        whole, positions, path = validation, split_of(cell, validation)[0], plan.validation_table
        rows = positions
    else:
        whole = follow(BUNDLED.read_all_training(plan.data), lambda update: None)
        positions, path = stratified(whole.labels, cell.images, cell.seed), plan.table
        rows = positions if plan.pool is None else np.searchsorted(plan.pool, positions)
    if not cell.distilled:
        return whole.select(positions), None
    assert path is not None, "the plan has the table of every arm that it trains"
    table = read_table(path)
    assert table is not None, "it was read when the plan was made"
    return whole.select(positions), table[:, torch.from_numpy(rows)]


def held_results(plan: StudyPlan, stored: Iterable[CellResult] = ()) -> dict[StudyCell, CellResult]:
    """What is there already, by cell: ``stored`` evidence, and the results in the plan's folder.

    Raises:
        ExplorerError: one belongs to another study, or cannot be read.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    held: dict[StudyCell, CellResult] = {}
    for place, result in (*(("the evidence", each) for each in stored), *_kept(plan.folder)):
        if result.settings != plan.settings(result.cell):
            raise ExplorerError(
                f"{result.cell.file} in {place} was trained in another way than this study trains: use another "
                "folder, or remove it."
            )
        held[result.cell] = result
    return held


def _kept(folder: Path) -> Iterator[tuple[str, CellResult]]:
    for path in sorted(folder.glob("*.json")):
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ExplorerError(f"{path} is not a result: remove it, and it is trained again.") from error
        yield str(folder), CellResult.from_dict(values)


def run_study(
    cells: Iterable[StudyCell],
    plan: StudyPlan,
    *,
    minutes: float | None = None,
    jobs: int = 2,
    backend: str = "loky",
    cluster: str | None = None,
) -> Iterator[CellResult]:
    """Train cells and give their results as they end.

    Args:
        cells: those that are not there yet, in this order.
        plan: how they are trained; its tables cover their images.
        minutes: after so many no further one is begun.
        jobs, backend, cluster: see ``run_trainings``.

    Raises:
        ExplorerError: the backend is not to be had.
    """
    begun = time.monotonic()
    in_time = (cell for cell in cells if minutes is None or time.monotonic() - begun < 60 * minutes)
    yield from run_trainings(
        partial(train_cell, plan=plan), in_time, jobs=jobs, backend=backend, cluster=cluster
    )
