"""A quiet moment for the clock: while it is read, nothing else of ours starts.

The pages of a server and the clock in its worker are like readers and a writer: any number of page scripts may run at
once, a block of the clock runs alone. Neither waits for ever: where it cannot have quiet soon, the clock is read
anyway, and judges by itself whether the machine was too busy (``measure.clock``).
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PAGE_WAITS = 1.0  # seconds
CLOCK_WAITS = 3.0


class Quiet:
    """Who runs in this process, and whether a clock wants them to hold still."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0
        self._wanted_since: float | None = None
        self._here = threading.local()

    @contextmanager
    def noise(self) -> Iterator[None]:
        """Around what a page script does: it begins when no clock is read, or after a second."""
        with self._changed:
            self._changed.wait_for(lambda: not self.wanted, PAGE_WAITS)
            self._running += 1
        self._here.runs = True
        try:
            yield
        finally:
            self._here.runs = False
            self._add(-1)

    @contextmanager
    def rest(self) -> Iterator[None]:
        """Around what a page script only waits for: it makes no noise meanwhile."""
        ran, self._here.runs = getattr(self._here, "runs", False), False
        self._add(-ran)
        try:
            yield
        finally:
            self._add(ran)
            self._here.runs = ran

    def _add(self, scripts: int) -> None:
        with self._changed:
            self._running += scripts
            self._changed.notify_all()

    @property
    def wanted(self) -> bool:
        """Whether a clock is read or about to be, so that a page script that begins now waits."""
        return self._wanted_since is not None

    def ask(self) -> None:
        """From now on page scripts wait at their beginning; ``end`` lets them go on."""
        with self._changed:
            self._wanted_since = time.monotonic()

    def end(self) -> None:
        """The clock has been read, or will not be."""
        with self._changed:
            self._wanted_since = None
            self._changed.notify_all()

    def come(self, wait_seconds: float) -> bool:
        """Whether the clock may be read, after waiting at most so long for the scripts that still run."""
        with self._changed:
            asked = self._wanted_since or 0.0
            return self._changed.wait_for(lambda: not self._running, wait_seconds) or (
                time.monotonic() - asked > CLOCK_WAITS
            )


_ask: Callable[[bool], None] | None = None


def ask_with(ask: Callable[[bool], None]) -> None:
    """How this process gets quiet: ``ask(True)`` returns when there is, ``ask(False)`` ends it."""
    global _ask
    _ask = ask


@contextmanager
def quiet() -> Iterator[None]:
    """Around a block of clock readings: in a worker the server's pages hold still; elsewhere this does nothing."""
    if _ask is None:
        yield
        return
    _ask(True)
    try:
        yield
    finally:
        _ask(False)
