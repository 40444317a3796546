"""The trainings behind the shipped checkpoints, and how a training becomes a checkpoint with a card."""

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from explorer.checkpoints import SHIPPED, Card, card, load, stored, write
from explorer.checkpoints.evidence import LOGITS, write_tensors
from explorer.checkpoints.tables import read_table, write_table
from explorer.data import BUNDLED, DataSet, ImageSet
from explorer.measure import accuracy, at_once, has_bfloat16, logits
from explorer.networks import NetworkSpec, ResNetSpec, StudentSpec, parameter_count
from explorer.networks.mobile import MobileSpec
from explorer.networks.residual import ResidualSpec
from explorer.networks.starter import WIDTHS_2022, WIDTHS_2023, StarterSpec
from explorer.training import Loss, Recipe, spent, train, view_logits
from explorer.work.progress import Update


@dataclass(frozen=True)
class TrainingRun:
    """One training: which network, on what recipe, with or without a teacher.

    ``finish`` is a second recipe that goes on from the weights of the first; the result is then the
    mean of both stages' weights, the last one weighing ``last_share``. ``teacher`` names a
    checkpoint; ``alpha`` and ``temperature`` only count with one.
    """

    name: str
    title: str
    recipe: Recipe
    spec: NetworkSpec
    finish: Recipe | None = None
    last_share: float = 0.6
    dtype: torch.dtype = torch.float32
    teacher: str | None = None
    alpha: float = 0.9
    temperature: float = 4.0

    @property
    def distillation(self) -> dict[str, Any]:
        """Teacher, alpha and temperature; empty with labels alone."""
        if self.teacher is None:
            return {}
        return {"teacher": self.teacher, "alpha": self.alpha, "temperature": self.temperature}


DATA = BUNDLED  # what the runs below train on
STUDENT_RECIPE = Recipe(epochs=18, max_lr=0.2, weight_decay=2e-4, seed=1)
UNDER_60K = StudentSpec(48, (48, 96, 192, 106), classes=10)
REPORT = StudentSpec(classes=10)
# Smaller networks of the sample report's proportions, for accuracy against parameters.
SMALLER = {
    "5k": StudentSpec(10, (10, 20, 40, 22), classes=10),
    "10k": StudentSpec(16, (16, 32, 64, 35), classes=10),
    "20k": StudentSpec(25, (25, 50, 100, 55), classes=10),
}

# Plain convolutions keep their images large: in float32 an epoch takes twice as long.
_PLAIN = replace(STUDENT_RECIPE, precision="bfloat16")
# The designs that are compared, name -> (title, spec, recipe).
DESIGNS: Mapping[str, tuple[str, NetworkSpec, Recipe]] = {
    "student-60k": ("Student under 60,000", UNDER_60K, STUDENT_RECIPE),
    "report": ("The sample's StudentNet", REPORT, STUDENT_RECIPE),
    **{
        f"student-{size}": (f"Student of about {size}", spec, STUDENT_RECIPE)
        for size, spec in SMALLER.items()
    },
    "starter-2023": ("The course's starter of 2023", StarterSpec(10, WIDTHS_2023), _PLAIN),
    "mobile": ("MobileNetV2-like student", MobileSpec(10), STUDENT_RECIPE),
    "residual": ("ResNet-like student", ResidualSpec(10), STUDENT_RECIPE),
    "starter-2022": ("The course's starter of 2022", StarterSpec(10, WIDTHS_2022), _PLAIN),
}

# The designs that are also distilled for long, name -> epochs: a student that imitates goes on gaining for
# many more passes than one that learns labels. Source: Beyer et al. 2021, arXiv 2106.05237.
PATIENT: Mapping[str, int] = {"residual": 54, "report": 90}

KNOWN_RUNS = {
    run.name: run
    for run in (
        TrainingRun(
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
            ResNetSpec(10),
            # Once more at a low learning rate, on images that are not erased.
            finish=Recipe(epochs=4, max_lr=0.02, weight_decay=5e-4, seed=2, shift=1, precision="bfloat16"),
            dtype=torch.float16,
        ),
        *(
            run
            for name, (title, spec, recipe) in DESIGNS.items()
            for run in (
                TrainingRun(name, f"{title}, labels alone", recipe, spec),
                TrainingRun(f"{name}-kd", f"{title}, distilled", recipe, spec, teacher="teacher"),
            )
        ),
        *(
            TrainingRun(
                f"{name}-kd-{epochs}",
                f"{title}, distilled for {epochs} epochs",
                replace(recipe, epochs=epochs),
                spec,
                teacher="teacher",
            )
            for name, epochs in PATIENT.items()
            for title, spec, recipe in (DESIGNS[name],)
        ),
    )
}


def recipe_for(data: DataSet, *, distilled: bool) -> Recipe:
    """The recipe of a new network on a data set: the tried one for its images, else one for photographs."""
    if data == DATA:
        return STUDENT_RECIPE
    return Recipe(
        epochs=30,
        batch_size=32,
        max_lr=0.05,
        # A teacher's logits are looked up per view, so distilling has few views and no erasing.
        shift=1 if distilled else data.input_size // 10,
        diagonal=not distilled,
        erase=0 if distilled else data.input_size // 4,
        precision="bfloat16" if has_bfloat16() else "float32",
    )


def execute(
    run: TrainingRun,
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
    The teacher, if any, is a checkpoint in ``out``. Where there is no test set of its own, ``test``
    is the validation set again, and the card says so. The accuracies on the card are those of the
    weights as stored.
    """
    torch.manual_seed(run.recipe.seed)
    model = run.spec.build().to(memory_format=torch.channels_last)
    stages = [run.recipe] if run.finish is None else [run.recipe, run.finish]
    finished: list[Path] = []
    ends: list[dict[str, Tensor]] = []
    for number, recipe in enumerate(stages, start=1):
        resume = work / f"{run.name}.{number}.resume.pt"
        finished.append(resume)
        table = None
        if run.teacher is not None:
            path = yield from teacher_table(run.teacher, recipe, images, out, work)
            table = read_table(path)
        figures: dict[str, float] = {}
        for progress in train(model, images, validation, recipe, loss, teacher_logits=table, resume=resume):
            figures["epoch"], figures["loss"] = progress.epoch, progress.loss
            if progress.validation_accuracy is not None:
                figures["validation"] = progress.validation_accuracy
            yield Update(f"training, stage {number}", progress.step, progress.steps, dict(figures))
        ends.append(stored(model, torch.float32))
    started = time.monotonic()
    if len(ends) == 2:
        average(model, ends[0], ends[1], run.last_share, images)
    # The stages' from their files, which know of earlier sittings; a clock of this one does not.
    seconds = sum(map(spent, finished)) + time.monotonic() - started
    state = stored(model, run.dtype)
    model.load_state_dict(state)
    model.eval()
    measured = []
    for number, part in enumerate((validation, test), start=1):
        measured.append(accuracy(logits(model, part.batches()), part.targets()).value)
        yield Update("measuring", number, 2)
    entry = Card(
        name=run.name,
        title=run.title,
        network=run.spec.kind,
        classes=run.spec.classes,
        params=parameter_count(model),
        dtype=str(run.dtype).removeprefix("torch."),
        bytes=0,
        sha256="",
        dataset=f"{images.name}, {len(images):,} images",
        recipe=asdict(run.recipe) | finish_card(run),
        validation_accuracy=measured[0],
        test_accuracy=measured[1],
        torch=torch.__version__,
        seconds=round(seconds, 1),
        spec=run.spec.to_dict(),
        distillation=run.distillation,
        measured_on=test.name,
        images=len(test),
        input_size=test.input_size,
    )
    entry = write(entry, state, out)
    for resume in finished:
        resume.unlink(missing_ok=True)
    return entry


def finish_card(run: TrainingRun) -> dict[str, Any]:
    """What a card says of the second stage, if there is one."""
    if run.finish is None:
        return {}
    return {"finish": asdict(run.finish), "last_share": run.last_share}


def average(
    model: nn.Module,
    first: Mapping[str, Tensor],
    last: Mapping[str, Tensor],
    last_share: float,
    images: ImageSet,
) -> None:
    """Give ``model`` the weighted mean of two sets of weights of one training run.

    Averaged weights lie in a flatter place than either end; BatchNorm's statistics are then
    estimated anew, on the first 6,000 images. Source: Izmailov et al. 2018, arXiv 1803.05407.
    """
    model.load_state_dict(
        {
            key: (1 - last_share) * first[key] + last_share * last[key]
            if last[key].is_floating_point()
            else last[key]
            for key in last
        }
    )
    inputs = images.select(slice(6000)).batches()
    step = at_once(images.input_size, 500)
    update_bn((inputs[start : start + step] for start in range(0, len(inputs), step)), model)


def teacher_table(
    teacher: str, recipe: Recipe, images: ImageSet, folder: Path, work: Path
) -> Generator[Update, None, Path]:
    """The file, in ``work``, of a teacher's logits (views, N, C), float16, for every view of a recipe.

    Yields an update per view that had to be computed. ``folder`` holds the teacher's checkpoint.
    """
    path = table_path(teacher, recipe, images, folder, work)
    if read_table(path) is None:
        views: list[Tensor] = []
        steps = view_logits(load(teacher, folder), images, recipe)
        # In bfloat16 where the CPU has it: twice as fast, and as good as the stored half precision.
        while len(views) < len(recipe.views):
            with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16()):
                views.append(next(steps).half())
            yield Update("teacher's logits", len(views), len(recipe.views))
        write_table(path, torch.stack(views))
    return path


def table_path(teacher: str, recipe: Recipe, images: ImageSet, folder: Path, work: Path) -> Path:
    """Where ``teacher_table`` keeps the logits: the name tells weights, views and images apart."""
    fingerprint = card(teacher, folder).sha256[:12]
    return work / f"{teacher}-{fingerprint}-{recipe.views_key}-{len(images)}-{images.key}.safetensors"


def store_logits(names: Sequence[str], folder: Path = SHIPPED) -> Iterator[str]:
    """Compute and store the logits of these checkpoints on the validation images; yields each name when done.

    Each has a file of its own, so that a new checkpoint leaves the files of the others as they are.
    """
    images = DATA.load("validation")
    for name in names:
        values = logits(load(name, folder), images.batches())
        write_tensors(LOGITS, {card(name, folder).sha256: values}, images, f"logits-{name}", folder)
        yield name


def store_view_logits(teacher: str, recipe: Recipe, folder: Path = SHIPPED) -> Iterator[int]:
    """Compute and store a teacher's logits of every view of the training images, float16; yields each number."""
    images, views = DATA.load("training"), list[Tensor]()
    for number, scores in enumerate(view_logits(load(teacher, folder), images, recipe)):
        views.append(scores.half())
        yield number
    stacked = {card(teacher, folder).sha256: torch.stack(views)}
    write_tensors(recipe.views_key, stacked, images, "logits-shard-views", folder)
