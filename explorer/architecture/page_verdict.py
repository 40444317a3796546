"""The verdict on a design, which comes before everything else, and the controls that it follows from."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer import ui
from explorer.architecture.budget import Budget, Verdict, verdict
from explorer.architecture.page_controls import coming, controls
from explorer.architecture.state import ArchitectureState
from explorer.errors import ExplorerError

PAUSE = 0.022  # seconds between the verdict and the page, so that the browser draws them one after the other


def answered(
    follow: Callable[[ArchitectureState], object],
) -> tuple[DeltaGenerator, tuple[ArchitectureState, Verdict] | ExplorerError]:
    """Draw the verdict and the controls.

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
    view, side = st.columns([2, 1], gap="large")
    try:
        state = coming()
        answer: Any = (state, verdict(state.spec, state.size))
        with view:
            _verdict(answer[1], state.limit)
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


def _verdict(costs: Verdict, limit: int) -> None:
    over = costs.params - limit
    total, against, adds = st.columns(3)
    total.metric("Parameters", _short(costs.params), border=True, help=f"{costs.params:,}")
    against.metric(
        f"{'Over' if over > 0 else 'Under'} {limit:,} by",
        _short(abs(over)),
        border=True,
        help=f"{abs(over):,}; the network is {costs.params / limit:.0%} of the limit.",
    )
    adds.metric(
        "Multiply-adds",
        f"{costs.mult_adds / 1e6:.1f} M",
        border=True,
        help="For one image, as torchinfo counts them.",
    )
    share = costs.most / costs.params
    blame = f"The heaviest layer is **{costs.heaviest}** ({costs.kind}): {costs.most:,}, {share:.0%} of all."
    if costs.within(limit):
        st.success(f"**Within the limit**, {-over:,} parameters to spare. {blame}", icon=":material/check:")
    else:
        st.error(f"**Over the limit** by {over:,} parameters. {blame}", icon=":material/block:")


def _short(count: int) -> str:
    """A count, in millions where it would not fit into its box."""
    return f"{count:,}" if count < 10_000_000 else f"{count / 1e6:.2f} M"


def check(said: Verdict, counted: Budget) -> None:
    """Hold the verdict, which is arithmetic, against torchinfo's count of the network itself."""
    if (said.params, said.mult_adds) == (counted.total_params, counted.mult_adds):
        ui.provenance(
            "computed", "in closed form; torchinfo counts the same in a network built with these widths."
        )
        return
    st.error(
        f"torchinfo counts {counted.total_params:,} parameters and {counted.mult_adds:,} multiply-adds here: "
        "trust its figures, not those above.",
        icon=":material/error:",
    )
