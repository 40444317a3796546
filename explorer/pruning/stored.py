"""Sweeps beside the checkpoints: each row is stored as soon as it is measured, so a run that ends early can go on."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from explorer.checkpoints.evidence import StoredRows, find_rows, store_as_measured, write_rows
from explorer.data import ImageSet
from explorer.errors import ExplorerError
from explorer.pruning.methods import METHODS
from explorer.pruning.plan import SweepSettings
from explorer.pruning.sweep import Sweep, SweepRow, clocked, settings_of
from explorer.work.instrument import InstrumentSpec
from explorer.work.progress import Update
from explorer.workspace import NetworkSource

OF_THE_RUN = ("methods", "ratios", "repeats", "seeds")
"""Settings that say which rows there are; rows of other ones can stand beside them."""


def store_sweep(
    instrument: Sweep, spec: InstrumentSpec[SweepSettings], images: ImageSet, folder: Path
) -> Generator[Update | SweepRow, None, tuple[SweepRow, ...]]:
    """Measure what is not stored yet, and store each row with those that are; yields what was measured, returns all.

    Args:
        instrument: the sweep; its key is the kind of what is stored.
        spec: what is measured.
        images: on these.
        folder: the folder of checkpoints that the result is stored in.
    """
    settings, found = spec.settings, _alike(instrument.key, spec, images, folder)
    kept = found.rows if found is not None else ()
    stored = {row.row: row for row in kept}
    done = [stored[state] for state in settings.states if state in stored]
    before = settings_of(found.rows, found.images, found.settings) if found is not None else settings
    # Of all rows: these may be counted only, or take no training images, where those before were timed or took some.
    written = replace(
        settings,
        repeats=max(settings.repeats, before.repeats),
        training=settings.training or before.training,
    )

    def write(rows: Sequence[SweepRow]) -> None:
        _write(instrument.key, rows, spec.network.card, images, folder, written)

    rows = yield from store_as_measured(instrument, spec, kept, lambda row: row.row, write, done)
    there = {row.row: row for row in rows}
    return tuple(there[state] for state in settings.states)


def clock_stored(
    source: NetworkSource,
    images: ImageSet,
    folder: Path,
    repeats: int,
    shard: ImageSet | None = None,
    kind: str = "sweep",
) -> Iterator[SweepRow]:
    """Time the rows of a stored sweep that were counted without a clock; yields them, and stores those that got a time.

    Args:
        source: the network.
        images: all of those of which the sweep counted some.
        folder: the folder of checkpoints that it is stored in.
        repeats: timed passes.
        shard: training images, where a method looks at some.
        kind: of the stored rows.

    Raises:
        ExplorerError: no sweep of this network is stored.
    """
    stored = find_rows(kind, SweepRow, source.card.sha256, images.whole, folder)
    if stored is None:
        raise ExplorerError(f"No sweep of {source.card.name} is stored: measure it first, with --evidence.")
    settings = replace(settings_of(stored.rows, stored.images, stored.settings), repeats=repeats)
    rows, chosen = {row.row: row for row in stored.rows}, stored.choose(images)
    for row in clocked(source.load(), chosen.inputs(), settings, stored.rows, shard):
        if row.ms is not None:
            rows[row.row] = row
            _write(kind, tuple(rows.values()), source.card, chosen, folder, settings)
        yield row


def _alike(
    kind: str, spec: InstrumentSpec[SweepSettings], images: ImageSet, folder: Path
) -> StoredRows[SweepRow] | None:
    """The stored rows that a run of this spec would measure alike, or that can stand beside its own; else None."""
    stored = find_rows(kind, SweepRow, spec.network.card.sha256, images.whole, folder)
    if stored is None or stored.choose(images).key != images.key:
        return None
    before = asdict(settings_of(stored.rows, stored.images, stored.settings))
    now = asdict(spec.settings)
    # Rows that took no training images stand beside those of a method that looks at some.
    if "" in (before["training"], now["training"]):
        before["training"] = now["training"]
    # Rows that are only counted take nothing from those that were timed; the clock can come to them later.
    if now["repeats"] == 0:
        before["repeats"] = 0
    same = all(before[name] == value for name, value in now.items() if name not in OF_THE_RUN)
    return stored if same else None


def _write(
    kind: str,
    rows: Sequence[SweepRow],
    card: Any,
    images: ImageSet,
    folder: Path,
    settings: SweepSettings,
) -> None:
    methods = list(METHODS)
    ordered = sorted(rows, key=lambda row: (methods.index(row.method), row.seed, row.ratio))
    written = asdict(replace(settings, seeds=1 + max(row.seed for row in ordered) - settings.seed))
    for name in ("images", "methods", "ratios", "precision"):
        del written[name]  # the images stand beside their key, the others in the rows
    write_rows(kind, ordered, card, images, folder, settings=written)
