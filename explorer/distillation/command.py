"""The distillation lesson from a terminal: ``grid``, and ``evidence``, the logits that it opens with."""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from explorer.arguments import checkpoints_option
from explorer.checkpoints import SHIPPED, card, catalogue
from explorer.checkpoints.evidence import write_rows
from explorer.data import BUNDLED
from explorer.distillation import grid
from explorer.distillation.live import TrainingPairSettings
from explorer.distillation.trainings import trainings_options
from explorer.networks import StudentSpec
from explorer.runs import (
    STUDENT_RECIPE,
    UNDER_60K,
    store_logits,
    store_view_logits,
    teacher_table,
)
from explorer.terminal import Bars, decimals, folder_of_networks
from explorer.work.progress import follow

GRID_SPEC = StudentSpec(24, (24, 48, 96, 53), classes=10)
GRID_RECIPE = replace(STUDENT_RECIPE, epochs=6)


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``grid`` to the terminal's commands."""
    parser = commands.add_parser("grid", help="train students over alpha and T, several seeds each")
    parser.add_argument("--alphas", type=decimals, default=grid.ALPHAS, help="0,0.25,0.5,0.75,1")
    parser.add_argument("--temperatures", type=decimals, default=grid.TEMPERATURES, help="1,2,4,8,16")
    parser.add_argument("--seeds", type=int, default=2, help="runs per cell")
    parser.add_argument("--epochs", type=int, default=GRID_RECIPE.epochs)
    parser.add_argument(
        "--training-images", type=int, metavar="N", help="the first so many training images; all by default"
    )
    trainings_options(parser, Path("runs/grid"))
    checkpoints_option(parser)
    parser.add_argument("--evidence", action="store_true", help="also write the table that ships")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.set_defaults(command=_grid)

    parser = commands.add_parser("evidence", help="compute the logits that ship with the checkpoints")
    checkpoints_option(parser)
    parser.set_defaults(command=_evidence)


def _grid(options: argparse.Namespace) -> int:
    recipe, folder = replace(GRID_RECIPE, epochs=options.epochs), folder_of_networks(options) or SHIPPED
    images = follow(BUNDLED.read_all_training(options.data), Bars()).select(slice(options.training_images))
    with tqdm(desc="teacher's logits", total=len(recipe.views)) as bar:
        table = follow(
            teacher_table("teacher", recipe, images, folder, options.work),
            lambda update: bar.update(update.done - bar.n),
        )
    plan = grid.GridPlan(GRID_SPEC, recipe, table, options.out, options.training_images, options.data)
    points = grid.grid_points(options.alphas, options.temperatures, options.seeds)
    results: list[grid.GridResult] = []
    for result in tqdm(
        grid.run_grid(points, plan, jobs=options.jobs, backend=options.backend, cluster=options.cluster),
        desc="students",
        total=len(points),
    ):
        results.append(result)
    if options.evidence:
        teacher = card("teacher", folder)
        write_rows("grid", results, teacher, BUNDLED.load("validation"), folder)
    if options.json:
        print(json.dumps([result.to_dict() for result in results], indent=2))
    else:
        print(grid.summarise_grid(results).to_string(index=False), file=sys.stdout)
    return 0


def _evidence(options: argparse.Namespace) -> int:
    folder = folder_of_networks(options) or SHIPPED
    for name in store_logits(list(catalogue(folder)), folder):
        print(f"logits of {name} on the validation images", flush=True)
    for number in store_view_logits("teacher", TrainingPairSettings(UNDER_60K).recipe, folder):
        print(f"logits of the teacher on view {number} of the training images", flush=True)
    return 0
