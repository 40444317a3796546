"""``train`` from a terminal: a shipped network trained again, or a new one, with labels alone or with a teacher."""

import argparse
import io
from dataclasses import replace
from pathlib import Path

import torch

from explorer.checkpoints import load
from explorer.data import DataSet
from explorer.distillation.loss import DistillationLoss, check_alpha, check_temperature
from explorer.errors import ExplorerError
from explorer.files import write_file
from explorer.networks import NetworkSpec, ResNetSpec, StudentSpec, describe, why_not_fed
from explorer.runs import DATA, KNOWN_RUNS, TrainingRun, execute, recipe_for
from explorer.terminal import Bars, data_options, data_set, folder_options, images_option, whole_numbers
from explorer.training import Loss, Recipe, labels_alone
from explorer.user_code import Given, read_given
from explorer.work.progress import follow


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``train`` to the terminal's commands."""
    parser = commands.add_parser("train", help="train a network and write its checkpoint and card")
    parser.add_argument(
        "name",
        help=f"of the checkpoint; known recipes: {', '.join(KNOWN_RUNS)}; any other name is a new network and needs "
        "--network, or --stem and --widths for a StudentNet",
    )
    parser.add_argument("--stem", type=int, help="channels of the stem")
    parser.add_argument(
        "--widths",
        type=whole_numbers,
        help="channels of the four blocks: 48,96,192,106; of your own network, of its channel groups",
    )
    parser.add_argument("--teacher", help="checkpoint to distil from (needed for a new name only)")
    parser.add_argument("--alpha", type=float, help="weight of the soft term, 0 to 1")
    parser.add_argument("--temperature", type=float, help="T of the soft term")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--max-lr", type=float, help="peak of the one-cycle schedule")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--batch-size", type=int)
    data_options(parser)
    images_option(parser)
    folder_options(parser)
    parser.add_argument(
        "--network",
        metavar="NETWORK",
        default=StudentSpec.kind,
        help="of a new name: studentnet, resnet18, or your own as a .pt2, a checkpoint, or code as "
        "student.py:StudentNet, which is run in a process of its own; it is trained from fresh weights",
    )
    parser.add_argument("--ckpt", type=Path, help="also save a plain PyTorch state_dict there")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder of checkpoints")
    parser.add_argument("--work", type=Path, default=Path("runs/work"), help="folder of unfinished runs")
    parser.set_defaults(command=_train)


def _train(options: argparse.Namespace) -> int:
    data = _data_set(options)
    run, bars = _choose_run(options, data), Bars()
    images = follow(data.read_all_training(options.data), bars)
    validation, test = follow(data.read("validation"), bars), follow(data.read("test"), bars)
    entry = follow(
        execute(run, _loss_of(run), images, validation, test, out=options.out, work=options.work), bars
    )
    bars.bar.close()
    if options.ckpt is not None:
        plain = io.BytesIO()
        torch.save(load(entry.name, options.out).state_dict(), plain)
        write_file(options.ckpt, plain.getbuffer())
    print(
        f"{entry.name}: {entry.params:,} parameters, validation {entry.validation_accuracy:.4f}, "
        f"{'test' if data.split_for('test') == 'test' else 'no test set but that,'} {entry.test_accuracy:.4f}, "
        f"{entry.bytes:,} bytes, {entry.seconds:.0f} s"
    )
    return 0


def _data_set(options: argparse.Namespace) -> DataSet:
    # A known recipe is one for the bundled images: a folder that the environment names is not meant for it.
    if options.data is None and options.name in KNOWN_RUNS:
        return DATA
    return data_set(options)


def _choose_run(options: argparse.Namespace, data: DataSet) -> TrainingRun:
    """The named run, or that of a new network, with whatever the options change."""
    run = KNOWN_RUNS.get(options.name)
    if run is None:
        return _change_run(_make_run(options, data), options)
    if data != DATA:
        raise ExplorerError(f"{options.name} is a recipe for {DATA.name}: give your network another name.")
    if options.stem is not None or options.widths is not None or options.teacher is not None:
        raise ExplorerError(f"{options.name} is a known recipe: give another one a name of its own.")
    return _change_run(run, options)


def _make_run(options: argparse.Namespace, data: DataSet) -> TrainingRun:
    """A training under a new name."""
    spec = _make_spec(options, data)
    if why := why_not_fed(spec, data.input_size):
        raise ExplorerError(f"{describe(spec)} cannot be trained on {data.name}: {why}.")
    recipe = recipe_for(data, distilled=options.teacher is not None)
    return TrainingRun(options.name, options.name, recipe, spec, teacher=options.teacher)


def _make_spec(options: argparse.Namespace, data: DataSet) -> NetworkSpec:
    """The network of a new name: the StudentNet of --stem and --widths, a ResNet-18, or the user's own."""
    classes = len(data.classes)
    if options.network == ResNetSpec.kind:
        return ResNetSpec(classes)
    if options.network != StudentSpec.kind:
        given = follow(read_given(Given(options.network, data.input_size)), Bars())
        spec = given.card.network_spec().with_classes(classes)
        return spec if options.widths is None else spec.with_channels(options.widths)
    if options.stem is None or options.widths is None:
        raise ExplorerError(
            f"{options.name} is none of {', '.join(KNOWN_RUNS)}, so it is a new network. Give your own as --network, "
            "or resnet18, or --stem and --widths for a StudentNet."
        )
    return StudentSpec(options.stem, options.widths, classes=classes)


def _change_run(run: TrainingRun, options: argparse.Namespace) -> TrainingRun:
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


def _loss_of(run: TrainingRun) -> Loss:
    return labels_alone if run.teacher is None else DistillationLoss(run.alpha, run.temperature)
