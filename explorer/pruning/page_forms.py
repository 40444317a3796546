"""Masked, zeroed, sliced: one ratio in several forms, raced, and which quantities really change."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from explorer import ui
from explorer.ledger import Origin
from explorer.pruning import charts, forms
from explorer.pruning.asked import race_question
from explorer.pruning.forms import FORMS, Form, FormsSettings
from explorer.pruning.page_asked import put_forms
from explorer.pruning.race import ROWS, Race, describe_race, milliseconds, position, race_of
from explorer.pruning.race import SLOWED as SPEEDS
from explorer.pruning.selection import FormsShown, MeasuredNetwork, PruningSelection
from explorer.runtime.needed import missing
from explorer.selection import USE
from explorer.ui import address
from explorer.ui.instrument import Panel, ShownResult, StoredResult, draw_beside_stored

SIDE = 32  # pixels of a photograph at most


def main(selection: PruningSelection) -> None:
    """The question, the race of the forms measured here or precomputed, and the answer to question 3-2."""
    left, middle, right = st.columns([2, 2, 1], gap="medium", vertical_alignment="center")
    ways = " Dropped are single weights by masks, or whole channels: by masks, by zeros in their place, or cut out."
    spoken = ui.projector()  # then whoever projects it says the rest, and the race is seen without scrolling
    left.markdown(f"**Question 3-2.** Does pruning speed up inference?{'' if spoken else ways}")
    dropped = address.slider(
        "dropped",
        "Share dropped",
        at=middle,
        step=0.05,
        format="percent",
        help=f"Of single weights and of channels alike. {forms.METHOD.sentence}",
    )
    stored = _stored(selection)
    there = bool(stored and stored.settings.training)
    runtimes = address.toggle(
        "runtimes",
        "Another runtime too",
        at=middle,
        default=there,
        help="The dense network, nothing dropped, run by onnxruntime: its float32 weights, and as 8-bit whole numbers.",
    )
    training = selection.training_key(needed=runtimes)
    settings = FormsSettings(len(selection.images), round(dropped, 4), training)
    panel = Panel(
        FORMS,
        selection.spec(settings),
        stored=stored,
        put=partial(put_forms, total=len(ui.images(USE))),
    )
    with right:
        panel.controls("Measure here", icon=":material/timer:", blocked=missing() if runtimes else "")
    shown = panel.result(
        lambda spec, rows: forms.describe_forms_measurement(selection.counted(rows[0].total), selection.title)
    )
    if shown is None:
        return
    if not shown.finished:
        st.info("Only all of them together can be compared: measure them here.", icon=":material/timer:")
        return
    if not _race(selection, shown):
        return
    _bars(shown, len(selection.data.classes))
    measured = MeasuredNetwork.of(selection)
    ui.session().keep(FormsShown(measured, shown.parts, shown.settings.ratio, shown.origin, shown.where))


def _race(selection: PruningSelection, shown: ShownResult[Form]) -> bool:
    """The race, and its question before it; whether the figures may be shown."""
    question = race_question(
        selection.title, selection.weights, selection.images.whole, shown.parts, shown.settings.ratio
    )
    locked = ui.is_locked(question.key)
    if locked and not ui.predict(question):
        return False
    raced: ShownResult[Form] | StoredResult[Form] = shown
    origin: Origin = shown.origin
    size = selection.data.input_size
    if shown.beside is not None and race_of(shown.parts, size) is None:
        raced, origin = shown.beside, "precomputed"  # what could not be timed here
    race = race_of(raced.parts, size)
    if race is not None:
        _draw_race(selection, race, raced.settings.ratio)
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container():
            ui.provenance(origin, raced.where)
        if not locked:
            ui.predict(question)
    return True


def _draw_race(selection: PruningSelection, race: Race, ratio: float) -> None:
    # All of them: what is stored may have been counted on more than the controls ask for.
    images, order = ui.images(USE), position(race.images)
    lanes = {each.lane: each for each in race.finishes}
    ui.component(__file__, "race")(
        key="race",
        data={
            # What makes it another race, which starts anew; the picture itself is long.
            "of": f"{selection.weights} {images.key} {ratio:g} {race!r}",
            "lanes": [
                {
                    "name": lane.name,
                    "color": lane.color,
                    "ms": lanes[lane].ms,
                    "each": f"{milliseconds(lane.ms)} a batch of {race.batch}",
                    "right": f"{lane.right.correct:,} of {lane.right.total:,} right",
                    "finish": f"place {lanes[lane].place}, after {milliseconds(lanes[lane].ms)}",
                }
                for lane in race.lanes
            ],
            "images": race.images,
            "batch": race.batch,
            "speeds": [times for times in SPEEDS if times <= race.slowed],
            "slowed": race.slowed,
            "sheet": ui.contact_sheet(images, order, -(-race.images // ROWS), SIDE),
            "columns": -(-race.images // ROWS),
            "rows": ROWS,
            "grey": images.images.ndim == 3,
            "verdict": describe_race(race),
        },
    )


def _stored(selection: PruningSelection) -> StoredResult[Form] | None:
    stored = ui.workspace().find_rows("forms", Form, selection.name)
    if stored is None:
        return None
    return StoredResult(
        stored.rows,
        FormsSettings(
            stored.images, float(stored.settings["ratio"]), str(stored.settings.get("training", ""))
        ),
        f"{stored.where}, batch of {forms.BATCH}; {stored.counted(selection.data, USE)}; {selection.title}.",
    )


def _bars(shown: ShownResult[Form], classes: int) -> None:
    """Every quantity of every form; those that are stored beside those that were measured here."""
    ratios = {shown.parts: shown.settings.ratio}
    if shown.beside is None:
        _show(shown.parts, shown.settings.ratio, classes)
    else:
        ratios[shown.beside.parts] = shown.beside.settings.ratio
        draw_beside_stored(shown, lambda rows: _show(rows, ratios[tuple(rows)], classes))
    ui.download("The forms as CSV", partial(forms.form_table, shown.parts), "forms.csv")


def _show(rows: Sequence[Form], ratio: float, classes: int) -> None:
    st.markdown(f"## {forms.describe_speed(rows, ratio)}")
    table = forms.form_table(rows)
    ui.chart(
        partial(charts.form_bars, table),
        "Parameters, torchinfo's count, multiply-adds, bytes, compressed bytes and milliseconds of the "
        f"{forms.list_names(rows)} network, as multiples of the dense network's. {forms.describe_speed(rows, ratio)}",
        f"{forms.WHY} {forms.explain_torchinfo(rows)}",
    )
    st.caption(forms.explain_accuracies(rows, classes))
    st.dataframe(table, hide_index=True, column_config=ui.COLUMNS)
