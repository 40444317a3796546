"""The ledger on the page: one chart, one table, and ways to keep it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer import ledger, ui
from explorer.data import DataSet
from explorer.errors import ExplorerError
from explorer.ledger import AXES, MOST_BYTES, LedgerAxis, LedgerRow
from explorer.report import charts
from explorer.report.rebuild import card_row
from explorer.report.receipt import receipt, why_no_receipt
from explorer.report.recount import RECOUNT, recount_spec
from explorer.ui import address
from explorer.ui.instrument import Panel
from explorer.work.kept import Keyed
from explorer.workspace import NetworkSource

BY_COLUMN = {axis.column: axis for axis in AXES}


def ledger_tab() -> None:
    """Chart, table, downloads, links, receipts."""
    _open_link()
    _offer_recount()
    pinned = ui.pinned()
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    x = _choose_axis("across", "Across", left, AXES[0])
    y = _choose_axis("up", "Up", middle, AXES[-1])
    shipped = address.toggle(
        "shipped",
        "With the shipped networks",
        at=right,
        default=any(card.measured for card in ui.networks().values()),
        help="The trained ones, from their cards.",
    )
    rows = [*(_shipped_rows() if shipped else ()), *pinned]
    if not rows:
        st.info("Nothing is pinned yet: every lesson has a button for it.", icon=":material/keep:")
        return
    _draw_chart(rows, len(rows) - len(pinned), x, y)
    for sentence in ledger.explain_differences(rows, x, y):
        st.warning(ui.escape_markup(sentence), icon=":material/compare:")
    ui.provenance("computed", "each row says where its figures come from, in its last columns.")
    _edit_pinned(pinned)
    _keep(rows, pinned)
    _offer_receipt(rows)


def _choose_axis(key: str, label: str, column: DeltaGenerator, default: LedgerAxis) -> LedgerAxis:
    chosen = address.choice(
        key,
        label,
        tuple(BY_COLUMN),
        draw=column.selectbox,
        default=default.column,
        format_func=lambda name: BY_COLUMN[name].title,
        help="A quantity to compare by.",
    )
    return BY_COLUMN[chosen]


def _shipped_rows() -> Sequence[LedgerRow]:
    """The networks that ship as rows: counted once in this process."""
    workspace = ui.shipped()
    sources = tuple(source for source in workspace.sources.values() if source.card.measured)
    with st.spinner("Counting the networks that ship"):
        return ui.kept(
            partial(_count, Keyed(tuple(each.card.sha256 for each in sources), sources), workspace.data)
        )


def _count(sources: Keyed[tuple[NetworkSource, ...]], data: DataSet) -> tuple[LedgerRow, ...]:
    # Not in the worker: it takes two seconds, nearly all of them in zlib, which lets other pages go on meanwhile.
    return tuple(card_row(source, data) for source in sources.value)


def _draw_chart(rows: Sequence[LedgerRow], first_pinned: int, x: LedgerAxis, y: LedgerAxis) -> None:
    table = ui.kept(partial(_fronted, tuple(rows), first_pinned, x, y))
    known = table.dropna(subset=[x.column, y.column])
    titles = list(known[known["front"]]["title"])
    best = ", ".join(titles[:4]) or "none"
    if len(titles) > 4:
        best += f" and {len(titles) - 4} more"
    ui.chart(
        partial(charts.pareto_chart, table, x, y),
        f"{y.title} against {x.title} of {len(known)} states; nothing beats {best}.",
        f"No other state is as good on both axes and better on one: **{ui.escape_markup(best)}** (joined by the dashed "
        f"line). {len(table) - len(known)} of {len(table)} states lack one of the two figures.",
    )


def _fronted(rows: tuple[LedgerRow, ...], first_pinned: int, x: LedgerAxis, y: LedgerAxis) -> pd.DataFrame:
    """The table with the columns that the chart needs."""
    table = ledger.ledger_table(rows)
    front = ledger.pareto_front(table, x, y)
    # Where something is pinned only that is named, so that titles do not lie on each other.
    return table.assign(front=front, named=table.index >= first_pinned if first_pinned < len(rows) else front)


def _edit_pinned(pinned: list[LedgerRow]) -> None:
    """The pinned rows as a table whose titles can be changed and whose rows can be deleted."""
    st.header("Pinned here")
    if not pinned:
        st.caption(
            "Nothing is pinned yet: every lesson has a button for it. Open a ledger, or go on with one."
        )
        return
    table = ledger.ledger_table(pinned)
    table.insert(0, "row", range(len(table)))
    edited = st.data_editor(
        table,
        num_rows="delete",
        hide_index=True,
        disabled=[column for column in table.columns if column != "title"],
        column_config=ui.COLUMNS
        | {
            "row": None,
            "title": st.column_config.TextColumn(help="Click to rename; select rows to delete them."),
            "link": st.column_config.LinkColumn("opens at", display_text="open"),
        },
        key=f"ledger_table_{len(pinned)}",
        alt="The pinned states",
    )
    kept = [
        replace(pinned[int(line["row"])], title=str(line["title"] or "untitled")[:200])
        for line in edited.to_dict("records")
    ]
    if kept != pinned:
        ui.set_pinned(kept)
        st.rerun()


def _keep(rows: list[LedgerRow], pinned: list[LedgerRow]) -> None:
    """Downloads, the link, and a file to open."""
    with st.container(horizontal=True):
        ui.download("Ledger as CSV", partial(ledger.ledger_table, rows), "ledger.csv")
        st.download_button(
            "Ledger as JSON",
            ledger.to_json(pinned),
            "ledger.json",
            "application/json",
            on_click="ignore",
            icon=":material/download:",
            disabled=not pinned,
            help="The pinned rows; the file opens again here.",
        )
        if pinned:
            with st.popover("A link to this ledger", icon=":material/link:"):
                base = (st.context.url or "").split("?")[0]
                st.code(f"{base}?ledger={ledger.to_link(pinned)}", None, wrap_lines=True)
        if st.button("Remove all pinned", icon=":material/delete:", disabled=not pinned):
            ui.set_pinned([])
            st.rerun()
        with st.popover("Open a ledger", icon=":material/upload_file:"):
            upload = st.file_uploader(
                "A ledger in a file",
                "json",
                max_upload_size=MOST_BYTES // 10**6,
                help="A JSON file that was downloaded here.",
            )
    if upload is not None and ui.session().ledger_file != upload.file_id:
        ui.session().ledger_file = upload.file_id
        if _add_rows(ledger.from_json, upload.getvalue()):
            st.rerun()


def _offer_recount() -> None:
    """Recompute what came in a file or link, from the networks and images at hand."""
    carried = [row for row in ui.pinned() if row.origin == "carried"]
    if not carried:
        return
    st.caption(
        f"{len(carried)} rows came in a file or link: their figures are whatever it says, until recomputed here."
    )
    workspace, shipped = ui.workspace(), ui.shipped()
    sources = {
        source.card.sha256: source for source in (*workspace.sources.values(), *shipped.sources.values())
    }
    panel = Panel(RECOUNT, recount_spec(carried, tuple(sources.values()), workspace.data))
    panel.controls("Recompute them here", icon=":material/replay:", type="secondary", width="content")
    shown = panel.result(lambda spec, rows: "recomputed here.", nothing="")
    for part in shown.parts if shown else ():
        if part.row is not None:
            new = replace(part.row, title=part.before.title)
            ui.set_pinned([new if row == part.before else row for row in ui.pinned()])
    problems = [part for part in (shown.parts if shown else ()) if part.row is None]
    if problems:
        listed = "\n\n".join(ui.escape_markup(f"{part.before.title}: {part.problem}") for part in problems)
        st.warning(listed, icon=":material/warning:")


def _open_link() -> None:
    """Take the rows in the link once; they stay in the session after that."""
    value = address.value("ledger")
    if not value or ui.session().ledger_link == value:
        return
    ui.session().ledger_link = value
    _add_rows(ledger.from_link, value)


def _add_rows(read: Callable[[Any], tuple[LedgerRow, ...]], content: object) -> bool:
    """Pin what a file or link holds; what cannot be read is said, and the pinned rows stay."""
    try:
        ui.set_pinned([*ui.pinned(), *read(content)])
    except ExplorerError as error:
        st.error(ui.escape_markup(str(error)), icon=":material/error:")
        return False
    return True


def _offer_receipt(rows: list[LedgerRow]) -> None:
    st.header("Receipt")
    st.markdown(
        "A short script that rebuilds one state from its checkpoint or widths and asserts its numbers."
    )
    shipped = list(ui.shipped().sources.values())
    # What was trained here is in no file; what ships needs none of the user's.
    made_here = {source.card.sha256 for source in ui.session().trained.values()}
    files = {
        source.card.sha256: source.card.title
        for source in ui.workspace().all_sources.values()
        if not source.ships and source.card.sha256 not in made_here
    }
    # Chosen by its number: two rows may have the same title.
    possible = [number for number, row in enumerate(rows) if not why_no_receipt(row, shipped, files)]
    if not possible:
        st.caption("None of these rows can be rebuilt from a checkpoint.")
        return
    chosen = st.selectbox(
        "State",
        possible,
        format_func=lambda number: f"{number + 1}. {rows[number].title}",
        help="Rows that say how they were made.",
    )
    text = receipt(rows[chosen], shipped, files=files)
    st.download_button(
        "receipt.py", text, "receipt.py", "text/x-python", on_click="ignore", icon=":material/download:"
    )
    with st.expander("Read it"):
        st.code(text, "python")
