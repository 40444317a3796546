"""What a benchmark is made of: one figure with its aim, times taken in turn, a served app."""

import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

APP = Path(__file__).parent.parent / "streamlit_app.py"


@dataclass(frozen=True)
class BenchFigure:
    """One measured figure.

    Attributes:
        name: what was measured.
        value: the figure; None where the machine was too busy to measure it.
        unit: its unit.
        aim: what it should be, in words.
        holds: whether it is.
        how: how it was measured.
    """

    name: str
    value: float | None
    unit: str
    aim: str
    holds: bool
    how: str


def paired(first: Callable[[], object], second: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median seconds of two functions that are called in turn, the order swapped every round."""
    times: tuple[list[float], list[float]] = ([], [])
    pair = (first, second)
    for turn in range(rounds + 1):
        for which in (0, 1) if turn % 2 else (1, 0):
            started = time.perf_counter()
            pair[which]()
            if turn:
                times[which].append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])


@contextmanager
def served(script: Path) -> Iterator[str]:
    """The address of a server that runs a Streamlit script."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    command += ["--server.headless", "true", "--server.address", "127.0.0.1"]
    server = subprocess.Popen(  # noqa: S603 (our own interpreter and script)
        command, cwd=APP.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(240):
            try:
                urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.25)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)
