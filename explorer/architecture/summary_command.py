"""``summary`` from a terminal: what torchsummary's pass in train mode does to a checkpoint."""

import argparse

from explorer.architecture.torchsummary import KIND, SIDE_EFFECT, SideEffectSettings, side_effect_table
from explorer.checkpoints.evidence import write_rows
from explorer.terminal import (
    Bars,
    evidence_folder,
    run_instrument,
    subject_of,
    subject_options,
    workspace_of,
)
from explorer.work.instrument import InstrumentSpec
from explorer.work.progress import follow


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``summary`` to the terminal's commands."""
    parser = commands.add_parser(
        "summary", help="count copies of a checkpoint on the validation images before and after torchsummary"
    )
    subject_options(parser)
    parser.add_argument("--evidence", action="store_true", help="store the result beside the checkpoints")
    parser.set_defaults(command=_summary)


def _summary(options: argparse.Namespace) -> int:
    workspace = workspace_of(options)
    source = subject_of(workspace, options)
    folder = evidence_folder(options, workspace) if options.evidence else None
    images = follow(workspace.images("validation"), Bars())
    settings = SideEffectSettings(len(images))
    rows = run_instrument(
        SIDE_EFFECT, InstrumentSpec(source, workspace.data, "validation", images.whole, settings)
    )
    print(side_effect_table(rows).to_string(index=False))
    if folder is not None:
        write_rows(KIND, rows, source.card, images, folder)
    return 0
