"""The worker, really started: what it brings, a Stop, its death, its end with its server, its quiet."""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from explorer.errors import ExplorerError
from explorer.work.progress import Update
from explorer.work.quiet import Quiet, quiet
from explorer.work.worker import Worker, WorkerDiedError, return_freed_memory

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals")


# --- What runs in the worker ------------------------------------------------------------------------------


def nothing() -> None:
    pass


def counted(most: int, seconds: float = 0.0) -> Generator[Update | int, None, str]:
    for number in range(most):
        yield number
        time.sleep(seconds)
    return f"process {os.getpid()}"


def busy(path: Path) -> Generator[int, None, None]:
    """A step that never ends by itself, and tidies up."""
    try:
        yield 1
        while True:
            sum(range(1000))
    finally:
        path.write_text("tidied up", encoding="utf-8")


def deaf() -> Generator[int, None, None]:
    """A step that cannot be interrupted, as a long call of a library's."""
    yield 1
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    time.sleep(60)


def noisy() -> Generator[int, None, None]:
    sys.stdout.write("what a library prints\n")
    sys.stdout.flush()
    yield 1
    os.system("echo and what a process of its own prints")  # noqa: S605


def refused() -> Generator[int, None, None]:
    yield 1
    raise ExplorerError("Take fewer images.")


def broken() -> Generator[int, None, None]:
    yield 1
    raise ZeroDivisionError("of mine")


def thousand_updates() -> Generator[Update, None, None]:
    for number in range(1000):
        yield Update("counting", number, 1000)


def timed() -> Generator[str, None, None]:
    yield "before"
    with quiet():
        yield "quiet"
    yield "after"


# --- What is asked of it ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    made = Worker(nothing)
    yield made
    made.close()


def steps_of(run: Generator[object, None, object]) -> tuple[list[object], object]:
    """What a run yields, without its heartbeats, and its result."""
    steps = []
    while True:
        try:
            step = next(run)
        except StopIteration as end:
            return steps, end.value
        if step is not None:
            steps.append(step)


def soon(true: Callable[[], bool]) -> bool:
    until = time.monotonic() + 30
    while not true() and time.monotonic() < until:
        time.sleep(0.02)
    return true()


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_is_yielded_and_returned_comes_back_from_another_process(worker: Worker) -> None:
    steps, result = steps_of(worker.run(counted, 3))
    assert steps == [0, 1, 2]
    assert result == f"process {worker.pid}"
    assert worker.pid != os.getpid()
    assert steps_of(worker.run(counted, 1))[1] == result, "the same process does the next work"


def test_of_many_updates_few_are_sent(worker: Worker) -> None:
    steps, _ = steps_of(worker.run(thousand_updates))
    assert 1 <= len(steps) < 100
    assert steps[0] == Update("counting", 0, 1000)


def test_a_heartbeat_comes_while_a_step_takes_long(worker: Worker) -> None:
    assert None in list(worker.run(counted, 1, 1.0))


def test_what_is_printed_there_does_not_disturb(worker: Worker) -> None:
    assert steps_of(worker.run(noisy))[0] == [1]


def test_an_error_comes_back_as_its_sentence(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ExplorerError, match=r"^Take fewer images\.$"):
        steps_of(worker.run(refused))
    assert not caplog.text
    with pytest.raises(ExplorerError, match="'ZeroDivisionError: of mine'") as caught:
        steps_of(worker.run(broken))
    assert "Traceback" not in str(caught.value)
    assert "Traceback" in caplog.text
    assert "in broken" in caplog.text
    assert steps_of(worker.run(counted, 1))[0] == [0], "and the next work runs"


@posix
def test_a_stop_interrupts_a_step_which_tidies_up_and_the_process_stays(
    worker: Worker, tmp_path: Path
) -> None:
    before, path = worker.pid, tmp_path / "said"
    with closing(worker.run(busy, path)) as run:
        assert next(step for step in run if step is not None) == 1
        assert next(run) is None
    assert path.read_text(encoding="utf-8") == "tidied up"
    assert steps_of(worker.run(counted, 2)) == ([0, 1], f"process {before}")


@posix
def test_a_step_that_cannot_be_interrupted_is_ended_with_its_process(worker: Worker) -> None:
    before = worker.pid
    with closing(worker.run(deaf)) as run:
        assert next(step for step in run if step is not None) == 1
        time.sleep(0.3)
        started = time.monotonic()
    assert time.monotonic() - started < 10, "not the minute that the step takes"
    assert steps_of(worker.run(counted, 2))[0] == [0, 1]
    assert worker.pid != before
    assert before is not None
    assert soon(lambda: not runs(before))


@posix
def test_a_killed_process_is_reported_in_a_sentence_and_replaced(worker: Worker) -> None:
    steps_of(worker.run(counted, 1))
    before = worker.pid
    assert before is not None
    run = worker.run(counted, 100, 0.2)
    assert next(step for step in run if step is not None) == 0
    os.kill(before, signal.SIGKILL)
    with pytest.raises(WorkerDiedError, match="was killed, as one is that needs too much memory: what was"):
        steps_of(run)
    assert steps_of(worker.run(counted, 2))[0] == [0, 1]
    assert worker.pid != before


def test_two_works_at_once_are_a_mistake(worker: Worker) -> None:
    with closing(worker.run(counted, 3)) as run:
        next(run)
        with pytest.raises(RuntimeError, match="hold the turn"):
            next(worker.run(counted, 3))


SERVER = """
import sys
from explorer.work.worker import Worker
from tests.work.test_worker import busy, nothing, Path
worker = Worker(nothing)
for step in worker.run(busy, Path(sys.argv[1])):
    if step == 1:
        print(worker.pid, flush=True)
"""


@posix
def test_the_process_goes_with_its_server_and_tidies_up(tmp_path: Path) -> None:
    """Even if the server is killed: nothing tells the worker but the end of its input."""
    path = tmp_path / "said"
    command = [sys.executable, "-c", SERVER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        assert runs(pid)
        server.kill()
    assert soon(lambda: not runs(pid))
    assert path.read_text(encoding="utf-8") == "tidied up"


def test_the_clock_waits_for_the_pages_and_they_for_it() -> None:
    pages = Quiet()
    worker = Worker(nothing, pages)
    try:
        with closing(worker.run(timed)) as run:
            assert next(step for step in run if step is not None) == "before"
            with pages.noise():
                assert next(run) is None, "a page is being drawn"
            assert next(step for step in run if step is not None) == "quiet"
            assert pages.wanted, "a page that begins now waits"
            assert next(step for step in run if step is not None) == "after"
            assert not pages.wanted
    finally:
        worker.close()


def test_outside_of_a_worker_quiet_does_nothing() -> None:
    assert list(timed()) == ["before", "quiet", "after"]


def test_what_is_sent_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(WorkerDiedError("ended"))).args == ("ended",)  # noqa: S301


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_what_is_freed_is_given_back_to_the_system() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    pieces = [
        bytearray(b"x" * 50_000) for _ in range(2_000)
    ]  # too small for the system to hand out one by one
    last = bytearray(b"x" * 50_000)  # lies above them, so that they are a hole
    full = resident()
    del pieces
    return_freed_memory()
    assert full - resident() > 80_000_000
    assert len(last) == 50_000


def test_a_process_without_work_is_ended_and_the_next_work_starts_another() -> None:
    worker = Worker(nothing, idle=0.5)
    try:
        (_, first), pid = steps_of(worker.run(counted, 1)), worker.pid
        assert soon(lambda: worker.pid is None)
        assert first == f"process {pid}"
        assert soon(lambda: not runs(pid or 0))
        steps, second = steps_of(worker.run(counted, 8, 0.2))
        assert len(steps) == 8, "which takes longer than it may be idle"
        assert second != first
    finally:
        worker.close()
