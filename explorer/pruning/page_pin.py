"""A network of the sweep as a row of the ledger."""

from collections.abc import Sequence

import streamlit as st

from explorer import ui
from explorer.ledger import (
    Finetune,
    LedgerRow,
    Origin,
    Recalibrate,
    Refit,
    Step,
    origin_of,
)
from explorer.measure import describe_machine
from explorer.networks import describe
from explorer.pruning.plan import Recovery, SweepSettings
from explorer.pruning.seeds import fold_seeds
from explorer.pruning.selection import PruningSelection
from explorer.pruning.step import prune_step
from explorer.pruning.sweep import SweepRow


def offer_row(
    selection: PruningSelection,
    rows: Sequence[SweepRow],
    settings: SweepSettings,
    origin: Origin,
    where: str,
) -> None:
    """Choose one of the sweep's networks, of several seeds the first one's, and pin it."""
    offered = [point.first for point in fold_seeds(rows)]
    names = {_name(each): each for each in offered}
    telling = min(
        range(len(offered)),
        key=lambda at: (
            offered[at].recovery != "none",
            offered[at].method != offered[0].method,
            abs(offered[at].ratio - 0.8),
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
        ui.pin("pruning", lambda: ledger_row(selection, names[name], settings, origin, where))


def _name(each: SweepRow) -> str:
    after = "" if each.recovery == "none" else f", {each.recovery}"
    return f"{each.title}, {each.ratio:.0%}{after}"


def ledger_row(
    selection: PruningSelection, pruned: SweepRow, settings: SweepSettings, origin: Origin, where: str
) -> LedgerRow:
    """The row of one of the sweep's networks."""
    weights, recipe = origin_of(
        selection.source,
        selection.data.key_of("training"),
        *steps_of(pruned, settings),
        precision=pruned.precision,
    )
    return LedgerRow(
        f"{selection.title}, {_name(pruned)}",
        "pruning",
        describe(selection.network),
        pruned.params,
        pruned.nonzero,
        pruned.mult_adds,
        selection.images.input_size,
        origin,
        where,
        weights=weights,
        recipe=recipe,
        file_bytes=pruned.file_bytes,
        zipped_bytes=pruned.zipped_bytes,
        ms=pruned.ms,
        ms_low=pruned.ms_low,
        ms_high=pruned.ms_high,
        batch=pruned.batch,
        timed_on="" if pruned.ms is None else _machine(selection, pruned, origin, settings.device),
        correct=pruned.correct,
        total=pruned.total,
        images=selection.images.name,
        images_key=selection.images.whole,
    )


def steps_of(pruned: SweepRow, settings: SweepSettings) -> tuple[Step, ...]:
    """What was done with the checkpoint to get one of a sweep's networks, see ``states.networks_of``."""
    repairs: dict[Recovery, tuple[Step, ...]] = {
        "none": (),
        "re-fitted": (Refit(settings.refit),),
        "recalibrated": (Recalibrate(settings.recalibrate),),
        "fine-tuned": (Finetune(settings.finetune, settings.seed),),
    }
    # A fine-tuning goes on from what was recalibrated.
    both = pruned.recovery == "fine-tuned" and settings.recalibrate
    repair = (*(repairs["recalibrated"] if both else ()), *repairs[pruned.recovery])
    return prune_step(pruned.method, pruned.ratio, pruned.seed), *repair


def _machine(selection: PruningSelection, pruned: SweepRow, origin: Origin, device: str) -> str:
    """On what the milliseconds were read: those with the same can be compared."""
    if origin == "measured":
        return describe_machine(device, pruned.threads)
    stored = ui.workspace().find_rows("sweep", SweepRow, selection.name)
    return stored.machine if stored is not None else ""
