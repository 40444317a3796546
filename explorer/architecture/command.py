"""The architecture lesson from a terminal: ``budget``."""

import argparse
import json
from dataclasses import asdict
from typing import Any

from explorer.architecture.budget import LIMITS, budget
from explorer.architecture.fit import cost, fit
from explorer.errors import ExplorerError
from explorer.networks import StudentSpec
from explorer.terminal import whole_numbers

REPORT = StudentSpec()


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``budget`` to the terminal's commands."""
    parser = commands.add_parser(
        "budget", help="count a StudentNet against a limit; exit status 1 when it is over"
    )
    parser.add_argument("--stem", type=int, default=REPORT.stem, help="channels of the stem")
    parser.add_argument("--widths", default="64,128,256,141", help="channels of the four blocks")
    parser.add_argument("--classes", type=int, default=REPORT.classes)
    parser.add_argument("--kernel", type=int, default=REPORT.kernel, help="side of the depthwise kernel")
    parser.add_argument("--conv-bias", action="store_true", help="convolutions with bias")
    parser.add_argument("--size", type=int, default=224, help="input size, pixels")
    parser.add_argument("--limit", type=int, default=LIMITS["Spring 2023"], help="parameters at most")
    parser.add_argument("--fit", action="store_true", help="also give the nearest widths that fit")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    parser.set_defaults(command=_budget)


def _budget(options: argparse.Namespace) -> int:
    try:
        widths = whole_numbers(options.widths)
    except ValueError as error:
        raise ExplorerError(
            f"The block widths must be whole numbers like 64,128,256,141, not {options.widths!r}."
        ) from error
    spec = StudentSpec(options.stem, widths, options.classes, options.kernel, options.conv_bias)
    if options.limit < 1:
        raise ExplorerError(f"The limit must be at least 1 parameter, not {options.limit}.")
    found = budget(spec, options.size)
    result: dict[str, Any] = {
        "spec": spec.to_dict(),
        "total_params": found.total_params,
        "mult_adds": found.mult_adds,
        "limit": options.limit,
        "within_limit": found.within(options.limit),
        "over_by": max(0, found.total_params - options.limit),
        "heaviest_layer": found.heaviest.name,
        "layers": [asdict(layer) for layer in found.layers],
    }
    if options.fit:
        nearest = fit(spec, options.limit)
        result["fit"] = nearest.to_dict() | {"total_params": cost(nearest).params}
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print(found.text)
        verdict = "within" if result["within_limit"] else "OVER"
        print(
            f"{found.total_params:,} parameters, {verdict} the limit of {options.limit:,} by "
            f"{abs(found.total_params - options.limit):,}; heaviest layer {found.heaviest.name}"
        )
        if options.fit:
            listed = ",".join(map(str, nearest.widths))
            print(f"nearest that fits: --stem {nearest.stem} --widths {listed}, {cost(nearest).params:,}")
    return 0 if result["within_limit"] else 1
