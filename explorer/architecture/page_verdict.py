"""The network drawn, with its verdict, which comes before everything else, and the controls that it follows from."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer import palette, ui
from explorer.architecture.budget import Budget, Verdict, budget, verdict
from explorer.architecture.drawing import QUANTITIES, drawing
from explorer.architecture.page_controls import coming, controls, take_widths
from explorer.architecture.state import ArchitectureState
from explorer.errors import ExplorerError
from explorer.ui import address

PAUSE = 0.022  # seconds between the verdict and the page, so that the browser draws them one after the other
DRAWN = "drawn"  # key of the component


def answered(
    follow: Callable[[ArchitectureState], object],
) -> tuple[DeltaGenerator, tuple[ArchitectureState, Verdict] | ExplorerError]:
    """Draw the network with its verdict, and the controls.

    Args:
        follow: makes what takes longest in the rest of the page, to be kept, while the browser draws the verdict.

    Returns:
        Where to draw more under the verdict, and the design with its verdict, or why there is none.
    """
    drawn: tuple[DeltaGenerator, Any] = _answered(follow, itertools.count())
    return drawn


@st.fragment
def _answered(
    follow: Callable[[ArchitectureState], object], runs: Iterator[int]
) -> tuple[DeltaGenerator, Any]:
    """The same. When a control is moved Streamlit runs this alone, with the arguments of the page's last run.

    So the browser has a handful of elements to draw before it draws the whole page, and the verdict is seen at once.
    """
    moved = next(runs) > 0
    view, side = st.columns([7, 3], gap="large")
    try:
        state = coming()
        answer: Any = (state, said := verdict(state.spec, state.size))
        with view:
            # torchinfo takes a while; after a move it counts behind the verdict, and the page's own run tells.
            _draw(state, said, None if moved else ui.kept(partial(budget, state.spec, state.size)))
    except ExplorerError as error:
        answer = error
    if moved:
        page_due = time.monotonic() + PAUSE
        time.sleep(0.003)  # or the thread that sends the verdict would wait for the interpreter's lock
        if not isinstance(answer, ExplorerError):
            with suppress(ExplorerError):  # the page says it
                follow(answer[0])
        time.sleep(max(0.0, page_due - time.monotonic()))
        st.rerun()
    with side:
        controls()
    return view, answer


def _draw(state: ArchitectureState, said: Verdict, counted: Budget | None) -> None:
    """The drawing with its verdict: what stands under the hand is computed in the browser, by the same formulas."""
    told = st.session_state.get(DRAWN, {}).get("widths") or {}
    ui.component(__file__, "drawing")(
        key=DRAWN,
        data={
            "drawing": drawing(state.spec, state.size).plain(),
            "widths": state.spec.channels,
            "limit": state.limit,
            "said": asdict(said),
            "counted": counted and {"params": counted.total_params, "mult_adds": counted.mult_adds},
            "quantities": QUANTITIES,
            "by": address.value("drawn_by", options=QUANTITIES),
            "heard": told.get("at", 0),
            "colors": {
                "parameters": palette.PARAMETERS,
                "multiply-adds": palette.MULT_ADDS,
                "within": palette.WITHIN,
                "over": palette.OVER,
            },
        },
        on_widths_change=_take_widths,
        on_by_change=_take_quantity,
    )


def _take_widths() -> None:
    take_widths(st.session_state[DRAWN]["widths"]["widths"])


def _take_quantity() -> None:
    address.put("drawn_by", st.session_state[DRAWN]["by"])


def check(said: Verdict, counted: Budget) -> None:
    """Hold the verdict, which is arithmetic, against torchinfo's count of the network itself."""
    if (said.params, said.mult_adds) == (counted.total_params, counted.mult_adds):
        ui.provenance(
            "computed",
            f"for one image of {' x '.join(map(str, counted.image))}, in closed form; torchinfo counts the same in a "
            "network built with these widths.",
        )
        return
    st.error(
        f"torchinfo counts {counted.total_params:,} parameters and {counted.mult_adds:,} multiply-adds here: "
        "trust its figures, not those above.",
        icon=":material/error:",
    )
