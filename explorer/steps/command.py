"""Step by step from a terminal: ``compress``."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from explorer.errors import ExplorerError
from explorer.files import write_file
from explorer.ledger import (
    Export,
    Finetune,
    Recalibrate,
    Refit,
    Round,
    Step,
    ledger_table,
    to_json,
)
from explorer.ledger.recipe import Numbers
from explorer.pruning.methods import METHODS
from explorer.pruning.step import prune_step
from explorer.steps.keep import onnx_file
from explorer.steps.path import PATH, REPEATS, PathSettings, write_path
from explorer.terminal import (
    counted_images,
    evidence_folder,
    run_instrument,
    subject_of,
    subject_options,
    workspace_of,
)
from explorer.work.instrument import InstrumentSpec


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``compress`` to the terminal's commands."""
    parser = commands.add_parser(
        "compress",
        help="prune, repair, round and export a checkpoint, and measure each state on the way",
        description="The steps are done in the order in which they are named.",
    )
    subject_options(parser, 1_000)
    steps = parser.add_argument_group("steps")
    for option, metavar, said in (
        ("--prune", "METHOD:RATIO", f"METHOD is one of {', '.join(METHODS)}"),
        ("--refit", "IMAGES", "fit what is left to the dense network on so many training images"),
        ("--recalibrate", "BATCHES", "take BatchNorm's statistics anew on so many batches of 100"),
        ("--finetune", "STEPS", "train on for so many steps"),
        ("--round", "BITS[:ACTIVATIONS]", "round weights, and activations if said, to so many bits"),
        ("--export", "NUMBERS", f"run by onnxruntime in {' or '.join(get_args(Numbers))}"),
    ):
        steps.add_argument(option, metavar=metavar, dest="steps", action=_Next, help=said)
    parser.add_argument(
        "--reduce-range", action="store_true", help="7-bit weights in int8, for a CPU without VNNI"
    )
    parser.add_argument("--batch", type=int, default=1, help="images at once under the clock; 1 by default")
    parser.add_argument("--no-clock", action="store_true", help="measure no milliseconds")
    parser.add_argument(
        "--ledger", type=Path, metavar="FILE", help="write the states as a ledger that the app opens"
    )
    parser.add_argument(
        "--evidence", action="store_true", help="store the states beside the checkpoint's card"
    )
    parser.add_argument("--onnx", type=Path, metavar="FILE", help="write the exported network")
    parser.add_argument("--json", action="store_true", help="print a list of JSON objects")
    parser.set_defaults(command=_compress)


class _Next(argparse.Action):
    """One more step, in the order in which they are named."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        named = (*(getattr(namespace, self.dest) or ()), ((option_string or "")[2:], str(values)))
        setattr(namespace, self.dest, named)


def parse_step(name: str, text: str, *, reduce_range: bool = False) -> Step:
    """A step as it is named in the terminal.

    Raises:
        ExplorerError: a number is no number, or nothing is exported so.

    >>> parse_step("prune", "lamp:0.9"), parse_step("round", "8:8").activations
    (Prune(method='lamp', ratio=0.9, seed=0, images=0), 8)
    """
    try:
        match name:
            case "prune":
                method, _, ratio = text.partition(":")
                return prune_step(method, float(ratio))
            case "refit":
                return Refit(int(text))
            case "recalibrate":
                return Recalibrate(int(text))
            case "finetune":
                return Finetune(int(text))
            case "round":
                bits, _, activations = text.partition(":")
                return Round(int(bits), activations=int(activations or 0))
    except ValueError as error:
        raise ExplorerError(f"--{name} {text} has no number where one belongs.") from error
    for numbers in get_args(Numbers):
        if text == numbers:
            return Export(numbers, reduce_range=reduce_range)
    raise ExplorerError(f"A network is exported in {' or '.join(get_args(Numbers))}, not in {text!r}.")


def _compress(options: argparse.Namespace) -> int:
    workspace = workspace_of(options)
    source = subject_of(workspace, options)
    named = options.steps or ()
    steps = tuple(parse_step(name, text, reduce_range=options.reduce_range) for name, text in named)
    if options.onnx and not (steps and isinstance(steps[-1], Export)):
        raise ExplorerError("Only an exported network is written with --onnx: add --export float32 or int8.")
    images = counted_images(workspace, "test", options.images)
    settings = PathSettings(
        steps,
        len(images),
        workspace.data.key_of("training"),
        options.batch,
        0 if options.no_clock else REPEATS,
    )
    rows = run_instrument(PATH, InstrumentSpec(source, workspace.data, "test", images.whole, settings))
    if options.ledger:
        write_file(options.ledger, to_json(rows).encode())
    if options.onnx:
        write_file(options.onnx, onnx_file(source, steps, workspace.data))
    if options.evidence:
        folder = evidence_folder(options, workspace)
        print(write_path(rows, settings, source, images, folder))
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        shown = ("title", "accuracy", "parameters", "nonzero", "file_bytes", "zipped_bytes", "ms_per_image")
        print(ledger_table(rows)[list(shown)].to_string(index=False))
        print(f"Counted on {workspace.data.counted('test', len(images))}.")
    return 0
