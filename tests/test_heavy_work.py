"""Heavy work on a server as people start it: who waits, who leaves in the middle, and the server's own end."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.serving.client import Screen, visit
from benchmarks.serving.load import OURS, TRAINING, Times, edit, is_training, start_training
from tests.coroutine import run
from tests.served import serving

ROOT = Path(__file__).parents[1]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def server(log: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Its address and process."""
    with serving([sys.executable, "-m", "explorer.app"], log, cwd=ROOT) as started:
        yield started


def workers(server: "subprocess.Popen[bytes]") -> list[int]:
    """The processes that a server has started for heavy work."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended meanwhile
        if parent == server.pid and b"explorer.work.worker" in command:
            found.append(int(folder.name))
    return found


def waits(screen: Screen) -> bool:
    return any("1 run ahead of yours" in each.body for each in screen.elements("alert"))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_who_leaves_frees_the_turn_and_a_server_that_is_ended_takes_its_worker_along(
    server: tuple[str, "subprocess.Popen[bytes]"], log: Path
) -> None:
    address, process = server

    async def people() -> None:
        async with visit(address) as second:
            async with visit(address) as first:
                await start_training(first)
                # The page answers while the training goes on.
                times = Times()
                await second.open(OURS.page)
                for stem in (40, 50):
                    await edit(second, OURS, stem, times)
                assert times.wrong == times.cut == []
                await second.open("distillation", TRAINING.replace("epochs=20", "epochs=30"))
                await second.touch("run_training pair")
                await second.wait(waits)
            # The first one's tab is closed; the second's training begins by itself.
            await second.wait(is_training)
            (worker,) = workers(process)
            process.send_signal(signal.SIGTERM)
            until = time.monotonic() + 30
            while Path(f"/proc/{worker}").exists() and time.monotonic() < until:
                await asyncio.sleep(0.05)
            assert not Path(f"/proc/{worker}").exists()

    run(people())
    assert process.wait(30) in (0, -signal.SIGTERM)
    assert "Traceback" not in log.read_text(encoding="utf-8")
