"""Training on a folder of the user's from the terminal."""

import json
from pathlib import Path

import pytest
import torch

from explorer import checkpoints
from explorer.__main__ import main
from explorer.checkpoints import open_checkpoint
from explorer.networks import StudentNet, StudentSpec, parameter_count


@pytest.fixture
def common(dishes: Path, tmp_path: Path) -> list[str]:
    folders = ["--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    return ["--data", str(dishes), "--size", "32", "--epochs", "1", "--batch-size", "8", *folders]


def test_a_teacher_and_its_student_are_trained_and_verified_on_the_users_images(
    common: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], dishes: Path
) -> None:
    out, ckpt = tmp_path / "out", tmp_path / "ckpt" / "resnet18_teacher.ckpt"
    assert main(["train", "mine", "--network", "resnet18", "--ckpt", str(ckpt), *common]) == 0
    (found,) = open_checkpoint(ckpt)
    entry, opened = found.card, found.model
    assert (entry.network, entry.classes) == ("resnet18", 3)
    assert isinstance(torch.load(ckpt, weights_only=True), dict), "a plain state_dict"
    stored = checkpoints.load("mine", out).state_dict()
    assert all(torch.equal(tensor, stored[key]) for key, tensor in opened.state_dict().items())
    card = checkpoints.card("mine", out)
    assert card.measured_on == "dishes, validation, all 6 images at 32 pixels"
    assert (card.images, card.input_size, card.recipe["erase"]) == (6, 32, 8)
    assert "dishes, training" in card.dataset
    student = ["--stem", "4", "--widths", "4,4,4,4", "--teacher", "mine"]
    assert main(["train", "taught", *student, *common]) == 0
    assert checkpoints.card("taught", out).distillation["teacher"] == "mine"
    assert checkpoints.card("taught", out).recipe["erase"] == 0
    capsys.readouterr()
    assert main(["verify", "--checkpoints", str(out), "--data", str(dishes)]) == 0
    said = capsys.readouterr().out
    assert "mine: sha256; " in said
    assert "taught: sha256; " in said
    assert said.endswith(" claims hold, 0 differ.\n")
    assert main(["verify", "--checkpoints", str(out)]) == 2
    assert "name their folder with --data" in capsys.readouterr().err
    assert main(["verify", "--checkpoints", str(out), "--data", str(dishes), "--images", "4"]) == 2
    assert "choose another folder or number" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "mine"], "Give your own as --network, or resnet18, or --stem and --widths"),
        (["train", "teacher"], "is a recipe for Fashion-MNIST: give your network another name"),
        (["train", "mine", "--network", "resnet18", "--size", "8"], "fed at 32 to 512 pixels, not 8"),
        (["train", "mine", "--network", "resnet18", "--batch-size", "64"], "take a smaller batch"),
    ],
)
def test_bad_input_ends_with_one_sentence_and_status_2(
    arguments: list[str], sentence: str, common: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments[:2], *common, *arguments[2:]]) == 2
    assert sentence in capsys.readouterr().err


def test_a_folder_without_training_images_is_checked(
    dishes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    only = dishes.parent / "only" / "validation"
    only.mkdir(parents=True)
    for number in range(4):
        (only / f"{number % 2}_{number}.png").write_bytes((dishes / "soup" / "1.png").read_bytes())
    assert main(["data", "check", "--data", str(only.parent), "--size", "32"]) == 0
    assert "4 validation images opened" in capsys.readouterr().out


def test_the_check_tells_of_the_networks_beside_the_images(
    dishes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, classes in (("student.ckpt", 3), ("outputs/run-1/best.pth.tar", 4)):
        (dishes / name).parent.mkdir(parents=True, exist_ok=True)
        torch.save(StudentNet(StudentSpec(4, (4, 5, 6, 7), classes)).state_dict(), dishes / name)
    (dishes / "broken.ckpt").write_bytes(b"x")
    assert main(["data", "check", "--data", str(dishes), "--size", "32"]) == 0
    lines = capsys.readouterr().out.splitlines()
    count = parameter_count(StudentNet(StudentSpec(4, (4, 5, 6, 7), 3)))
    at = lines.index(f"student.ckpt: StudentNet (4; 4, 5, 6, 7), 3 classes, {count:,} parameters")
    assert lines[at + 1].startswith(
        "  Its names and shapes are those of StudentNet. What they do not tell is assumed:"
    )
    assert lines[at + 2].startswith("outputs/run-1/best.pth.tar: StudentNet (4; 4, 5, 6, 7), 4 classes")
    assert lines[at + 4].startswith("outputs/run-1/best.pth.tar tells 4 classes apart and dishes")
    assert lines[at + 5 :] == ["broken.ckpt cannot be read: it is truncated or not a checkpoint."]
    assert main(["data", "check", "--data", str(dishes), "--size", "32", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [each["file"] for each in facts["networks"]] == ["student.ckpt", "outputs/run-1/best.pth.tar"]
    assert [each["file"] for each in facts["refused"]] == ["broken.ckpt"]
