"""int8 and other runtimes: the same weights, run by others, timed in turn."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from explorer import ui
from explorer.bits import charts
from explorer.bits.rows import PINNED, Shown, runtime_row
from explorer.bits.selection import BitsSelection
from explorer.measure import describe_machine
from explorer.runtime.compare import (
    HOW,
    KIND,
    RUNTIMES,
    RuntimeRow,
    RuntimesSettings,
    describe_overflow,
    describe_runtimes,
    describe_slower,
    runtime_table,
)
from explorer.runtime.compiler import compiler, describe_compiler
from explorer.runtime.int8 import describe_cpu
from explorer.runtime.needed import missing
from explorer.selection import USE
from explorer.ui import address
from explorer.ui.instrument import Panel, ShownResult, StoredResult, draw_beside_stored

IMAGES = 1000  # counted where nothing is stored
WHY_ONNXRUNTIME = (
    "int8 is onnxruntime's: it needs no compiler at run time, its file is read everywhere, and its codes are those of "
    "the first tab. torch's own way was tried (torchao 0.18, pt2e flow, lowered for x86): what it makes takes a "
    "single batch size and could not be written to a file. torch's older way is deprecated."
)


def main(selection: BitsSelection) -> None:
    """What was timed, the button that times it here, and what it says."""
    stored = _stored(selection)
    head, side = st.columns([2, 1], gap="large", vertical_alignment="center")
    head.markdown(
        "**Does it get faster?** The same weights, the same images: in torch, in another runtime, and as whole numbers."
    )
    with side:
        able = compiler() is not None
        compiled = address.toggle(
            "compile",
            "torch.compile too",
            disabled=not able,
            help=f"{describe_compiler()} It takes a minute or more.",
        )
        settings = _settings(selection, stored, compiled=compiled and able)
        panel = Panel(RUNTIMES, selection.spec(settings), stored=stored)
        panel.controls("Measure here", icon=":material/timer:", blocked=missing())
    shown = panel.result(
        lambda spec, rows: f"{selection.counted(rows[0].total)}, in turn; {selection.title}."
    )
    if shown is not None:
        with panel.picture:
            draw_beside_stored(shown, _show)
        _offer(selection, shown)
    st.caption(f"{describe_cpu()} {describe_compiler()} {WHY_ONNXRUNTIME}")


def _offer(selection: BitsSelection, shown: ShownResult[RuntimeRow]) -> None:
    """The table as a file, and one of its rows for the ledger."""
    names = {RUNTIMES.describe(row): row for row in shown.parts if row.runtime in PINNED}
    telling = next((at for at, row in enumerate(names.values()) if row.runtime == "int8"), 0)
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    name = left.selectbox("One of them as a row of the ledger", list(names), telling)
    with right, st.container(horizontal=True):
        row, source, data = names[name], selection.source, selection.data
        machine = describe_machine() if shown.origin == "measured" else _machine(selection)
        pinned = Shown(source, data, shown.settings.calibration, shown.origin, shown.where, machine)
        key = ("pin runtime", selection.weights, selection.images, repr(row))
        ui.pin("bits", lambda: ui.prepare(key, runtime_row, pinned, row))
        ui.download("Runtimes as CSV", partial(runtime_table, shown.parts), "runtimes.csv")


def _machine(selection: BitsSelection) -> str:
    """On what the stored times were read."""
    stored = ui.workspace().find_rows(KIND, RuntimeRow, selection.name)
    return stored.machine if stored is not None else ""


def _stored(selection: BitsSelection) -> StoredResult[RuntimeRow] | None:
    stored = ui.workspace().find_rows(KIND, RuntimeRow, selection.name)
    if stored is None:
        return None
    return StoredResult(
        stored.rows,
        RuntimesSettings(stored.images, **stored.settings),
        f"{stored.where}, in turn; {stored.counted(selection.data, USE)}; {selection.title}.",
    )


def _settings(
    selection: BitsSelection, stored: StoredResult[RuntimeRow] | None, *, compiled: bool
) -> RuntimesSettings:
    count = stored.settings.images if stored is not None else min(IMAGES, selection.data.sizes[USE])
    # What is stored with it is also what is asked for without.
    compiled = compiled or (stored is not None and stored.settings.compiled)
    return RuntimesSettings(count, selection.training, compiled=compiled)


def _show(rows: Sequence[RuntimeRow]) -> None:
    table = ui.kept(partial(runtime_table, tuple(rows)))
    timed = table[table["ms"].notna()]
    said = " ".join(filter(None, (describe_runtimes(rows), describe_slower(rows), describe_overflow(rows))))
    if said:
        st.markdown(said)
    places = st.columns(2, gap="large")
    for number, ((batch, threads), part) in enumerate(timed.groupby(["batch", "threads"], sort=False)):
        with places[number % 2]:
            where = f"batch {batch}, {'one thread' if threads == 1 else f'{threads} threads'}"
            told = "; ".join(f"{name} {ms:.3g}" for name, ms in zip(part["runtime"], part["ms"], strict=True))
            ui.chart(partial(charts.runtime_bars, part), f"Milliseconds at {where}: {told}.", f"At {where}")
    st.dataframe(
        table.drop(columns=["images"]),
        hide_index=True,
        column_config=ui.COLUMNS | {"file_kb": st.column_config.NumberColumn("file, kB", format="%.0f")},
    )
    with st.expander("What they are"):
        there = {row.runtime for row in rows}
        st.markdown("\n".join(f"- **{runtime}**: {how}" for runtime, how in HOW.items() if runtime in there))
