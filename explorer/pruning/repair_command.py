"""``repair`` from a terminal: prune, train on for whole epochs, in one go or in rounds, and store what that brings."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd

from explorer.checkpoints.evidence import find_rows, store_as_measured, write_rows
from explorer.errors import ExplorerError
from explorer.pruning.methods import METHODS
from explorer.pruning.repair import KIND, REPAIR, RepairRow, RepairSettings
from explorer.terminal import (
    counted_images,
    decimals,
    evidence_folder,
    show_progress,
    subject_of,
    subject_options,
    whole_numbers,
    workspace_of,
)
from explorer.work.instrument import InstrumentSpec


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``repair`` to the terminal's commands."""
    plain = RepairSettings(1)
    parser = commands.add_parser(
        "repair",
        help="prune a checkpoint and train it on, in one go or in rounds, and count what that brings back",
    )
    subject_options(parser, 10_000)
    parser.add_argument("--method", choices=tuple(METHODS), default=plain.method)
    parser.add_argument("--ratios", type=decimals, default=plain.ratios, help="0.5,0.8,0.9,0.95 by default")
    parser.add_argument(
        "--epochs",
        type=whole_numbers,
        default=plain.epochs,
        help="1,5 by default; each from the pruned network",
    )
    parser.add_argument(
        "--rounds", type=int, default=plain.rounds, help="prune in so many steps, with training after each"
    )
    parser.add_argument(
        "--rewind", action="store_true", help="train on with the peak rate of the network's own training"
    )
    parser.add_argument(
        "--by-sensitivity",
        action="store_true",
        help="mask of each layer so much that alone each would cost the same points, not as the method ranks",
    )
    parser.add_argument(
        "--leave-out",
        action="append",
        default=[],
        metavar="LAYER",
        help="with --by-sensitivity: mask it not at all",
    )
    parser.add_argument(
        "--shard", type=int, metavar="N", help="train on the first N training images; all by default"
    )
    parser.add_argument("--seed", type=int, default=plain.seed)
    parser.add_argument(
        "--evidence",
        action="store_true",
        help="store each row beside the checkpoints as soon as it is counted; a run that was ended goes on",
    )
    parser.set_defaults(command=_repair)


def _repair(options: argparse.Namespace) -> int:
    """Count what is not stored yet."""
    workspace = workspace_of(options)
    source = subject_of(workspace, options)
    images = counted_images(workspace, "test", options.images)
    there = workspace.data.sizes["training"]
    settings = RepairSettings(
        len(images),
        options.method,
        tuple(options.ratios),
        tuple(options.epochs),
        options.rounds,
        options.rewind,
        "sensitivity" if options.by_sensitivity else "method",
        tuple(options.leave_out),
        min(options.shard or there, there),
        options.seed,
        workspace.data.key_of("training"),
    )
    folder = evidence_folder(options, workspace) if options.evidence else None
    written = {"seed": settings.seed, "training": settings.training}
    stored = find_rows(KIND, RepairRow, source.card.sha256, images.whole, folder) if folder else None
    if stored is not None and (not stored.is_on(images) or stored.settings != written):
        raise ExplorerError(
            f"The stored repair counts {stored.images:,} images with seed {stored.settings['seed']}: "
            "take the same, or delete it to begin anew."
        )
    before = stored.rows if stored else ()

    def write(rows: Sequence[RepairRow]) -> None:
        if folder is not None:
            ordered = sorted(rows, key=lambda row: row.row)
            write_rows(KIND, ordered, source.card, images, folder, settings=written)

    spec = InstrumentSpec(source, workspace.data, "test", images.whole, settings)
    steps = store_as_measured(REPAIR, spec, before, lambda row: row.row, write)
    new = [row for row in show_progress(REPAIR, spec, steps) if row not in before]
    print(pd.DataFrame([asdict(row) for row in new]).to_string(index=False))
    print(f"Counted on {workspace.data.counted('test', len(images))}.")
    return 0
