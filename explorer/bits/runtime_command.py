"""Other runtimes from a terminal: ``runtimes``."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from explorer.checkpoints.evidence import write_rows
from explorer.errors import ExplorerError
from explorer.files import write_file
from explorer.runtime.compare import (
    CALIBRATION,
    KIND,
    REPEATS,
    RUNTIMES,
    RuntimesSettings,
    describe_runtimes,
    describe_slower,
    runtime_table,
    written,
)
from explorer.runtime.compiler import compiler, describe_compiler
from explorer.runtime.files import int8_file, onnx_file
from explorer.runtime.int8 import describe_cpu
from explorer.terminal import (
    counted_images,
    evidence_folder,
    network_name,
    run_instrument,
    subject_options,
    workspace_of,
)
from explorer.work.instrument import InstrumentSpec


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``runtimes`` to the terminal's commands."""
    parser = commands.add_parser(
        "runtimes", help="time a checkpoint in torch, in onnxruntime and in int8, and write the .onnx files"
    )
    subject_options(parser)
    parser.add_argument(
        "--calibration", type=int, default=CALIBRATION, help="training images that int8 is made with"
    )
    parser.add_argument(
        "--compile", action="store_true", help="also torch.compile, where there is a compiler; takes minutes"
    )
    parser.add_argument("--repeats", type=int, default=REPEATS, help="timed passes of each")
    parser.add_argument("--out", type=Path, help="a folder to write NAME.onnx and NAME-int8.onnx into")
    parser.add_argument("--evidence", action="store_true", help="store them as what the page opens with")
    parser.add_argument("--json", action="store_true", help="print a list of JSON objects")
    parser.set_defaults(command=_runtimes)


def _runtimes(options: argparse.Namespace) -> int:
    workspace = workspace_of(options)
    name = network_name(workspace, options, options.name)
    source, images = workspace.source(name), counted_images(workspace, "test", options.images)
    settings = RuntimesSettings(
        len(images),
        workspace.data.key_of("training"),
        options.calibration,
        options.repeats,
        options.compile,
    )
    if options.compile and compiler() is None:
        raise ExplorerError(
            "There is no C++ compiler here, so torch.compile cannot be tried: leave out --compile."
        )
    rows = run_instrument(RUNTIMES, InstrumentSpec(source, workspace.data, "test", images.whole, settings))
    if options.out is not None:
        write_file(options.out / f"{name}.onnx", onnx_file(source, workspace.data))
        write_file(options.out / f"{name}-int8.onnx", int8_file(source, workspace.data, options.calibration))
    if options.evidence:
        if any(row.busy for row in rows):
            raise ExplorerError("Other programs used the processors, so nothing was stored: try again.")
        folder = evidence_folder(options, workspace)
        write_rows(KIND, rows, source.card, images, folder, settings=written(settings))
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return 0
    print(runtime_table(rows).drop(columns=["ms_low", "ms_high"]).to_string(index=False))
    print(f"Counted on {workspace.data.counted('test', len(images))}.")
    print(describe_runtimes(rows), describe_slower(rows), describe_compiler(), describe_cpu(), sep="\n")
    return 0
