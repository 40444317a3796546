"""Architecture: the widths of a network against a parameter budget, live."""

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from explorer import ui
from explorer.architecture import asked, page_detail
from explorer.architecture.budget import Budget, budget
from explorer.architecture.fit import WayOut, way_out, width_steps
from explorer.architecture.page_controls import asked_course, current, take
from explorer.architecture.page_detail import Design
from explorer.architecture.page_verdict import answered, check
from explorer.architecture.presets import Course, passing
from explorer.architecture.state import ArchitectureState
from explorer.data import BUNDLED
from explorer.errors import ExplorerError
from explorer.ledger import design_row
from explorer.networks import NetworkSpec, params_of, widths_text
from explorer.ui import address

DRAWN = "The network"
TABS: dict[str, Callable[[Design], None]] = {
    "Layers": page_detail.layers,
    "The trained family": page_detail.trained,
    "The audit": page_detail.report,
}


def main() -> None:
    """Draw the lesson."""
    for name, tab in address.tabs("architecture_tab", (DRAWN, *TABS)):
        with tab:
            if name == DRAWN:
                _network()
            else:
                TABS[name](_as_it_is())


def _network() -> None:
    """The network drawn under the hand, the verdict on it, and what would change it."""
    question = ui.kept(partial(asked.halved_question))
    if not ui.may_reveal(question):
        ui.predict(question)
        return
    view, answer = answered(_follow)
    if isinstance(answer, ExplorerError):
        raise answer
    state, said = answer
    spec, size, limit = state.spec, state.size, state.limit
    ui.session().design = spec  # the distillation lesson trains it
    costs, out, steps = _follow(state)
    with view:
        _ways_out(spec, limit, out)
        check(said, costs)
        _floor(asked_course())
        with st.container(horizontal=True):
            ui.predict(question)
            ui.pin("architecture", lambda: design_row(spec, size))
    _steps(steps)


def _as_it_is() -> Design:
    """The design that the controls of the first tab are set to."""
    state = current()
    ui.session().design = state.spec
    return Design(state, ui.kept(partial(budget, state.spec, state.size)))


def _follow(state: ArchitectureState) -> tuple[Budget, WayOut, pd.DataFrame]:
    """What is computed for the page under the verdict: torchinfo's count, the way out, the steps."""
    spec, size = state.spec, state.size
    return (
        ui.kept(partial(budget, spec, size)),
        ui.kept(partial(way_out, spec, state.limit)),
        ui.kept(partial(width_steps, spec, size)),
    )


def _floor(course: Course | None) -> None:
    """What a course asks for beside the size, and which trained networks show that it can be had."""
    if course is None or course.floor is None:
        return
    kept = passing(ui.shipped().cards.values(), course)
    text = f"{course.title} also asks for {course.floor:.1%} of the test images. Of the networks that ship "
    if kept:
        best = kept[0]
        text += f"{len(kept)} keep both; the most accurate is {best.title}: {best.params:,} parameters, "
        text += f"{best.test_accuracy:.2%}."
    else:
        text += "none keeps both."
    st.caption(text)
    ui.provenance("precomputed", f"{BUNDLED.describe('test')}, from the cards.")


def _ways_out(spec: NetworkSpec, limit: int, out: WayOut) -> None:
    within, other, refusal = params_of(spec) <= limit, out.spec, out.refusal
    left, right = st.columns(2)
    left.button(
        f"Fit to {limit:,}",
        on_click=take,
        args=(other,),
        disabled=within or other == spec,
        type="primary",
        icon=":material/compress:",
        width="stretch",
        help="Scales every width by one factor, the largest that fits"
        + (f": {_described(other)}" if not within and not refusal else "."),
    )
    right.button(
        "Spend what is left",
        on_click=take,
        args=(other,),
        disabled=not within or other == spec,
        icon=":material/expand:",
        width="stretch",
        help="Widens it until no single channel more fits" + (f": {_described(other)}" if within else "."),
    )
    if refusal:
        st.caption(refusal)


def _steps(rows: pd.DataFrame) -> None:
    """What 8 channels more or less cost in each place."""
    if rows.empty:
        return
    numbers = [name for name in rows.columns if ":" in name]
    st.dataframe(
        rows,
        hide_index=True,
        placeholder="--",
        column_config={name: st.column_config.NumberColumn(format="localized") for name in numbers},
    )
    best, said = rows.nsmallest(1, "-8: parameters").iloc[0], ""
    if pd.notna(best["-8: parameters"]):
        said = (
            f" 8 fewer in **{best['part']}** save {-int(best['-8: parameters']):,} parameters, more than "
            f"anywhere else, and {-int(best['-8: mult-adds']):,} multiply-adds."
        )
    st.caption(f"What 8 channels more, or 8 fewer, in one place change.{said}")
    ui.provenance("computed", "in closed form, tested against torchinfo.")
    ui.download("These steps as CSV", rows, "steps.csv")


def _described(spec: NetworkSpec) -> str:
    return f"{widths_text(spec.channels)}, {params_of(spec):,} parameters."


main()
