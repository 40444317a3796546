"""The bar of a walk, at the foot of every page as long as one goes through it."""

from collections.abc import Mapping
from html import escape
from urllib.parse import urlencode

import streamlit as st

from explorer import ui
from explorer.errors import ExplorerError
from explorer.ui import address
from explorer.walks.walk import Step, Walk, find

# With Alt, since alone they scroll; Streamlit has its keys also work from inside a field.
BACK, NEXT = "Alt+PageUp", "Alt+PageDown"


def draw_bar(page: str, titles: Mapping[str, str]) -> None:
    """Draw it, if the address names a walk.

    Args:
        page: the last part of the page's path.
        titles: of all pages, by the last parts of their paths.
    """
    key = address.value("walk")
    if not key:
        address.drop("step")
        return
    try:
        walk = find(key)
    except ExplorerError as error:
        _forget()
        st.error(ui.escape_markup(str(error)), icon=":material/link_off:")
        return
    number = address.value("step", high=len(walk.steps))
    with st.bottom, st.container(key="walk"):
        _draw(walk, number, page, titles)


def _draw(walk: Walk, number: int, page: str, titles: Mapping[str, str]) -> None:
    step, last = walk.steps[number - 1], len(walk.steps)
    away = page != step.page
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch", gap=None):
            st.caption(f"Step {number} of {last}: {ui.escape_markup(walk.title)}")
            # Its element stays while the steps change, so that a screen reader says the new words.
            words = f"This step is on the page {titles.get(step.page, step.page)}." if away else ""
            st.html(f'<div role="status">{escape(words) or _words(step)}</div>')
        with st.container(horizontal=True, width="content", gap="xsmall"):
            back = st.button(
                "Back", key="walk_back", disabled=number == 1, shortcut=BACK, help="To the step before."
            )
            on = st.button(
                "Next" if number < last else "Finish",
                key="walk_next",
                type="primary",
                shortcut=NEXT,
                help="To the step after." if number < last else "Leaves the lesson; the page stays as it is.",
            )
            again = st.button(
                "Go there" if away else "Reset",
                key="walk_again",
                type="tertiary",
                help="Sets the page up as this step's link does.",
            )
            out = st.button(
                "Leave", key="walk_out", type="tertiary", help="Ends the lesson; the page stays as it is."
            )
    if out or (on and number == last):
        _forget()
        st.rerun()
    if back or again or on:
        open_step(walk, number + on - back)


def _words(step: Step) -> str:
    ask = f"<strong>{escape(step.ask)}</strong>" if step.ask else ""
    return f"{escape(step.say)} {ask}"


def open_step(walk: Walk, number: int) -> None:
    """Open a step of a walk, as its link would."""
    # What belongs to every page stays; what another step has locked does not.
    address.follow(walk.steps[number - 1].page, query_of(walk, number), leave_out=("predict",))


def query_of(walk: Walk, number: int) -> str:
    """What stands behind the question mark in the link of a step."""
    here = urlencode({"walk": walk.key, "step": number})
    state = walk.steps[number - 1].state
    return f"{here}&{state}" if state else here


def _forget() -> None:
    address.drop("walk")
    address.drop("step")
