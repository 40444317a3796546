"""The wall: photographs that go dark under the hand as a network is pruned, and come back when it is recovered."""

from functools import partial
from typing import Any

import streamlit as st

from explorer import palette, ui
from explorer.data import ImageSet
from explorer.pruning.examine import IMAGES
from explorer.pruning.page_one import asked_method, asked_ratio, stored_wall
from explorer.pruning.selection import PruningSelection
from explorer.pruning.wall import RECALIBRATE, WALL, WallState, photographs, wall_settings
from explorer.pruning.wall_reading import BUTTONS, WallReading, drawing, rescue_question, wall_table
from explorer.selection import USE
from explorer.ui import address, hand
from explorer.ui.instrument import Panel
from explorer.work.kept import Keyed

BOARD = "wall_board"  # key of the component
COLUMNS, SIDE = 10, 96  # photographs beside each other on the sheet, and pixels of one at most
HERE = ("global-l1", "channels-l1")  # the methods of a wall that is made on the page
REFITTED_HERE = 1_000_000  # parameters up to which a network is re-fitted in seconds


def main(selection: PruningSelection) -> None:
    """The photographs, the ratio, the rescue, and where the answers come from."""
    stored = stored_wall(selection)
    settings = (
        stored.settings
        if stored is not None
        else wall_settings(
            HERE,
            min(IMAGES, selection.data.sizes[USE]),
            selection.training_key(needed=True),
            refit=selection.params <= REFITTED_HERE,
        )
    )
    panel = Panel(WALL, selection.spec(settings), stored=stored)
    if stored is None:
        st.markdown(
            "Sixty photographs of all classes go dark as this network is pruned: make its wall first."
        )
        panel.controls("Make its wall", icon=":material/grid_view:")
    shown = panel.result(
        lambda spec, _: f"{selection.counted(spec.settings.images)}; {selection.title}.",
        nothing="",
    )
    if shown is None:
        return
    images = ui.images(USE).stratified(shown.settings.images)
    reading = WallReading(shown.parts, images.classes)
    question = rescue_question(reading, selection.title, (selection.weights, selection.images.whole))
    locked = question is not None and ui.is_locked(question.key)
    if question is not None and locked and not ui.predict(question):
        return
    _board(selection, shown.parts, images)
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(width=760):  # beside the buttons, and above them on a phone
            ui.provenance(shown.origin, shown.where)
        if question is not None and not locked:
            ui.predict(question)
        ui.download("All states as CSV", partial(wall_table, reading), "wall.csv")


def _board(selection: PruningSelection, states: tuple[WallState, ...], images: ImageSet) -> None:
    key = (selection.weights, images.key, repr([each.state for each in states]))
    drawn = ui.kept(partial(_drawn, Keyed(key, (states, images))))
    ui.component(__file__, "wall")(
        key=BOARD,
        data=drawn
        | {
            "of": " ".join(key[:2]) + str(len(states)),
            "wish": _wish(selection),
            "colors": {"lost": palette.OVER, "dense": palette.DENSE},
        },
        on_at_change=_take,
    )


def _drawn(wall: Keyed[tuple[tuple[WallState, ...], ImageSet]]) -> dict[str, Any]:
    states, images = wall.value
    return drawing(WallReading(states, images.classes), images) | {
        "sheet": ui.contact_sheet(images, photographs(images).tolist(), COLUMNS, SIDE),
        "columns": COLUMNS,
        "grey": images.images.ndim == 3,
    }


# --- The hand, and what Python wishes -------------------------------------------------------------------


def _wish(selection: PruningSelection) -> dict[str, Any]:
    """What the browser is to open at."""
    asked = (asked_method(), asked_ratio(selection), address.value("rescue", options=tuple(BUTTONS)))
    wished = hand.wish(BOARD, asked, _heard())
    method, ratio, rescue = wished.at
    return {"number": wished.number, "method": method, "ratio": ratio, "rescue": rescue}


def _heard() -> tuple[str, float, str] | None:
    """Where the hand has let go last; None before it did."""
    at = hand.told(BOARD)
    return (at["method"], float(at["ratio"]), at["rescue"]) if at else None


def _take() -> None:
    method, ratio, rescue = _heard() or ("", 0.0, "")
    address.put("method", method)
    address.put("ratio", ratio)
    address.put("rescue", rescue)
    # Inside, the same network is looked at; re-fitted it is not.
    address.put("recalibrate_one", RECALIBRATE if rescue == "recalibrated" else 0)
