"""What torchsummary does to a network: shown live on a copy, and where its count goes wrong."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from explorer import ui
from explorer.architecture import asked, charts, torchsummary
from explorer.architecture.torchsummary import CALL, KIND, MENDED, SIDE_EFFECT, SideEffect, SideEffectSettings
from explorer.data import Use
from explorer.ui import address
from explorer.ui.instrument import Panel, StoredResult, draw_beside_stored
from explorer.work.instrument import InstrumentSpec

USE: Use = "validation"
QUICK = 500


def main() -> None:
    """Before, the pass, after, why; then the four ways in which its count goes wrong."""
    code, side = st.columns([2, 3], gap="medium")
    with code:
        st.markdown(
            "A notebook loads the teacher and prints its table. **torchsummary runs the network once, on "
            "two images of noise, in the mode it is in**: a network that was just built or loaded is in train mode."
        )
        st.code(CALL, "python")
        st.markdown("One line avoids it:")
        st.code(MENDED, "python")
    with side:
        _live()
    _miscounts()


def _live() -> None:
    workspace = ui.workspace()
    names = (*workspace.teachers, *workspace.students)
    left, right = st.columns(2)
    name = address.choice(
        "summarised",
        "Called on a copy of",
        tuple(dict.fromkeys(names)),
        draw=left.selectbox,
        format_func=lambda each: workspace.cards[each].title,
    )
    stored = _stored(name)
    whole = workspace.data.sizes[USE]
    count = address.choice(
        "summarised_images",
        "Copies are counted on",
        tuple(dict.fromkeys((whole, min(QUICK, whole)))),
        draw=right.selectbox,
        format_func=lambda images: workspace.data.counted(USE, images),
        help="The fewer, the sooner the copies are there.",
    )
    settings = replace(stored.settings, images=count) if stored else SideEffectSettings(count)
    source, key = workspace.source(name), workspace.data.key_of(USE)
    question = asked.summary_question(
        source.card.title, source.card.sha256, key, stored.parts if stored else ()
    )
    if question is not None and not ui.predict(question):
        return
    panel = Panel(SIDE_EFFECT, InstrumentSpec(source, workspace.data, USE, key, settings), stored=stored)
    panel.controls(
        "Call it on copies, here", help="The network itself is only read: every copy is thrown away."
    )
    shown = panel.result(
        lambda spec, rows: (
            f"{workspace.data.counted(USE, rows[0].total)}, noise of {spec.settings.seeds} seeds; {source.card.title}."
        ),
        grow=_grow,
    )
    if shown is not None:
        with panel.picture:
            draw_beside_stored(shown, _show)
        ui.download(
            "Copies as CSV",
            partial(torchsummary.side_effect_table, shown.parts),
            "torchsummary_side_effect.csv",
        )


def _stored(name: str) -> StoredResult[SideEffect] | None:
    workspace = ui.workspace()
    stored = workspace.find_rows(KIND, SideEffect, name, USE)
    if stored is None:
        return None
    return StoredResult(
        stored.rows,
        torchsummary.settings_of(stored.rows),
        f"{stored.where}; {stored.counted(workspace.data, USE)}; {workspace.cards[name].title}.",
    )


def _grow(rows: Sequence[SideEffect]) -> None:
    ui.bare_chart(
        partial(charts.side_effect, torchsummary.side_effect_table(rows)),
        alt="Right answers as loaded and after summaries, growing copy by copy",
    )


def _show(rows: Sequence[SideEffect]) -> None:
    said = torchsummary.describe_side_effect(rows)
    ui.chart(
        partial(charts.side_effect, torchsummary.side_effect_table(rows)),
        f"Right answers against how often torchsummary was called. {said.replace('**', '')}",
        f"{said} {torchsummary.why(rows)}",
    )


def _miscounts() -> None:
    st.markdown("**Four networks that it counts wrong**")
    st.dataframe(
        ui.kept(partial(torchsummary.miscounts)),
        hide_index=True,
        column_config={
            "torchsummary": st.column_config.NumberColumn("torchsummary says", format="localized"),
            "parameters": st.column_config.NumberColumn("there are", format="localized"),
        },
    )
    ui.provenance(
        "computed",
        "by a count of weight and bias at each call of a layer, as torchsummary 1.5.1 counts, and tested against it; "
        "beside it the sum over the parameters.",
    )
