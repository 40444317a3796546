"""Every kind of evidence, and how its rows are checked: computed again, or held against what they say of themselves."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
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
from explorer.runtime.compiler import compiler
from explorer.runtime.needed import NotInstalledError
from explorer.steps import path
from explorer.steps.make import EXACT
from explorer.verify.finding import Finding, compared, unchecked
from explorer.work.instrument import Instrument, InstrumentSpec, measure
from explorer.work.progress import follow
from explorer.workspace import NetworkSource

SAME, SAME_AFTER_LEARNING = 0.002, 0.02
"""Shares of the images that may be answered otherwise: another processor adds in another order, and where weights are
learned anew (fine-tuned, fitted) what is added builds on what was."""
NEAR = 0.02
"""By so much of itself a measure may be another one there: sums, and files that another version packs."""
TIMES = "clock readings of another hour, perhaps of another machine"


@dataclass(frozen=True, eq=False)
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

    @property
    def is_timed(self) -> bool:
        """Whether a clock was read for any of the rows."""
        return any(getattr(row, "ms", None) is not None for row in self.stored.rows)

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
        near: those that are nearly so.
        answers: of a row and the same computed again: how many images are answered otherwise, at least.
        more: of both, what else is another one, in words; empty if nothing is.
        learned: whether weights of the row's network were learned anew.
        trained: of those rows that only a training brings, how they are held against what else is known.
    """

    row: type[Any]
    again: Callable[[Any, At], Any]
    name: Callable[[Any], str]
    exact: tuple[str, ...]
    near: tuple[str, ...]
    answers: Callable[[Any, Any], int]
    more: Callable[[Any, Any], str] = lambda row, new: ""
    learned: Callable[[Any], bool] = lambda row: False
    trained: "Trained | None" = None

    def check(self, of: str, row: Any, at: At) -> Finding:
        """One row against the same computed again."""
        name = self.name(row)
        try:
            new = self.again(row, at)
        except NotInstalledError as error:
            return unchecked(of, name, str(error).removesuffix("."))
        other = [each for each in self.exact if getattr(new, each) != getattr(row, each)]
        other += [each for each in self.near if not _is_near(getattr(new, each), getattr(row, each))]
        said = [f"{each} is {getattr(new, each)}, not {getattr(row, each)}" for each in other]
        apart, total = self.answers(row, new), at.stored.images
        if apart > (SAME_AFTER_LEARNING if self.learned(row) else SAME) * total:
            said.append(f"{apart:,} of {total:,} images are answered otherwise")
        said += filter(None, (self.more(row, new),))
        return compared(of, name, not said, ", ".join(said))


@dataclass(frozen=True)
class Trained:
    """Rows that only a training brings, held against what else is known.

    Attributes:
        row: their class.
        held: findings on one row, in the file of this name.
        command: what trains them again.
        rows: which rows of the class they are.
    """

    row: type[Any]
    held: Callable[[str, Any, At], Iterator[Finding]]
    command: str
    rows: Callable[[Any], bool] = lambda row: True


def _is_near(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=NEAR, abs_tol=1e-9)


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
    if row.runtime == "torch.compile" and compiler() is None:
        raise NotInstalledError("This needs a C++ compiler, and there is none here.")
    # Another machine has another number of threads, and answers alike on all of them.
    made = _every_runtime(at, compiled=row.runtime == "torch.compile")
    return next(each for each in made if each.runtime == row.runtime)


@lru_cache(maxsize=1)
def _every_runtime(at: At, *, compiled: bool) -> tuple[runtimes.RuntimeRow, ...]:
    """All of them at once, as they are measured: one file's rows need it once."""
    settings = replace(
        runtimes.RuntimesSettings(at.stored.images, **at.stored.settings),
        repeats=1,  # whose reading is not used
        compiled=compiled,
    )
    return measure(runtimes.RUNTIMES, at.spec(settings))


def _repair_row(row: repair.RepairRow, at: At) -> repair.RepairRow:
    settings = repair.RepairSettings(row.total, row.method, (row.ratio,), (), seed=at.stored.settings["seed"])
    quick = [replace(row, repair=state[1]) for state in settings.states if state[1] != row.repair]
    again: repair.RepairRow
    (again,) = measure(repair.REPAIR, at.spec(settings), quick)
    return again


def _repaired(row: repair.RepairRow) -> str:
    return f"{row.method} at {row.ratio:.0%}{f', {row.plan}' * bool(row.plan)}, {row.described}"


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


def _apart(*counts: str) -> Callable[[Any, Any], int]:
    """By how many images one of these counts is another one."""
    return lambda row, new: max(abs(int(getattr(row, each)) - int(getattr(new, each))) for each in counts)


def _confused(row: wall.WallState, new: wall.WallState) -> int:
    """An image that is answered otherwise leaves one place of the table and comes to another."""
    return int(np.abs(np.array(row.confusion) - np.array(new.confusion)).sum()) // 2


def _other_wall(row: wall.WallState, new: wall.WallState) -> str:
    """What the wall shows beside the answers that are counted."""
    if sum(one != other for one, other in zip(row.shown, new.shown, strict=True)) > len(row.shown) // 20:
        return "photographs on the wall are called otherwise"
    if not all(map(_is_near, (row.reach, row.threshold), (new.reach, new.threshold))):
        return "its threshold or the reach of its histogram is another one"
    return "" if _alike(row.weights, new.weights) else "its histogram is another one"


def _other_layers(row: bits.BitsRow, new: bits.BitsRow) -> str:
    """The first layer that the rounding did something else to."""
    if len(row.layers) != len(new.layers):
        return f"it has {len(new.layers)} layers, not {len(row.layers)}"
    for one, other in zip(row.layers, new.layers, strict=True):
        same = (one.layer, one.weights) == (other.layer, other.weights) and all(
            _is_near(getattr(one, each), getattr(other, each))
            for each in ("largest", "weight_error", "output_error")
        )
        if not same or not _alike(one.bars, other.bars):
            return f"its layer {one.layer} is another one"
    return ""


def _other_sums(row: overflow.OverflowRow, new: overflow.OverflowRow) -> str:
    """The first layer of which other sums are cut off: an activation between two codes may become either."""
    for one, other in zip(row.layers, new.layers, strict=True):
        close = abs(one.cut - other.cut) <= max(NEAR * one.cut, SAME_AFTER_LEARNING * one.sums / 1000)
        if (one.layer, one.sums) != (other.layer, other.sums) or not close:
            return f"of its layer {one.layer} {other.cut:,} of {other.sums:,} sums are cut off"
    return ""


def _alike(bars: tuple[int, ...], others: tuple[int, ...]) -> bool:
    """Whether two histograms are: a value on an edge may fall to either side."""
    if len(bars) != len(others):
        return False
    return int(np.abs(np.subtract(bars, others)).sum()) <= NEAR * sum(bars)


_SWEEP = Recomputed(
    SweepRow,
    _sweep_row,
    _seeded,
    ("total", "params", "mult_adds", "file_bytes"),
    ("nonzero", "zipped_bytes", "agreement"),
    _apart("correct"),
    learned=_learned,
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


def _repair_size(of: str, row: repair.RepairRow, at: At) -> Iterator[Finding]:
    """A training moves no channel: the network has the size of those that were pruned alike."""
    sizes = {
        (each.params, each.mult_adds)
        for each in at.stored.rows
        if (each.method, each.ratio) == (row.method, row.ratio)
    }
    yield compared(
        of,
        f"{_repaired(row)}: {row.params:,} parameters",
        len(sizes) == 1,
        "others pruned alike have another size",
    )


KINDS: Mapping[str, Recomputed | Trained] = {
    "sweep": _SWEEP,
    homework.KIND: _SWEEP,
    wall.KIND: Recomputed(
        wall.WallState,
        _wall_state,
        _called,
        ("images",),
        (),
        _confused,
        _other_wall,
        _learned,
    ),
    "sensitivity": Recomputed(
        sensitivity.Cell,
        _cell,
        lambda row: f"{row.layer} at {row.ratio:.0%}",
        ("total", "weights"),
        (),
        _apart("correct", "dense_correct"),
    ),
    torchsummary.KIND: Recomputed(
        torchsummary.SideEffect,
        _side_effect,
        lambda row: torchsummary.often(row.passes),
        ("total",),
        ("moved", "variance"),
        _apart("correct"),
    ),
    "forms": Recomputed(
        Form,
        _form,
        lambda row: row.name,
        ("total", "params", "torchinfo_params", "mult_adds", "file_bytes"),
        ("zipped_bytes",),
        _apart("correct"),
    ),
    repair.KIND: Recomputed(
        repair.RepairRow,
        _repair_row,
        _repaired,
        ("total", "params", "mult_adds"),
        ("nonzero",),
        _apart("correct"),
        learned=lambda row: row.repair == "re-fitted",
        trained=Trained(repair.RepairRow, _repair_size, "repair", lambda row: bool(row.epochs or row.plan)),
    ),
    path.KIND: Recomputed(
        LedgerRow,
        _state_of_path,
        lambda row: row.title,
        ("total", "params", "mult_adds", "network"),
        ("nonzero", "file_bytes", "zipped_bytes"),
        _apart("correct"),
        learned=lambda row: any(not isinstance(step, EXACT) for step in Recipe.from_dict(row.recipe).steps),
    ),
    bits.KIND: Recomputed(
        bits.BitsRow,
        _rounding,
        lambda row: (
            f"{row.bits} bits, {row.scheme}, activations in {bits.describe_activations(row.activations)}"
        ),
        ("total", "stored_bytes", "float_bytes"),
        (),
        _apart("correct", "agreeing", "dense_correct"),
        _other_layers,
    ),
    runtimes.KIND: Recomputed(
        runtimes.RuntimeRow,
        _runtime,
        runtimes.RUNTIMES.describe,
        ("total",),
        ("file_bytes",),
        _apart("correct", "agreeing"),
        # Sums of whole numbers are rounded as the CPU does it.
        learned=lambda row: row.runtime in runtimes.INT8,
    ),
    overflow.KIND: Recomputed(
        overflow.OverflowRow,
        _overflow,
        lambda row: f"sums of {row.bits}-bit weights",
        ("total",),
        (),
        _apart("correct", "cut_correct", "turned"),
        _other_sums,
        lambda row: True,  # what lies between two codes is rounded as the CPU adds
    ),
    "grid": Trained(grid.GridResult, _grid_row, "grid"),
    study.KIND: Trained(study.CellResult, _study_row, "study"),
    unseen.KIND: Trained(unseen.UnseenPair, _unseen_row, "unseen"),
}
"""By kind, how its rows are checked. ``verify`` says of a kind that is not here that it was not checked."""
