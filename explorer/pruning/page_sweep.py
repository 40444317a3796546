"""The sweep: accuracy, size and measured time against the ratio, a curve that grows point by point."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer import ui
from explorer.checkpoints.evidence import StoredRows
from explorer.ledger import Origin
from explorer.pruning import charts, page_curve, page_guess, page_pin, reading
from explorer.pruning.page_controls import controls
from explorer.pruning.scene import Scene, SweepShown
from explorer.pruning.sweep import SweepPlan, SweepRow, sweep


class Kept:
    """What a run has brought so far, and the settings it was run with; it survives a stop."""

    def __init__(self, scene: Scene, plan: SweepPlan) -> None:
        self.title, self.plan, self.count = scene.title, plan, len(scene.images)
        self.images = scene.images.name
        self.rows: list[SweepRow] = []

    @property
    def settings(self) -> dict[str, str]:
        """What was asked, in words."""
        return reading.settings(self.title, self.plan, self.count)


def main(scene: Scene) -> None:
    """The result on the left, what to measure on the right."""
    view, side = st.columns([2, 1], gap="large")
    with side:
        plan = controls()
        hidden = page_guess.hidden(scene)
        start, stop = st.columns(2)
        run = start.button(
            "Run it here",
            type="primary",
            icon=":material/play_arrow:",
            width="stretch",
            disabled=hidden or plan is None,
            help="Commit your guess first." if hidden else "Measures this machine.",
        )
        stop.button(
            "Stop", icon=":material/stop:", width="stretch", help="Ends the run and keeps what is there."
        )
        if plan is not None:
            st.caption(f"{plan.steps} networks on {len(scene.images):,} images each.")
    if run and plan is not None:
        _run(scene, plan, view)
    kept = st.session_state.get("sweep")
    mine = (
        isinstance(kept, Kept) and (kept.title, kept.images) == (scene.title, scene.images.name) and kept.rows
    )
    found = ui.workspace().find_rows("sweep", SweepRow, scene.name) if not mine else None
    rows = kept.rows if isinstance(kept, Kept) and mine else list(found.rows) if found else []
    with view:
        page_guess.ask(scene, rows)
        if hidden:
            st.info("The curve is hidden until a guess is committed above.", icon=":material/visibility_off:")
            return
        if not rows:
            st.info(
                "No sweep of this network has been precomputed: run it here.", icon=":material/play_arrow:"
            )
            return
        if isinstance(kept, Kept) and mine:
            _mismatch(kept, scene, plan)
        page_curve.show(scene, rows)
        origin: Origin = "measured" if mine else "precomputed"
        where = _where(kept) if isinstance(kept, Kept) and mine else _card(found, scene) if found else ""
        ui.provenance(origin, where)
    page_curve.table(scene, rows)
    page_pin.row(scene, rows, kept.plan.seed if isinstance(kept, Kept) and mine else 0, origin, where)
    ui.session().keep(SweepShown(scene.name, scene.title, tuple(rows), origin, where))


def _run(scene: Scene, plan: SweepPlan, view: DeltaGenerator) -> None:
    kept = Kept(scene, plan)
    st.session_state["sweep"] = kept
    shard = ui.images("training") if plan.recalibrate or plan.finetune else None
    with view, ui.heavy_work():
        bar, figure = st.progress(0.0, "Decoding the images"), st.empty()
        steps = sweep(scene.network, scene.images.inputs(), scene.images.targets(), plan, shard=shard)
        with ui.stopwatch() as clock:
            for row in steps:
                kept.rows.append(row)
                done = len(kept.rows) / plan.steps
                bar.progress(
                    done,
                    f"{len(kept.rows)} of {plan.steps}: {row.title} at {row.ratio:.0%}, accuracy "
                    f"{row.accuracy.value:.1%}; about {clock() / done - clock():.0f} s left",
                )
                figure.altair_chart(
                    charts.accuracy_curve(reading.with_share(kept.rows, scene.params)),
                    alt="Accuracy against ratio, growing point by point",
                )
        bar.empty()
        figure.empty()


def _mismatch(kept: Kept, scene: Scene, plan: SweepPlan | None) -> None:
    if len(kept.rows) < kept.plan.steps:
        st.info(
            f"The run was stopped after {len(kept.rows)} of {kept.plan.steps} networks.",
            icon=":material/stop_circle:",
        )
    if plan is None:
        return
    other = reading.differences(kept.settings, reading.settings(scene.title, plan, len(scene.images)))
    if other:
        st.warning(
            f"This run has other settings than the controls ({'; '.join(other)}). Run it here again to "
            "measure what they ask for.",
            icon=":material/sync_problem:",
        )


def _where(kept: Kept) -> str:
    first, plan = kept.rows[0], kept.plan
    clock = (
        f", batch of {first.batch}, median of {plan.repeats} passes or more in turn with the dense network"
    )
    timed = clock if any(row.ms is not None for row in kept.rows) else ""
    return (
        f"{plan.device}, {first.threads} threads, {first.precision}{timed}; first {first.total:,} of {kept.images}; "
        f"{kept.title}."
    )


def _card(stored: StoredRows[SweepRow], scene: Scene) -> str:
    return (
        f"{stored.where}, batch of {stored.rows[0].batch}; first {stored.images:,} {scene.images.noun}s. "
        "The controls have no effect on it: run it here."
    )
