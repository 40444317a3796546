"""The sweep: accuracy, size and measured time against the ratio, a curve that grows point by point."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer import ui
from explorer.pruning import charts, page_curve, page_guess, page_homework, page_pin, reading
from explorer.pruning.homework import HOMEWORK
from explorer.pruning.page_asked import put_sweep
from explorer.pruning.page_controls import choose_curve, controls
from explorer.pruning.plan import SweepSettings
from explorer.pruning.selection import MeasuredNetwork, PruningSelection, SweepShown
from explorer.pruning.sweep import SWEEP, SweepRow, describe_sweep_measurement, rows_asked_for, settings_of
from explorer.selection import USE
from explorer.ui.instrument import Panel, StoredResult

NOTHING = "Choose at least one method and one ratio."


@dataclass(frozen=True)
class SweepAsked:
    """What the controls last asked for, for when they ask for nothing that can be measured."""

    settings: SweepSettings


def main(selection: PruningSelection) -> None:
    """The result on the left, which curve and what to measure on the right."""
    view, side = st.columns([2, 1], gap="large")
    with side:
        homework = choose_curve() == HOMEWORK.key
    hidden = "" if ui.may_reveal(page_guess.question(selection)) else "Commit your guess first."
    if homework:
        if hidden:
            with view:
                page_guess.ask(selection, _known(selection))
        page_homework.main(selection, view, side, hidden)
    else:
        _sweep(selection, view, side, hidden)


def _sweep(selection: PruningSelection, view: DeltaGenerator, side: DeltaGenerator, hidden: str) -> None:
    """A sweep of one's own, or what is stored of one."""
    with side:
        asked = controls(
            selection,
            lambda settings: _takes(
                Panel(SWEEP, selection.spec(settings), stored=_stored(selection, settings))
            ),
            _takes(page_homework.panel_of(selection)),
        )
        settings = _settings(selection, asked)
        panel = Panel(
            SWEEP,
            selection.spec(settings),
            stored=_stored(selection, settings),
            put=partial(put_sweep, total=len(ui.images(USE))),
        )
        panel.controls(blocked=NOTHING if asked is None else hidden)
    with view:
        headline, known = st.container(), _known(selection)
        choices = st.container(horizontal=True, vertical_alignment="center")
        if hidden:
            with choices:
                page_guess.ask(selection, known)
            return
        shown = panel.result(
            lambda spec, rows: describe_sweep_measurement(
                selection.counted(rows[0].total), selection.title, spec.settings, rows
            ),
            grow=lambda rows: _grow(selection, rows),
        )
        with choices:
            against = page_curve.choose_axis() if shown is not None else ""
            page_guess.ask(selection, (*(shown.parts if shown else ()), *known))
        if shown is None:
            return
        headline.header(reading.headline(shown.parts, len(selection.data.classes)))
        with panel.picture:
            page_curve.draw_curves(selection, shown, against)
            page_curve.say_criteria(selection, shown)
        if shown.beside is not None:
            _beside(selection, shown.beside)
    page_curve.offer_table(selection, shown.parts)
    page_pin.offer_row(selection, shown.parts, shown.settings, shown.origin, shown.where)
    measured = MeasuredNetwork.of(selection)
    ui.session().keep(SweepShown(measured, shown.parts, shown.origin, shown.where))


def _takes(panel: Panel[SweepRow]) -> str:
    """How long a curve takes here, in words."""
    return "Shown at once." if panel.is_there() else f"{panel.estimate().capitalize()}, estimated."


def _settings(selection: PruningSelection, asked: SweepSettings | None) -> SweepSettings:
    if asked is not None:
        ui.session().keep(SweepAsked(asked))
        return asked
    st.error(NOTHING)
    last = ui.session().last(SweepAsked)
    return replace(last.settings if last else SweepSettings(), images=len(selection.images))


def _known(selection: PruningSelection) -> tuple[SweepRow, ...]:
    """All that was measured before, also what the controls do not ask for: it may answer a question."""
    stored = ui.workspace().find_rows("sweep", SweepRow, selection.name)
    return stored.rows if stored is not None else ()


def _stored(selection: PruningSelection, asked: SweepSettings) -> StoredResult[SweepRow] | None:
    stored = ui.workspace().find_rows("sweep", SweepRow, selection.name)
    if stored is None:
        return None
    rows, settings = stored.rows, settings_of(stored.rows, stored.images, stored.settings)
    # What the controls ask for may be a part of what is stored: then just this part is shown.
    if (part := rows_asked_for(rows, asked)) is not None:
        # Of rows that no training image played a part in it does not matter which ones others took.
        training = settings.training if asked.training else ""
        settings = replace(
            settings, methods=asked.methods, ratios=asked.ratios, seeds=asked.seeds, training=training
        )
        rows = part
    return StoredResult(
        rows,
        settings,
        f"{stored.where}, batch of {rows[0].batch}; {stored.counted(selection.data, USE)}; {selection.title}.",
    )


def _grow(selection: PruningSelection, rows: Sequence[SweepRow]) -> None:
    ui.bare_chart(
        partial(charts.accuracy_curve, reading.folded_table(rows, selection.params)),
        alt="Accuracy against ratio, growing point by point",
    )


def _beside(selection: PruningSelection, stored: StoredResult[SweepRow]) -> None:
    with st.expander("The stored figures"):
        page_curve.draw_table(selection, stored.parts)
        ui.provenance("precomputed", stored.where)
