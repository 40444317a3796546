"""The architecture lesson from a terminal: ``budget``."""

import argparse
import json
from dataclasses import asdict
from typing import Any

from explorer.architecture.budget import budget
from explorer.architecture.fit import fit_to_limit
from explorer.architecture.presets import LIMITS
from explorer.errors import ExplorerError
from explorer.networks import StudentSpec, cost_of
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
    parser.add_argument(
        "--fit", action="store_true", help="also scale every width by one factor, the largest that fits"
    )
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
    costs = budget(spec, options.size)
    result: dict[str, Any] = {
        "spec": spec.to_dict(),
        "total_params": costs.total_params,
        "mult_adds": costs.mult_adds,
        "limit": options.limit,
        "within_limit": costs.within(options.limit),
        "over_by": max(0, costs.total_params - options.limit),
        "heaviest_layer": costs.heaviest.name,
        "layers": [asdict(layer) for layer in costs.layers],
    }
    if options.fit:
        nearest = fit_to_limit(spec, options.limit)
        result["fit"] = nearest.to_dict() | {"total_params": cost_of(nearest).params}
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print(costs.text)
        verdict = "within" if result["within_limit"] else "OVER"
        print(
            f"{costs.total_params:,} parameters, {verdict} the limit of {options.limit:,} by "
            f"{abs(costs.total_params - options.limit):,}; heaviest layer {costs.heaviest.name}"
        )
        if options.fit:
            listed = ",".join(map(str, nearest.widths))
            print(
                f"scaled by the largest factor that fits: --stem {nearest.stem} --widths {listed}, "
                f"{cost_of(nearest).params:,}"
            )
    return 0 if result["within_limit"] else 1
