"""Bits under the hand: weights that snap to fewer and fewer values, and what that costs."""

from functools import partial
from typing import Any

import streamlit as st
from torch import nn

from explorer import palette, ui
from explorer.bits.reading import OPENS_AT, BitsReading, Place, bits_question, drawing
from explorer.bits.rows import Shown, rounded_row
from explorer.bits.selection import BitsSelection
from explorer.bits.sweep import (
    ACTIVATIONS,
    BITS,
    KIND,
    BitsRow,
    BitsSettings,
    bits_table,
    dense_histograms,
    settings_of_rows,
)
from explorer.selection import USE
from explorer.ui import address, hand
from explorer.ui.instrument import Panel, StoredResult
from explorer.work.kept import Keyed

BOARD = "bits_board"  # key of the component
IMAGES = 500  # counted where nothing is stored
SCALES, CODES = ("tensor", "channel"), ("symmetric", "affine")


def main(selection: BitsSelection) -> None:
    """The controls, the weights of a layer, the curve, and where the figures come from."""
    stored = _stored(selection)
    settings = (
        stored.settings
        if stored is not None
        else BitsSettings(images=min(IMAGES, selection.data.sizes[USE]), training=selection.training)
    )
    panel = Panel(BITS, selection.spec(settings), stored=stored)
    if stored is None:
        st.markdown(
            "Every weight becomes one of a few numbers, from 255 of them down to 3: try them all first."
        )
        panel.controls("Round it", icon=":material/grid_4x4:")
    shown = panel.result(
        lambda spec, rows: f"{selection.counted(rows[0].total)}; {selection.title}.", nothing=""
    )
    if shown is None:
        return
    reading = ui.kept(partial(_reading, Keyed(_key(selection, shown.parts), shown.parts), *_about(selection)))
    question = bits_question(selection.title, selection.weights, selection.images, reading)
    locked = question is not None and ui.is_locked(question.key)
    if question is not None and locked and not ui.predict(question):
        return
    asked = asked_for(tuple(each.layer for each in shown.parts[0].layers))
    _board(selection, shown.parts, asked)
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(width=760):
            ui.provenance(shown.origin, shown.where)
        if question is not None and not locked:
            ui.predict(question)
        ui.download("All roundings as CSV", partial(bits_table, shown.parts), "bits.csv")
        pinned = Shown(
            selection.source, selection.data, shown.settings.calibration, shown.origin, shown.where
        )
        row = reading.nearest(place_of(asked))
        key = ("pin rounded", selection.weights, selection.images, repr(row))
        ui.pin("bits", lambda: ui.prepare(key, rounded_row, pinned, row))
    st.caption(
        "BatchNorm is folded into the convolutions first, and biases stay float32. Rounded weights are simulated: the "
        "numbers that the codes stand for, multiplied in float32. What whole numbers do to the clock is the next tab."
    )


def _stored(selection: BitsSelection) -> StoredResult[BitsRow] | None:
    stored = ui.workspace().find_rows(KIND, BitsRow, selection.name)
    if stored is None:
        return None
    return StoredResult(
        stored.rows,
        settings_of_rows(stored.rows, stored.images, stored.settings),
        f"{stored.where}; {stored.counted(selection.data, USE)}; {selection.title}.",
    )


def _key(selection: BitsSelection, rows: tuple[BitsRow, ...]) -> tuple[str, ...]:
    return selection.weights, selection.images, str(hash(rows))


def _about(selection: BitsSelection) -> tuple[Keyed[nn.Module], int, str]:
    return selection.keyed, len(selection.data.classes), selection.noun


def _reading(
    rows: Keyed[tuple[BitsRow, ...]], network: Keyed[nn.Module], classes: int, noun: str
) -> BitsReading:
    return BitsReading(rows.value, dense_histograms(network.value), classes, noun)


def _drawn(
    rows: Keyed[tuple[BitsRow, ...]], network: Keyed[nn.Module], classes: int, noun: str
) -> dict[str, Any]:
    return drawing(_reading(rows, network, classes, noun))


def _board(selection: BitsSelection, rows: tuple[BitsRow, ...], asked: tuple[Any, ...]) -> None:
    key = _key(selection, rows)
    drawn = ui.kept(partial(_drawn, Keyed(key, rows), *_about(selection)))
    ui.component(__file__, "bits")(
        key=BOARD,
        data=drawn
        | {
            "of": " ".join(key),
            "wish": _wish(asked),
            "colors": {"mark": palette.INT8, "dense": palette.DENSE},
        },
        on_at_change=_take,
    )


def asked_for(layers: tuple[str, ...]) -> tuple[Any, ...]:
    """What the address says of the hand, in the order of ``KEYS``; ``layers`` can be looked at."""
    bits, per, symmetric, activations = OPENS_AT
    return (
        address.value("bits", default=bits),
        address.value("scale", options=SCALES, default=per),
        address.value("codes", options=CODES, default=CODES[0 if symmetric else 1]),
        address.value("activations", options=ACTIVATIONS, default=activations),
        address.value("layer", options=layers),
    )


def place_of(asked: tuple[Any, ...]) -> Place:
    """The rounding that is asked for there."""
    bits, per, codes, activations, _ = asked
    return bits, per, codes == CODES[0], activations


def _wish(asked: tuple[Any, ...]) -> dict[str, Any]:
    """What the browser is to open at."""
    wished = hand.wish(BOARD, asked, _heard())
    return {"number": wished.number} | dict(zip(KEYS, wished.at, strict=True))


KEYS = ("bits", "scale", "codes", "activations", "layer")
"""Of the address, in the order of a place of the hand."""


def _heard() -> tuple[Any, ...] | None:
    at = hand.told(BOARD)
    return tuple(at[key] for key in KEYS) if at else None


def _take() -> None:
    for key, setting in zip(KEYS, _heard() or (), strict=True):
        address.put(key, setting)
