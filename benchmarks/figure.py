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
BARE = Path(__file__).parent / "bare" / "app.py"
"""A plain Streamlit app: one slider, one chart; it runs with Streamlit's own settings."""


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


@dataclass(frozen=True)
class Server:
    """A server of a Streamlit script, on this machine only.

    Attributes:
        address: such as ``http://127.0.0.1:8501``.
        pid: its process.
        started: when its process was started, by ``time.perf_counter``.
    """

    address: str
    pid: int
    started: float


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(script: Path, *, wait: bool = True) -> Iterator[Server]:
    """A server of our app, by its own command, or of another Streamlit script, with Streamlit's own settings.

    Args:
        script: the app.
        wait: whether to begin when it answers, and not at once.
    """
    port, started = free_port(), time.perf_counter()
    if script == APP:
        command = [sys.executable, "-m", "explorer.app", "--port", str(port)]
    else:
        command = [sys.executable, "-m", "streamlit", "run", script.name, "--server.port", str(port)]
        command += ["--server.headless", "true", "--server.address", "127.0.0.1"]
        command += ["--browser.gatherUsageStats", "false"]
    server = subprocess.Popen(  # noqa: S603 (our own interpreter and script)
        command, cwd=script.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        if wait:
            wait_for(address)
        yield Server(address, server.pid, started)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(10)


def wait_for(address: str, pause: float = 0.25) -> None:
    """Wait until a server answers, 60 s at most."""
    until = time.perf_counter() + 60
    while time.perf_counter() < until and not answers(address):
        time.sleep(pause)


def answers(address: str) -> bool:
    """Whether a server is there and well."""
    try:
        urlopen(f"{address}/_stcore/health", timeout=1).close()  # noqa: S310 (a server of our own)
    except OSError:
        return False
    return True
