"""Predict, then reveal: a guess committed before the curve is seen, drawn on it with its error."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from explorer import ui
from explorer.pruning import guesses
from explorer.pruning.guesses import Guess, Guesses
from explorer.pruning.methods import METHODS
from explorer.pruning.page_asked import RATIOS
from explorer.pruning.page_controls import METHODS_HELP, title_of
from explorer.pruning.selection import PruningSelection
from explorer.pruning.sweep import SweepRow
from explorer.ui import address

ASKED_METHOD, ASKED_RATIO = "global-l1", 0.8


def _all() -> tuple[Guess, ...]:
    kept = ui.session().last(Guesses)
    return kept.committed if kept else ()


def _about(selection: PruningSelection) -> list[Guess]:
    """The guesses about this network on these images."""
    return [guess for guess in _all() if guess.is_about(selection.weights, selection.images.whole)]


def hidden(selection: PruningSelection) -> bool:
    """Whether the curve is to stay hidden, because no guess about it has been committed yet."""
    hide = address.toggle(
        "hide_curve",
        "Hide the curve, guess first",
        help="For a class: send the link with this switched on. The curve appears once a guess is committed.",
    )
    asked = _question()
    return hide and not any((guess.method, guess.ratio) == asked for guess in _about(selection))


def _question() -> tuple[str, float]:
    """The method and the ratio that are asked about."""
    return (
        address.value("guess_method", default=ASKED_METHOD, options=METHODS),
        address.value("guess_ratio", default=ASKED_RATIO, options=RATIOS),
    )


def ask(selection: PruningSelection) -> None:
    """The question, and the button that commits a guess."""
    with st.expander(
        "Predict, then reveal",
        expanded=address.value("hide_curve"),
        icon=":material/psychology_alt:",
    ):
        left, middle, right = st.columns([2, 1, 1])
        address.choice(
            "guess_method",
            "Method asked about",
            tuple(METHODS),
            draw=left.selectbox,
            default=ASKED_METHOD,
            format_func=title_of,
            help=f"Together with the ratio: the question.\n\n{METHODS_HELP}",
        )
        address.choice(
            "guess_ratio",
            "Ratio",
            RATIOS,
            draw=middle.selectbox,
            default=ASKED_RATIO,
            format_func="{:.0%}".format,
            help="Share of weights, or of each layer's channels.",
        )
        percent = right.number_input(
            "Your guess, accuracy in %", 0.0, 100.0, 50.0, 1.0, key="guess", help="Before you look."
        )
        st.button(
            "Commit",
            on_click=_commit,
            args=(selection, percent / 100),
            icon=":material/lock:",
            help="A committed guess cannot be changed any more.",
        )


def _commit(selection: PruningSelection, percentage: float) -> None:
    method, ratio = _question()
    guess = Guess(
        selection.title,
        method,
        ratio,
        percentage,
        weights=selection.weights,
        images=selection.images.whole,
    )
    ui.session().keep(Guesses((*_all(), guess)))


def settle(selection: PruningSelection, rows: Sequence[SweepRow]) -> None:
    """Settle the guesses that the shown rows answer, and say which ones wait for a run."""
    settled = guesses.settle_guesses(_all(), selection.weights, selection.images.whole, rows)
    ui.session().keep(Guesses(tuple(settled)))
    for guess in _about(selection):
        if guess.measured is None:
            st.info(
                f"Committed: {guess.guess:.1%} for {guess.title} at {guess.ratio:.0%}. The shown sweep "
                "has no such point: choose that method and ratio and run it here.",
                icon=":material/lock:",
            )


def marks(selection: PruningSelection) -> pd.DataFrame | None:
    """The settled guesses about this network, for the curve; None where there are none."""
    settled = [guess for guess in _about(selection) if guess.measured is not None]
    return guesses.guess_table(settled) if settled else None


def results(selection: PruningSelection) -> None:
    """How far off the guesses were, and all of them as CSV."""
    if not _all():
        return
    for guess in _about(selection):
        if guess.measured is not None:
            st.markdown(f":material/adjust: {guesses.describe_guess(guess)}")
    ui.download("Guesses as CSV", guesses.guess_table(_all()), "guesses.csv")
