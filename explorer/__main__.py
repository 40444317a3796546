"""The engine from a terminal: ``python -m explorer COMMAND``; the exit status tells whether it holds."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from tqdm import tqdm

from explorer.architecture import bench as architecture_bench
from explorer.architecture import command as architecture
from explorer.checkpoints import SHIPPED, catalogue, load
from explorer.data import fashion_mnist
from explorer.distillation import command as distillation
from explorer.distillation.live import Race
from explorer.distillation.loss import Distilled, check_alpha, check_temperature, labels_alone
from explorer.errors import ExplorerError
from explorer.evidence import write_logits, write_shard_views
from explorer.measure import accuracy, keep_freed_memory, logits
from explorer.models import StudentSpec, parameter_count
from explorer.pruning import bench as pruning_bench
from explorer.pruning import command as pruning
from explorer.runs import SHIPPED_RUNS, STUDENT_RECIPE, UNDER_60K, Run, Update, execute, follow
from explorer.training import Loss, Recipe

BENCHES = {"architecture": architecture_bench.figures, "pruning": pruning_bench.figures}


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

    data = commands.add_parser("data", help="build or check the bundled images")
    data.add_argument("action", choices=["build", "check"])
    _data_option(data)
    data.add_argument("--out", type=Path, default=fashion_mnist.BUNDLED, help="folder to write to")
    data.set_defaults(command=_data)

    train = commands.add_parser("train", help="train a network and write its checkpoint and card")
    train.add_argument(
        "name",
        help=f"of the checkpoint; known recipes: {', '.join(SHIPPED_RUNS)}; any other name is a "
        "StudentNet and needs --stem and --widths",
    )
    train.add_argument("--stem", type=int, help="channels of the stem")
    train.add_argument("--widths", type=_numbers, help="channels of the four blocks: 48,96,192,106")
    train.add_argument("--teacher", help="checkpoint to distil from (needed for a new name only)")
    train.add_argument("--alpha", type=float, help="weight of the soft term, 0 to 1")
    train.add_argument("--temperature", type=float, help="T of the soft term")
    train.add_argument("--epochs", type=int)
    train.add_argument("--max-lr", type=float, help="peak of the one-cycle schedule")
    train.add_argument("--seed", type=int)
    train.add_argument("--batch-size", type=int)
    _data_option(train)
    train.add_argument("--out", type=Path, default=Path("runs"), help="folder of checkpoints")
    train.add_argument("--work", type=Path, default=Path("runs/work"), help="folder of unfinished runs")
    train.set_defaults(command=_train)

    verify = commands.add_parser(
        "verify", help="recompute every card's accuracy from the shipped weights and images"
    )
    verify.add_argument("names", nargs="*", help="checkpoints; all of them if none is named")
    verify.add_argument("--checkpoints", type=Path, default=SHIPPED, help="folder of checkpoints")
    verify.add_argument("--json", action="store_true", help="print a list of JSON objects")
    verify.set_defaults(command=_verify)

    architecture.add(commands)
    distillation.add(commands)
    pruning.add(commands)

    evidence = commands.add_parser("evidence", help="compute the logits that ship with the checkpoints")
    evidence.add_argument("--checkpoints", type=Path, default=SHIPPED, help="folder of checkpoints")
    evidence.set_defaults(command=_evidence)

    bench = commands.add_parser("bench", help="measure speed, as ratios within this run")
    bench.add_argument("--only", metavar="LESSON", help=f"one of {', '.join(BENCHES)}")
    bench.add_argument("--json", action="store_true", help="print a list of JSON objects")
    bench.set_defaults(command=_bench)
    return parser


def _data_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, help="folder with the original Fashion-MNIST files")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _data(options: argparse.Namespace) -> int:
    originals = fashion_mnist.find_originals(options.data)
    if options.action == "build":
        files = list(fashion_mnist.build(originals, options.out))
        for path, size in files:
            print(f"{size:>10,} bytes  {path.name}")
        print(f"{sum(size for _, size in files):>10,} bytes together")
        return 0
    same = True
    for name, images, labels in fashion_mnist.original_splits(originals):
        bundled = fashion_mnist.load(name, options.out)
        equal = bool((bundled.images == images).all() and (bundled.labels == labels).all())
        print(f"{name}: {len(labels):,} images, {'equal' if equal else 'NOT EQUAL'}")
        same &= equal
    return 0 if same else 1


def _train(options: argparse.Namespace) -> int:
    run = _run(options)
    steps = execute(
        run,
        _loss(run),
        fashion_mnist.training_set(options.data),
        fashion_mnist.load("validation"),
        fashion_mnist.load("test"),
        out=options.out,
        work=options.work,
    )
    bars = _Bars()
    entry = follow(steps, bars)
    bars.bar.close()
    print(
        f"{entry.name}: {entry.params:,} parameters, validation {entry.validation_accuracy:.4f}, "
        f"test {entry.test_accuracy:.4f}, {entry.bytes:,} bytes, {entry.seconds:.0f} s"
    )
    return 0


class _Bars:
    """Progress bars with the time left, one for each stage of a run."""

    def __init__(self) -> None:
        self.stage, self.bar = "", tqdm(disable=True)

    def __call__(self, update: Update) -> None:
        if update.stage != self.stage:
            self.bar.close()
            self.stage = update.stage
            self.bar = tqdm(desc=update.stage, total=update.total, initial=update.done - 1)
        self.bar.set_postfix(update.figures, refresh=False)
        self.bar.update(update.done - self.bar.n)


def _run(options: argparse.Namespace) -> Run:
    """The named run with whatever the options change."""
    run = SHIPPED_RUNS.get(options.name)
    if run is None:
        if options.stem is None or options.widths is None:
            raise ExplorerError(
                f"{options.name} is none of {', '.join(SHIPPED_RUNS)}, so it is a new StudentNet: "
                "give --stem and --widths."
            )
        spec = StudentSpec(options.stem, options.widths, classes=10)
        run = Run(options.name, options.name, STUDENT_RECIPE, spec=spec, teacher=options.teacher)
    elif options.stem is not None or options.widths is not None or options.teacher is not None:
        raise ExplorerError(f"{options.name} is a known recipe: give another one a name of its own.")
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
    return labels_alone if run.teacher is None else Distilled(run.alpha, run.temperature)


def _verify(options: argparse.Namespace) -> int:
    cards = catalogue(options.checkpoints)
    test = fashion_mnist.load("test")
    inputs, targets = test.inputs(), test.targets()
    rows, holds = [], True
    for name in options.names or cards:
        model = load(name, options.checkpoints)
        measured = accuracy(logits(model, inputs), targets).value
        card = cards[name]
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


def _evidence(options: argparse.Namespace) -> int:
    for name in write_logits(list(SHIPPED_RUNS), folder=options.checkpoints):
        print(f"logits of {name} on the validation images", flush=True)
    for number in write_shard_views(Race(UNDER_60K).recipe, options.checkpoints):
        print(f"logits of the teacher on view {number} of the shard", flush=True)
    return 0


def _bench(options: argparse.Namespace) -> int:
    if options.only is not None and options.only not in BENCHES:
        raise ExplorerError(f"There is no bench of {options.only!r}; there are {', '.join(BENCHES)}.")
    found = []
    for lesson in [options.only] if options.only else BENCHES:
        for figure in BENCHES[lesson]():
            found.append(figure)
            if not options.json:
                shown = "not measured" if figure.value is None else f"{figure.value:g} {figure.unit}"
                verdict = "holds" if figure.holds else "DOES NOT HOLD"
                print(f"{figure.name}: {shown}, aim {figure.aim}: {verdict}")
                print(f"    {figure.how}", flush=True)
    if options.json:
        print(json.dumps([asdict(figure) for figure in found], indent=2))
    return 0 if all(figure.holds for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main())
