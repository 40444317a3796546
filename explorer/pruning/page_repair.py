"""Repair: how much comes back after pruning, in one go or in rounds, beside small networks trained from scratch."""

from collections.abc import Sequence
from functools import partial
from typing import get_args

import streamlit as st

from explorer import ui
from explorer.checkpoints.evidence import StoredRows
from explorer.networks import maskable_weights
from explorer.pruning import charts, repair_reading
from explorer.pruning.methods import METHODS, get_method
from explorer.pruning.page_controls import METHODS_HELP, title_of
from explorer.pruning.repair import KIND, REPAIR, RepairRow, RepairSettings, Shares, name_plan
from explorer.pruning.selection import PruningSelection
from explorer.selection import USE
from explorer.ui import address
from explorer.ui.instrument import Panel, StoredResult, draw_beside_stored

OFFERED = tuple(key for key, method in METHODS.items() if not method.seeded)
RATIOS = {"mask": (0.5, 0.8, 0.9, 0.95), "removal": (0.1, 0.2, 0.35, 0.5)}
SHARD = 2_000  # training images that a repair on the page learns from
SHARES: dict[Shares, str] = dict(
    zip(get_args(Shares), ("as the method ranks", "so that each layer loses alike"), strict=True)
)


def main(selection: PruningSelection) -> None:
    """The curves of every repair, stored or measured here, and what they say."""
    view, side = st.columns([2, 1], gap="large")
    with side:
        asked = _asked(selection)
        stored = _stored(selection, asked)
        settings = asked if stored is None else stored.settings
        panel = Panel(REPAIR, selection.spec(settings), stored=stored)
        panel.controls(
            help=f"On the first {asked.shard:,} training images, an epoch a round; counted on "
            f"{selection.counted(asked.images)}."
        )
    with view:
        shown = panel.result(
            lambda spec, rows: (
                f"{selection.counted(rows[0].total)}; trained on the first "
                f"{spec.settings.shard:,} training images; {selection.title}."
            ),
            nothing="Nobody has repaired this network so yet: run it here.",
        )
        if shown is None:
            return
        with panel.picture:
            draw_beside_stored(shown, partial(_draw, selection))
    ui.download("Repair as CSV", partial(repair_reading.repair_table, shown.parts), "repair.csv")


def _asked(selection: PruningSelection) -> RepairSettings:
    method = address.choice(
        "repaired",
        "Method",
        OFFERED,
        format_func=title_of,
        help=f"How the network is pruned, before each repair.\n\n{METHODS_HELP}",
    )
    rounds = int(
        address.slider(
            "rounds",
            "Rounds",
            step=1,
            help="Prune a part, train for an epoch, rank anew, and so on; each round takes the same share of what is "
            "left. With one round all goes at once.",
        )
    )
    rewind = address.toggle(
        "rewind",
        "Rewind the learning rate",
        help="Train on with the peak rate of the network's own training, not with a low one.",
    )
    shares: Shares = "method"
    left_out: tuple[str, ...] = ()
    if rounds == 1 and get_method(method).kind == "mask":
        shares = address.choice(
            "shares",
            "Shares of the layers",
            tuple(SHARES),
            format_func=SHARES.get,
            help="By the sensitivity of each layer alone, found on validation images.",
        )
        if shares == "sensitivity":
            layers = tuple(maskable_weights(selection.network))
            left_out = tuple(address.choices("left_whole", "Layers left whole", layers, default=()))
    return RepairSettings(
        len(selection.images),
        method,
        RATIOS[get_method(method).kind],
        (rounds,),
        rounds,
        rewind,
        shares,
        left_out,
        min(SHARD, selection.data.sizes["training"]),
        training=selection.training_key(needed=True),
    )


def _stored(selection: PruningSelection, asked: RepairSettings) -> StoredResult[RepairRow] | None:
    stored = ui.workspace().find_rows(KIND, RepairRow, selection.name)
    return None if stored is None else of_plan(stored, asked, selection)


def of_plan(
    stored: StoredRows[RepairRow], asked: RepairSettings, selection: PruningSelection
) -> StoredResult[RepairRow] | None:
    """Of what is stored the rows that were pruned as asked, whatever images, ratios and epochs; None without any."""
    plan = name_plan(asked)
    rows = tuple(row for row in stored.rows if (row.method, row.plan) == (asked.method, plan))
    if not any(row.epochs for row in rows):
        return None
    trained_on = max(row.trained_on for row in rows)
    settings = RepairSettings(
        stored.images,
        asked.method,
        tuple(sorted({row.ratio for row in rows})),
        tuple(sorted({row.epochs for row in rows if row.epochs})),
        asked.rounds,
        asked.rewind,
        asked.shares,
        asked.left_out,
        trained_on,
        stored.settings["seed"],
        stored.settings["training"],
    )
    order = {state: number for number, state in enumerate(settings.states)}
    return StoredResult(
        tuple(sorted(rows, key=lambda row: order[row.state])),
        settings,
        f"{stored.where}; {stored.counted(selection.data, USE)}; trained on the first {trained_on:,} training "
        f"images; {selection.title}.",
    )


def _draw(selection: PruningSelection, rows: Sequence[RepairRow]) -> None:
    data = ui.kept(partial(repair_reading.repair_table, rows))
    cards = tuple(ui.workspace().cards.values())
    scratch = repair_reading.from_scratch(cards, selection.source.card)
    words = repair_reading.describe_repair(rows, scratch)
    said = " Diamonds: networks trained from scratch at that size." if len(scratch) else ""
    ui.chart(
        partial(charts.repair_curve, data, scratch, get_method(rows[0].method).color),
        f"Accuracy of each repair against the parameters that are left. {words}".replace("**", ""),
        f"{words}{said} Lines up and down are 95% Wilson intervals of the images.",
    )
