"""The dialog that makes a lesson by link: each step is a page as it now is, with a sentence and a question."""

from dataclasses import dataclass, replace
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer import ui
from explorer.errors import ExplorerError
from explorer.ui import address
from explorer.walks.page_bar import query_of
from explorer.walks.walk import MOST_LETTERS, Step, Walk, find, own

SAY, ASK, LOCKS = "step_says", "step_asks", "step_locks"  # keys of the dialog's fields


@dataclass(frozen=True)
class Draft:
    """The lesson that is being made in this session."""

    title: str = "My lesson"
    steps: tuple[Step, ...] = ()


def offer(head: DeltaGenerator) -> bool:
    """Draw the button that asks for the dialog, beside the page's title; whether it was pressed."""
    return head.button(
        "Make a lesson",
        key="make_lesson",
        type="tertiary",
        icon=":material/add_link:",
        help="Takes this page as it now is as a step of a lesson by link.",
    )


@st.dialog("A lesson by link", width="large")
def make(page: str) -> None:
    """Draw the dialog.

    Args:
        page: the last part of the path of the page that it is opened on.
    """
    draft = ui.session().last(Draft) or Draft()
    state = address.query(page, leave_out=("walk", "step", "predict"))
    st.markdown(
        "A step opens a page as it is now. Set up this page, say a sentence, ask a question, add the step; then go to "
        "the page of the next one. The link holds the whole lesson; nothing is stored here."
    )
    st.caption(f"This page: {ui.escape_markup(page)}, {ui.escape_markup(state) or 'as it opens'}")
    with st.form("step", clear_on_submit=True, border=False):
        st.text_input("A sentence on what is seen", max_chars=MOST_LETTERS, key=SAY)
        st.text_input("A question to the class", max_chars=MOST_LETTERS, key=ASK)
        st.multiselect(
            "Hidden until a guess is committed",
            [key for key in address.PREDICTED if key != address.EVERYTHING],
            [str(key) for key in address.value("predict") if key != address.EVERYTHING],
            format_func=address.PREDICTED.__getitem__,
            key=LOCKS,
            help="Of what this page shows.",
        )
        st.form_submit_button(
            "Add this step", on_click=_add, args=(draft, page, state), icon=":material/add:", type="primary"
        )
    _offer_to_go_on(draft)
    for number, step in enumerate(draft.steps, start=1):
        left, right = st.columns([5, 1], vertical_alignment="center")
        left.markdown(f"{number}. **{step.page}** {ui.escape_markup(f'{step.say} {step.ask}')}")
        others = (*draft.steps[: number - 1], *draft.steps[number:])
        right.button(
            "Remove",
            key=f"remove_step_{number}",
            on_click=_keep,
            args=(replace(draft, steps=others),),
            help=f"Takes step {number} out.",
        )
    if draft.steps:
        title = st.text_input("Title", draft.title, max_chars=100)
        _keep(replace(draft, title=title))
        _link(own(title, draft.steps))


def _offer_to_go_on(draft: Draft) -> None:
    """Begin with the steps of the lesson that one is in."""
    key = address.value("walk")
    if key and not draft.steps:
        walk = find(key)
        st.button(
            "Begin with the steps of this lesson",
            on_click=_keep,
            args=(Draft(walk.title, walk.steps),),
            icon=":material/content_copy:",
        )


def _add(draft: Draft, page: str, state: str) -> None:
    locks = urlencode({"predict": st.session_state[LOCKS]}, doseq=True)
    state = "&".join(part for part in (locks, state) if part)
    step = Step(page, state, st.session_state[SAY].strip(), st.session_state[ASK].strip())
    _keep(replace(draft, steps=(*draft.steps, step)))


def _keep(draft: Draft) -> None:
    ui.session().keep(draft)


def _link(walk: Walk) -> None:
    try:
        find(walk.key)
    except ExplorerError as error:
        st.error(ui.escape_markup(str(error)), icon=":material/error:")
        return
    base = (st.context.url or "").split("?")[0]
    first = walk.steps[0].page
    # The page of the first step stands beside the present one.
    there = f"{base.rpartition('/')[0]}/{'' if first == 'start' else first}"
    st.markdown("The link of the lesson:")
    st.code(f"{there}?{query_of(walk, 1)}", None, wrap_lines=True)
    st.caption("In a frame of another page: add &embed=true.")
