"""What the terminal's options come to: the plan that is measured, the run that is trained, and on which images."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from explorer.__main__ import main
from explorer.checkpoints import card, sha256
from explorer.data import BUNDLED
from explorer.distillation.loss import loss_fn_kd
from explorer.networks import StudentNet, StudentSpec
from explorer.pruning.plan import SweepSettings


class Stopped(Exception):  # noqa: N818 (no error: the command has come to its work)
    pass


def test_every_option_of_prune_reaches_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def stop(instrument: object, spec: Any) -> None:
        asked.append(spec)
        raise Stopped

    monkeypatch.setattr("explorer.pruning.command.run_instrument", stop)
    options = [
        "--method",
        "channels-l2",
        "--ratios",
        "0.2,0.4",
        "--images",
        "70",
        "--repeats",
        "4",
        "--seed",
        "6",
        "--seeds",
        "3",
    ]
    options += ["--recalibrate", "2", "--finetune", "30", "--no-baseline"]
    with pytest.raises(Stopped):
        main(["prune", "student-5k", *options])
    (spec,) = asked
    training = BUNDLED.key_of("training")
    assert spec.settings == SweepSettings(
        ("channels-l2",), (0.2, 0.4), "cpu", 4, 6, "float32", 2, 30, seeds=3, images=70, training=training
    )
    assert spec.network.card.sha256 == card("student-5k").sha256
    assert (spec.use, spec.images) == ("test", BUNDLED.key_of("test"))


def test_a_training_gets_the_training_images_and_the_loss_that_its_options_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Any] = []

    def stop(run: Any, loss: Any, images: Any, validation: Any, test: Any, **folders: Path) -> Iterator[None]:
        asked.append((run, loss, images, validation, test, folders))
        raise Stopped
        yield

    monkeypatch.setattr("explorer.distillation.train_command.execute", stop)
    common = ["--stem", "4", "--widths", "4,5,6,7", "--out", str(tmp_path / "out")]
    common += ["--epochs", "3", "--max-lr", "0.07", "--seed", "9", "--batch-size", "48"]
    taught = ["--teacher", "teacher", "--alpha", "0.3", "--temperature", "3"]
    monkeypatch.setattr(
        type(BUNDLED), "read_all_training", lambda self, folder=None: self.read("training"), raising=True
    )
    for arguments in (common, [*common, *taught]):
        with pytest.raises(Stopped):
            main(["train", "mine", *arguments])
    torch.manual_seed(0)
    z, v, labels = torch.randn(8, 10), torch.randn(8, 10), torch.arange(8)
    for (run, loss, images, validation, test, folders), alpha in zip(asked, (0.0, 0.3), strict=True):
        keys = (images.key, validation.key, test.key)
        assert keys == tuple(BUNDLED.key_of(use) for use in ("training", "validation", "test"))
        recipe = run.recipe
        assert (recipe.epochs, recipe.max_lr, recipe.seed, recipe.batch_size) == (3, 0.07, 9, 48)
        assert (run.spec.stem, run.spec.widths) == (4, (4, 5, 6, 7))
        assert folders["out"] == tmp_path / "out"
        expected = loss_fn_kd(z, labels, v, alpha, 3.0)
        assert torch.allclose(loss(z, labels, v), expected)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A checkpoint of the user's, for the bundled images."""
    torch.manual_seed(0)
    torch.save(StudentNet(StudentSpec(4, (4, 5, 6, 7), classes=10)).state_dict(), tmp_path / "own.ckpt")
    return tmp_path / "own.ckpt"


@pytest.mark.parametrize("command", ["prune", "examine"])
def test_a_network_of_ones_own_is_what_a_command_works_on(
    command: str, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def stop(source: Any, *_: object, **__: object) -> None:
        asked.append(getattr(source, "network", source).card.sha256)
        raise Stopped

    monkeypatch.setattr("explorer.pruning.command.run_instrument", lambda _, spec: stop(spec))
    monkeypatch.setattr("explorer.pruning.command.examine", stop)
    for named, weights in (([], sha256(own)), (["student-5k"], card("student-5k").sha256)):
        with pytest.raises(Stopped):
            main([command, *named, "--network", str(own), "--images", "20"])
        assert asked.pop() == weights


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Name a network, or give your own with --network."),
        (["--network", "nowhere.ckpt"], "There is no file nowhere.ckpt"),
        (["nobody", "--network", "OWN"], "There is no network 'nobody' here; there are own.ckpt, "),
        (["--network", "ELEVEN"], "eleven.ckpt tells 11 classes apart and Fashion-MNIST, shipped has 10"),
    ],
)
def test_a_network_that_cannot_be_worked_on_is_told(
    arguments: list[str], sentence: str, own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    eleven = own.with_name("eleven.ckpt")
    torch.save(StudentNet(StudentSpec(4, (4, 5, 6, 7), classes=11)).state_dict(), eleven)
    files = {"OWN": str(own), "ELEVEN": str(eleven)}
    assert main(["prune", *(files.get(each, each) for each in arguments)]) == 2
    assert sentence in capsys.readouterr().err


def test_a_report_is_on_the_network_of_ones_own(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def stop(architecture: Any, _: object, pruning: Any, workspace: Any) -> None:
        asked.append((architecture.spec, workspace.source(pruning.network).card.sha256))
        raise Stopped

    monkeypatch.setattr("explorer.report.command.report_subject", stop)
    with pytest.raises(Stopped):
        main(["report", "--network", str(own)])
    assert asked == [(StudentSpec(4, (4, 5, 6, 7), classes=10), sha256(own))]
