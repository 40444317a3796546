"""``wall`` from a terminal: what the pruning page opens with."""

import argparse
from dataclasses import asdict, replace
from typing import Any

from tqdm import tqdm

from explorer.checkpoints.evidence import find_rows, write_rows
from explorer.errors import ExplorerError
from explorer.pruning.examine import IMAGES
from explorer.pruning.methods import METHODS
from explorer.pruning.plan import SweepSettings
from explorer.pruning.wall import KIND, RATIOS, REFIT, WALL, WallState, wall_settings
from explorer.terminal import (
    counted_images,
    decimals,
    evidence_folder,
    subject_of,
    subject_options,
    workspace_of,
)
from explorer.work.instrument import InstrumentSpec
from explorer.work.progress import Update


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``wall`` to the terminal's commands."""
    parser = commands.add_parser(
        "wall",
        help="store what a checkpoint says to photographs of every class as it is pruned and recovered",
    )
    subject_options(parser, IMAGES)
    parser.add_argument(
        "--method",
        action="append",
        choices=tuple(METHODS),
        help="may be given several times; all by default",
    )
    parser.add_argument(
        "--ratios", type=decimals, default=RATIOS, help="0,0.5,0.8; by default 0 to 0.95 in steps of 0.05"
    )
    parser.add_argument(
        "--refit",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="also re-fit each network by least squares, which takes minutes where it is large",
    )
    parser.set_defaults(command=_wall)


def _wall(options: argparse.Namespace) -> int:
    """Make the states that are not stored yet, method by method, and store them with those that are."""
    workspace = workspace_of(options)
    source = subject_of(workspace, options)
    images = counted_images(workspace, "test", options.images)
    folder = evidence_folder(options, workspace)
    stored = find_rows(KIND, WallState, source.card.sha256, images.whole, folder)
    if stored is not None and not stored.is_on(images):
        raise ExplorerError(
            f"The stored wall counts {stored.images:,} images: take as many, or delete it to begin anew."
        )
    states = {each.state: each for each in stored.rows} if stored else {}
    for method in options.method or METHODS:
        settings = wall_settings(
            (method,),
            len(images),
            workspace.data.key_of("training"),
            ratios=tuple(options.ratios),
            refit=options.refit,
        )
        spec = InstrumentSpec(source, workspace.data, "test", images.whole, settings)
        before = len(states)
        with tqdm(desc=method, total=WALL.steps(spec)) as bar:
            for step in WALL.run(spec, tuple(states.values())):
                if not isinstance(step, Update):
                    states[step.state] = step
                    bar.update()
        if len(states) > before:
            # Of the ratios without a re-fitted network too: what would be done to them is the same.
            settings = replace(settings, refit=REFIT)
            rows = sorted(states.values(), key=lambda each: (list(METHODS).index(each.method), each.ratio))
            write_rows(KIND, rows, source.card, images, folder, settings=_written(settings))
    return 0


def _written(settings: SweepSettings) -> dict[str, Any]:
    """What of the settings the rows do not tell themselves."""
    told = ("methods", "ratios", "precision", "images")
    return {name: value for name, value in asdict(settings).items() if name not in told}
