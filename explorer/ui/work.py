"""Heavy work: one turn at a time, in a queue that visitors can see, done in the worker; what is prepared for all."""

import atexit
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import streamlit as st
import torch

from explorer.errors import ExplorerError
from explorer.measure import use_threads
from explorer.ui import address
from explorer.work.estimate import duration
from explorer.work.progress import Update, follow, in_one_step, left_on_disk, without_work
from explorer.work.queue import Queue
from explorer.work.quiet import Quiet
from explorer.work.results import Shelf
from explorer.work.worker import Worker

ResultType = TypeVar("ResultType")
MOST_PREPARED = 48
MOST_BYTES = 200 * 2**20
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


@st.cache_resource(show_spinner=False)
def quiet_pages() -> Quiet:
    """The page scripts of this process, which hold still while a clock is read in the worker."""
    return Quiet()


@st.cache_resource(show_spinner=False)
def worker() -> Worker:
    """The process that does the heavy work of all visitors; what asks for it holds the turn."""
    made = Worker(partial(use_threads, torch.get_num_threads()), quiet_pages())
    atexit.register(made.close)
    return made


@st.cache_resource(show_spinner=False)
def start_worker() -> None:
    """Have the worker ready before there is work for the first time; at once back, and no more than that afterwards."""
    worker().start()


@contextmanager
def heavy_work() -> Iterator[None]:
    """Hold the one turn for heavy work; while others are ahead, the page says how many.

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
        with quiet_pages().rest():
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
    return Shelf(MOST_PREPARED, MOST_BYTES)


def prepare(
    key: tuple[str, ...],
    steps: Callable[..., Generator[Update, None, ResultType]],
    *arguments: object,
    on_disk: bool = False,
) -> ResultType:
    """What ``steps(*arguments)`` brings, from memory if it has been brought before, else at once, with a progress bar.

    For what a page cannot do without, as images and logits; what its visitor asks for is an instrument. What has to be
    computed is computed in the worker; what needs no more than reading, so that it yields no update, is read here.

    Args:
        key: under which it is kept.
        steps: a function of a module, or a method of what can be pickled, as arguments and result can.
        arguments: of ``steps``.
        on_disk: whether the work leaves its result on the disk, where it is read again; else it is sent here whole.
    """
    there = _without_work(key, steps, *arguments)
    if there is not None:
        return there[0]
    with heavy_work():
        ready: ResultType | None = _prepared().get(key)
        if ready is not None:  # another visitor may have had it prepared while this one waited
            return ready
        if not on_disk:
            ready = _prepare(steps, *arguments)
            _prepared().put(key, ready)
            return ready
        _prepare(left_on_disk, steps, *arguments)
        there = _without_work(key, steps, *arguments)
    if there is None:
        raise ExplorerError(
            "What was prepared is gone from the disk already: make room there, reload the page."
        )
    return there[0]


_reading = threading.Lock()


def _without_work(
    key: tuple[str, ...], steps: Callable[..., Generator[Update, None, ResultType]], *arguments: object
) -> tuple[ResultType] | None:
    """What is kept, or can be read at once; None if it has to be computed."""
    kept: ResultType | None = _prepared().get(key)
    if kept is not None:
        return (kept,)
    with _reading:  # thirty who open a page at once read a file once
        kept = _prepared().get(key)
        there = (kept,) if kept is not None else without_work(steps(*arguments))
        if there is not None:
            _prepared().put(key, there[0])
        return there


def _prepare(steps: Callable[..., Generator[Update, None, ResultType]], *arguments: object) -> ResultType:
    """Run in the worker with a progress bar."""
    bar, due, said = st.empty(), pace(), (0.0, "Starting")
    for _ in worker().get_ready():
        bar.progress(*said)
    with stopwatch() as clock:

        def show(update: Update | None) -> None:
            nonlocal said
            if update is not None:
                done = update.done / update.total
                left = duration(clock() / done - clock()) if done else "some time"
                said = done, f"{update.stage}: {update.done:,} of {update.total:,}, about {left} left"
            # Also when there is nothing new: at such a call Streamlit ends the script of a visitor who has left.
            if update is None or due():
                bar.progress(*said)

        result = follow(worker().run(steps, *arguments), show)
    bar.empty()
    return result


def make_file(function: Callable[..., ResultType], *arguments: object) -> ResultType:
    """``function(*arguments)`` for a download, when it is pressed: in the worker, unless that has other work.

    A download cannot show a queue, and a file takes seconds where a training takes minutes: then it is made here.
    """
    queue = _queue()
    ticket = queue.join()
    try:
        if queue.ahead(ticket, 0.0):
            return function(*arguments)
        made: ResultType = follow(worker().run(in_one_step, function, *arguments), lambda _: None)
        return made
    finally:
        queue.leave(ticket)


def forget_prepared() -> None:
    """Prepare everything again when it is asked for next, because files have changed."""
    _prepared().clear()
