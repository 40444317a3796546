"""A network of the sweep as a row of the ledger."""

import streamlit as st

from explorer import ui
from explorer.ledger import Origin, State
from explorer.networks import describe
from explorer.pruning.scene import Scene
from explorer.pruning.sweep import SweepRow


def row(scene: Scene, rows: list[SweepRow], seed: int, origin: Origin, where: str) -> None:
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


def _name(each: SweepRow) -> str:
    after = "" if each.recovery == "none" else f", {each.recovery}"
    return f"{each.title}, {each.ratio:.0%}{after}"


def _state(scene: Scene, pruned: SweepRow, seed: int, origin: Origin, where: str) -> State:
    # What was trained again, or runs in another precision, cannot be rebuilt from the checkpoint alone.
    plain = pruned.recovery == "none" and pruned.precision == "float32"
    recipe = (
        scene.source.recipe | {"method": pruned.method, "ratio": pruned.ratio, "seed": seed}
        if plain and scene.source.recipe
        else {}
    )
    return State(
        f"{scene.title}, {_name(pruned)}",
        "pruning",
        describe(scene.network),
        pruned.params,
        pruned.nonzero,
        pruned.mult_adds,
        scene.images.input_size,
        origin,
        where,
        pruned.file_bytes,
        pruned.zipped_bytes,
        pruned.ms,
        pruned.ms_low,
        pruned.ms_high,
        pruned.batch,
        pruned.correct,
        pruned.total,
        scene.images.name,
        recipe=recipe,
    )
