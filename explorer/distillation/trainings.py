"""Many trainings beside each other: in processes of this machine, or over a Ray or Dask cluster, through joblib.

What a training reached is on disk the moment it ends, so what was interrupted goes on where it was.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import joblib

from explorer.errors import ExplorerError
from explorer.files import write_file

BACKENDS = ("loky", "threading", "ray", "dask")

TaskType = TypeVar("TaskType")
ResultType = TypeVar("ResultType")


def trainings_options(parser: argparse.ArgumentParser, out: Path) -> None:
    """Add the options of a command that runs many trainings on all training images, with ``jobs_options``."""
    jobs_options(parser, out)
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="folder with the original files of the bundled images"
    )
    parser.add_argument("--work", type=Path, default=Path("runs/work"), help="folder of the teacher's logits")


def jobs_options(parser: argparse.ArgumentParser, out: Path) -> None:
    """Add the options of a command that runs many trainings: how many at once, where, and the folder of results."""
    parser.add_argument("--jobs", type=int, default=2, help="runs at once")
    parser.add_argument("--backend", choices=BACKENDS, default="loky", help="of joblib")
    parser.add_argument("--cluster", help="address of the Ray or Dask cluster")
    parser.add_argument("--out", type=Path, default=out, help="folder of the results")


def keep(path: Path, values: Mapping[str, Any]) -> None:
    """Write the plain values of a result as one JSON file."""
    write_file(path, f"{json.dumps(values)}\n".encode())


def run_trainings(
    work: Callable[[TaskType], ResultType],
    tasks: Iterable[TaskType],
    *,
    jobs: int = 2,
    backend: str = "loky",
    cluster: str | None = None,
) -> Iterator[ResultType]:
    """The results of all tasks as they end; a task is only taken when it is about to be started.

    Args:
        work: trains one.
        tasks: what is trained, in this order.
        jobs: trainings at once.
        backend: a joblib backend; ``ray`` and ``dask`` run on a cluster.
        cluster: its address; without one, Ray looks for a running cluster and Dask must be told.

    Raises:
        ExplorerError: the backend is not to be had.
    """
    register_backend(backend, cluster)
    with joblib.parallel_config(backend=backend, n_jobs=jobs):
        yield from joblib.Parallel(return_as="generator_unordered", pre_dispatch="n_jobs")(
            joblib.delayed(work)(task) for task in tasks
        )


def register_backend(backend: str, cluster: str | None = None) -> None:
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
