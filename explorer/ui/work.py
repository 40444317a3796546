"""Heavy work: one turn at a time in this process, in a queue that visitors can see."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from explorer.ui import address
from explorer.work.queue import Queue

_turn = threading.local()


@st.cache_resource(show_spinner=False)
def _queue() -> Queue:
    return Queue()


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """A function that tells the seconds since the block was entered."""
    started = time.monotonic()
    yield lambda: time.monotonic() - started


def pace(seconds: float = 0.25) -> Callable[[], bool]:
    """A function that is true at most once in so many seconds.

    A progress bar that moves at every step of a training keeps the browser too busy to answer the hand.
    """
    last = -seconds

    def due() -> bool:
        nonlocal last
        now = time.monotonic()
        if now - last < seconds:
            return False
        last = now
        return True

    return due


@contextmanager
def heavy_work() -> Iterator[None]:
    """Hold the process's one turn for heavy work; while others are ahead, the page says how many.

    A visitor who leaves or presses stop gives the turn back. Inside a turn, another is the same one.
    """
    if getattr(_turn, "held", False):
        yield
        return
    address.write()
    queue, ticket = _queue(), None
    try:
        ticket = queue.join()
        notice = st.empty()
        while ahead := queue.ahead(ticket, 0.5):
            notice.info(
                f"{ahead} run{'s' if ahead > 1 else ''} ahead of yours on this machine; it starts by itself.",
                icon=":material/hourglass_top:",
            )
        notice.empty()
        _turn.held = True
        yield
    finally:
        _turn.held = False
        if ticket is not None:
            queue.leave(ticket)
