"""Pruning: what masking weights and removing channels do to accuracy, size and measured time."""

from dataclasses import replace

import pandas as pd
import streamlit as st
from torch import nn

from explorer import ui
from explorer.measure import devices
from explorer.pruning import charts, forms
from explorer.pruning.sweep import METHODS, TITLES, Evidence, Plan, Row, read_evidence, sweep, table

RATIOS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def main() -> None:
    """Draw the lesson."""
    st.title("Pruning")
    st.markdown(
        "Does pruning make a network faster? Setting weights to zero and taking channels out are both called "
        "pruning, and do very different things to accuracy, size and milliseconds."
    )
    controls = st.container(border=True)
    area = st.container()
    with controls:
        name, plan, images, run = _controls()
    if run:
        with area:
            _run(name, plan, images)
    kept = st.session_state.get("sweep")
    with area:
        if isinstance(kept, Kept) and kept.name == name:
            _show(
                kept.rows,
                "measured",
                f"{kept.plan.device}, {kept.rows[0].threads} threads, batch of {kept.rows[0].batch}, median of "
                f"{kept.plan.repeats} passes in turn with the dense network; first {kept.rows[0].total:,} test images.",
            )
        elif (found := _evidence(name)) is not None:
            first = found.rows[0]
            _show(
                list(found.rows),
                "precomputed",
                f"{found.date} on {found.machine}, {first.threads} threads, batch of {first.batch}, "
                f"torch {found.torch}; first {first.total:,} test images. Run it here to measure this machine.",
            )
        else:
            st.info(
                "No sweep of this checkpoint has been precomputed: run it here.", icon=":material/play_arrow:"
            )
    _three_forms(name)


def _three_forms(name: str) -> None:
    """Masked, zeroed, sliced: measured on this machine at one ratio."""
    st.subheader("Masked, zeroed, sliced")
    st.markdown(
        "The same channels dropped in three ways: with masks left on the weights, with the zeros baked in, and "
        "with the channels physically removed. Which quantities really change?"
    )
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    ratio = left.slider(
        "Share of the channels dropped",
        0.1,
        0.9,
        0.5,
        0.05,
        format="percent",
        key="p_f",
        bind="query-params",
        help="The channels with the smallest L1 norms.",
    )
    if right.button("Measure here", icon=":material/timer:", width="stretch"):
        images = ui.images("test").select(slice(500))
        with ui.heavy_work():
            bar, found = st.progress(0.0, "Timing the four networks in turn"), []
            for form in forms.forms(_network(name), images.inputs(), images.targets(), ratio):
                found.append(form)
                bar.progress(len(found) / 4, f"{form.name} is measured")
            bar.empty()
        st.session_state["forms"] = (name, ratio, found)
    kept = st.session_state.get("forms")
    if kept is None or kept[0] != name:
        st.caption("Nothing has been measured yet: it takes a few seconds.")
        return
    _, measured_at, found = kept
    st.markdown(f"**{forms.answer(found, measured_at)}**")
    rows = forms.table(found)
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            "accuracy": st.column_config.NumberColumn(format="percent"),
            "parameters": st.column_config.NumberColumn("parameters stored", format="localized"),
            "torchinfo says": st.column_config.NumberColumn(format="localized"),
            "mult_adds": st.column_config.NumberColumn("multiply-adds", format="localized"),
            "file_mb": st.column_config.NumberColumn("file, MB", format="%.2f"),
            "zipped_mb": st.column_config.NumberColumn("compressed, MB", format="%.2f"),
            "ms": st.column_config.NumberColumn("ms, median", format="%.2f"),
            "ms_low": st.column_config.NumberColumn("ms, 1st quartile", format="%.2f"),
            "ms_high": st.column_config.NumberColumn("ms, 3rd quartile", format="%.2f"),
            "speed_up": st.column_config.NumberColumn("times faster", format="%.2f"),
        },
    )
    st.caption(
        "A masked network's file grows, because the masks are stored too, and torchinfo counts only the weights "
        "that its masks leave: fewer parameters on paper for a network that is no smaller and no faster."
    )
    _busy(any(form.busy for form in found))
    ui.provenance("measured", f"first {found[0].total} test images, batch of {forms.BATCH}, in turn.")
    ui.download("Three forms as CSV", rows, "three_forms.csv")


def _busy(busy: bool) -> None:
    if busy:
        st.warning(
            "Other programs used this machine's processors during the timing, so the milliseconds are not to be "
            "trusted; the accuracies are.",
            icon=":material/warning:",
        )


class Kept:
    """What a run has brought so far; it survives a stop."""

    def __init__(self, name: str, plan: Plan) -> None:
        self.name, self.plan = name, plan
        self.rows: list[Row] = []


def _controls() -> tuple[str, Plan, int, bool]:
    titles = {card.title: name for name, card in ui.networks().items()}
    by_title = {TITLES[method]: method for method in METHODS}
    left, right = st.columns(2, gap="large")
    with left:
        title = st.selectbox(
            "Checkpoint", list(titles), key="p_c", bind="query-params", help="Really trained; only ever read."
        )
        chosen = st.multiselect(
            "Methods",
            list(by_title),
            [TITLES[method] for method in Plan().methods],
            key="p_m",
            bind="query-params",
            help="Masked: weights are set to zero, the shape stays. Removed: channels are cut out.",
        )
        device = st.selectbox("Device", list(devices()), key="p_dev", bind="query-params", help="Found here.")
    with right:
        ratios = st.multiselect(
            "Ratios",
            list(RATIOS),
            list(Plan().ratios),
            format_func=lambda ratio: f"{ratio:.0%}",
            key="p_r",
            bind="query-params",
            help="Share of all convolution and linear weights that is masked, or of each layer's channels that is "
            "removed; a share r of channels takes about 1 - (1 - r)² of the parameters.",
        )
        images = st.select_slider(
            "Test images",
            [100, 250, 500, 1000, 2000, 5000, 10000],
            500,
            key="p_n",
            bind="query-params",
            help="More images make the interval narrower and the run longer.",
        )
        start, stop = st.columns(2)
        run = start.button("Run it here", type="primary", icon=":material/play_arrow:", width="stretch")
        stop.button(
            "Stop", icon=":material/stop:", width="stretch", help="Ends the run and keeps what is there."
        )
    if run and not (chosen and ratios):
        st.error("Choose at least one method and one ratio.")
        run = False
    plan = Plan(device=str(device))
    if chosen and ratios:
        plan = replace(plan, methods=tuple(by_title[name] for name in chosen), ratios=tuple(sorted(ratios)))
    return titles[title], plan, int(images), run


def _run(name: str, plan: Plan, count: int) -> None:
    kept = Kept(name, plan)
    images = ui.images("test").select(slice(count))
    with ui.heavy_work():
        bar, figure = st.progress(0.0, "Reading the checkpoint"), st.empty()
        with ui.stopwatch() as clock:
            for row in sweep(_network(name), images.inputs(), images.targets(), plan):
                kept.rows.append(row)
                st.session_state["sweep"] = kept
                done = len(kept.rows) / plan.steps
                bar.progress(
                    done,
                    f"{TITLES[row.method]} at {row.ratio:.0%}: accuracy {row.correct / row.total:.1%}; "
                    f"about {clock() / done - clock():.0f} s left",
                )
                figure.altair_chart(
                    charts.accuracy_curve(table(kept.rows)),
                    alt="Accuracy against ratio, growing point by point",
                )
        bar.empty()
        figure.empty()


def _network(name: str) -> nn.Module:
    """A private copy of a network of the workspace."""
    return ui.network(name)


@st.cache_data(show_spinner=False, max_entries=16)
def _evidence(name: str) -> Evidence | None:
    return read_evidence(name)


def _show(rows: list[Row], origin: ui.Origin, where: str) -> None:
    data = table(rows)
    st.markdown(f"#### {_message(rows)}")
    left, right = st.columns(2, gap="large")
    with left:
        best = {
            TITLES[method]: max(
                (row.ratio for row in rows if row.method == method and _holds(row, rows)), default=0.0
            )
            for method in dict.fromkeys(row.method for row in rows)
        }
        text = "; ".join(f"{title}: up to **{ratio:.0%}**" for title, ratio in best.items())
        ui.chart(
            charts.accuracy_curve(data),
            f"Accuracy against pruning ratio. Within one point of dense: {text}.".replace("**", ""),
            f"Within one point of the dense network, without any retraining: {text}. "
            "Bands are 95 % intervals.",
        )
    with right:
        ui.chart(
            charts.speed_curve(data),
            "Measured speed-up over the dense network against pruning ratio, a line per method.",
            "Ratio means the share of weights that is masked, or the share of each layer's channels that is removed. "
            "A masked network multiplies by its zeros; one without the channels has less to multiply.",
        )
    _busy(any(row.busy for row in rows))
    ui.provenance(origin, where)
    _table(data)


def _holds(row: Row, rows: list[Row]) -> bool:
    dense = max(each.correct / each.total for each in rows if each.ratio == min(r.ratio for r in rows))
    return row.correct / row.total >= dense - 0.01


def _message(rows: list[Row]) -> str:
    parts = []
    for start, word in (("global", "masked"), ("channels-l1", "of the channels removed")):
        found = [row for row in rows if row.method.startswith(start) and row.ratio > 0]
        if found:
            row = min(found, key=lambda each: abs(each.ratio - (0.8 if start == "global" else 0.5)))
            what = "of the weights masked" if word == "masked" else word
            parts.append(
                f"{row.ratio:.0%} {what}: accuracy {row.correct / row.total:.1%}, {row.speed_up:.2f} times as fast"
            )
    return "; ".join(parts) or "A sweep, measured"


def _table(data: pd.DataFrame) -> None:
    st.dataframe(
        data.drop(columns=["busy"]),
        hide_index=True,
        column_config={
            "ratio": st.column_config.NumberColumn(format="percent"),
            "accuracy": st.column_config.NumberColumn(format="%.4f"),
            "accuracy_low": st.column_config.NumberColumn("95 % from", format="%.4f"),
            "accuracy_high": st.column_config.NumberColumn("95 % to", format="%.4f"),
            "parameters": st.column_config.NumberColumn("parameters stored", format="localized"),
            "nonzero": st.column_config.NumberColumn("not zero", format="localized"),
            "mult_adds": st.column_config.NumberColumn("multiply-adds", format="localized"),
            "ms": st.column_config.NumberColumn("ms, median", format="%.2f"),
            "ms_low": st.column_config.NumberColumn("ms, 1st quartile", format="%.2f"),
            "ms_high": st.column_config.NumberColumn("ms, 3rd quartile", format="%.2f"),
            "speed_up": st.column_config.NumberColumn("times faster", format="%.2f"),
        },
    )
    ui.download("Sweep as CSV", data, "sweep.csv")


with ui.page():
    main()
