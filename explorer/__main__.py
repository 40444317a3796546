"""The engine from a terminal: ``python -m explorer COMMAND``; the exit status tells whether it holds."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from explorer.architecture import command as architecture
from explorer.checkpoints import SHIPPED, Card, catalogue, load
from explorer.data import BUNDLED, DataSet, ImageSet, open_data_set
from explorer.data.folder import named_folder
from explorer.distillation import command as distillation
from explorer.distillation.live import TrainingPairSpec
from explorer.distillation.loss import DistillationLoss, check_alpha, check_temperature
from explorer.errors import ExplorerError
from explorer.measure import accuracy, keep_freed_memory, logits
from explorer.networks import StudentSpec, parameter_count
from explorer.pruning import command as pruning
from explorer.report import command as report
from explorer.runs import (
    DATA,
    SHIPPED_RUNS,
    UNDER_60K,
    Run,
    execute,
    recipe_for,
    store_logits,
    store_view_logits,
)
from explorer.terminal import Bars, data_options, whole_numbers
from explorer.training import Loss, Recipe, labels_alone
from explorer.work.progress import follow
from explorer.your_data import command as your_data


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 holds, 1 does not hold, 2 bad input."""
    parser = _parser()
    options = parser.parse_args(arguments)
    keep_freed_memory()
    try:
        return int(options.command(options))
    except ExplorerError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m explorer", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    your_data.add(commands)

    train = commands.add_parser("train", help="train a network and write its checkpoint and card")
    train.add_argument(
        "name",
        help=f"of the checkpoint; known recipes: {', '.join(SHIPPED_RUNS)}; any other name is a "
        "StudentNet and needs --stem and --widths",
    )
    train.add_argument("--stem", type=int, help="channels of the stem")
    train.add_argument("--widths", type=whole_numbers, help="channels of the four blocks: 48,96,192,106")
    train.add_argument("--teacher", help="checkpoint to distil from (needed for a new name only)")
    train.add_argument("--alpha", type=float, help="weight of the soft term, 0 to 1")
    train.add_argument("--temperature", type=float, help="T of the soft term")
    train.add_argument("--epochs", type=int)
    train.add_argument("--max-lr", type=float, help="peak of the one-cycle schedule")
    train.add_argument("--seed", type=int)
    train.add_argument("--batch-size", type=int)
    data_options(train)
    train.add_argument(
        "--network", choices=["resnet18", "studentnet"], default="studentnet", help="of a new name"
    )
    train.add_argument("--ckpt", type=Path, help="also save a plain PyTorch state_dict there")
    train.add_argument("--out", type=Path, default=Path("runs"), help="folder of checkpoints")
    train.add_argument("--work", type=Path, default=Path("runs/work"), help="folder of unfinished runs")
    train.set_defaults(command=_train)

    verify = commands.add_parser(
        "verify", help="recompute every card's accuracy from the shipped weights and images"
    )
    verify.add_argument("names", nargs="*", help="checkpoints; all of them if none is named")
    verify.add_argument("--checkpoints", type=Path, default=SHIPPED, help="folder of checkpoints")
    data_options(verify, measured_only=True)
    verify.add_argument("--json", action="store_true", help="print a list of JSON objects")
    verify.set_defaults(command=_verify)

    architecture.add(commands)
    distillation.add(commands)
    pruning.add(commands)
    report.add(commands)

    evidence = commands.add_parser("evidence", help="compute the logits that ship with the checkpoints")
    evidence.add_argument("--checkpoints", type=Path, default=SHIPPED, help="folder of checkpoints")
    evidence.set_defaults(command=_evidence)
    return parser


def _train(options: argparse.Namespace) -> int:
    path = options.data or (None if options.name in SHIPPED_RUNS else named_folder())
    data = open_data_set(path, options.images, options.training_images, options.size)
    run, bars = _run(options, data), Bars()
    images = follow(data.read_all_training(options.data), bars)
    validation, test = follow(data.read("validation"), bars), follow(data.read("test"), bars)
    entry = follow(
        execute(run, _loss(run), images, validation, test, out=options.out, work=options.work), bars
    )
    bars.bar.close()
    if options.ckpt is not None:
        options.ckpt.parent.mkdir(parents=True, exist_ok=True)
        torch.save(load(entry.name, options.out).state_dict(), options.ckpt)
    print(
        f"{entry.name}: {entry.params:,} parameters, validation {entry.validation_accuracy:.4f}, "
        f"{'test' if data.split_for('test') == 'test' else 'no test set but that,'} {entry.test_accuracy:.4f}, "
        f"{entry.bytes:,} bytes, {entry.seconds:.0f} s"
    )
    return 0


def _run(options: argparse.Namespace, data: DataSet) -> Run:
    """The named run, or that of a new network, with whatever the options change."""
    run = SHIPPED_RUNS.get(options.name)
    if run is None:
        return _changed(_new_run(options, data), options)
    if data != DATA:
        raise ExplorerError(f"{options.name} is a recipe for {DATA.name}: give your network another name.")
    if options.stem is not None or options.widths is not None or options.teacher is not None:
        raise ExplorerError(f"{options.name} is a known recipe: give another one a name of its own.")
    return _changed(run, options)


def _new_run(options: argparse.Namespace, data: DataSet) -> Run:
    """A training under a new name: of a ResNet-18, or of the StudentNet of --stem and --widths."""
    classes, spec = len(data.classes), None
    if options.network == "studentnet":
        if options.stem is None or options.widths is None:
            raise ExplorerError(
                f"{options.name} is none of {', '.join(SHIPPED_RUNS)}, so it is a new network. Give --network "
                "resnet18, or --stem and --widths for a StudentNet."
            )
        spec = StudentSpec(options.stem, options.widths, classes=classes)
    recipe = recipe_for(data, distilled=options.teacher is not None)
    return Run(options.name, options.name, recipe, options.network, classes, spec, teacher=options.teacher)


def _changed(run: Run, options: argparse.Namespace) -> Run:
    """The run with whatever the options change of its recipe."""
    if run.teacher is not None:
        run = replace(
            run,
            alpha=run.alpha if options.alpha is None else options.alpha,
            temperature=run.temperature if options.temperature is None else options.temperature,
        )
        check_alpha(run.alpha)
        check_temperature(run.temperature)
    elif options.alpha is not None or options.temperature is not None:
        raise ExplorerError(f"{options.name} has no teacher, so alpha and T have no effect.")
    changes = {
        key: value
        for key in ("epochs", "max_lr", "seed", "batch_size")
        if (value := getattr(options, key)) is not None
    }
    recipe: Recipe = replace(run.recipe, **changes)
    return replace(run, recipe=recipe)


def _loss(run: Run) -> Loss:
    return labels_alone if run.teacher is None else DistillationLoss(run.alpha, run.temperature)


def _verify(options: argparse.Namespace) -> int:
    cards = catalogue(options.checkpoints)
    rows, holds = [], True
    for name in options.names or cards:
        model = load(name, options.checkpoints)
        card = cards[name]
        images = _measured_on(card, options)
        measured = accuracy(logits(model, images.batches()), images.targets()).value
        row = {
            "name": name,
            "params": parameter_count(model),
            "test_accuracy": measured,
            "card_test_accuracy": card.test_accuracy,
        }
        rows.append(row)
        same = measured == card.test_accuracy and row["params"] == card.params
        holds &= same
        if not options.json:
            print(
                f"{name}: {row['params']:,} parameters, test accuracy {measured:.4f}, "
                f"card {card.test_accuracy:.4f}: {'holds' if same else 'DIFFERS'}",
                flush=True,
            )
    if options.json:
        print(json.dumps(rows, indent=2))
    return 0 if holds else 1


def _measured_on(card: Card, options: argparse.Namespace) -> ImageSet:
    """The images that a card's test accuracy was measured on."""
    data: DataSet = BUNDLED
    if data.name_of("test") != card.measured_on:
        path = options.data or named_folder()
        if path is None:
            raise ExplorerError(
                f"{card.name} was measured on {card.measured_on}: name their folder with --data."
            )
        data = open_data_set(path, options.images, size=card.input_size)
    images = follow(data.read("test"), Bars())
    if images.name != card.measured_on:
        raise ExplorerError(
            f"{card.name} was measured on {card.measured_on}, these are {images.name}: choose another folder or "
            "number of --images."
        )
    return images


def _evidence(options: argparse.Namespace) -> int:
    for name in store_logits(list(SHIPPED_RUNS), options.checkpoints):
        print(f"logits of {name} on the validation images", flush=True)
    for number in store_view_logits("teacher", TrainingPairSpec(UNDER_60K).recipe, options.checkpoints):
        print(f"logits of the teacher on view {number} of the training images", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
