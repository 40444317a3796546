"""Fewer bits from a terminal: ``bits``."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from explorer.bits.sweep import (
    BITS,
    KIND,
    BitsPlan,
    BitsRow,
    BitsSettings,
    bits_table,
    describe_bits,
    written,
)
from explorer.checkpoints.evidence import find_rows, store_as_measured, write_rows
from explorer.data import ImageSet
from explorer.errors import ExplorerError
from explorer.terminal import (
    counted_images,
    evidence_folder,
    run_instrument,
    show_progress,
    subject_of,
    subject_options,
    whole_numbers,
    workspace_of,
)
from explorer.work.instrument import InstrumentSpec


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``bits`` to the terminal's commands."""
    plan = BitsPlan()
    parser = commands.add_parser(
        "bits", help="round a checkpoint's weights to 8 down to 2 bits and measure each"
    )
    subject_options(parser)
    parser.add_argument("--bits", type=whole_numbers, default=plan.bits, help="8,6,4: bits of a weight")
    parser.add_argument(
        "--activations",
        type=whole_numbers,
        default=plan.activations,
        help="0,8: bits of what enters each layer, calibrated on training images; 0 leaves it in float32",
    )
    parser.add_argument(
        "--calibration",
        type=int,
        default=plan.calibration,
        help="training images for the ranges of activations",
    )
    parser.add_argument(
        "--evidence",
        action="store_true",
        help="store them as what the page opens with; what is stored is not measured again",
    )
    parser.add_argument("--json", action="store_true", help="print a list of JSON objects")
    parser.set_defaults(command=_bits)


def _bits(options: argparse.Namespace) -> int:
    workspace = workspace_of(options)
    source = subject_of(workspace, options)
    images = counted_images(workspace, "test", options.images)
    settings = BitsSettings(
        tuple(options.bits),
        activations=tuple(options.activations),
        calibration=options.calibration,
        images=len(images),
    )
    if any(settings.activations):
        settings = replace(settings, training=workspace.data.key_of("training"))
    spec = InstrumentSpec(source, workspace.data, "test", images.whole, settings)
    stored = options.evidence
    rows = _store(spec, images, evidence_folder(options, workspace)) if stored else run_instrument(BITS, spec)
    if options.json:
        print(json.dumps([row.to_dict() for row in rows], indent=2))
    else:
        print(bits_table(rows).drop(columns=["accuracy_low", "accuracy_high"]).to_string(index=False))
        print(f"Counted on {workspace.data.counted('test', len(images))}. {describe_bits(rows)}")
    return 0


def _store(spec: InstrumentSpec[BitsSettings], images: ImageSet, folder: Path) -> tuple[BitsRow, ...]:
    """Measure what is not stored yet, and store each row with those that are."""
    card, settings = spec.network.card, spec.settings
    stored = find_rows(KIND, BitsRow, card.sha256, images.whole, folder)
    if stored is not None and not stored.is_on(images):
        raise ExplorerError(
            f"The stored roundings count {stored.images:,} images: take as many, or delete them to begin anew."
        )
    rows, order = stored.rows if stored else (), BitsPlan().states

    def write(ready: Sequence[BitsRow]) -> None:
        ordered = sorted(ready, key=lambda row: order.index(row.state))
        write_rows(KIND, ordered, card, images, folder, settings=written(settings))

    steps = store_as_measured(BITS, spec, rows, lambda row: row.state, write)
    return show_progress(BITS, spec, steps, len(rows))
