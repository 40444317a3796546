"""The pruning lesson from a terminal: ``prune``."""

import argparse
import json
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import torch
from tqdm import tqdm

from explorer.checkpoints import SHIPPED, load
from explorer.data import fashion_mnist
from explorer.errors import ExplorerError
from explorer.measure import devices
from explorer.pruning.sweep import METHODS, Evidence, Plan, Row, sweep, table, write_evidence


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``prune`` to the terminal's commands."""
    parser = commands.add_parser("prune", help="prune a checkpoint at several ratios and measure each")
    parser.add_argument("name", help="of the checkpoint")
    parser.add_argument("--method", action="append", choices=METHODS, help="may be given several times")
    parser.add_argument("--ratios", type=_ratios, default=Plan().ratios, help="0,0.5,0.8")
    parser.add_argument("--images", type=int, default=1000, help="test images, the first so many")
    parser.add_argument("--device", default="cpu", choices=devices())
    parser.add_argument("--repeats", type=int, default=Plan().repeats, help="timed passes per network")
    parser.add_argument("--seed", type=int, default=0, help="of the random methods")
    parser.add_argument("--checkpoints", type=Path, default=SHIPPED, help="folder of checkpoints")
    parser.add_argument("--evidence", action="store_true", help="store the sweep beside the checkpoints")
    parser.add_argument("--json", action="store_true", help="print a list of JSON objects")
    parser.set_defaults(command=_prune)


def _ratios(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def _prune(options: argparse.Namespace) -> int:
    plan = Plan(
        tuple(options.method or Plan().methods), options.ratios, options.device, options.repeats, options.seed
    )
    test = fashion_mnist.load("test")
    if not 1 <= options.images <= len(test):
        raise ExplorerError(f"There are {len(test):,} test images: take 1 to {len(test):,} of them.")
    images = test.select(slice(options.images))
    rows: list[Row] = []
    steps = sweep(load(options.name, options.checkpoints), images.inputs(), images.targets(), plan)
    for row in tqdm(steps, desc="networks", total=plan.steps):
        rows.append(row)
    if options.evidence:
        machine = f"{platform.machine()} {platform.system()}, {options.device}"
        date = datetime.now(UTC).date().isoformat()
        write_evidence(
            Evidence(tuple(rows), options.name, date, machine, str(torch.__version__)), options.checkpoints
        )
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        print(table(rows).drop(columns=["accuracy_low", "accuracy_high"]).to_string(index=False))
    return 0
