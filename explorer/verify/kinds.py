"""Every kind of evidence, and how its rows are checked: computed again, or held against what they say of themselves."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from explorer.architecture import torchsummary
from explorer.bits import overflow
from explorer.bits import sweep as bits
from explorer.checkpoints.evidence import LOGITS, StoredRows, find_tensor
from explorer.data import DataSet, ImageSet, Use
from explorer.distillation import grid, study, unseen
from explorer.ledger import LedgerRow, Recipe
from explorer.measure import accuracy
from explorer.pruning import homework, repair, sensitivity, wall
from explorer.pruning.forms import Form, forms
from explorer.pruning.plan import SweepSettings
from explorer.pruning.sweep import SWEEP, SweepRow, settings_of
from explorer.runtime import compare as runtimes
from explorer.steps import path
from explorer.steps.make import EXACT
from explorer.verify.finding import Finding, compared
from explorer.work.instrument import Instrument, InstrumentSpec, measure
from explorer.work.progress import follow
from explorer.workspace import NetworkSource

SAME, SAME_AFTER_LEARNING = 0.002, 0.02
"""Shares of the images that may be answered otherwise: another processor adds in another order, and where weights are
learned anew (fine-tuned, fitted) what is added builds on what was."""
TIMES = "clock readings of another hour: `prune` and `examine` take them again"


@dataclass(frozen=True)
class At:
    """Where a row was measured.

    Attributes:
        source: the network.
        data: the data set.
        use: which of its images.
        stored: the file's rows, and what is written down of them.
    """

    source: NetworkSource
    data: DataSet
    use: Use
    stored: StoredRows[Any]

    def spec(self, settings: Any) -> InstrumentSpec[Any]:
        """What an instrument measures there."""
        return InstrumentSpec(self.source, self.data, self.use, self.stored.images_key, settings)


@dataclass(frozen=True)
class Recomputed:
    """Rows that are computed again.

    Attributes:
        row: their class.
        again: one row, computed again.
        name: of a row, in a few words.
        exact: the attributes that are the same on every machine.
        answers: of a row and the same computed again: how many images are answered otherwise, at least.
        total: how many images a row was counted on.
        learned: whether weights of the row's network were learned anew.
        timed: whether there are times among the figures.
    """

    row: type[Any]
    again: Callable[[Any, At], Any]
    name: Callable[[Any], str]
    exact: tuple[str, ...]
    answers: Callable[[Any, Any], int]
    total: Callable[[Any], int]
    learned: Callable[[Any], bool] = lambda row: False
    timed: bool = False

    def check(self, of: str, row: Any, at: At) -> Finding:
        """One row against the same computed again."""
        new, name = self.again(row, at), self.name(row)
        other = [each for each in self.exact if getattr(new, each) != getattr(row, each)]
        if other:
            said = ", ".join(f"{each} is {getattr(new, each)}, not {getattr(row, each)}" for each in other)
            return Finding(of, name, "differs", said)
        apart, share = self.answers(row, new), SAME_AFTER_LEARNING if self.learned(row) else SAME
        return compared(
            of,
            name,
            apart <= share * self.total(row),
            f"{apart:,} of {self.total(row):,} images are answered otherwise",
        )


@dataclass(frozen=True)
class Trained:
    """Rows that only a training brings, held against what else is known.

    Attributes:
        row: their class.
        held: findings on one row, in the file of this name.
        command: what trains them again.
    """

    row: type[Any]
    held: Callable[[str, Any, At], Iterator[Finding]]
    command: str


# --- Computed again ----------------------------------------------------------------------------------------


def _alone(settings: SweepSettings, row: Any) -> SweepSettings:
    """The plan that makes one row, and no recovery that it does not need."""
    learns = row.recovery in ("recalibrated", "fine-tuned")
    return replace(
        settings,
        methods=(row.method,),
        ratios=(row.ratio,),
        repeats=0,
        seeds=1,
        recalibrate=settings.recalibrate if learns else 0,
        finetune=settings.finetune if row.recovery == "fine-tuned" else 0,
        refit=settings.refit if row.recovery == "re-fitted" else 0,
    )


def _one(instrument: Instrument[Any, Any], at: At, settings: Any, row: Any) -> Any:
    """What an instrument brings when all rows are there but this one."""
    (part,) = measure(instrument, at.spec(settings), [each for each in at.stored.rows if each is not row])
    return part


def _sweep_row(row: SweepRow, at: At) -> SweepRow:
    stored = at.stored
    plan = replace(settings_of(stored.rows, stored.images, stored.settings), seed=row.seed)
    again: SweepRow = _one(SWEEP, at, _alone(plan, row), row)
    return again


def _wall_state(row: wall.WallState, at: At) -> wall.WallState:
    stored = at.stored
    plan = wall.settings_of_states(stored.rows, stored.images, stored.settings)
    again: wall.WallState = _one(wall.WALL, at, _alone(plan, row), row)
    return again


def _cell(row: sensitivity.Cell, at: At) -> sensitivity.Cell:
    settings = sensitivity.SensitivitySettings(at.stored.images, (row.ratio,))
    again: sensitivity.Cell = _one(sensitivity.SENSITIVITY, at, settings, row)
    return again


def _side_effect(row: torchsummary.SideEffect, at: At) -> torchsummary.SideEffect:
    settings = torchsummary.settings_of(at.stored.rows)
    again: torchsummary.SideEffect = _one(torchsummary.SIDE_EFFECT, at, settings, row)
    return again


def _state_of_path(row: LedgerRow, at: At) -> LedgerRow:
    steps = Recipe.from_dict(row.recipe).steps
    settings = replace(path.settings_of(at.stored), steps=steps, repeats=0)
    again: LedgerRow
    (again,) = measure(path.PATH, at.spec(settings), at.stored.rows[: len(steps)])
    return again


def _form(row: Form, at: At) -> Form:
    images = at.stored.choose(_images(at))
    # One pass on the clock, whose reading is not used.
    batches: list[Tensor] = []
    if row.name in ("onnxruntime", "int8"):
        training = follow(at.data.read("training"), lambda update: None)
        batches = runtimes.calibration_batches(training, runtimes.CALIBRATION)
    made = forms(
        at.source.load(),
        images.inputs(),
        images.targets(),
        at.stored.settings["ratio"],
        repeats=1,
        calibration=batches,
    )
    return next(each for each in made if each.name == row.name)


def _rounding(row: bits.BitsRow, at: At) -> bits.BitsRow:
    settings = bits.settings_of_rows([row], at.stored.images, at.stored.settings)
    again: bits.BitsRow = _one(bits.BITS, at, settings, row)
    return again


def _runtime(row: runtimes.RuntimeRow, at: At) -> runtimes.RuntimeRow:
    settings = replace(
        runtimes.RuntimesSettings(at.stored.images, **at.stored.settings),
        repeats=1,  # whose reading is not used
        compiled=row.runtime == "torch.compile",
    )
    made = measure(runtimes.RUNTIMES, at.spec(settings))
    # Another machine has another number of threads, and answers alike on all of them.
    return next(each for each in made if each.runtime == row.runtime)


def _overflow(row: overflow.OverflowRow, at: At) -> overflow.OverflowRow:
    settings = overflow.OverflowSettings(at.stored.images, **at.stored.settings)
    again: overflow.OverflowRow = _one(overflow.OVERFLOW, at, settings, row)
    return again


def _images(at: At) -> ImageSet:
    images: ImageSet = follow(at.data.read(at.use), lambda update: None)
    return images


def _called(row: Any) -> str:
    after = "" if row.recovery == "none" else f", {row.recovery}"
    return f"{row.method} at {row.ratio:.0%}{after}"


def _seeded(row: SweepRow) -> str:
    return f"{_called(row)}, seed {row.seed}" if row.seed else _called(row)


def _learned(row: Any) -> bool:
    return row.recovery in ("fine-tuned", "re-fitted")


def _apart(row: Any, new: Any) -> int:
    return abs(int(row.correct) - int(new.correct))


def _confused(row: wall.WallState, new: wall.WallState) -> int:
    """An image that is answered otherwise leaves one place of the table and comes to another."""
    return int(np.abs(np.array(row.confusion) - np.array(new.confusion)).sum()) // 2


_SWEEP = Recomputed(
    SweepRow,
    _sweep_row,
    _seeded,
    ("total", "params", "mult_adds", "file_bytes"),
    _apart,
    lambda row: row.total,
    _learned,
    timed=True,
)

# --- Only a training brings them ---------------------------------------------------------------------------


def _grid_row(of: str, row: grid.GridResult, at: At) -> Iterator[Finding]:
    point = row.point
    name = f"alpha {point.alpha:g}, T {point.temperature}, seed {point.seed}"
    teacher = at.source.card.sha256[:12]
    yield compared(
        of,
        f"{name}: this teacher's logits",
        f"-{teacher}-" in row.settings.teacher_logits,
        f"the training looked up {row.settings.teacher_logits}",
    )
    right = row.validation_accuracy * at.stored.images
    yield compared(
        of,
        f"{name}: a whole number of {at.stored.images:,} images",
        abs(right - round(right)) < 1e-6,
        f"{row.validation_accuracy:.2%} of them are {right:.2f}",
    )


def _study_row(of: str, row: study.CellResult, at: At) -> Iterator[Finding]:
    validation = _images(at)
    learned, judged = study.split_of(row.cell, validation)
    name = row.cell.file
    yield compared(
        of,
        f"{name}: this teacher",
        row.settings.teacher == at.source.card.sha256,
        f"its teacher's sha256 is {row.settings.teacher[:12]}",
    )
    yield compared(
        of,
        f"{name}: judged on {row.judged:,} images",
        (row.judged, row.judged_on) == (len(judged), validation.select(judged).key),
        "they are not those of its arm and seed",
    )
    if row.cell.arm == "unseen":
        yield compared(
            of,
            f"{name}: learned from {len(learned):,} validation images",
            row.trained_on == validation.select(learned).key,
            "they are not those of its seed",
        )


def _unseen_row(of: str, row: unseen.UnseenPair, at: At) -> Iterator[Finding]:
    """The accuracy of each student by its stored logits, which are those of its weights if its card holds."""
    validation: ImageSet = follow(at.data.read("validation"), lambda update: None)
    left_out = at.data.classes[row.settings.left_out or 0]
    for end in row.ends:
        name = f"without {left_out}, {end.way}"
        scores = find_tensor(LOGITS, row.weights[end.way], validation, unseen.FOLDER)
        if scores is None:
            yield Finding(of, name, "differs", "there are no logits of its weights")
            continue
        counted = accuracy(scores, validation.targets()).value
        yield compared(
            of,
            f"{name}: {end.validation_accuracy:.4f}",
            counted == end.validation_accuracy,
            f"its logits say {counted:.4f}",
        )


def _repair_row(of: str, row: repair.RepairRow, at: At) -> Iterator[Finding]:
    """A network that was not trained on is made again; of one that was, the size is held against the others'."""
    name = f"{row.method} at {row.ratio:.0%}{f', {row.plan}' * bool(row.plan)}, {row.described}"
    sizes = {
        (each.params, each.mult_adds)
        for each in at.stored.rows
        if (each.method, each.ratio, each.plan) == (row.method, row.ratio, row.plan)
    }
    yield compared(
        of, f"{name}: {row.params:,} parameters", len(sizes) == 1, "its other repairs have another size"
    )
    if row.epochs or row.plan:
        return
    others = [
        replace(row, repair=each) for each in ("none", "recalibrated", "re-fitted") if each != row.repair
    ]
    settings = repair.RepairSettings(row.total, row.method, (row.ratio,), (), seed=at.stored.settings["seed"])
    (new,) = measure(repair.REPAIR, at.spec(settings), others)
    share = SAME if row.repair == "none" else SAME_AFTER_LEARNING
    apart = _apart(row, new)
    yield compared(
        of, name, apart <= share * row.total, f"{apart:,} of {row.total:,} images are answered otherwise"
    )


KINDS: Mapping[str, Recomputed | Trained] = {
    "sweep": _SWEEP,
    homework.KIND: _SWEEP,
    wall.KIND: Recomputed(
        wall.WallState,
        _wall_state,
        _called,
        ("images",),
        _confused,
        lambda row: sum(row.images),
        _learned,
    ),
    "sensitivity": Recomputed(
        sensitivity.Cell,
        _cell,
        lambda row: f"{row.layer} at {row.ratio:.0%}",
        ("total", "weights"),
        _apart,
        lambda row: row.total,
    ),
    torchsummary.KIND: Recomputed(
        torchsummary.SideEffect,
        _side_effect,
        lambda row: torchsummary.often(row.passes),
        ("total",),
        _apart,
        lambda row: row.total,
    ),
    "forms": Recomputed(
        Form,
        _form,
        lambda row: row.name,
        ("total", "params", "torchinfo_params", "mult_adds", "file_bytes"),
        _apart,
        lambda row: row.total,
        timed=True,
    ),
    repair.KIND: Trained(repair.RepairRow, _repair_row, "repair"),
    path.KIND: Recomputed(
        LedgerRow,
        _state_of_path,
        lambda row: row.title,
        ("total", "params", "mult_adds", "network"),
        _apart,
        lambda row: row.total,
        lambda row: any(not isinstance(step, EXACT) for step in Recipe.from_dict(row.recipe).steps),
        timed=True,
    ),
    bits.KIND: Recomputed(
        bits.BitsRow,
        _rounding,
        lambda row: (
            f"{row.bits} bits, {row.scheme}, activations in {bits.describe_activations(row.activations)}"
        ),
        ("total", "stored_bytes", "float_bytes"),
        _apart,
        lambda row: row.total,
    ),
    runtimes.KIND: Recomputed(
        runtimes.RuntimeRow,
        _runtime,
        lambda row: f"{row.runtime}, batch {row.batch}, {row.threads} threads",
        ("total",),
        _apart,
        lambda row: row.total,
        lambda row: row.runtime in runtimes.INT8,  # sums of whole numbers are rounded as the CPU does it
        timed=True,
    ),
    overflow.KIND: Recomputed(
        overflow.OverflowRow,
        _overflow,
        lambda row: f"sums of {row.bits}-bit weights",
        ("total",),
        lambda row, new: max(_apart(row, new), abs(row.cut_correct - new.cut_correct)),
        lambda row: row.total,
        lambda row: True,  # what lies between two codes is rounded as the CPU adds
    ),
    "grid": Trained(grid.GridResult, _grid_row, "grid"),
    study.KIND: Trained(study.CellResult, _study_row, "study"),
    unseen.KIND: Trained(unseen.UnseenPair, _unseen_row, "unseen"),
}
"""By kind, how its rows are checked. ``verify`` says of a kind that is not here that it was not checked."""
