"""The trainings behind the shipped checkpoints, and how a training becomes a checkpoint with a card."""

import time
from collections.abc import Generator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from explorer.checkpoints import Card, Network, build, card, load, stored, write
from explorer.data import ImageSet
from explorer.errors import ExplorerError
from explorer.measure import accuracy, logits
from explorer.models import StudentSpec, parameter_count
from explorer.training import Loss, Recipe, train, view_logits


@dataclass(frozen=True)
class Run:
    """One training: which network, on what recipe, with or without a teacher.

    ``teacher`` names a checkpoint; ``alpha`` and ``temperature`` only count with one.
    """

    name: str
    title: str
    recipe: Recipe
    network: Network = "studentnet"
    classes: int = 10
    spec: StudentSpec | None = None
    dtype: torch.dtype = torch.float32
    teacher: str | None = None
    alpha: float = 0.9
    temperature: float = 4.0

    def __post_init__(self) -> None:
        if self.network == "studentnet" and self.spec is None:
            raise ExplorerError("A StudentNet needs its spec: give --stem and --widths.")

    @property
    def spec_values(self) -> dict[str, Any]:
        """The spec as plain values; empty for a ResNet-18."""
        return self.spec.to_dict() if self.spec else {}

    @property
    def distillation(self) -> dict[str, Any]:
        """Teacher, alpha and temperature; empty with labels alone."""
        if self.teacher is None:
            return {}
        return {"teacher": self.teacher, "alpha": self.alpha, "temperature": self.temperature}


@dataclass(frozen=True)
class Update:
    """How far a run is: ``done`` of ``total`` in this stage, and what to say about it."""

    stage: str
    done: int
    total: int
    figures: dict[str, float] = field(default_factory=dict)


STUDENT_RECIPE = Recipe(epochs=24, max_lr=0.2, weight_decay=2e-4, seed=1)
UNDER_60K = StudentSpec(48, (48, 96, 192, 106), classes=10)
REPORT = StudentSpec(classes=10)

SHIPPED_RUNS = {
    run.name: run
    for run in (
        Run(
            "teacher",
            "Teacher, ResNet-18",
            Recipe(
                epochs=22,
                max_lr=0.1,
                weight_decay=5e-4,
                seed=1,
                shift=2,
                diagonal=True,
                erase=8,
                precision="bfloat16",
            ),
            network="resnet18",
            dtype=torch.float16,
        ),
        Run("student-60k", "Student under 60,000, labels alone", STUDENT_RECIPE, spec=UNDER_60K),
        Run(
            "student-60k-kd",
            "Student under 60,000, distilled",
            STUDENT_RECIPE,
            spec=UNDER_60K,
            teacher="teacher",
        ),
        Run("report", "The report's StudentNet, labels alone", STUDENT_RECIPE, spec=REPORT),
        Run(
            "report-kd",
            "The report's StudentNet, distilled",
            STUDENT_RECIPE,
            spec=REPORT,
            teacher="teacher",
        ),
    )
}


def execute(
    run: Run,
    loss: Loss,
    images: ImageSet,
    validation: ImageSet,
    test: ImageSet,
    *,
    out: Path,
    work: Path,
) -> Generator[Update, None, Card]:
    """Train, store and measure; yields updates, returns the card that was written to ``out``.

    ``work`` keeps what makes the run resumable: its state after each epoch and the teacher's logits.
    The teacher, if any, is a checkpoint in ``out``. The accuracies on the card are those of the
    weights as stored.
    """
    torch.manual_seed(run.recipe.seed)
    model = build(run.network, run.classes, run.spec_values).to(memory_format=torch.channels_last)
    table = None
    if run.teacher is not None:
        table = yield from _teacher_table(run, images, out, work)
    resume = work / f"{run.name}.resume.pt"
    started = time.monotonic()
    figures: dict[str, float] = {}
    for progress in train(model, images, validation, run.recipe, loss, teacher_logits=table, resume=resume):
        figures["epoch"], figures["loss"] = progress.epoch, progress.loss
        if progress.validation_accuracy is not None:
            figures["validation"] = progress.validation_accuracy
        yield Update("training", progress.step, progress.steps, dict(figures))
    seconds = time.monotonic() - started
    state = stored(model, run.dtype)
    model.load_state_dict(state)
    model.eval()
    measured = []
    for number, part in enumerate((validation, test), start=1):
        measured.append(accuracy(logits(model, part.inputs()), part.targets()).value)
        yield Update("measuring", number, 2)
    entry = Card(
        name=run.name,
        title=run.title,
        network=run.network,
        classes=run.classes,
        params=parameter_count(model),
        dtype=str(run.dtype).removeprefix("torch."),
        bytes=0,
        sha256="",
        dataset=f"{images.name}, {len(images):,} images",
        recipe=asdict(run.recipe),
        validation_accuracy=measured[0],
        test_accuracy=measured[1],
        torch=torch.__version__,
        seconds=round(seconds, 1),
        spec=run.spec_values,
        distillation=run.distillation,
    )
    entry = write(entry, state, out)
    resume.unlink(missing_ok=True)
    return entry


def _teacher_table(run: Run, images: ImageSet, out: Path, work: Path) -> Generator[Update, None, Tensor]:
    """The teacher's logits (views, N, C) in half precision, from ``work`` if they are there."""
    assert run.teacher is not None
    fingerprint = card(run.teacher, out).sha256[:12]
    shape = f"{run.recipe.shift}{'d' if run.recipe.diagonal else ''}-{len(images)}"
    path = work / f"{run.teacher}-{fingerprint}-{shape}.safetensors"
    if not path.exists():
        views = []
        for scores in view_logits(load(run.teacher, out), images, run.recipe):
            views.append(scores.half())
            yield Update("teacher's logits", len(views), len(run.recipe.views))
        work.mkdir(parents=True, exist_ok=True)
        save_file({"logits": torch.stack(views)}, path)
    return load_file(path)["logits"]
