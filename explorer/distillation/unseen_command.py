"""``unseen`` from a terminal: students trained without one class, with labels alone and distilled."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors.torch import load
from torch import Tensor
from tqdm import tqdm

from explorer.arguments import checkpoints_option
from explorer.checkpoints import SHIPPED, Card, card, write
from explorer.checkpoints.evidence import LOGITS, find_rows, write_rows, write_tensors
from explorer.data import BUNDLED, ImageSet, Use
from explorer.distillation import unseen
from explorer.distillation.live import TRAINING_WITHOUT, TrainingPairSettings, Way, unpack_logits
from explorer.distillation.trainings import jobs_options, keep, run_trainings
from explorer.errors import ExplorerError
from explorer.files import write_file
from explorer.measure import accuracy, describe_machine, logits
from explorer.networks import load_weights, parameter_count
from explorer.terminal import folder_of_networks
from explorer.work.instrument import InstrumentSpec, measure
from explorer.workspace import NetworkSource

ENDINGS: dict[Way, str] = {"labels alone": "", "distilled": "-kd"}


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``unseen`` to the terminal's commands."""
    parser = commands.add_parser(
        "unseen", help="train students without one class, with labels alone and distilled, and raise its bias"
    )
    parser.add_argument(
        "classes", nargs="*", metavar="CLASS", help="to leave out; each in turn if none is named"
    )
    jobs_options(parser, Path("runs/unseen"))
    checkpoints_option(parser)
    parser.add_argument("--evidence", action="store_true", help="also write the students that ship")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.set_defaults(command=_unseen)


@dataclass(frozen=True)
class UnseenPlan:
    """How pairs are trained and where what they bring is kept: two files of weights and logits, and one that says all.

    Attributes:
        teacher: what teaches.
        folder: where the results go.
    """

    teacher: NetworkSource
    folder: Path

    def spec(self, left_out: int) -> InstrumentSpec[TrainingPairSettings]:
        """What is trained without a class."""
        settings = unseen.settings_for(BUNDLED, left_out)
        return InstrumentSpec(self.teacher, BUNDLED, "training", BUNDLED.key_of("training"), settings)

    def path(self, name: str, kind: str) -> Path:
        """A file of a student, or of a pair, by name."""
        return self.folder / f"{name}.{kind}"


def name_of(left_out: int, way: Way = "labels alone") -> str:
    """The name of a student's checkpoint.

    >>> name_of(9, "distilled")
    'without-ankle-boot-kd'
    """
    slug = "".join(each if each.isalnum() else "-" for each in BUNDLED.classes[left_out].lower())
    return f"without-{slug}{ENDINGS[way]}"


def _unseen(options: argparse.Namespace) -> int:
    folder = folder_of_networks(options) or SHIPPED
    teacher = card("teacher", folder)
    plan = UnseenPlan(NetworkSource(teacher, folder / teacher.file), options.out)
    asked = _labels(options.classes)
    missing = [label for label in asked if not plan.path(name_of(label), "json").exists()]
    print(f"{len(asked) - len(missing)} of {len(asked)} pairs are there already.", flush=True)
    trained = run_trainings(
        partial(train_without, plan=plan),
        missing,
        jobs=options.jobs,
        backend=options.backend,
        cluster=options.cluster,
    )
    for _ in tqdm(trained, desc="pairs", total=len(missing)):
        pass
    pairs = {label: _read_pair(plan, label) for label in asked}
    if options.evidence:
        _ship(plan, pairs, folder / unseen.FOLDER.name)
    validation = BUNDLED.load("validation")
    raised = [unseen.raise_bias(_logits(plan, label), validation, label) for label in asked]
    if options.json:
        print(json.dumps([row for pair in raised for row in _summary(pair)], indent=2))
    else:
        rows = [row for pair in raised for row in _summary(pair)]
        print(pd.DataFrame(rows).to_string(index=False))
    return 0


def _summary(pair: unseen.RaisedPair) -> list[dict[str, Any]]:
    """Each student as learned, and with the bias raised until it names the class as often as the class occurs."""
    return [
        {
            "class": pair.name,
            "trained with": student.way,
            "found": student.found[0],
            "accuracy": student.right[0] / pair.images,
            "raised by": pair.raises[student.usual],
            "then found": student.found[student.usual],
            "then accuracy": student.right[student.usual] / pair.images,
        }
        for student in pair.students
    ]


def _read_pair(plan: UnseenPlan, label: int) -> unseen.UnseenPair:
    path = plan.path(name_of(label), "json")
    try:
        pair = unseen.UnseenPair.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise ExplorerError(f"{path} is not a result: remove it, and it is trained again.") from error
    if pair.settings != plan.spec(label).settings:
        raise ExplorerError(f"{path} was trained in another way: use another folder, or remove it.")
    return pair


def _logits(plan: UnseenPlan, label: int) -> dict[Way, Tensor]:
    paths = {way: plan.path(name_of(label, way), "logits") for way in ENDINGS}
    return {way: unpack_logits(path.read_bytes()) for way, path in paths.items()}


def _ship(plan: UnseenPlan, pairs: Mapping[int, unseen.UnseenPair], folder: Path) -> None:
    """Write the students with their cards, their logits, and the rows by which both are found."""
    uses: tuple[Use, ...] = ("training", "validation", "test")
    training, validation, test = (BUNDLED.load(use) for use in uses)
    teacher = plan.teacher.card
    before = find_rows(unseen.KIND, unseen.UnseenPair, teacher.sha256, training.key, folder)
    rows = {pair.settings.left_out: pair for pair in (before.rows if before else ())}
    for label, pair in tqdm(pairs.items(), desc="cards"):
        logits_of = _logits(plan, label)
        weights: dict[Way, str] = {}
        for way in ENDINGS:
            entry = _card(label, way, pair, teacher, training, test, plan)
            weights[way] = write(entry, load(plan.path(entry.name, "weights").read_bytes()), folder).sha256
        stored = {sha: logits_of[way] for way, sha in weights.items()}
        write_tensors(LOGITS, stored, validation, f"logits-{name_of(label)}", folder)
        rows[label] = replace(pair, weights=weights)
    ordered = [rows[label] for label in sorted(rows, key=lambda label: label or 0)]
    write_rows(unseen.KIND, ordered, teacher, training, folder)


def _card(
    label: int,
    way: Way,
    pair: unseen.UnseenPair,
    teacher: Card,
    training: ImageSet,
    test: ImageSet,
    plan: UnseenPlan,
) -> Card:
    name, settings = name_of(label, way), pair.settings
    model = load_weights(settings.student.build(), load(plan.path(name, "weights").read_bytes()), name).eval()
    end = next(end for end in pair.ends if end.way == way)
    shown = int((training.labels != label).sum())
    taught = {"teacher": teacher.name, "alpha": settings.alpha, "temperature": settings.temperature}
    return Card(
        name=name,
        title=f"Never saw {BUNDLED.classes[label]}, {way}",
        network=settings.student.kind,
        classes=settings.student.classes,
        params=parameter_count(model),
        dtype="float32",
        bytes=0,
        sha256="",
        dataset=f"{training.name}, {shown:,} images, without {BUNDLED.classes[label]}",
        recipe=asdict(settings.recipe),
        validation_accuracy=end.validation_accuracy,
        test_accuracy=accuracy(logits(model, test.batches()), test.targets()).value,
        torch=torch.__version__,
        seconds=round(end.seconds, 1),
        spec=settings.student.to_dict(),
        distillation=taught if way == "distilled" else {},
        measured_on=test.name,
        images=len(test),
        input_size=test.input_size,
    )


def _labels(names: Sequence[str]) -> list[int]:
    for name in names:
        if name not in BUNDLED.classes:
            raise ExplorerError(f"There is no class {name!r}; there are {', '.join(BUNDLED.classes)}.")
    return [BUNDLED.classes.index(name) for name in names or BUNDLED.classes]


def train_without(left_out: int, plan: UnseenPlan) -> int:
    """Train both copies without a class and keep what they have become; gives the class's label.

    Raises:
        ExplorerError: the time of the settings was over before the schedule was.
    """
    torch.set_num_threads(1)  # the trainings run beside each other, one core each
    spec = plan.spec(left_out)
    ends = [end for end in measure(TRAINING_WITHOUT, spec) if end.epoch == spec.settings.epochs]
    if len(ends) < len(ENDINGS):
        raise ExplorerError(
            f"{name_of(left_out)} was not done after {spec.settings.seconds:.0f} s: run fewer --jobs at once."
        )
    for end in ends:
        name = name_of(left_out, end.way)
        write_file(plan.path(name, "weights"), end.weights)
        write_file(plan.path(name, "logits"), end.scores)
    where = f"{datetime.now(UTC).date().isoformat()}, {describe_machine()}, torch {torch.__version__}"
    pair = unseen.UnseenPair(spec.settings, tuple(map(unseen.StoredEnd.of, ends)), {}, where)
    keep(
        plan.path(name_of(left_out), "json"), pair.to_dict()
    )  # last, since what is there by this name is whole
    return left_out
