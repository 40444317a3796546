"""Distil it now: one network trained twice on the page."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import streamlit as st

from explorer import places, ui
from explorer.classroom import Question
from explorer.distillation import asked, charts
from explorer.distillation.live import PAIR_TRAINING, EpochEnd, TrainedPair, TrainingPairSettings
from explorer.distillation.selection import DistillationSelection
from explorer.errors import ExplorerError
from explorer.measure import spared
from explorer.networks import NetworkSpec, cost_of, describe, why_not_fed
from explorer.ui import address
from explorer.ui.instrument import Panel, results
from explorer.work.instrument import InstrumentSpec
from explorer.workspace import trained_network

DESIGN, SHIPPED = "design", "student-60k"


def show_live_training(selection: DistillationSelection) -> None:
    """Train a network twice side by side, from fresh weights, for a bounded time."""
    workspace = ui.workspace()
    offered = _offered_students()
    # Looked up now, since a label may be asked for outside of a page.
    called = {name: _called(name, spec) for name, spec in offered.items()}
    which, length, limit, run = st.columns([2, 1.2, 1.2, 1.4], gap="medium", vertical_alignment="bottom")
    student = offered[
        address.choice(
            "distil",
            "Network",
            tuple(offered),
            draw=which.selectbox,
            format_func=called.get,
            help="It begins with fresh weights and answers for the classes of these images.",
        )
    ]
    epochs = address.integer_slider("epochs", "Epochs", at=length, help="Length of the schedule.")
    seconds = address.integer_slider(
        "seconds", "At most, seconds", at=limit, step=10, help="It stops after that."
    )
    spec = InstrumentSpec(
        workspace.source(selection.teacher_name),
        workspace.data,
        "training",
        workspace.data.key_of("training"),
        TrainingPairSettings(
            student,
            selection.alpha,
            selection.temperature,
            selection.reverse,
            epochs,
            float(seconds),
            workspace.data.key_of("validation"),
        ),
    )
    panel: Panel[EpochEnd] = Panel(PAIR_TRAINING, spec)
    hidden = not ui.may_reveal(_question(spec, None))
    with run:
        panel.controls(
            "Distil it now",
            blocked="Commit your guess first." if hidden else "",
            help="Trains both copies on this machine.",
        )
    _describe(student, selection)
    question = st.container()
    if hidden:
        with question:
            ui.predict(_question(spec, None))
        return
    shown = panel.result(_where, grow=lambda ends: _show_growing(spec.settings, ends), nothing="")
    pair = None if shown is None else TrainedPair(shown.settings, shown.parts)
    with question:
        ui.predict(_question(spec, pair))
    if shown is None or pair is None:
        begun = results().get(PAIR_TRAINING.identity(spec))
        if begun is None:
            st.info("Nobody has trained a pair with this teacher on these images yet: distil it here.")
        elif begun.finished:  # else it was stopped, and the panel says so
            st.info("It ended before the first epoch did: give it more seconds, or a smaller network.")
        return
    if _offer_to_lessons(pair) and not selection.student_name:
        st.rerun()  # there is a student now, so the whole lesson can be shown
    _show_pair(pair)
    ui.provenance(shown.origin, shown.where)
    ui.download("Curves as CSV", pair.curves(), "distil_now.csv")
    st.page_link(places.page("pruning"), label="Prune these two networks", icon=":material/content_cut:")


def _describe(student: NetworkSpec, selection: DistillationSelection) -> None:
    """What will be trained, on what, and with which loss."""
    data, recipe = ui.workspace().data, TrainingPairSettings(student).recipe
    ships = next(card for card in ui.shipped().cards.values() if card.distillation).distillation
    said = (
        f"{ui.escape_markup(describe(student))}, {cost_of(student, data.input_size).params:,} parameters, trained on "
        f"{ui.escape_markup(data.describe('training'))}: once with labels alone, once with the teacher (soft term "
        f"weighed {selection.alpha:g}, T {selection.temperature:g}{', KL reversed' if selection.reverse else ''}), "
        "from the same weights in the same order."
    )
    if not ui.workspace().has_view_logits(selection.teacher_name, recipe):
        said += (
            f" The teacher first sees each of them in {len(recipe.views)} views, once, with progress: fewer or smaller "
            "images (beside the page's title) take less time."
        )
    words, links = st.columns([5, 1.4], gap="medium")
    words.caption(said)
    links.page_link(
        places.page("architecture"), label="Design another network", icon=":material/account_tree:"
    )
    if (selection.alpha, selection.temperature) != (ships["alpha"], ships["temperature"]):
        links.button(
            f"alpha {ships['alpha']:g}, T {ships['temperature']:g}, as what ships",
            on_click=_take,
            args=(
                ships["alpha"] if selection.alpha_weighs_soft else 1 - ships["alpha"],
                ships["temperature"],
            ),
            type="tertiary",
            icon=":material/tune:",
        )


def _take(alpha: float, temperature: float) -> None:
    address.put("alpha", float(alpha))
    address.put("temperature", float(temperature))


def _question(spec: InstrumentSpec[TrainingPairSettings], pair: TrainedPair | None) -> Question:
    """What the teacher brings, answered by what is shown if that was trained just so."""
    settings = spec.settings
    return asked.trained_question(
        describe(settings.student),
        cost_of(settings.student, spec.data.input_size).params,
        settings.epochs,
        spec.network.card.sha256,
        spec.images,
        pair.curves() if pair is not None and pair.settings == settings else None,
    )


def _offered_students() -> dict[str, NetworkSpec]:
    """What can be trained: the architecture lesson's network, else the shipped student's, then those at hand.

    Each is for the classes of these images; what cannot be, or cannot take their size, is left out.
    """
    data, design = ui.workspace().data, ui.session().design
    there = {name: source.card.network_spec() for name, source in ui.workspace().all_sources.items()}
    first = {DESIGN: design} if design else {}
    offered: dict[str, NetworkSpec] = {}
    for name, spec in (first | {SHIPPED: ui.shipped().cards[SHIPPED].network_spec()} | there).items():
        with suppress(ExplorerError):
            fitting = spec.with_classes(len(data.classes))
            if fitting not in offered.values() and not why_not_fed(fitting, data.input_size):
                offered[name] = fitting
    return offered


def _called(name: str, spec: NetworkSpec) -> str:
    """A network that can be trained, for people."""
    if name == DESIGN:
        return f"{describe(spec)}, of the architecture lesson"
    sources = ui.workspace().all_sources
    return sources[name].card.title if name in sources else f"{describe(spec)}, as ships"


def _where(spec: InstrumentSpec[TrainingPairSettings], ends: Sequence[EpochEnd]) -> str:
    data, seconds = ui.workspace().data, max(end.seconds for end in ends)
    return (
        f"trained here on {data.describe('training')}, on {spared()} CPU threads in {seconds:.0f} s; accuracy on "
        f"{data.describe('validation')}."
    )


def _offer_to_lessons(pair: TrainedPair) -> bool:
    """Put both networks among those that every lesson may choose; whether there were none of them before."""
    trained, data = ui.session().trained, ui.workspace().data
    fresh = False
    for way, network in pair.networks().items():
        source = trained_network(
            f"Trained here, {way}",
            network,
            input_size=data.input_size,
            trained_on=f"trained here on {data.describe('training')}",
        )
        fresh |= source.card.name not in trained
        trained[source.card.name] = source
    return fresh


def _show_growing(settings: TrainingPairSettings, ends: Sequence[EpochEnd]) -> None:
    curves = TrainedPair(settings, ends).curves()
    ui.bare_chart(
        partial(charts.live_training_lines, curves, settings.epochs),
        alt="Validation accuracy by epoch, growing",
    )


def _show_pair(pair: TrainedPair) -> None:
    rows, common, epochs = pair.curves(), pair.common_epoch, pair.settings.epochs
    last = rows[rows["epoch"] == (common or 1)].set_index("way")["accuracy"]
    said = ", ".join(f"{way} **{value:.2%}**" for way, value in last.items())
    apart = pair.tell_apart(ui.images("validation").targets())
    short = "" if common == epochs else f" of {epochs}, so the schedule was not ended"
    ui.chart(
        partial(charts.live_training_lines, rows, epochs),
        f"Validation accuracy after each epoch: {said}",
        " ".join(
            filter(
                None,
                (f"After epoch {common or 1}{short}: {said}.", apart, "One seed: another would move both."),
            )
        ),
    )
