"""Repair: how much comes back after pruning, in one go or in rounds, beside small networks trained from scratch."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import get_args

import streamlit as st

from explorer import ui
from explorer.checkpoints.evidence import StoredRows
from explorer.errors import ExplorerError
from explorer.networks import maskable_weights
from explorer.pruning import charts, repair_reading
from explorer.pruning.methods import METHODS, get_method
from explorer.pruning.page_controls import METHODS_HELP, title_of
from explorer.pruning.repair import KIND, REPAIR, RepairRow, RepairSettings, Shares, name_plan
from explorer.pruning.selection import PruningSelection
from explorer.pruning.shares import reachable
from explorer.selection import USE
from explorer.ui import address
from explorer.ui.instrument import Panel, StoredResult, draw_beside_stored

OFFERED = tuple(key for key, method in METHODS.items() if not method.seeded)
RATIOS: dict[str, tuple[float, ...]] = {"mask": (0.5, 0.8, 0.9, 0.95), "removal": (0.1, 0.2, 0.35, 0.5)}
SHARD = 2_000  # training images that a repair on the page learns from
SHARES: dict[Shares, str] = dict(
    zip(get_args(Shares), ("as the method ranks", "so that each layer loses alike"), strict=True)
)


def main(selection: PruningSelection) -> None:
    """The curves of every repair, stored or measured here, and what they say."""
    view, side = st.columns([2, 1], gap="large")
    stored_rows = ui.workspace().find_rows(KIND, RepairRow, selection.name)
    with side:
        asked = _asked(selection)
        stored = None if stored_rows is None else of_plan(stored_rows, asked, selection)
        asked = _short(asked) if stored is None or _wants_short() else stored.settings
        panel = Panel(REPAIR, selection.spec(asked), stored=stored)
        panel.controls(
            help=f"Trains for {' and '.join(map(str, asked.epochs))} epoch{'s' * (max(asked.epochs) > 1)} on the "
            f"first {asked.shard:,} training images, for each ratio anew; counts on "
            f"{selection.counted(asked.images)}."
        )
    with view:
        head = st.container()
        shown = panel.result(
            lambda spec, rows: (
                f"{selection.counted(rows[0].total)}; "
                f"{repair_reading.describe_part(spec.settings.shard, selection.source.card)}; {selection.title}."
            ),
            nothing="Nobody has repaired this network so yet: run it here.",
        )
        if shown is None:
            return
        with head:
            across = address.choice(
                "repaired_across",
                "Accuracy against",
                tuple(charts.REPAIRED_ACROSS),
                draw=st.segmented_control,
                required=True,
                format_func=lambda field: charts.REPAIRED_ACROSS[field].name,
                label_visibility="collapsed",
            )
        with panel.picture:
            draw_beside_stored(shown, partial(_draw, selection, across))
    ui.download("Repair as CSV", partial(repair_reading.repair_table, shown.parts), "repair.csv")
    if stored_rows is not None:
        _compare(selection, stored_rows, shown.parts)


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
    ratios = RATIOS[get_method(method).kind]
    if rounds == 1 and get_method(method).kind == "mask":
        shares = address.choice(
            "shares",
            "Shares of the layers",
            tuple(SHARES),
            format_func=SHARES.get,
            help="By the sensitivity of each layer alone, found on validation images.",
        )
        if shares == "sensitivity":
            weights = {name: weight.numel() for name, weight in maskable_weights(selection.network).items()}
            left_out = tuple(address.choices("left_whole", "Layers left whole", tuple(weights), default=()))
            ratios = reachable(ratios, weights, left_out)
            if not ratios:
                raise ExplorerError(
                    f"With these layers left whole {min(RATIOS['mask']):.0%} of the weights cannot go: leave fewer "
                    "of them whole."
                )
    return RepairSettings(
        len(selection.images),
        method,
        ratios,
        (rounds,),
        rounds,
        rewind,
        shares,
        left_out,
        min(SHARD, selection.data.sizes["training"]),
        training=selection.training_key(needed=True),
    )


def _wants_short() -> bool:
    return address.toggle(
        "short_run",
        "A short run instead",
        help=f"On the first {SHARD:,} training images and on as many test images as are chosen above, not on those "
        "that the stored figures are of.",
    )


def _short(asked: RepairSettings) -> RepairSettings:
    each = int(
        address.slider(
            "epochs_each",
            "Epochs in each round",
            step=1,
            help="All rounds together have so many times their number: compare what has as many in all.",
        )
    )
    return replace(asked, epochs=(each * asked.rounds,))


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
        f"{stored.where}; {stored.counted(selection.data, USE)}; "
        f"{repair_reading.describe_part(trained_on, selection.source.card)}; {selection.title}.",
    )


def _draw(selection: PruningSelection, across: str, rows: Sequence[RepairRow]) -> None:
    card = selection.source.card
    scratch = repair_reading.from_scratch(ui.workspace().cards.values(), card)
    placed = scratch if across == "nonzero" else repair_reading.at_ratios(scratch, rows, selection.params)
    words = repair_reading.describe_repair(rows, scratch)
    marks = repair_reading.describe_marks(rows, placed, card)
    data = ui.kept(partial(repair_reading.repair_table, rows))
    color, dense = get_method(rows[0].method).color, card.test_accuracy if card.measured else None
    title = charts.REPAIRED_ACROSS[across].title.lower()
    ui.chart(
        partial(charts.repair_curve, data, placed, color, dense, across),
        f"Accuracy of each repair against {title}. {words} {marks}".replace("**", ""),
        f"{words} {marks} Lines up and down are 95% Wilson intervals of the images; each training has one seed.",
    )


def _compare(selection: PruningSelection, stored: StoredRows[RepairRow], shown: Sequence[RepairRow]) -> None:
    """What is stored of a method with as many epochs in other plans: in one go, in rounds, with other shares."""
    rows = repair_reading.alike(row for row in stored.rows if row.method == shown[0].method)
    if not rows:
        return
    st.header("As many epochs, in other ways")
    words = repair_reading.describe_plans(rows)
    table = ui.kept(partial(repair_reading.plan_table, rows))
    ui.chart(
        partial(charts.plans_chart, table, get_method(shown[0].method).color),
        f"Accuracy of networks pruned and trained in different ways. {words}".replace("**", ""),
        f"{words} Lines up and down are 95% Wilson intervals of the images; each training has one seed.",
    )
    st.dataframe(
        table.drop(columns=["method", "parameters", "mult_adds", "images"]),
        hide_index=True,
        column_config=ui.COLUMNS,
    )
    ui.provenance(
        "precomputed",
        f"{stored.where}; {stored.counted(selection.data, USE)}; "
        f"{repair_reading.describe_part(rows[0].trained_on, selection.source.card)}; {selection.title}.",
    )
    ui.download("These ways as CSV", table, "ways.csv")
