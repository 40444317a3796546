"""Try it: distil a network now, and the quiz."""

import secrets
from dataclasses import dataclass, replace

import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from explorer import ui
from explorer.distillation import charts, soften
from explorer.distillation.live import PairStep, TrainedPair, TrainingPairSpec, train_pair
from explorer.distillation.selection import DistillationSelection
from explorer.measure import spared, spared_core
from explorer.networks import StudentSpec, describe
from explorer.ui import address
from explorer.workspace import trained_network


def show_live_training(selection: DistillationSelection) -> None:
    """Train the architecture lesson's network twice side by side, for a bounded time."""
    place = ui.workspace()
    spec = _student_spec()
    images = place.data.describe("training")
    if not place.has_view_logits(selection.teacher_name, TrainingPairSpec(spec).recipe):
        st.caption(
            f"The teacher first sees each of them in {len(TrainingPairSpec(spec).recipe.views)} views, once, "
            "with progress: fewer or smaller images (in the sidebar) take less time."
        )
    whose = "the architecture lesson's" if ui.session().design else "the shipped student's"
    st.markdown(
        f"{describe(spec)}, {whose} widths, trained on {images}: "
        f"once with labels alone, once with the teacher (soft term weighed {selection.alpha:g}, "
        f"T {selection.temperature:g}{', KL reversed' if selection.reverse else ''}), from the same weights in the "
        "same order."
    )
    st.page_link(
        "explorer/architecture/page.py", label="Design another network", icon=":material/account_tree:"
    )
    left, right = st.columns(2)
    epochs = address.integer_slider("epochs", "Epochs", at=left, help="Length of the schedule.")
    seconds = address.integer_slider(
        "seconds", "At most, seconds", at=right, step=10, help="It stops after that."
    )
    start, stop = st.columns(2)
    started = start.button("Distil it now", type="primary", icon=":material/play_arrow:", width="stretch")
    stop.button("Stop", icon=":material/stop:", width="stretch", help="Ends the run and keeps what is there.")
    area = st.container()
    if started:
        wanted = TrainingPairSpec(
            spec, selection.alpha, selection.temperature, selection.reverse, epochs, float(seconds)
        )
        _train_and_show(selection, wanted, area)
    elif isinstance(trained := st.session_state.get(f"trained pair {place.data.key}"), TrainedPair):
        _show_trained_pair(selection, trained, area)


def _student_spec() -> StudentSpec:
    """The network of the architecture lesson, else the shipped student."""
    spec = ui.session().design
    if spec is None:
        spec = StudentSpec.from_dict(ui.shipped().cards["student-60k"].spec)
    return replace(spec, classes=len(ui.workspace().data.classes))


def _train_and_show(selection: DistillationSelection, spec: TrainingPairSpec, area: DeltaGenerator) -> None:
    with ui.heavy_work():
        teacher_logits = ui.view_logits(selection.teacher_name, spec.recipe)
        ends: list[PairStep] = []
        trained = TrainedPair(spec, ends)
        run, data = secrets.token_hex(4), ui.workspace().data
        st.session_state[f"trained pair {ui.workspace().data.key}"] = trained
        bar = area.progress(0.0, "Starting")
        chart = area.empty()
        due = ui.pace()
        with spared_core():
            for step in train_pair(spec, ui.images("training"), ui.images("validation"), teacher_logits):
                if step.end is None and not due():
                    continue
                left = min(step.seconds / step.done - step.seconds, spec.seconds - step.seconds)
                bar.progress(
                    step.done,
                    f"Epoch {step.epoch} of {spec.epochs}, {step.way}, loss {step.loss:.3f}, about {left:.0f} s left",
                )
                if step.end:
                    ends.append(step)
                    chart.altair_chart(
                        charts.live_training_lines(trained.curves(), spec.epochs),
                        alt="Validation accuracy by epoch, growing",
                    )
                    for way, network in trained.networks().items():
                        ui.session().trained[f"{run} {way}"] = trained_network(
                            f"Trained here, {way}",
                            network,
                            input_size=data.input_size,
                            trained_on=f"trained here on {data.describe('training')}",
                        )
        bar.empty()
        chart.empty()
    if ends and not selection.student_name:
        st.rerun()  # there is a student now, so the whole lesson can be shown
    _show_trained_pair(selection, trained, area)


def _show_trained_pair(selection: DistillationSelection, trained: TrainedPair, area: DeltaGenerator) -> None:
    with area:
        if not trained.ends:
            st.info("It ended before the first epoch did: give it more seconds, or a smaller network.")
            return
        rows, common, epochs = trained.curves(), trained.common_epoch, trained.spec.epochs
        last = rows[rows["epoch"] == (common or 1)].set_index("way")["accuracy"]
        text = ", ".join(f"{way} **{value:.2%}**" for way, value in last.items())
        short = "" if common == epochs else f" of {epochs}, so the schedule was not ended"
        ui.chart(
            charts.live_training_lines(rows, epochs),
            f"Validation accuracy after each epoch: {text}",
            f"After epoch {common or 1}{short}: {text}. One seed on {len(ui.images('training')):,} training images: "
            "a gap of a point or less can be chance.",
        )
        ui.provenance(
            "measured",
            f"trained here on {spared()} CPU threads in {rows['seconds'].max():.0f} s; accuracy "
            f"on {len(selection.images):,} validation images.",
        )
        ui.download("Curves as CSV", rows, "distil_now.csv")
        st.page_link(
            "explorer/pruning/page.py", label="Prune these two networks", icon=":material/content_cut:"
        )


@dataclass(frozen=True)
class CommittedAnswer:
    """The answer to the quiz that this visitor has committed to."""

    option: str


OPTIONS = (
    "(a) Using a higher value for T produces a softer probability distribution over classes.",
    "(b) Using a higher value for T produces a harder probability distribution over classes.",
)


def show_quiz(selection: DistillationSelection) -> None:
    """Question 2-2 of the homework: predict, then reveal."""
    st.markdown("**Question 2-2.** Which is true about the temperature T of the distillation loss?")
    sealed = ui.session().last(CommittedAnswer) is not None
    guess = st.radio(
        "Your answer", OPTIONS, index=None, key="d_quiz", label_visibility="collapsed", disabled=sealed
    )
    if not sealed:
        st.button(
            "Commit to this answer",
            on_click=ui.session().keep,
            args=(CommittedAnswer(str(guess)),),
            disabled=guess is None,
            type="primary",
        )
        st.caption("Then the numbers of the image above decide; the answer cannot be changed after that.")
        return
    logits = selection.teacher_logits[selection.position]
    entropies = {step: soften.entropy(logits, step).item() for step in soften.TEMPERATURE_LADDER}
    rises = entropies[soften.TEMPERATURE_LADDER[-1]] > entropies[soften.TEMPERATURE_LADDER[0]]
    right = OPTIONS[0] if rises else OPTIONS[1]
    measured = ", ".join(f"{value:.3f} at T = {step:g}" for step, value in entropies.items())
    (st.success if guess == right else st.error)(
        f"{right[:3]} is true. Entropy of the teacher's distribution on this image, in nats: {measured}; "
        f"an even choice among {len(logits)} classes would be {torch.tensor(float(len(logits))).log():.3f}."
    )
    ui.provenance("computed", "from the teacher's logits on the chosen image.")
    st.button("Ask me again", on_click=_ask_again)


def _ask_again() -> None:
    ui.session().forget(CommittedAnswer)
    st.session_state["d_quiz"] = None
