"""The architecture lesson from a terminal: ``budget``."""

import argparse
import json
from dataclasses import asdict
from typing import Any

from explorer.architecture.budget import budget
from explorer.architecture.fit import fit_to_limit
from explorer.architecture.presets import LIMITS, presets
from explorer.arguments import network_option
from explorer.data import BUNDLED
from explorer.errors import ExplorerError
from explorer.networks import NetworkSpec, StudentSpec, check_size, group_titles, params_of, wiring_of
from explorer.terminal import given_networks, whole_numbers
from explorer.workspace import open_workspace

REPORT = StudentSpec()
SIZE = 224


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``budget`` to the terminal's commands."""
    parser = commands.add_parser(
        "budget",
        help="count a network against a limit; exit status 1 when it is over",
        description="Counts a StudentNet, or with --network any other: a checkpoint that ships, by its name, "
        f"{', '.join(each.key for each in presets())}, or your own.",
    )
    network_option(parser)
    parser.add_argument(
        "--widths",
        metavar="A,B,...",
        help="channels of StudentNet's four blocks; with --network those of all its channel groups, which it prints",
    )
    parser.add_argument("--stem", type=int, help=f"channels of StudentNet's stem, {REPORT.stem} by default")
    parser.add_argument(
        "--kernel", type=int, help=f"side of StudentNet's depthwise kernels, {REPORT.kernel} by default"
    )
    parser.add_argument("--conv-bias", action="store_true", help="StudentNet's convolutions with bias")
    parser.add_argument(
        "--classes", type=int, help=f"{REPORT.classes} by default, or what the network comes with"
    )
    parser.add_argument(
        "--size",
        type=int,
        help=f"input size, pixels: {SIZE} by default, or what the network is known to be fed",
    )
    parser.add_argument("--limit", type=int, default=LIMITS["Spring 2023"], help="parameters at most")
    parser.add_argument(
        "--fit", action="store_true", help="also scale every width by one factor, the largest that fits"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    parser.set_defaults(command=_budget)


def _budget(options: argparse.Namespace) -> int:
    if options.limit < 1:
        raise ExplorerError(f"The limit must be at least 1 parameter, not {options.limit}.")
    spec, size = _studentnet(options) if not options.network else _named(options)
    check_size(spec)
    costs = budget(spec, size)
    titles = tuple(group_titles(wiring_of(spec)).values())
    result: dict[str, Any] = {
        "network": spec.kind,
        "spec": spec.to_dict(),
        "groups": [
            {"part": title, "channels": width} for title, width in zip(titles, spec.channels, strict=True)
        ],
        "total_params": costs.total_params,
        "mult_adds": costs.mult_adds,
        "limit": options.limit,
        "within_limit": costs.within(options.limit),
        "over_by": max(0, costs.total_params - options.limit),
        "heaviest_layer": costs.heaviest.name,
        "layers": [asdict(layer) for layer in costs.layers],
    }
    nearest = fit_to_limit(spec, options.limit) if options.fit else spec
    if options.fit:
        result["fit"] = nearest.to_dict() | {
            "options": _options(nearest, options),
            "total_params": params_of(nearest),
        }
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print(costs.text)
        if options.network and titles:
            print(f"{len(titles)} channel groups: --widths {_joined(spec.channels)}")
        verdict = "within" if result["within_limit"] else "OVER"
        print(
            f"{costs.total_params:,} parameters, {verdict} the limit of {options.limit:,} by "
            f"{abs(costs.total_params - options.limit):,}; heaviest layer {costs.heaviest.name}"
        )
        if options.fit:
            print(
                f"scaled by the largest factor that fits: {' '.join(_options(nearest, options))}, "
                f"{params_of(nearest):,}"
            )
    return 0 if result["within_limit"] else 1


def _studentnet(options: argparse.Namespace) -> tuple[NetworkSpec, int]:
    """The StudentNet that the options describe, and its input size."""
    widths = _widths(options.widths, "The block widths") if options.widths is not None else REPORT.widths
    spec = StudentSpec(
        REPORT.stem if options.stem is None else options.stem,
        widths,
        REPORT.classes if options.classes is None else options.classes,
        REPORT.kernel if options.kernel is None else options.kernel,
        options.conv_bias,
    )
    return spec, SIZE if options.size is None else options.size


def _named(options: argparse.Namespace) -> tuple[NetworkSpec, int]:
    """The network that ``--network`` names, with the widths and classes that are asked for, and its input size."""
    if options.stem is not None or options.kernel is not None or options.conv_bias:
        raise ExplorerError(
            "--stem, --kernel and --conv-bias are StudentNet's own: with --network all widths are in --widths."
        )
    if len(options.network) > 1:
        raise ExplorerError("One network is counted at a time: give --network once.")
    spec, size = _start(options.network[0], options)
    if options.classes is not None:
        spec = spec.with_classes(options.classes)
    if options.widths is not None:
        widths = _widths(options.widths, "The widths")
        if len(widths) != len(spec.channels):
            raise ExplorerError(
                f"This network has {len(spec.channels)} channel groups, so it needs {len(spec.channels)} widths, not "
                f"{len(widths)}."
            )
        if min(widths, default=1) < 1:
            raise ExplorerError(f"Every width must be at least 1 channel, not {min(widths)}.")
        spec = spec.with_channels(widths)
    return spec, size if options.size is None else options.size


def _start(name: str, options: argparse.Namespace) -> tuple[NetworkSpec, int]:
    """A network by its name or file, as it comes, and the side of its images in pixels."""
    for preset in presets():
        if preset.key == name:
            return preset.spec, preset.course.size
    shipped = open_workspace(BUNDLED).all_sources
    if name in shipped:
        card = shipped[name].card
    else:
        (source,) = given_networks(options, SIZE if options.size is None else options.size)
        card = source.card
    return card.network_spec(), card.input_size


def _widths(text: str, what: str) -> tuple[int, ...]:
    try:
        return whole_numbers(text)
    except ValueError as error:
        raise ExplorerError(f"{what} must be whole numbers like 64,128,256,141, not {text!r}.") from error


def _options(spec: NetworkSpec, options: argparse.Namespace) -> list[str]:
    """The options with which ``budget`` counts this network again."""
    if isinstance(spec, StudentSpec) and not options.network:
        given = ["--stem", str(spec.stem), "--widths", _joined(spec.widths)]
        if options.kernel is not None:
            given += ["--kernel", str(spec.kernel)]
        if spec.conv_bias:
            given.append("--conv-bias")
    else:
        given = ["--network", options.network[0], "--widths", _joined(spec.channels)]
    return given + (["--classes", str(spec.classes)] if options.classes is not None else [])


def _joined(widths: tuple[int, ...]) -> str:
    return ",".join(map(str, widths))
