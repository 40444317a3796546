"""The overflow trap from a terminal: ``overflow``."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from explorer.bits.overflow import (
    KIND,
    OVERFLOW,
    OverflowRow,
    OverflowSettings,
    describe_cut,
    overflow_table,
    written,
)
from explorer.checkpoints.evidence import find_rows, store_as_measured, write_rows
from explorer.data import ImageSet
from explorer.errors import ExplorerError
from explorer.runtime.int8 import describe_cpu
from explorer.terminal import (
    counted_images,
    evidence_folder,
    run_instrument,
    show_progress,
    subject_of,
    subject_options,
    workspace_of,
)
from explorer.work.instrument import InstrumentSpec

COUNTED = 200


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``overflow`` to the terminal's commands."""
    parser = commands.add_parser(
        "overflow", help="count what a CPU that adds in 16 bits would cut off of an int8 network"
    )
    subject_options(parser, COUNTED)
    parser.add_argument("--evidence", action="store_true", help="store it as what the page opens with")
    parser.add_argument("--json", action="store_true", help="print a list of JSON objects")
    parser.set_defaults(command=_overflow)


def _overflow(options: argparse.Namespace) -> int:
    workspace = workspace_of(options)
    source, images = subject_of(workspace, options), counted_images(workspace, "test", options.images)
    settings = OverflowSettings(len(images), workspace.data.key_of("training"))
    spec = InstrumentSpec(source, workspace.data, "test", images.whole, settings)
    folder = evidence_folder(options, workspace) if options.evidence else None
    rows = run_instrument(OVERFLOW, spec) if folder is None else _store(spec, images, folder)
    if options.json:
        print(json.dumps([row.to_dict() for row in rows], indent=2))
        return 0
    print(overflow_table(rows).to_string(index=False))
    print(describe_cut(rows, workspace.data.noun("test")), describe_cpu(), sep="\n")
    return 0


def _store(spec: InstrumentSpec[OverflowSettings], images: ImageSet, folder: Path) -> tuple[OverflowRow, ...]:
    """Count what is not stored yet, and store each row with those that are."""
    card, settings = spec.network.card, spec.settings
    stored = find_rows(KIND, OverflowRow, card.sha256, images.whole, folder)
    if stored is not None and not stored.is_on(images):
        raise ExplorerError(
            f"What is stored counts {stored.images:,} images: take as many, or delete it to begin anew."
        )
    rows = stored.rows if stored else ()

    def write(ready: Sequence[OverflowRow]) -> None:
        write_rows(KIND, ready, card, images, folder, settings=written(settings))

    steps = store_as_measured(OVERFLOW, spec, rows, lambda row: row.bits, write)
    return show_progress(OVERFLOW, spec, steps, len(rows))
