"""The engine from a terminal: ``python -m explorer COMMAND``; the exit status tells whether it holds."""

import argparse
import sys
from collections.abc import Sequence

from explorer.architecture import command as architecture
from explorer.architecture import summary_command as summary
from explorer.bits import command as bits
from explorer.bits import overflow_command as overflow
from explorer.bits import runtime_command as runtime
from explorer.distillation import command as distillation
from explorer.distillation import study_command as study
from explorer.distillation import train_command as train
from explorer.distillation import unseen_command as unseen
from explorer.errors import ExplorerError
from explorer.measure import keep_freed_memory
from explorer.pruning import command as pruning
from explorer.pruning import repair_command as repair
from explorer.pruning import wall_command as wall
from explorer.report import command as report
from explorer.report import home_command as home
from explorer.steps import command as steps
from explorer.verify import command as verify
from explorer.your_data import command as your_data
from explorer.your_data import network_command as network

COMMANDS = (
    your_data,
    network,
    train,
    verify,
    architecture,
    summary,
    distillation,
    study,
    unseen,
    pruning,
    wall,
    repair,
    bits,
    runtime,
    overflow,
    home,
    steps,
    report,
)
"""Modules that each add their commands, in the order of the help."""


def main(arguments: Sequence[str] | None = None, program: str = "python -m explorer") -> int:
    """Run one command and return its exit status: 0 holds, 1 does not hold, 2 bad input.

    Args:
        program: as what it was called.
    """
    parser = argparse.ArgumentParser(prog=program, description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add(commands)
    options = parser.parse_args(arguments)
    keep_freed_memory()
    try:
        return int(options.command(options))
    except ExplorerError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
