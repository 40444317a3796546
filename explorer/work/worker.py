"""A process that does the heavy work of a server: what is asked for goes in, parts and progress come out.

The server's own process answers thirty visitors: a training in one of its threads would hold the interpreter's lock
while they wait. So one process is started beside it, does one work at a time, and goes when the server goes.

It is a plain subprocess that reads pickles from its standard input and writes pickles to its standard output. A pool
(``concurrent.futures``, joblib's loky) gives a result at the end, and this work must tell of its parts and stop between
them; ``multiprocessing`` would run the server's main module again in the child, which under Streamlit is the page.
"""

import contextlib
import gc
import logging
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator
from ctypes import CDLL
from typing import Any, BinaryIO, Literal, NoReturn, TypeVar, cast

from explorer.errors import ExplorerError
from explorer.work.progress import Update
from explorer.work.quiet import Quiet, ask_with

StepType = TypeVar("StepType")
ResultType = TypeVar("ResultType")
Kind = Literal["ready", "step", "result", "error", "failed", "quiet", "loud", "dead"]
Message = tuple[Kind, bytes]

IDLE = 120.0  # seconds
HEARTBEAT = 0.2  # seconds after which ``run`` yields None if there is nothing else
GRACE = 0.7  # seconds in which a work that is stopped must end by itself
UPDATES_EVERY = 0.1  # seconds; a training has a thousand steps in that time
NICE = 2  # how far behind the pages it stands: more would starve it on a machine that others use too
# The child imports nothing before it knows where the server found its modules.
_CHILD = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from explorer.work.worker import serve; serve()"
)
_log = logging.getLogger(__name__)


class WorkerDiedError(ExplorerError):
    """The process has ended in the middle of a work."""


class Worker:
    """One process for heavy work, started when it is first needed and again when it has died; one work at a time.

    Args:
        setup: called in the process before its first work; can be pickled. What it imports need not be imported then.
        quiet: the pages of this server, which hold still while the clock is read in the process.
        idle: seconds without work after which the process is ended: it holds 400 MB. The next work starts another.
    """

    def __init__(self, setup: Callable[[], object], quiet: Quiet | None = None, idle: float = IDLE) -> None:
        self._setup, self._quiet, self._idle = setup, quiet or Quiet(), idle
        self._works = 0
        self._process: _Process | None = None
        self._lock = threading.Lock()
        self._busy = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Of the process, if there is one."""
        process = self._process
        return process.popen.pid if process is not None and process.runs else None

    def start(self) -> None:
        """Start the process, unless it runs; returns at once."""
        with self._lock:
            if self.pid is None:
                self._process = _Process(self._setup)
                self._end_when_idle()

    def close(self) -> None:
        """End the process, whatever it does."""
        with self._lock:
            if self._process is not None:
                self._process.close()

    def get_ready(self) -> Generator[None, None, None]:
        """Start the process if need be and yield until it can take work.

        Raises:
            WorkerDiedError: it has ended before.
        """
        self.start()
        process = cast(_Process, self._process)
        while not process.ready:
            self._understand(process, process.receive())
            if not process.ready:
                yield None

    def run(
        self, steps: Callable[..., Generator[StepType, None, ResultType]], *arguments: object
    ) -> Generator[StepType | None, None, ResultType]:
        """Run ``steps(*arguments)``, a generator, in the process: what it yields and returns comes back.

        Of updates only some come. None comes whenever there was nothing for a fifth of a second, so that the caller
        can look whether the result is still wanted. A run that is closed is stopped within about a second: what it has
        yielded is all that stays of it.

        Args:
            steps: a function of a module, or a method of what can be pickled.
            arguments: can be pickled, as what is yielded and returned must.

        Raises:
            ExplorerError: as ``steps`` raised it; or one sentence on another exception, which is logged whole.
            WorkerDiedError: the process has ended; the next run starts another.
        """
        if not self._busy.acquire(timeout=1):  # an idle process is just let go of
            raise RuntimeError("the worker does one work at a time: hold the turn while it runs")
        process: _Process | None = None
        over = False
        try:
            yield from self.get_ready()
            process = cast(_Process, self._process)
            process.send("run", pickle.dumps((dict(os.environ), steps, arguments)))
            while True:
                message = process.receive()
                over = message is not None and message[0] in ("result", "error", "failed", "dead")
                content = self._understand(process, message)
                if over:
                    return cast(ResultType, content)
                if message is not None and message[0] == "quiet":
                    yield from self._hold_still(process)
                elif message is None or message[0] == "step":
                    yield content
        finally:
            self._quiet.end()
            if process is not None and not over:
                self._stop(process)
            self._works += 1
            self._busy.release()
            self._end_when_idle()

    def _end_when_idle(self) -> None:
        """End the process after a while, unless there has been work again by then."""
        timer = threading.Timer(self._idle, self._end_if_idle, (self._works,))
        timer.daemon = True
        timer.start()

    def _end_if_idle(self, works: int) -> None:
        if self._works != works or not self._busy.acquire(blocking=False):
            return
        with self._lock:
            process, self._process = self._process, None
        self._busy.release()
        if process is not None:
            process.close()

    def _understand(self, process: "_Process", message: Message | None) -> Any:
        """What a message holds, if it is a step or a result; an error is raised."""
        kind, content = message or ("nothing", b"")
        if kind in ("step", "result", "error"):
            value = pickle.loads(content)  # noqa: S301 (from a process of ours)
            if isinstance(value, ExplorerError) and kind == "error":
                raise value
            return value
        if kind == "ready":
            process.ready = True
        elif kind == "loud":
            self._quiet.end()
        elif kind == "failed":
            text = content.decode()
            _log.error("A work of the worker has failed:\n%s", text)
            raise ExplorerError(
                f"This ended with an error of the explorer's own, {text.splitlines()[-1]!r}: the server's log has all "
                "of it."
            )
        elif kind == "dead":
            raise WorkerDiedError(
                f"The process that does the work {process.death()}: what was finished is kept, and another process "
                "takes the next work."
            )
        return None

    def _hold_still(self, process: "_Process") -> Generator[None, None, None]:
        """Give the process its quiet, as soon as the scripts that run have ended or it has waited long enough."""
        self._quiet.ask()
        while not self._quiet.come(HEARTBEAT):
            yield None
        process.send("quiet")

    def _stop(self, process: "_Process") -> None:
        """End what is being done; if that takes too long, with the process, and start another for the next work."""
        process.send("stop")
        until = time.monotonic() + GRACE
        while (left := until - time.monotonic()) > 0:
            message = process.receive(left)
            if message is not None and message[0] in ("result", "error", "failed", "dead"):
                return
            if message is not None and message[0] == "quiet":
                process.send("quiet")  # or it would wait for it
        process.end()
        self.start()


class _Process:
    """The process as the server sees it."""

    def __init__(self, setup: Callable[[], object]) -> None:
        self.ready = self._ended = False
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.popen = subprocess.Popen(  # noqa: S603 (a program of ours)
            [sys.executable, "-c", _CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C in the server's terminal is for the server; the worker notices that its input has ended.
            start_new_session=True,
        )
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        self._in: BinaryIO = cast(BinaryIO, self.popen.stdin)
        with contextlib.suppress(OSError):  # it has died; reading will tell
            pickle.dump(sys.path, self._in)
            self._in.flush()
        self.send("setup", pickle.dumps(setup))
        threading.Thread(target=self._read, args=(self.popen.stdout,), daemon=True, name="worker").start()

    def _read(self, out: BinaryIO) -> None:
        # A thread of its own, since a pipe cannot be read with a time limit everywhere.
        with contextlib.suppress(Exception), out:
            while True:
                self._inbox.put(pickle.load(out))  # noqa: S301 (from a process of ours)
        self._inbox.put(("dead", b""))
        self.popen.wait()  # or it would stay a zombie

    def send(self, kind: str, content: bytes = b"") -> None:
        """Send a message; if the process has died, reading will tell."""
        with contextlib.suppress(OSError, ValueError):
            pickle.dump((kind, content), self._in)
            self._in.flush()

    def receive(self, wait_seconds: float = HEARTBEAT) -> Message | None:
        """The next message; None if none comes so soon."""
        try:
            return self._inbox.get(timeout=wait_seconds)
        except queue.Empty:
            return None

    @property
    def runs(self) -> bool:
        """Whether it can take work."""
        return not self._ended and self.popen.poll() is None

    def death(self) -> str:
        """How it has ended, as the end of a sentence."""
        try:
            status = self.popen.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.end()
            return "said nothing more and was ended"
        if status == -9:
            return "was killed, as one is that needs too much memory"
        return f"was ended by signal {-status}" if status < 0 else f"ended by itself with status {status}"

    def end(self) -> None:
        """End it, without waiting until it is gone."""
        self._ended = True
        self.popen.kill()
        with contextlib.suppress(OSError):
            self._in.close()

    def close(self) -> None:
        """Let it end: it notices that its input has, and is given a moment to clean up."""
        with contextlib.suppress(OSError):
            self._in.close()
        try:
            self.popen.wait(3 * GRACE)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


# --- In the process -------------------------------------------------------------------------------------


class _Stopped(BaseException):
    """The work in hand is not wanted any more."""


class _Server:
    """The server as the process sees it."""

    def __init__(self) -> None:
        self._in = sys.stdin.buffer
        # What some library prints must not get between the pickles: it goes where errors go, to the server's log.
        self._out = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self._work: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._quiet = threading.Event()
        self._stopping = self._interruptible = False
        signal.signal(signal.SIGINT, self._interrupt)

    def serve(self) -> None:
        """Do one work after the other until the server is gone."""
        with contextlib.suppress(AttributeError, OSError):
            os.nice(NICE)
        _, setup = pickle.load(self._in)  # noqa: S301 (from the server)
        pickle.loads(setup)()  # noqa: S301
        gc.freeze()  # what is imported stays: the collector need not look through it after every work
        ask_with(self._ask_for_quiet)
        threading.Thread(target=self._listen, daemon=True).start()
        self._send("ready")
        while (work := self._work.get()) is not None:
            kind, content = self._do(work)
            self._send(kind, content)
            del content
            gc.collect()
            return_freed_memory()

    def _listen(self) -> None:
        # In a thread, so that a Stop is heard in the middle of a step.
        with contextlib.suppress(Exception):
            while True:
                kind, content = pickle.load(self._in)  # noqa: S301 (from the server)
                if kind == "run":
                    self._stopping = False
                    self._work.put(content)
                elif kind == "quiet":
                    self._quiet.set()
                elif kind == "stop":
                    self._stop()
        # The server is gone. What is being done gets a moment to clean up: it may have a process of its own.
        self._work.put(None)
        self._stop()
        time.sleep(2 * GRACE)
        os._exit(1)

    def _stop(self) -> None:
        self._stopping = True
        if sys.platform == "win32":
            import _thread

            _thread.interrupt_main()
        else:
            signal.pthread_kill(cast(int, threading.main_thread().ident), signal.SIGINT)

    def _interrupt(self, *_: object) -> None:
        # As Ctrl-C in a terminal: between two operations of torch, long before the step is over.
        if self._interruptible and self._stopping:
            raise _Stopped

    def _do(self, work: bytes) -> tuple[Kind, bytes]:
        """Do a work; gives its last message."""
        try:
            return "result", pickle.dumps(self._steps(work))
        except (_Stopped, ExplorerError) as error:
            # Only the sentence of an error is needed here; its traceback would keep what the work held.
            return "error", _pickled(error.with_traceback(None))
        except Exception:
            return "failed", traceback.format_exc().strip().encode()

    def _steps(self, work: bytes) -> Any:
        sent = -UPDATES_EVERY
        steps: Generator[Any, None, Any] | None = None
        while True:
            try:
                # In this order: a Stop that comes before the first line is seen in the third, a later one interrupts.
                self._interruptible = True
                if self._stopping:
                    raise _Stopped
                if steps is None:
                    environment, function, arguments = pickle.loads(work)  # noqa: S301 (from the server)
                    os.environ.update(environment)  # as it is now; it says where caches are
                    steps = function(*arguments)
                step = next(steps)
            except StopIteration as end:
                return end.value
            finally:
                self._interruptible = False
            if not isinstance(step, Update):
                self._send("step", pickle.dumps(step))
            elif time.monotonic() - sent >= UPDATES_EVERY:
                sent = time.monotonic()
                self._send("step", pickle.dumps(step))

    def _ask_for_quiet(self, wanted: bool) -> None:
        self._quiet.clear()
        self._send("quiet" if wanted else "loud")
        if wanted:
            self._quiet.wait()

    def _send(self, kind: Kind, content: bytes = b"") -> None:
        interruptible, self._interruptible = self._interruptible, False
        with contextlib.suppress(OSError):  # the server is gone: whoever listens to it ends this process
            pickle.dump((kind, content), self._out)
            self._out.flush()
        self._interruptible = interruptible
        if interruptible and self._stopping:
            raise _Stopped


def _pickled(error: BaseException) -> bytes:
    try:
        return pickle.dumps(error)
    except Exception:
        return pickle.dumps(ExplorerError(str(error)))


def return_freed_memory() -> None:
    """Give back to the system what this process has freed and glibc keeps; takes less than a millisecond."""
    with contextlib.suppress(OSError, AttributeError):  # no glibc
        CDLL("libc.so.6").malloc_trim(0)


def serve() -> NoReturn:
    """What the process does."""
    _Server().serve()
    sys.exit()
