"""Other runtimes from a terminal: ``runtimes``."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from explorer.arguments import checkpoints_option, network_option
from explorer.files import write_file
from explorer.runtime.compare import (
    CALIBRATION,
    REPEATS,
    RUNTIMES,
    RuntimesSettings,
    calibration_batches,
    describe_runtimes,
    runtime_table,
)
from explorer.runtime.int8 import cpu_flags, to_int8
from explorer.runtime.onnx_file import to_onnx
from explorer.terminal import (
    Bars,
    data_options,
    first_images,
    folder_options,
    images_option,
    network_name,
    run_instrument,
    workspace_of,
)
from explorer.work.instrument import InstrumentSpec
from explorer.work.progress import follow


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``runtimes`` to the terminal's commands."""
    parser = commands.add_parser(
        "runtimes", help="time a checkpoint in torch, in onnxruntime and in int8, and write the .onnx files"
    )
    parser.add_argument("name", nargs="?", help="of the checkpoint; without it the one of --network")
    network_option(parser)
    parser.add_argument(
        "--calibration", type=int, default=CALIBRATION, help="training images that int8 is made with"
    )
    parser.add_argument(
        "--reduce-range", action="store_true", help="7-bit weights, for CPUs that add products in 16 bits"
    )
    parser.add_argument("--repeats", type=int, default=REPEATS, help="timed passes of each")
    parser.add_argument("--out", type=Path, help="a folder to write NAME.onnx and NAME-int8.onnx into")
    data_options(parser)
    images_option(parser)
    folder_options(parser)
    checkpoints_option(parser)
    parser.add_argument("--json", action="store_true", help="print a list of JSON objects")
    parser.set_defaults(command=_runtimes)


def _runtimes(options: argparse.Namespace) -> int:
    workspace = workspace_of(options)
    name = network_name(workspace, options, options.name)
    source, images = workspace.source(name), first_images(workspace, "test", options.images)
    settings = RuntimesSettings(
        len(images),
        workspace.data.key_of("training"),
        options.calibration,
        options.reduce_range,
        options.repeats,
    )
    rows = run_instrument(RUNTIMES, InstrumentSpec(source, workspace.data, "test", images.whole, settings))
    if options.out is not None:
        content = to_onnx(source.load(), workspace.data.input_size)
        training = follow(workspace.data.read("training"), Bars())
        small = to_int8(
            content, calibration_batches(training, settings.calibration), reduce_range=settings.reduce_range
        )
        write_file(options.out / f"{name}.onnx", content)
        write_file(options.out / f"{name}-int8.onnx", small)
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return 0
    print(runtime_table(rows).drop(columns=["ms_low", "ms_high"]).to_string(index=False))
    print(describe_runtimes(rows))
    flags = cpu_flags()
    if flags:
        print(f"This CPU has {', '.join(flags)}.")
    return 0
