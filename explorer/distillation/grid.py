"""Evidence: students really trained over a grid of alpha and T, several seeds each, on one schedule.

The runs are independent, so joblib spreads them over processes, or over a Ray or Dask cluster. The
result of a run is on disk the moment it ends, and a grid that was interrupted goes on where it was.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import torch
from safetensors.torch import load_file

from explorer.checkpoints import SHIPPED
from explorer.data import BUNDLED
from explorer.distillation.loss import Distilled, check_alpha, check_temperature
from explorer.errors import ExplorerError
from explorer.evidence import FOLDER
from explorer.networks import StudentNet, StudentSpec
from explorer.training import Recipe, train
from explorer.work.progress import follow

BACKENDS = ("loky", "threading", "ray", "dask")
ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
TEMPERATURES = (1.0, 2.0, 4.0, 8.0, 16.0)


@dataclass(frozen=True)
class Point:
    """One run of the grid; at alpha = 0 the temperature has no influence and is None."""

    alpha: float
    temperature: float | None
    seed: int

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        check_temperature(1.0 if self.temperature is None else self.temperature)

    @property
    def file(self) -> str:
        """Name of the result's file."""
        step = "any" if self.temperature is None else f"{self.temperature:g}"
        return f"alpha-{self.alpha:g}-T-{step}-seed-{self.seed}.json"


@dataclass(frozen=True)
class Plan:
    """What all runs of a grid share.

    Attributes:
        spec: the student.
        recipe: the schedule; each run puts its own seed in.
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

    def settings(self) -> dict[str, Any]:
        """What a result must share with this plan to be one of its own."""
        recipe = {key: value for key, value in asdict(self.recipe).items() if key != "seed"}
        return {
            "spec": self.spec.to_dict(),
            "recipe": recipe,
            "images": self.images,
            "teacher_logits": self.table.name,
        }


def points(
    alphas: Sequence[float] = ALPHAS, temperatures: Sequence[float] = TEMPERATURES, seeds: int = 2
) -> tuple[Point, ...]:
    """Every run of a grid; those at alpha = 0 once per seed.

    >>> len(points())
    42
    """
    if seeds < 1 or not alphas or not temperatures:
        raise ExplorerError("A grid needs at least one alpha, one temperature and one seed.")
    return tuple(
        Point(alpha, temperature, seed)
        for seed in range(1, seeds + 1)
        for alpha in alphas
        for temperature in (temperatures if alpha else (None,))
    )


def run_point(point: Point, plan: Plan) -> dict[str, Any]:
    """Train one student and write its result: the point, validation accuracy, seconds, settings."""
    torch.set_num_threads(1)
    images = follow(BUNDLED.read_all_training(plan.data), lambda update: None).select(slice(plan.images))
    table = load_file(plan.table)["logits"]
    torch.manual_seed(point.seed)
    net = StudentNet(plan.spec).to(memory_format=torch.channels_last)
    recipe = Recipe(**asdict(plan.recipe) | {"seed": point.seed})
    loss = Distilled(point.alpha, point.temperature or 1.0)
    started, accuracy = time.monotonic(), 0.0
    for progress in train(net, images, BUNDLED.load("validation"), recipe, loss, teacher_logits=table):
        if progress.validation_accuracy is not None:
            accuracy = progress.validation_accuracy
    result = asdict(point) | {
        "validation_accuracy": accuracy,
        "seconds": round(time.monotonic() - started, 1),
        "settings": plan.settings(),
    }
    path = plan.folder / point.file
    temporary = path.with_suffix(".partial")
    temporary.write_text(json.dumps(result) + "\n", encoding="utf-8")
    temporary.replace(path)
    return result


def run_grid(
    wanted: Sequence[Point], plan: Plan, *, jobs: int = 2, backend: str = "loky", cluster: str | None = None
) -> Iterator[dict[str, Any]]:
    """The results of all points, those on disk first, the others as they end.

    Args:
        wanted: the points.
        plan: what they share.
        jobs: runs at once.
        backend: a joblib backend; ``ray`` and ``dask`` run on a cluster.
        cluster: its address; without one, Ray looks for a running cluster and Dask must be told.

    Raises:
        ExplorerError: the folder holds results of another plan, or the backend is not to be had.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    missing = []
    for point in wanted:
        path = plan.folder / point.file
        if not path.exists():
            missing.append(point)
            continue
        result = json.loads(path.read_text(encoding="utf-8"))
        if result["settings"] != json.loads(json.dumps(plan.settings())):
            raise ExplorerError(f"{path} is the result of another plan: use another folder.")
        yield result
    register(backend, cluster)
    with joblib.parallel_config(backend=backend, n_jobs=jobs):
        yield from joblib.Parallel(return_as="generator_unordered")(
            joblib.delayed(run_point)(point, plan) for point in missing
        )


def register(backend: str, cluster: str | None = None) -> None:
    """Make a joblib backend ready; Ray and Dask are only imported when they are asked for.

    Raises:
        ExplorerError: there is no such backend, its package is missing, or Dask has no address.
    """
    if backend not in BACKENDS:
        raise ExplorerError(f"There is no backend {backend!r}; there are {', '.join(BACKENDS)}.")
    try:
        if backend == "ray":
            import ray
            from ray.util.joblib import register_ray

            ray.init(address=cluster or "auto", ignore_reinit_error=True)
            register_ray()
        elif backend == "dask":
            import distributed

            if cluster is None:
                raise ExplorerError(
                    "The dask backend needs the address of its scheduler: --cluster tcp://..."
                )
            distributed.Client(cluster)  # type: ignore[no-untyped-call]
    except ImportError as error:
        package = {"ray": "ray", "dask": "distributed"}[backend]
        raise ExplorerError(f"The {backend} backend needs its package: pip install {package}.") from error


def evidence_path(folder: Path = SHIPPED) -> Path:
    """Where the grid that ships is kept."""
    return folder / FOLDER / "grid.json"


def verdict(results: Sequence[dict[str, Any]]) -> str:
    """Sentences: the best cell against labels alone, and which cells differ by more than the seeds do."""
    rows = summary(results)
    plain, taught = rows[rows["alpha"] == 0], rows[rows["alpha"] > 0]
    if plain.empty or taught.empty:
        return "There is no run with labels alone to compare with."
    best = taught.nlargest(1, "mean").iloc[0]
    said = (
        f"Labels alone reach {100 * plain['mean'].iloc[0]:.2f} %; the best cell, {_cell(best)}, is "
        f"{best['difference']:+.2f} points from that."
    )
    if rows["seeds"].max() < 2:
        return f"{said} With one seed a cell, nothing tells how much of that is chance."
    found = (
        f"{said} Seeds of one cell differ by up to {noise(rows):.2f} points: {(~taught['apart']).sum()} of the "
        f"{len(taught)} distilled cells are within that and not told apart from labels alone."
    )
    for word, sign in (("better", 1), ("worse", -1)):
        cells = taught[taught["apart"] & (sign * taught["difference"] > 0)]
        if len(cells):
            listed = "; ".join(f"{_cell(row)} ({row['difference']:+.2f})" for _, row in cells.iterrows())
            found += f" More than that {word}: {listed}."
    return found


def _cell(row: "pd.Series[Any]") -> str:
    return f"alpha {row['alpha']:g} at T {row['temperature']:g}"


def noise(rows: pd.DataFrame) -> float:
    """By how many points the seeds of one cell of a ``summary`` differ, at most."""
    return float(100 * (rows["high"] - rows["low"]).max())


def summary(results: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Mean and spread over the seeds of each cell.

    Columns alpha, temperature, mean, low, high, seeds, difference (of the mean from that of labels
    alone, in points) and apart (whether that is more than the seeds of any cell differ). A run at
    alpha = 0 stands in every temperature's cell, since T has no influence on it.
    """
    frame = pd.DataFrame(results)
    steps = sorted(frame["temperature"].dropna().unique())
    fixed = frame[frame["temperature"].isna()]
    spread = [frame[frame["temperature"].notna()]]
    spread += [fixed.assign(temperature=step) for step in steps]
    rows = (
        pd.concat([part for part in spread if len(part)])
        .groupby(["alpha", "temperature"])["validation_accuracy"]
        .agg(mean="mean", low="min", high="max", seeds="size")
        .reset_index()
    )
    reference = fixed["validation_accuracy"].mean()
    rows["difference"] = 100 * (rows["mean"] - reference)
    rows["apart"] = (rows["difference"].abs() > noise(rows)) & (rows["seeds"].max() > 1)
    return rows
