"""Step by step: one network pruned, repaired, rounded and exported; each state a row, and the path they make."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from explorer import ledger, ui
from explorer.checkpoints.evidence import StoredRows
from explorer.errors import ExplorerError
from explorer.ledger import (
    AXES,
    Export,
    Finetune,
    LedgerRow,
    Recalibrate,
    Refit,
    Round,
    Step,
)
from explorer.pruning.methods import METHODS
from explorer.pruning.step import prune_step
from explorer.report import charts
from explorer.runtime.needed import needed
from explorer.steps.keep import kept_network, onnx_file
from explorer.steps.make import describe_step
from explorer.steps.path import KIND, PATH, PathSettings, describe_path, settings_of
from explorer.ui import address
from explorer.ui.instrument import Panel, ShownResult, StoredResult
from explorer.work.instrument import InstrumentSpec
from explorer.workspace import NetworkSource

REPAIRS: Mapping[str, Step | None] = {
    "re-fitted": Refit(),
    "recalibrated": Recalibrate(),
    "fine-tuned": Finetune(),
    "none": None,
}
ROUNDINGS: Mapping[str, Step | None] = {
    "8 bits, activations too": Round(8, activations=8),
    "8 bits": Round(8),
    "6 bits": Round(6),
    "4 bits": Round(4),
    "none": None,
}
EXPORTS: Mapping[str, Step | None] = {
    "int8": Export("int8"),
    "int8, 7-bit weights": Export("int8", reduce_range=True),
    "float32": Export(),
    "none": None,
}
ACROSS = {axis.column: axis for axis in AXES if axis.column in ("zipped_bytes", "file_bytes", "ms_per_image")}
COUNTS = (10_000, 1_000, 500, 200)


def steps_tab() -> None:
    """The path on the left, what is done on the right."""
    view, side = st.columns([2, 1], gap="large")
    with side:
        spec = _asked()
        panel = Panel(PATH, spec, stored=_stored(spec))
        panel.controls("Do these steps here")
    with view:
        shown = panel.result(lambda spec, rows: f"{rows[-1].where}; {_counted(rows)}")
        if shown is not None:
            with panel.picture:
                _draw(shown)
    if shown is not None:
        _keep(spec, shown)


def _counted(rows: Sequence[LedgerRow]) -> str:
    data = ui.workspace().data
    return f"{data.name}, {data.counted('test', rows[0].total or 0)}."


def _asked() -> InstrumentSpec[PathSettings]:
    """The network and what is done with it, by the controls."""
    cards = ui.networks()
    # Of a stored path there is something to see at once.
    stored = next(
        (name for name in cards if ui.workspace().find_rows(KIND, LedgerRow, name)), next(iter(cards))
    )
    name = address.choice(
        "path_of", "From", tuple(cards), default=stored, format_func=lambda key: cards[key].title
    )
    left, right = st.columns([3, 2])
    method = address.choice(
        "path_method",
        "1. Prune",
        tuple(METHODS),
        draw=left.selectbox,
        format_func=lambda key: METHODS[key].title,
    )
    ratio = address.number_input(
        "path_ratio",
        "Share",
        at=right,
        step=0.05,
        help="Of the weights, or of the channels; 0 prunes nothing.",
    )
    prune = prune_step(method, ratio) if ratio else None
    repair = REPAIRS[address.choice("repair", "2. Repair", tuple(REPAIRS))]
    if isinstance(repair, Refit) and prune is None:
        st.caption("Nothing is re-fitted, since nothing is pruned.")
        repair = None
    rounded = ROUNDINGS[address.choice("rounded_to", "3. Round", tuple(ROUNDINGS))]
    exported = EXPORTS[
        address.choice("exported_as", "4. Export to onnxruntime", _exports(), default=_exports()[0])
    ]
    data = ui.workspace().data
    most = data.sizes["test"]
    counts = tuple(dict.fromkeys(min(count, most) for count in COUNTS))
    # As many as the stored path of this network counted, so that it is what these controls ask for.
    found = ui.workspace().find_rows(KIND, LedgerRow, name)
    images = address.choice(
        "path_images",
        f"Count on so many {data.noun('test')}s",
        counts,
        default=found.images if found and found.images in counts else counts[0],
        format_func="{:,}".format,
    )
    steps = tuple(step for step in (prune, repair, rounded, exported) if step is not None)
    settings = PathSettings(steps, images, data.key_of("training"))
    return InstrumentSpec(ui.workspace().source(name), data, "test", data.key_of("test"), settings)


def _exports() -> tuple[str, ...]:
    """How a network can be exported here: not at all without onnxruntime, which is then said."""
    try:
        for package in ("onnx", "onnxscript", "onnxruntime"):
            needed(package)
    except ExplorerError as error:
        st.caption(ui.escape_markup(str(error)))
        return ("none",)
    return tuple(EXPORTS)


def _stored(spec: InstrumentSpec[PathSettings]) -> StoredResult[LedgerRow] | None:
    found: StoredRows[LedgerRow] | None = ui.workspace().find_rows(KIND, LedgerRow, spec.network.card.name)
    if found is None:
        return None
    return StoredResult(found.rows, settings_of(found), f"{found.where}; {_counted(found.rows)}")


def _draw(shown: ShownResult[LedgerRow]) -> None:
    rows = shown.parts
    timed = any(row.ms is not None for row in rows)
    across = ACROSS[
        address.choice(
            "path_across",
            "Accuracy against",
            tuple(ACROSS) if timed else tuple(ACROSS)[:-1],
            draw=st.segmented_control,
            required=True,
            default="zipped_bytes",
            format_func=lambda column: ACROSS[column].title,
            label_visibility="collapsed",
        )
    ]
    sets = ledger.comparables(rows, across, AXES[-1])
    said = describe_path(rows)
    if sets:
        table = ledger.drawn_table(sets[0].rows, across, AXES[-1], (True,) * len(sets[0].rows))
        ui.chart(
            partial(charts.pareto_chart, table, across, AXES[-1]),
            f"Accuracy against {across.title.lower()} after each step. {said}",
            ui.escape_markup(said),
        )
    ui.provenance(shown.origin, shown.where)
    times = ("ms_per_image",) if timed else ()
    columns = ("accuracy", "accuracy_low", "accuracy_high", "file_bytes", "zipped_bytes", *times)
    lines = ledger.ledger_table(rows)
    names = ["as it is", *map(describe_step, shown.settings.steps)][: len(rows)]
    lines.insert(0, "state", [f"{number}. {name}" for number, name in enumerate(names, start=1)])
    st.dataframe(
        lines[["state", *columns, "parameters", "nonzero", "mult_adds"]],
        hide_index=True,
        column_config=ui.COLUMNS,
    )


def _keep(spec: InstrumentSpec[PathSettings], shown: ShownResult[LedgerRow]) -> None:
    """Pin the states, download the last one, or keep it among the networks of this session."""
    steps, source, data = shown.settings.steps, spec.network, ui.workspace().data
    assert isinstance(source, NetworkSource)
    with st.container(horizontal=True):
        if st.button("Pin every state to the ledger", icon=":material/keep:"):
            known = {row.identity for row in ui.pinned()}
            rows = [
                replace(row, link=address.link("report")) for row in shown.parts if row.identity not in known
            ]
            ui.set_pinned([*ui.pinned(), *rows])
            st.toast(f"Pinned {len(rows)} states", icon=":material/keep:")
        if steps and isinstance(steps[-1], Export):
            st.download_button(
                "The last state as .onnx",
                partial(ui.make_file, onnx_file, source, steps, data),
                f"{source.card.name}.onnx",
                on_click="ignore",
                icon=":material/download:",
            )
        keeps = st.button(
            "Keep it in this session",
            icon=":material/bookmark_add:",
            help="For every lesson to go on with: before an export, and with activations in float32.",
        )
    if keeps:
        key = ("kept", source.card.sha256, repr(steps), data.key)
        kept = ui.prepare(key, kept_network, source, steps, data)
        ui.session().trained[kept.card.name] = kept
        st.toast(f"Kept: {kept.card.title}")
