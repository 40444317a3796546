"""A small folder of checkpoints whose claims all hold, on the first hundred bundled images."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from explorer.architecture.torchsummary import SIDE_EFFECT, SideEffectSettings
from explorer.bits.overflow import OVERFLOW, OverflowSettings
from explorer.bits.overflow import written as overflow_written
from explorer.bits.sweep import BITS, BitsSettings
from explorer.bits.sweep import written as bits_written
from explorer.checkpoints import Card, stored, write
from explorer.checkpoints.evidence import FOLDER, LOGITS, SUMS, write_rows, write_tensors
from explorer.checkpoints.reading import sha256
from explorer.data import BUNDLED
from explorer.data.fashion_mnist import FashionMNIST
from explorer.ledger import Prune, Recalibrate
from explorer.measure import accuracy, logits
from explorer.networks import StudentNet, StudentSpec, parameter_count
from explorer.pruning import repair
from explorer.pruning.forms import FORMS, FormsSettings
from explorer.pruning.homework import HOMEWORK, homework_settings
from explorer.pruning.plan import SweepSettings
from explorer.pruning.repair import REPAIR, RepairSettings
from explorer.pruning.sensitivity import SENSITIVITY, SensitivitySettings
from explorer.pruning.sweep import SWEEP
from explorer.pruning.wall import WALL, wall_settings
from explorer.runs import STUDENT_RECIPE
from explorer.runtime.compare import RUNTIMES, RuntimesSettings
from explorer.runtime.compare import written as runtimes_written
from explorer.steps.path import PATH, PathSettings, write_path
from explorer.training import view_logits
from explorer.work.instrument import InstrumentSpec, measure
from explorer.workspace import NetworkSource

SPEC = StudentSpec(3, (4, 5, 6, 7), classes=10)
IMAGES = 100


def take_few(patch: pytest.MonkeyPatch) -> None:
    """Let the bundled sets be their first images alone, under the keys of the whole ones."""
    real = FashionMNIST.load
    patch.setattr(FashionMNIST, "load", lambda self, use: real(self, use).select(slice(IMAGES)))
    patch.setattr(repair, "RECALIBRATE", 1)  # there are images for one batch
    patch.setattr(FashionMNIST, "sizes", dict.fromkeys(("training", "validation", "test"), IMAGES))


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder, to plant what is not true in."""
    take_few(monkeypatch)
    return Path(shutil.copytree(made, tmp_path / "checkpoints"))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, known_exports: None) -> Path:
    """A network, its card, and evidence of each kind that is computed."""
    target = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        take_few(patch)
        make(target)
    return target


def make(target: Path) -> None:
    """Write them."""
    validation, test = BUNDLED.load("validation"), BUNDLED.load("test")
    torch.manual_seed(0)
    model = StudentNet(SPEC).eval()
    scores = {images.name: logits(model, images.inputs()) for images in (validation, test)}
    right = {
        images.name: accuracy(scores[images.name], images.targets()).value for images in (validation, test)
    }
    entry = write(
        Card(
            name="small",
            title="Small",
            network=SPEC.kind,
            classes=10,
            params=parameter_count(model),
            dtype="float32",
            bytes=0,
            sha256="",
            dataset="nothing",
            recipe={},
            validation_accuracy=right[validation.name],
            test_accuracy=right[test.name],
            torch=torch.__version__,
            seconds=0.0,
            spec=SPEC.to_dict(),
            distillation={"teacher": "small"},
            measured_on=test.name,
            images=IMAGES,
        ),
        stored(model, torch.float32),
        target,
    )
    write_tensors(LOGITS, {entry.sha256: scores[validation.name]}, validation, "logits-small", target)
    training = BUNDLED.load("training")
    views = torch.stack([part.half() for part in view_logits(model, training, STUDENT_RECIPE)])
    write_tensors(STUDENT_RECIPE.views_key, {entry.sha256: views}, training, "views", target)
    source = NetworkSource(entry, target / entry.file)

    def spec(settings: object) -> InstrumentSpec:
        return InstrumentSpec(source, BUNDLED, "test", test.whole, settings)

    sweep = SweepSettings(
        ("random", "channels-l1"), (0.5,), repeats=1, finetune=1, images=IMAGES, training=training.whole
    )
    written = {key: value for key, value in asdict(sweep).items() if key != "images"}
    write_rows("sweep", measure(SWEEP, spec(sweep)), entry, test, target, settings=written)
    plan = wall_settings(("global-l1",), IMAGES, training.whole, ratios=(0.5,))
    told = {
        key: value
        for key, value in asdict(plan).items()
        if key not in ("methods", "ratios", "precision", "images")
    }
    write_rows("wall", measure(WALL, spec(plan)), entry, test, target, settings=told)
    write_rows(
        "sensitivity",
        measure(SENSITIVITY, spec(SensitivitySettings(IMAGES, (0.5, 0.9)))),
        entry,
        test,
        target,
    )
    forms = measure(FORMS, spec(FormsSettings(IMAGES, 0.5)))
    write_rows("forms", forms, entry, test, target, settings={"ratio": 0.5})
    rounded = BitsSettings((8, 2), (("channel", True),), (0,), images=IMAGES)
    write_rows("bits", measure(BITS, spec(rounded)), entry, test, target, settings=bits_written(rounded))
    trap = OverflowSettings(IMAGES, training.whole, 8)
    write_rows(
        "overflow", measure(OVERFLOW, spec(trap)), entry, test, target, settings=overflow_written(trap)
    )
    others = RuntimesSettings(IMAGES, training.whole, 8, 1)
    write_rows(
        "runtimes", measure(RUNTIMES, spec(others)), entry, test, target, settings=runtimes_written(others)
    )
    repairs = RepairSettings(IMAGES, ratios=(0.5,), epochs=(), training=training.whole)
    again = measure(REPAIR, spec(repairs))
    trained = replace(again[0], repair="fine-tuned", epochs=5, trained_on=IMAGES, rate=0.02)
    settings = {"seed": 0, "training": training.whole}
    write_rows("repair", (*again, trained), entry, test, target, settings=settings)
    on_validation = replace(spec(None), use="validation", images=validation.whole)
    masks = replace(homework_settings(IMAGES), ratios=(0.0, 0.5))
    curve = measure(HOMEWORK, replace(on_validation, settings=masks))
    told = {key: value for key, value in asdict(masks).items() if key != "images"}
    write_rows("homework", curve, entry, validation, target, settings=told)
    copies = measure(SIDE_EFFECT, replace(on_validation, settings=SideEffectSettings(IMAGES, (1,), 1)))
    write_rows("summary", copies, entry, validation, target)
    steps = PathSettings((Prune("channels-l1", 0.5), Recalibrate(1)), IMAGES, training.whole, repeats=0)
    write_path(measure(PATH, spec(steps)), steps, source, test, target)


@pytest.fixture
def change() -> Callable[..., None]:
    """Changes a file of evidence and writes its sha256 down anew, as somebody would who means to deceive."""

    def change(folder: Path, name: str, edit: Callable[[dict], None]) -> None:
        path, sums = folder / FOLDER / name, folder / FOLDER / SUMS
        content = json.loads(path.read_text(encoding="utf-8"))
        edit(content)
        path.write_text(json.dumps(content), encoding="utf-8")
        lines = [line for line in sums.read_text(encoding="utf-8").splitlines() if not line.endswith(name)]
        sums.write_text("\n".join([*lines, f"{sha256(path)}  {name}", ""]), encoding="utf-8")

    return change
