"""The first words and numbers of the first page: what is on the screen before torch is imported."""

import math

import streamlit as st

from explorer.errors import ExplorerError
from explorer.manifest import not_a_manifest, read_manifest
from explorer.markup import escape_markup
from explorer.places import CHECKPOINTS


def draw_opening() -> None:
    """Draw what the explorer is and what ships with it."""
    try:
        st.markdown(_what_ships())
    except ExplorerError as error:
        st.error(escape_markup(str(error)), icon=":material/error:")


def _what_ships() -> str:
    """The smallest and the largest network that ship, in a sentence; of two that are equally small the better one."""
    try:
        measured = [entry for entry in read_manifest(CHECKPOINTS) if not math.isnan(entry["test_accuracy"])]
        ordered = sorted(measured, key=lambda entry: (entry["params"], -entry["test_accuracy"]))
    except (KeyError, TypeError) as error:
        raise not_a_manifest(CHECKPOINTS) from error
    if not ordered:
        return ""
    small, large = ordered[0], ordered[-1]
    return (
        f"Take a real network apart. **{len(ordered)}** trained ones ship with it, from **{small['params']:,}** "
        f"parameters, which get **{small['test_accuracy']:.1%}** of {small['images']:,} test images right, to "
        f"**{large['params']:,}**, which get **{large['test_accuracy']:.1%}**."
    )
