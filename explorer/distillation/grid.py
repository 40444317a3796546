"""The grid: students really trained over alpha and T, several seeds each, on one schedule.

The trainings are independent: ``trainings`` runs them beside each other and keeps each result.
"""

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from explorer.checkpoints.tables import read_table
from explorer.data import BUNDLED
from explorer.distillation.loss import DistillationLoss, check_alpha, check_temperature
from explorer.distillation.trainings import keep, run_trainings
from explorer.errors import ExplorerError
from explorer.measure import LEVEL
from explorer.networks import StudentSpec
from explorer.training import Recipe, train
from explorer.work.progress import follow

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
TEMPERATURES = (1.0, 2.0, 4.0, 8.0, 16.0)


@dataclass(frozen=True)
class GridPoint:
    """One training of the grid; at alpha = 0 the temperature has no influence and is None."""

    alpha: float
    temperature: float | None
    seed: int

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        check_temperature(1.0 if self.temperature is None else self.temperature)

    @property
    def file(self) -> str:
        """Name of the result's file."""
        temperature = "any" if self.temperature is None else f"{self.temperature:g}"
        return f"alpha-{self.alpha:g}-T-{temperature}-seed-{self.seed}.json"


@dataclass(frozen=True)
class GridSettings:
    """What all trainings of one grid share, so that their accuracies may be compared.

    Attributes:
        spec: the student.
        recipe: the schedule; its seed does not count, each training puts another in.
        images: number of training images used, the first so many; None for all.
        teacher_logits: name of the file of the teacher's logits; the teacher's sha256 begins it.
    """

    spec: StudentSpec
    recipe: Recipe
    images: int | None
    teacher_logits: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, accepted again by ``from_dict``."""
        recipe = {key: value for key, value in asdict(self.recipe).items() if key != "seed"}
        return {
            "spec": self.spec.to_dict(),
            "recipe": recipe,
            "images": self.images,
            "teacher_logits": self.teacher_logits,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "GridSettings":
        """The settings that ``to_dict`` wrote."""
        return cls(
            StudentSpec.from_dict(values["spec"]),
            Recipe(**values["recipe"]),
            values["images"],
            values["teacher_logits"],
        )


@dataclass(frozen=True)
class GridResult:
    """What one training of the grid reached.

    Attributes:
        point: alpha, T and seed.
        validation_accuracy: after the last epoch, 0 to 1.
        seconds: how long the training took, on one thread.
        settings: what it shares with the others of its grid.
    """

    point: GridPoint
    validation_accuracy: float
    seconds: float
    settings: GridSettings

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, accepted again by ``from_dict``."""
        return asdict(self.point) | {
            "validation_accuracy": self.validation_accuracy,
            "seconds": self.seconds,
            "settings": self.settings.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "GridResult":
        """The result that ``to_dict`` wrote.

        Raises:
            ExplorerError: something is missing or is not what a result holds.
        """
        try:
            return cls(
                GridPoint(values["alpha"], values["temperature"], values["seed"]),
                float(values["validation_accuracy"]),
                float(values["seconds"]),
                GridSettings.from_dict(values["settings"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ExplorerError(f"This is no result of a grid: {error!r} in {str(values)[:80]}.") from error


@dataclass(frozen=True)
class GridPlan:
    """How a grid is trained and where its results go.

    Attributes:
        spec: the student.
        recipe: the schedule; each training puts its own seed in.
        table: file of the teacher's logits (views, N, C), as ``runs.teacher_table`` keeps it.
        images: number of training images used, the first so many; None for all.
        data: folder of the original files, or None to find them.
        folder: where the results go.
    """

    spec: StudentSpec
    recipe: Recipe
    table: Path
    folder: Path
    images: int | None = None
    data: Path | None = None

    @property
    def settings(self) -> GridSettings:
        """What a result must share with this plan to belong to it."""
        return GridSettings(self.spec, replace(self.recipe, seed=0), self.images, self.table.name)


def grid_points(
    alphas: Sequence[float] = ALPHAS, temperatures: Sequence[float] = TEMPERATURES, seeds: int = 2
) -> tuple[GridPoint, ...]:
    """Every training of a grid; those at alpha = 0 once per seed.

    >>> len(grid_points())
    42
    """
    if seeds < 1 or not alphas or not temperatures:
        raise ExplorerError("A grid needs at least one alpha, one temperature and one seed.")
    return tuple(
        GridPoint(alpha, temperature, seed)
        for seed in range(1, seeds + 1)
        for alpha in alphas
        for temperature in (temperatures if alpha else (None,))
    )


def train_point(point: GridPoint, plan: GridPlan) -> GridResult:
    """Train one student and write its result into the plan's folder."""
    torch.set_num_threads(1)  # the trainings run beside each other, one core each
    images = follow(BUNDLED.read_all_training(plan.data), lambda update: None).select(slice(plan.images))
    table = read_table(plan.table)
    assert table is not None, "it was read when the plan was made"
    torch.manual_seed(point.seed)
    student = plan.spec.build().to(memory_format=torch.channels_last)
    recipe = replace(plan.recipe, seed=point.seed)
    loss = DistillationLoss(point.alpha, point.temperature or 1.0)
    started, accuracy = time.monotonic(), 0.0
    validation = BUNDLED.load("validation")
    for progress in train(student, images, validation, recipe, loss, teacher_logits=table):
        if progress.validation_accuracy is not None:
            accuracy = progress.validation_accuracy
    result = GridResult(point, accuracy, round(time.monotonic() - started, 1), plan.settings)
    keep(plan.folder / point.file, result.to_dict())
    return result


def run_grid(
    points: Sequence[GridPoint],
    plan: GridPlan,
    *,
    jobs: int = 2,
    backend: str = "loky",
    cluster: str | None = None,
) -> Iterator[GridResult]:
    """The results of all points, those on disk first, the others as they end.

    Args:
        points: what is trained.
        plan: what the points share.
        jobs, backend, cluster: see ``run_trainings``.

    Raises:
        ExplorerError: the folder holds results of another plan, or the backend is not to be had.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    missing = []
    for point in points:
        path = plan.folder / point.file
        if not path.exists():
            missing.append(point)
            continue
        result = GridResult.from_dict(json.loads(path.read_text(encoding="utf-8")))
        if result.settings != plan.settings:
            raise ExplorerError(f"{path} is the result of another plan: use another folder.")
        yield result
    yield from run_trainings(
        partial(train_point, plan=plan), missing, jobs=jobs, backend=backend, cluster=cluster
    )


def grid_verdict(results: Sequence[GridResult], rows: pd.DataFrame) -> str:
    """Sentences: the best cell against labels alone, and which cells can be told apart from it.

    ``rows`` are those of ``summarise_grid``.
    """
    plain, taught = rows[rows["alpha"] == 0], rows[rows["alpha"] > 0]
    if plain.empty or taught.empty:
        return "There is no run with labels alone to compare with."
    best = taught.nlargest(1, "mean").iloc[0]
    text = (
        f"Labels alone reach {plain['mean'].iloc[0]:.2%}; the best cell, {_cell(best)}, is "
        f"{best['difference']:+.2f} points from that."
    )
    if rows["seeds"].max() < 2:
        return f"{text} With one seed a cell, nothing tells how much of that is chance."
    apart = taught["chance"] < LEVEL
    text += (
        f" The seeds of a cell have a standard deviation of {100 * seed_deviation(results):.2f} points, pooled over "
        f"all cells. By Dunnett's test, which allows for {len(taught)} cells being compared with the same runs, "
        f"{(~apart).sum()} of them cannot be told apart from labels alone (p of {LEVEL:g} or more)."
    )
    for word, sign in (("better", 1), ("worse", -1)):
        cells = taught[apart & (sign * taught["difference"] > 0)]
        if len(cells):
            listed = "; ".join(
                f"{_cell(row)} ({row['difference']:+.2f}, p = {row['chance']:.2g})"
                for _, row in cells.iterrows()
            )
            text += f" Really {word}: {listed}."
    return text


def _cell(row: "pd.Series[Any]") -> str:
    return f"alpha {row['alpha']:g} at T {row['temperature']:g}"


def seed_deviation(results: Sequence[GridResult]) -> float:
    """The standard deviation of the validation accuracy over the seeds of a cell, pooled over all cells.

    nan where no cell has two seeds.
    """
    cells = _frame(results).groupby(["alpha", "temperature"], dropna=False)["validation_accuracy"]
    freedom = (cells.size() - 1).sum()
    squares = (cells.var(ddof=0) * cells.size()).sum()
    return math.sqrt(squares / freedom) if freedom else math.nan


def summarise_grid(results: Sequence[GridResult]) -> pd.DataFrame:
    """Mean and spread over the seeds of each cell, and Dunnett's test of each against labels alone.

    Columns alpha, temperature, mean, low, high, seeds, difference (of the mean from that of labels
    alone, in points) and chance (the p-value: how often the cell furthest from labels alone would be as far
    from it as this one if no cell differed; nan where nothing tells how far seeds differ). A run at
    alpha = 0 stands in every temperature's cell, since T has no influence on it.
    Source: Dunnett 1955, J. Am. Stat. Assoc. 50, by scipy.
    """
    frame = _frame(results)
    without = frame[frame["temperature"].isna()]  # at alpha = 0
    taught = frame[frame["temperature"].notna()]
    everywhere = [without.assign(temperature=each) for each in sorted(taught["temperature"].unique())]
    cells = pd.concat([part for part in (taught, *everywhere) if len(part)]).groupby(["alpha", "temperature"])
    rows = cells["validation_accuracy"].agg(mean="mean", low="min", high="max", seeds="size").reset_index()
    reference = without["validation_accuracy"].mean()
    rows["difference"] = 100 * (rows["mean"] - reference)
    rows["chance"] = math.nan
    groups = taught.groupby(["alpha", "temperature"])["validation_accuracy"]
    if len(without) and len(groups) and rows["seeds"].max() > 1:
        from scipy.stats import dunnett  # here: it takes a second to import, and few pages ask for it

        # The test integrates with random points: with the same ones, the same grid has the same p-values.
        test = dunnett(
            *(group.to_numpy() for _, group in groups),
            control=without["validation_accuracy"].to_numpy(),
            rng=np.random.default_rng(0),
        )
        # Both are ordered by alpha and T, and the rows of labels alone keep their nan.
        rows.loc[rows["alpha"] > 0, "chance"] = test.pvalue
    return rows


def _frame(results: Sequence[GridResult]) -> pd.DataFrame:
    return pd.DataFrame(
        [asdict(result.point) | {"validation_accuracy": result.validation_accuracy} for result in results]
    )
