"""The pruning lesson from a terminal: ``prune``."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd

from explorer.arguments import checkpoints_option, network_option
from explorer.checkpoints.evidence import write_rows
from explorer.data import DataSet, ImageSet
from explorer.errors import ExplorerError
from explorer.measure import devices
from explorer.pruning.examine import IMAGES, examine
from explorer.pruning.methods import METHODS, with_baselines
from explorer.pruning.plan import SweepPlan, SweepSettings
from explorer.pruning.sweep import SWEEP, SweepRow, sweep_table
from explorer.terminal import (
    data_options,
    decimals,
    evidence_folder,
    first_images,
    folder_options,
    images_option,
    network_name,
    run_instrument,
    workspace_of,
)
from explorer.work.instrument import InstrumentSpec


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``prune`` to the terminal's commands."""
    plan = SweepPlan()
    parser = commands.add_parser(
        "prune",
        help="prune a checkpoint at several ratios and measure each",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(["methods:", *(f"  {key:<16} {each.sentence}" for key, each in METHODS.items())]),
    )
    parser.add_argument("name", nargs="?", help="of the checkpoint; without it the one of --network")
    network_option(parser)
    parser.add_argument(
        "--method",
        action="append",
        metavar="METHOD",
        help=f"one of {', '.join(METHODS)}; may be given several times",
    )
    parser.add_argument(
        "--no-baseline", action="store_true", help="leave out the random baseline of the chosen methods"
    )
    parser.add_argument("--ratios", help="0,0.5,0.8: shares of the weights, or of each layer's channels")
    data_options(parser)
    images_option(parser, IMAGES)
    folder_options(parser)
    parser.add_argument("--device", default=plan.device, help=f"one of {', '.join(devices())}")
    parser.add_argument(
        "--precision", default=plan.precision, help="float32, or bfloat16 where the CPU has it"
    )
    parser.add_argument(
        "--recalibrate",
        type=int,
        nargs="?",
        const=1,
        default=0,
        metavar="N",
        help="also after recalibrating BatchNorm on N batches of 100 training images, 1 to 5",
    )
    parser.add_argument(
        "--finetune", type=int, default=0, metavar="N", help="also after N steps of fine-tuning"
    )
    parser.add_argument(
        "--refit",
        type=int,
        nargs="?",
        const=128,
        default=0,
        metavar="N",
        help="also after fitting the surviving weights anew, layer by layer, on N training images",
    )
    parser.add_argument(
        "--repeats", type=int, default=plan.repeats, help="timed passes per network; 0 for no clock"
    )
    parser.add_argument("--seed", type=int, default=plan.seed, help="of the random methods")
    checkpoints_option(parser)
    parser.add_argument("--evidence", action="store_true", help="store the sweep beside the checkpoints")
    parser.add_argument("--json", action="store_true", help="print a list of JSON objects")
    parser.set_defaults(command=_prune)

    parser = commands.add_parser(
        "examine", help="store the sensitivity of a checkpoint's layers and its forms"
    )
    parser.add_argument("name", nargs="?", help="of the checkpoint; without it the one of --network")
    network_option(parser)
    data_options(parser)
    images_option(parser, IMAGES)
    folder_options(parser)
    checkpoints_option(parser)
    parser.set_defaults(command=_examine)


def _settings(options: argparse.Namespace, data: DataSet) -> SweepSettings:
    settings = SweepSettings(
        tuple(options.method or SweepPlan().methods),
        _ratios(options.ratios) if options.ratios is not None else SweepPlan().ratios,
        options.device,
        options.repeats,
        options.seed,
        options.precision,
        options.recalibrate,
        options.finetune,
        options.refit,
        options.images,
    )
    if not options.no_baseline:
        settings = replace(settings, methods=with_baselines(settings.methods))
    return replace(settings, training=data.key_of("training")) if settings.needs_training else settings


def _ratios(text: str) -> tuple[float, ...]:
    try:
        return decimals(text)
    except ValueError as error:
        raise ExplorerError(f"Ratios are numbers between commas, as in 0,0.5,0.8, not {text!r}.") from error


def _prune(options: argparse.Namespace) -> int:
    workspace = workspace_of(options)
    settings = _settings(options, workspace.data)
    folder = evidence_folder(options, workspace) if options.evidence else None
    source, images = (
        workspace.source(network_name(workspace, options, options.name)),
        first_images(workspace, "test", options.images),
    )
    spec = InstrumentSpec(source, workspace.data, "test", images.whole, settings)
    rows = run_instrument(SWEEP, spec)
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        print(_short(sweep_table(rows)).to_string(index=False))
    busy = sum(row.busy for row in rows)
    if busy:
        print(
            f"Other programs kept the machine too busy to time {busy} of {len(rows)} networks; "
            "the rest of their figures stands.",
            file=sys.stderr,
        )
    return _store(rows, spec, images, folder) if folder else 0


def _short(rows: pd.DataFrame) -> pd.DataFrame:
    """The table without the columns that say nothing about this run."""
    silent = {"recovery": "none", "precision": "float32"}
    same = [name for name, value in silent.items() if (rows[name] == value).all()]
    return rows.drop(columns=["accuracy_low", "accuracy_high", "busy", *same]).dropna(axis=1, how="all")


def _store(
    rows: Sequence[SweepRow], spec: InstrumentSpec[SweepSettings], images: ImageSet, folder: Path
) -> int:
    """Store a sweep that was timed throughout."""
    if any(row.ms is None for row in rows):
        print("Not stored: a sweep beside the checkpoints needs every time in it.", file=sys.stderr)
        return 1
    settings = asdict(spec.settings)
    del settings["images"]  # written down beside their key
    write_rows("sweep", rows, spec.network.card, images, folder, settings=settings)
    return 0


def _examine(options: argparse.Namespace) -> int:
    """Compute and store what the page opens with beside the sweep."""
    workspace = workspace_of(options)
    source, images = (
        workspace.source(network_name(workspace, options, options.name)),
        first_images(workspace, "test", options.images),
    )
    folder = evidence_folder(options, workspace)
    for done in examine(source, workspace.data, images, folder):
        print(done, flush=True)
    return 0
