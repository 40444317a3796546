"""The ledger on the page: one chart, one table, and ways to keep it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer import ledger, ui
from explorer.data import DataSet
from explorer.errors import ExplorerError
from explorer.ledger import AXES, MOST_BYTES, Comparable, LedgerAxis, LedgerRow
from explorer.report import charts
from explorer.report.rebuild import card_row
from explorer.report.receipt import receipt, why_no_receipt
from explorer.report.recount import (
    COUNT_TOGETHER,
    RECOUNT,
    Recount,
    RecountSettings,
    countable_together,
    data_sets,
    recount_spec,
)
from explorer.ui import address
from explorer.ui.instrument import Panel
from explorer.work.instrument import InstrumentSpec
from explorer.work.kept import Keyed
from explorer.workspace import NetworkSource

BY_COLUMN = {axis.column: axis for axis in AXES}


def ledger_tab() -> None:
    """Chart, table, downloads, links, receipts."""
    _open_link()
    _offer_recount()
    pinned = ui.pinned()
    places = st.columns([3, 3, 5, 3], vertical_alignment="bottom")
    x = _choose_axis("across", "Across", places[0], AXES[0])
    y = _choose_axis("up", "Up", places[1], AXES[-1])
    shipped = address.toggle(
        "shipped",
        "With the shipped networks",
        at=places[3],
        default=any(card.measured for card in ui.networks().values()),
        help="The trained ones, from their cards.",
    )
    rows = [*(_shipped_rows() if shipped else ()), *pinned]
    if not rows:
        st.info("Nothing is pinned yet: every lesson has a button for it.", icon=":material/keep:")
        return
    sets = ui.kept(partial(ledger.comparables, tuple(rows), x, y))
    if sets:
        drawn = _choose_set(sets, pinned, places[2])
        _draw_chart(drawn, pinned, x, y)
        _say_apart(sets, drawn, rows)
        _offer_same_images(sets, pinned)
    else:
        st.info("None of these states has both figures: choose other axes.", icon=":material/compare:")
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


def _choose_set(
    sets: Sequence[Comparable], pinned: Sequence[LedgerRow], column: DeltaGenerator
) -> Comparable:
    """Which of the sets that can be compared is drawn."""
    by_title = {one.title: one for one in sets}
    chosen = address.choice(
        "on",
        "Compared on",
        tuple(by_title),
        draw=column.selectbox,
        default=ledger.set_to_draw(sets, pinned).title,
        help="Two figures stand in one chart only if they are of the same images, size of input or machine.",
    )
    return by_title[chosen]


def _draw_chart(drawn: Comparable, pinned: Sequence[LedgerRow], x: LedgerAxis, y: LedgerAxis) -> None:
    # Where something is pinned only that is named, so that titles do not lie on each other.
    named = tuple(row in pinned for row in drawn.rows)
    table = ui.kept(partial(ledger.drawn_table, drawn.rows, x, y, named))
    best = list(table[table["front"]]["title"])
    said = ", ".join(best[:4]) + (f" and {len(best) - 4} more" if len(best) > 4 else "")
    ui.chart(
        partial(charts.pareto_chart, table, x, y),
        f"{y.title} against {x.title} of {len(table)} states ({drawn.title}); nothing beats {said}.",
        f"No other state is as good on both axes and better on one: **{ui.escape_markup(said)}** (joined by the dashed "
        f"line). {ui.escape_markup(ledger.describe_numbers(table))}",
    )


def _say_apart(sets: Sequence[Comparable], drawn: Comparable, rows: Sequence[LedgerRow]) -> None:
    """Which states are not in the chart, and why."""
    lacking = len(rows) - sum(len(one.rows) for one in sets)
    said = [ledger.describe_apart(sets, drawn)]
    said += [f"{lacking} of {len(rows)} states lack one of the two figures."] if lacking else []
    if any(said):
        st.caption(ui.escape_markup(" ".join(filter(None, said))))


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
    _recount(RECOUNT, recount_spec(carried, _sources(), ui.workspace().data), "Recompute them here")


def _offer_same_images(sets: Sequence[Comparable], pinned: Sequence[LedgerRow]) -> None:
    """Count the pinned rows of other sets as those of the largest were."""
    if len(sets) == 1:
        return
    data = ui.workspace().data
    there = countable_together(sets, pinned, _sources(), data_sets(data))
    if there is None:
        return
    if there.problems:
        st.caption(ui.escape_markup(f"Cannot be counted on {there.title}: {' '.join(there.problems)}"))
    if there.rows:
        spec = recount_spec(there.rows, _sources(), data, there.on)
        if _recount(COUNT_TOGETHER, spec, f"Count {len(there.rows)} more on {there.title}"):
            st.rerun()  # the chart above does not have them yet


def _recount(instrument: Recount, spec: InstrumentSpec[RecountSettings], label: str) -> bool:
    """Offer to count rows again, and put what comes of it in their places; says whether it has changed any."""
    panel = Panel(instrument, spec)
    panel.controls(label, icon=":material/replay:", type="secondary", width="content")
    shown = panel.result(lambda spec, rows: "recomputed here.", nothing="")
    parts = shown.parts if shown else ()
    counted = [(part.before, replace(part.row, title=part.before.title)) for part in parts if part.row]
    before = ui.pinned()
    ui.set_pinned([next((new for old, new in counted if old == row), row) for row in before])
    if problems := [f"{part.before.title}: {part.problem}" for part in parts if part.row is None]:
        st.warning("\n\n".join(map(ui.escape_markup, problems)), icon=":material/warning:")
    return ui.pinned() != before


def _sources() -> tuple[NetworkSource, ...]:
    """The networks at hand: the workspace's, and those that ship."""
    both = (*ui.workspace().sources.values(), *ui.shipped().sources.values())
    return tuple({source.card.sha256: source for source in both}.values())


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
