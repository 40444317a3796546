"""Heavy work: one turn at a time in this process, in a queue that visitors can see; what is prepared once for all."""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import streamlit as st

from explorer.ui import address
from explorer.work.estimate import duration
from explorer.work.progress import Update, follow
from explorer.work.queue import Queue
from explorer.work.results import Shelf

ResultType = TypeVar("ResultType")
MOST_PREPARED = 48
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


@st.cache_resource(show_spinner=False)
def _prepared() -> Shelf[tuple[str, ...], Any]:
    """What was prepared for the workspaces of all visitors."""
    return Shelf(MOST_PREPARED)


def prepare(key: tuple[str, ...], steps: Callable[[], Generator[Update, None, ResultType]]) -> ResultType:
    """What ``steps`` brings, from memory if it has been brought before, else at once, with a progress bar.

    For what a page cannot do without, as images and logits; what its visitor asks for is an instrument.
    """
    ready: ResultType | None = _prepared().get(key)
    if ready is not None:
        return ready
    with heavy_work(), stopwatch() as clock:
        ready = _prepared().get(key)  # another visitor may have had it prepared while this one waited
        if ready is None:
            bar, due = st.empty(), pace()
            bar.progress(0.0, "Starting")

            def show(update: Update) -> None:
                if due():
                    done = update.done / update.total
                    left = duration(clock() / done - clock()) if done else "some time"
                    text = f"{update.stage}: {update.done:,} of {update.total:,}, about {left} left"
                    bar.progress(done, text)

            ready = follow(steps(), show)
            bar.empty()
            _prepared().put(key, ready)
    return ready


def forget_prepared() -> None:
    """Prepare everything again when it is asked for next, because files have changed."""
    _prepared().clear()
