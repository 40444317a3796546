"""The pruning lesson from a terminal: ``prune``, ``homework-curve`` and ``examine``."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace

import pandas as pd
from tqdm import tqdm

from explorer.data import DataSet
from explorer.errors import ExplorerError
from explorer.measure import devices
from explorer.pruning.examine import IMAGES, examine
from explorer.pruning.homework import HOMEWORK, describe_homework, homework_settings
from explorer.pruning.methods import METHODS, with_baselines
from explorer.pruning.plan import SEEDS, SweepPlan, SweepSettings
from explorer.pruning.stored import clock_stored, store_sweep
from explorer.pruning.sweep import SWEEP, SweepRow, sweep_table
from explorer.terminal import (
    Bars,
    counted_images,
    decimals,
    evidence_folder,
    network_name,
    run_instrument,
    show_progress,
    subject_of,
    subject_options,
    workspace_of,
    workspace_options,
)
from explorer.work.instrument import InstrumentSpec
from explorer.work.progress import follow
from explorer.workspace import NetworkSource, Workspace


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``prune`` to the terminal's commands."""
    plan = SweepPlan()
    parser = commands.add_parser(
        "prune",
        help="prune a checkpoint at several ratios and measure each",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(["methods:", *(f"  {key:<16} {each.sentence}" for key, each in METHODS.items())]),
    )
    subject_options(parser, IMAGES)
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
    parser.add_argument("--seed", type=int, default=plan.seed, help="the first one of the random methods")
    parser.add_argument(
        "--seeds",
        type=int,
        default=SEEDS,
        metavar="N",
        help=f"of the methods with chance in them; {SEEDS} by default",
    )
    parser.add_argument(
        "--evidence",
        action="store_true",
        help="store each row beside the checkpoints as soon as it is measured; a run that was ended goes on",
    )
    parser.add_argument(
        "--clock",
        action="store_true",
        help="only time the stored rows that were counted with --repeats 0; when nothing else runs",
    )
    parser.add_argument("--json", action="store_true", help="print a list of JSON objects")
    parser.set_defaults(command=_prune)

    parser = commands.add_parser(
        "homework-curve",
        help="mask each convolution's smallest weights, 0 to 95 percent of them, as the homework asks",
    )
    parser.add_argument("names", nargs="*", help="of the checkpoints; without one that of --network")
    workspace_options(parser)
    parser.add_argument(
        "--evidence",
        action="store_true",
        help="store each row beside the checkpoints as soon as it is measured; a run that was ended goes on",
    )
    parser.set_defaults(command=_homework)

    parser = commands.add_parser(
        "examine", help="store the sensitivity of a checkpoint's layers and its forms"
    )
    subject_options(parser, IMAGES)
    parser.add_argument(
        "--untimed", action="store_true", help="only the sensitivity, which a busy machine counts as well"
    )
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
        options.seeds,
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
    source = subject_of(workspace, options)
    if options.clock:
        return _clock(options, workspace, source)
    settings = _settings(options, workspace.data)
    images = counted_images(workspace, "test", options.images)
    spec = InstrumentSpec(source, workspace.data, "test", images.whole, settings)
    if options.evidence:
        folder = evidence_folder(options, workspace)
        rows = show_progress(SWEEP, spec, store_sweep(SWEEP, spec, images, folder))
    else:
        rows = run_instrument(SWEEP, spec)
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        print(_short(sweep_table(rows)).to_string(index=False))
        print(f"Counted on {workspace.data.counted('test', len(images))}.")
    return _say_busy(rows) if options.evidence else min(0, _say_busy(rows))


def _say_busy(rows: Sequence[SweepRow]) -> int:
    """Say how many networks could not be timed; 1 if there are such."""
    busy = sum(row.busy for row in rows)
    if busy:
        print(
            f"Other programs kept the machine too busy to time {busy} of {len(rows)} networks; "
            "the rest of their figures stands.",
            file=sys.stderr,
        )
    return 1 if busy else 0


def _clock(options: argparse.Namespace, workspace: Workspace, source: NetworkSource) -> int:
    images, folder = follow(workspace.images("test"), Bars()), evidence_folder(options, workspace)
    shard = follow(workspace.images("training"), Bars())
    rows = list(tqdm(clock_stored(source, images, folder, options.repeats, shard), desc="networks"))
    return _say_busy(rows)


def _short(rows: pd.DataFrame) -> pd.DataFrame:
    """The table without the columns that say nothing about this run."""
    silent = {"recovery": "none", "precision": "float32", "seed": 0}
    same = [name for name, value in silent.items() if (rows[name] == value).all()]
    return rows.drop(columns=["accuracy_low", "accuracy_high", "busy", *same]).dropna(axis=1, how="all")


def _homework(options: argparse.Namespace) -> int:
    """The homework's curve of each network, printed or stored."""
    workspace = workspace_of(options)
    images = counted_images(workspace, "validation", len(follow(workspace.images("validation"), Bars())))
    for name in options.names or [network_name(workspace, options, None)]:
        source = workspace.source(workspace.find(name))
        spec = InstrumentSpec(
            source, workspace.data, "validation", images.whole, homework_settings(len(images))
        )
        if options.evidence:
            folder = evidence_folder(options, workspace)
            rows = show_progress(HOMEWORK, spec, store_sweep(HOMEWORK, spec, images, folder))
        else:
            rows = run_instrument(HOMEWORK, spec)
        print(f"{source.card.title}, counted on {workspace.data.counted('validation', len(images))}:")
        for row in rows:
            print(f"{row.ratio:5.0%}  {row.accuracy.value:.2%}  {row.nonzero:,} parameters not zero")
        print(describe_homework(rows, source.card.title).replace("**", ""), flush=True)
    return 0


def _examine(options: argparse.Namespace) -> int:
    """Compute and store what the page opens with beside the sweep."""
    workspace = workspace_of(options)
    source, images = (
        subject_of(workspace, options),
        counted_images(workspace, "test", options.images),
    )
    folder = evidence_folder(options, workspace)
    for done in examine(source, workspace.data, images, folder, timed=not options.untimed):
        print(done, flush=True)
    return 0
