"""What a process that serves the app does once: bring in the house while the first page is on its way.

This room imports nothing that brings in torch, so that the entry may ask for it first.
"""

import gc
import importlib
import threading
from functools import cache

import altair as alt
import streamlit as st

from explorer import places


@cache
def prepare_process() -> threading.Thread:
    """Begin to import the house in the background; once in a process, and at once back.

    Whoever serves the app may call it before the first visitor comes; the entry calls it at every run.

    Returns:
        The thread; everything is there when it has ended.
    """
    # Charts are checked against Altair's schema in the tests; here that would be half the time of making one.
    alt.utils.schemapi.disable_debug_mode()
    thread = threading.Thread(target=_bring_in, name="house", daemon=True)
    thread.start()
    return thread


def wait_for_house() -> None:
    """Hold a page until everything is imported; meanwhile it says so.

    No page imports anything of the house before: of two threads that import modules which need each other, Python
    lets one go on with a module that is not finished.
    """
    thread = prepare_process()
    if thread.is_alive():
        with st.spinner("Loading PyTorch. It takes some seconds, once after the app has been started."):
            thread.join()


def _bring_in() -> None:
    """Import everything that pages may ask for, and take it out of the garbage collector's sight.

    What torch and its like have imported is half a million objects, and stays: looking through them for garbage again
    and again takes longer than drawing a page, and a fifth of the time of importing them.
    """
    gc.disable()
    try:
        for name in house():
            importlib.import_module(name)
    finally:
        gc.freeze()  # with some thousand objects that are garbage: finding them would hold the first page up
        gc.enable()
    # The next full collection comes when what has survived has grown by a quarter, since the last one, of what that
    # one has looked through: from here on that is next to nothing, and what sessions leave is collected early.
    gc.collect()


def house() -> list[str]:
    """The modules that pages may ask for: all but programs, which run when they are imported."""
    names = (
        ".".join(("explorer", *path.relative_to(places.PACKAGE).with_suffix("").parts))
        for path in places.PACKAGE.rglob("*.py")
    )
    return sorted(name.removesuffix(".__init__") for name in names if not is_program(name))


def is_program(name: str) -> bool:
    """Whether a module is a page, or begins a command of the terminal.

    >>> is_program("explorer.start.page"), is_program("explorer.your_data.page_code")
    (True, False)
    """
    last = name.rpartition(".")[2]
    return last in ("page", "__main__", places.ENTRY.stem) or last.endswith("command")
