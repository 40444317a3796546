"""A network of the sweep as a row of the ledger."""

import streamlit as st

from explorer import ui
from explorer.ledger import Origin, State, described
from explorer.pruning.scene import Scene
from explorer.pruning.sweep import TITLES, Row


def row(scene: Scene, rows: list[Row], seed: int, origin: Origin, where: str) -> None:
    """Choose one of the sweep's networks, and pin it."""
    names = {_name(each): each for each in rows}
    telling = min(
        range(len(rows)),
        key=lambda at: (
            rows[at].recovery != "none",
            rows[at].method != rows[0].method,
            abs(rows[at].ratio - 0.8),
        ),
    )
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    name = left.selectbox(
        "A network of this sweep",
        list(names),
        telling,
        help="To compare with states of the other lessons.",
    )
    with right:
        ui.pin("pruning", lambda: _state(scene, names[name], seed, origin, where))


def _name(each: Row) -> str:
    after = "" if each.recovery == "none" else f", {each.recovery}"
    return f"{TITLES[each.method]}, {each.ratio:.0%}{after}"


def _state(scene: Scene, found: Row, seed: int, origin: Origin, where: str) -> State:
    # What was trained again, or runs in another precision, cannot be rebuilt from the checkpoint alone.
    plain = scene.shipped and found.recovery == "none" and found.precision == "float32"
    recipe = (
        {
            "checkpoint": scene.name,
            "sha256": ui.cards()[scene.name].sha256,
            "method": found.method,
            "ratio": found.ratio,
            "seed": seed,
        }
        if plain
        else {}
    )
    return State(
        f"{scene.title}, {_name(found)}",
        "pruning",
        described(scene.network),
        found.params,
        found.nonzero,
        found.mult_adds,
        scene.images.input_size,
        origin,
        where,
        found.file_bytes,
        found.zipped_bytes,
        found.ms,
        found.ms_low,
        found.ms_high,
        found.batch,
        found.correct,
        found.total,
        scene.images.name,
        recipe=recipe,
    )
