"""Networks from a terminal: ``network export`` and ``network open``."""

import argparse
import json
import sys
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from explorer.errors import ExplorerError
from explorer.files import write_file
from explorer.networks import channel_groups, cost_model, image_channels, unsliceable
from explorer.terminal import Bars
from explorer.user_code import Code, Given, Limits, UserCodeError, export, network_of, read_given
from explorer.work.progress import Update, follow
from explorer.workspace import NetworkSource

ResultType = TypeVar("ResultType")


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``network`` to the terminal's commands."""
    parser = commands.add_parser(
        "network", help="make an archive of a network in your own code, or look into a network"
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    limits = Limits()

    action = actions.add_parser(
        "export", help="run your file in a process of its own and write the network in it as a .pt2"
    )
    action.add_argument(
        "code",
        metavar="FILE.py[:NAME]",
        help="your file, and the class or function in it that builds the network",
    )
    action.add_argument("--checkpoint", type=Path, metavar="FILE", help="its weights; fresh ones without")
    action.add_argument("--size", type=int, default=224, metavar="PIXELS", help="side of its images")
    action.add_argument("--classes", type=int, metavar="N", help="passed on as its number of classes")
    action.add_argument("--out", type=Path, default=Path("network.pt2"), help="the archive, a .pt2 file")
    action.add_argument(
        "--seconds", type=float, default=limits.seconds, metavar="N", help="your code is ended after so many"
    )
    action.add_argument(
        "--megabytes", type=int, default=limits.megabytes, metavar="N", help="memory that your code may take"
    )
    action.set_defaults(command=_export)

    action = actions.add_parser(
        "open", help="say what a network is; exit status 2 and a sentence for what cannot be opened"
    )
    action.add_argument(
        "network",
        metavar="FILE",
        help="a .pt2 or a checkpoint; or code, as student.py:StudentNet@student.ckpt",
    )
    action.add_argument(
        "--size",
        type=int,
        metavar="PIXELS",
        help="side of its images, for the multiply-adds; by default its own",
    )
    action.add_argument("--json", action="store_true", help="print a JSON object")
    action.set_defaults(command=_open)


def _export(options: argparse.Namespace) -> int:
    code = Code.parse(options.code, options.size)
    if code is None:
        raise ExplorerError(f"Name code as FILE.py or FILE.py:CLASS, not {options.code!r}.")
    if options.out.suffix != ".pt2":
        raise ExplorerError(f"The archive is a .pt2 file, not {options.out.name!r}.")
    code = replace(code, checkpoint=options.checkpoint or code.checkpoint, classes=options.classes)
    exported = _followed(export(code, Limits(options.seconds, options.megabytes)))
    source = network_of(code, exported)  # refused at once, not when it is used
    write_file(options.out, exported.archive)
    print(f"{options.out}: {_in_words(_described(source, options.size))}")
    return 0


def _open(options: argparse.Namespace) -> int:
    source = _followed(read_given(Given(options.network, options.size or 224)))
    facts = _described(source, options.size or source.card.input_size)
    if options.json:
        print(json.dumps(facts, indent=2))
        return 0
    print(_in_words(facts))
    print(f"sha256 {facts['sha256']}")
    for notice in facts["notices"]:
        print(notice)
    for group in facts["groups"]:
        print(f"{group['width']:>6}  {group['title']}: {', '.join(group['layers'])}")
    for title, why in facts["unsliceable"].items():
        print(f"not to be sliced: {title}. {why}")
    return 0


def _followed(steps: Generator[Update, None, ResultType]) -> ResultType:
    """Run to its end what runs the user's code; a wrong line is shown as Python says it."""
    bars = Bars()
    try:
        return follow(steps, bars)
    except UserCodeError as error:
        bars.bar.close()
        if error.trace:
            print(error.trace, file=sys.stderr)
        raise
    finally:
        bars.bar.close()


def _described(source: NetworkSource, size: int) -> dict[str, Any]:
    model, card = source.load(), source.card
    groups = channel_groups(model)
    cost = cost_model(model, size).cost([group.width for group in groups])
    return {
        "name": card.title,
        "sha256": card.sha256,
        "parameters": cost.params,
        "multiply_adds": cost.mult_adds,
        "classes": card.classes,
        "input_size": size,
        "channels": image_channels(model),
        "notices": list(source.notices),
        "groups": [
            {
                "title": group.title,
                "width": group.width,
                "layers": list(dict.fromkeys(member.layer for member in group.members)),
            }
            for group in groups
        ],
        "unsliceable": unsliceable(model),
    }


def _in_words(facts: dict[str, Any]) -> str:
    image = f"{facts['channels']} x {facts['input_size']} x {facts['input_size']}"
    return (
        f"{facts['name']}, {facts['classes']} classes, {facts['parameters']:,} parameters, "
        f"{facts['multiply_adds']:,} multiply-adds for an image of {image}"
    )
