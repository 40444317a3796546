"""Fewer bits from a terminal: ``bits``."""

import argparse
import json
from dataclasses import asdict, replace

from explorer.arguments import checkpoints_option, network_option
from explorer.bits.sweep import BITS, BitsPlan, BitsSettings, bits_table, describe_bits
from explorer.terminal import (
    data_options,
    first_images,
    folder_options,
    images_option,
    network_name,
    run_instrument,
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
    parser.add_argument("name", nargs="?", help="of the checkpoint; without it the one of --network")
    network_option(parser)
    parser.add_argument("--bits", type=whole_numbers, default=plan.bits, help="8,6,4: bits of a weight")
    parser.add_argument(
        "--activations",
        type=int,
        nargs="?",
        const=8,
        default=0,
        metavar="BITS",
        help="also round what enters each layer, to 8 bits unless said, calibrated on training images",
    )
    parser.add_argument(
        "--calibration",
        type=int,
        default=plan.calibration,
        help="training images for the ranges of activations",
    )
    data_options(parser)
    images_option(parser)
    folder_options(parser)
    checkpoints_option(parser)
    parser.add_argument("--json", action="store_true", help="print a list of JSON objects")
    parser.set_defaults(command=_bits)


def _bits(options: argparse.Namespace) -> int:
    workspace = workspace_of(options)
    source = workspace.source(network_name(workspace, options, options.name))
    images = first_images(workspace, "test", options.images)
    settings = BitsSettings(
        tuple(options.bits),
        activations=options.activations,
        calibration=options.calibration,
        images=len(images),
    )
    if settings.activations:
        settings = replace(settings, training=workspace.data.key_of("training"))
    rows = run_instrument(BITS, InstrumentSpec(source, workspace.data, "test", images.whole, settings))
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        print(bits_table(rows).drop(columns=["accuracy_low", "accuracy_high"]).to_string(index=False))
        print(describe_bits(rows))
    return 0
