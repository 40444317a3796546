"""A network to take home from a terminal: ``home``."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from explorer.bits.network import round_network
from explorer.bits.rounding import Per, Rounding, describe_rounding
from explorer.data import ImageSet
from explorer.errors import ExplorerError
from explorer.files import write_file
from explorer.measure import accuracy, logits
from explorer.onefile import Codes, Described, html_file
from explorer.pruning.methods import METHODS, get_method
from explorer.pruning.plan import SweepPlan
from explorer.pruning.states import networks_of
from explorer.terminal import (
    Bars,
    counted_images,
    subject_of,
    subject_options,
    workspace_of,
)
from explorer.work.progress import Update, follow
from explorer.workspace import NetworkSource

COUNTED = 1_000


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``home`` to the terminal's commands."""
    parser = commands.add_parser(
        "home", help="write a checkpoint as one HTML page that runs it: photographs, a drawing pad, no server"
    )
    subject_options(parser, COUNTED)
    parser.add_argument("--out", type=Path, help="the file to write; NAME.html if it is not said")
    parser.add_argument("--method", metavar="METHOD", help=f"prune it first, by one of {', '.join(METHODS)}")
    parser.add_argument("--ratio", type=float, help="share of the weights, or of each layer's channels")
    repair = parser.add_mutually_exclusive_group()
    repair.add_argument(
        "--recalibrate",
        type=int,
        default=0,
        metavar="N",
        help="then BatchNorm, on N batches of 100 training images",
    )
    repair.add_argument(
        "--refit", type=int, default=0, metavar="N", help="then re-fit what is left, on N training images"
    )
    parser.add_argument("--bits", type=int, help="then round its weights to 8 down to 2 bits, stored as such")
    parser.add_argument(
        "--per", choices=("channel", "tensor"), default="channel", help="what has a scale of its own"
    )
    parser.add_argument(
        "--affine",
        action="store_true",
        help="spread the codes over smallest to largest weight, not around zero",
    )
    parser.set_defaults(command=_home)


@dataclass(frozen=True, eq=False)
class _Made:
    """A network as the options ask for it, the codes of its rounded weights, and how it was made, in words."""

    network: nn.Module
    codes: Mapping[str, Codes]
    how: tuple[str, ...]


def _home(options: argparse.Namespace) -> int:
    workspace = workspace_of(options)
    source = subject_of(workspace, options)
    training = None
    if options.recalibrate or options.refit:
        training = follow(workspace.data.read("training"), Bars())
    made = _made(source, options, training)
    images = counted_images(workspace, "test", options.images)
    counted = accuracy(logits(made.network, images.batches()), images.targets())
    noun, on = workspace.data.noun("test"), workspace.data.counted("test", counted.total)
    sentences = (
        f"Torch gets {counted.correct:,} right, {counted.value:.1%}, of {on}.",
        f"The photographs are {noun}s of {workspace.data.provenance}.",
    )
    title = ", ".join((source.card.title, *made.how))
    content = html_file(made.network, images, Described(title, sentences), made.codes)
    path = options.out or Path(f"{source.card.name}.html")
    write_file(path, content)
    print(f"{title}: {counted.value:.1%} right, of {on}")
    print(f"wrote {path}, {len(content) / 1e3:,.0f} kB; open it in any browser")
    return 0


def _made(source: NetworkSource, options: argparse.Namespace, training: ImageSet | None) -> _Made:
    if (options.method is None) != (options.ratio is None):
        raise ExplorerError("Say both --method and --ratio, or neither.")
    if training is not None and options.method is None:
        raise ExplorerError("Only a pruned network is repaired: say --method and --ratio, too.")
    network, how = source.load(), []
    if options.method is not None:
        plan = SweepPlan(
            (options.method,), (options.ratio,), recalibrate=options.recalibrate, refit=options.refit
        )
        bars = Bars()
        for step in networks_of(network, plan, training):
            if isinstance(step, Update):
                bars(step)
                continue
            # The last is the one that was repaired, if any was.
            network, recovery = step.pruned.plain().eval(), step.recovery
        how.append(f"{get_method(options.method).title}, {options.ratio:.0%}")
        how += [recovery] if recovery != "none" else []
    if options.bits is None:
        return _Made(network, {}, tuple(how))
    per: Per = options.per
    rounding = Rounding(options.bits, per, not options.affine)
    rounded = round_network(network, rounding)
    return _Made(rounded.model, rounded.codes, (*how, f"BatchNorm folded, {describe_rounding(rounding)}"))
