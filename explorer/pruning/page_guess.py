"""Predict, then reveal: a guess committed before the curve is seen, drawn on it with its error."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from explorer import ui
from explorer.pruning import guesses
from explorer.pruning.guesses import Guess, Guesses
from explorer.pruning.methods import METHODS
from explorer.pruning.page_controls import BY_TITLE, CHOSEN, METHODS_HELP
from explorer.pruning.scene import Scene
from explorer.pruning.sweep import SweepRow

ASKED = "global-l1"


def _all() -> tuple[Guess, ...]:
    kept = ui.session().last(Guesses)
    return kept.committed if kept else ()


def hidden(scene: Scene) -> bool:
    """Whether the curve is to stay hidden, because no guess about it has been committed yet."""
    hide = st.toggle(
        "Hide the curve, guess first",
        key="p_hide",
        bind="query-params",
        help="For a class: send the link with this switched on. The curve appears once a guess is committed.",
    )
    method, ratio = _question()
    return hide and not any(
        (guess.checkpoint, guess.method, guess.ratio) == (scene.title, method, ratio) for guess in _all()
    )


def _question() -> tuple[str, float]:
    state = st.session_state
    title = state.get("p_gm")
    ratio = state.get("p_gr")
    return BY_TITLE.get(str(title), ASKED), float(ratio if ratio in CHOSEN else 0.8)


def ask(scene: Scene, rows: Sequence[SweepRow]) -> None:
    """The question, and the button that commits a guess; settles what the shown rows answer."""
    with st.expander(
        "Predict, then reveal",
        expanded=bool(st.session_state.get("p_hide")),
        icon=":material/psychology_alt:",
    ):
        left, middle, right = st.columns([2, 1, 1])
        left.selectbox(
            "Method asked about",
            list(BY_TITLE),
            list(METHODS).index(ASKED),
            key="p_gm",
            bind="query-params",
            help=f"Together with the ratio: the question.\n\n{METHODS_HELP}",
        )
        middle.selectbox(
            "Ratio",
            list(CHOSEN),
            CHOSEN.index(0.8),
            format_func=lambda ratio: f"{ratio:.0%}",
            key="p_gr",
            bind="query-params",
            help="Share of weights, or of each layer's channels.",
        )
        percent = right.number_input(
            "Your guess, accuracy in %", 0.0, 100.0, 50.0, 1.0, key="p_gv", help="Before you look."
        )
        st.button(
            "Commit",
            on_click=_commit,
            args=(scene.title, percent / 100),
            icon=":material/lock:",
            help="A committed guess cannot be changed any more.",
        )
    ui.session().keep(Guesses(tuple(guesses.settle(_all(), scene.title, rows))))
    for guess in _all():
        if guess.measured is None and guess.checkpoint == scene.title:
            st.info(
                f"Committed: {guess.guess:.1%} for {guess.title} at {guess.ratio:.0%}. The shown sweep "
                "has no such point: choose that method and ratio and run it here.",
                icon=":material/lock:",
            )


def _commit(checkpoint: str, guess: float) -> None:
    method, ratio = _question()
    ui.session().keep(Guesses((*_all(), Guess(checkpoint, method, ratio, guess))))


def marks(scene: Scene) -> pd.DataFrame | None:
    """The settled guesses about this network, for the curve; None where there are none."""
    settled = [guess for guess in _all() if guess.measured is not None and guess.checkpoint == scene.title]
    return guesses.guess_table(settled) if settled else None


def results(scene: Scene) -> None:
    """How far off the guesses were, and all of them as CSV."""
    if not _all():
        return
    for guess in _all():
        if guess.measured is not None and guess.checkpoint == scene.title:
            st.markdown(f":material/adjust: {guesses.verdict(guess)}")
    ui.download("Guesses as CSV", guesses.guess_table(_all()), "guesses.csv")
