import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from explorer import checkpoints
from explorer.__main__ import main
from explorer.data import BUNDLED
from explorer.data.fashion_mnist import FashionMNIST
from explorer.terminal import counted_images
from explorer.workspace import open_workspace
from tests.data.conftest import dishes  # noqa: F401 (a fixture)


def test_a_training_that_is_terminated_goes_on_where_it_was(
    dishes: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a real SIGTERM, in a process of its own; the weights are then those of a training in one go."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # Sums over more threads are rounded in another order: the process has as many as the tests.
    monkeypatch.setenv("OMP_NUM_THREADS", str(torch.get_num_threads()))

    def options(part: str, *more: str) -> list[str]:
        where = ["--out", str(tmp_path / part), "--work", str(tmp_path / f"{part}-work")]
        network = ["--stem", "4", "--widths", "4,8,8,8", "--size", "32", "--data", str(dishes)]
        return ["train", "mine", *network, "--epochs", "12", "--batch-size", "4", *where, *more]

    state = tmp_path / "ended-work" / "mine.1.resume.pt"
    command = [sys.executable, "-m", "explorer", *options("ended")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as training:
        while not state.exists() and training.poll() is None:
            time.sleep(0.01)
        training.send_signal(signal.SIGTERM)
        _, said = training.communicate(timeout=60)
    assert training.returncode == -signal.SIGTERM
    assert "Traceback" not in said
    done = torch.load(state)["epochs_done"]
    assert 1 <= done < 12
    assert main(options("ended")) == 0
    assert main(options("whole")) == 0
    ended, whole = (checkpoints.card("mine", tmp_path / part).sha256 for part in ("ended", "whole"))
    assert ended == whole
    assert not state.exists()


def test_a_network_can_be_trained_distilled_and_verified(
    originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole path on a small stand-in: labels alone, then a student of that network, then verify."""
    small = FashionMNIST(tmp_path / "bundle")
    list(small.build(originals))
    real = FashionMNIST.load
    monkeypatch.setattr(FashionMNIST, "load", lambda self, use: real(small, use).select(slice(20)))
    out, work = tmp_path / "out", tmp_path / "work"
    common = ["--stem", "2", "--widths", "2,3,4,4", "--epochs", "1", "--batch-size", "250"]
    common += ["--data", str(originals), "--out", str(out), "--work", str(work)]
    assert main(["train", "plain", *common]) == 0
    assert (
        main(["train", "taught", *common, "--teacher", "plain", "--alpha", "0.5", "--temperature", "2"]) == 0
    )
    card = checkpoints.card("taught", out)
    assert card.distillation == {"teacher": "plain", "alpha": 0.5, "temperature": 2.0}
    assert card.recipe["epochs"] == 1
    assert "1,000 images" in card.dataset
    assert [path.suffix for path in work.iterdir()] == [".safetensors"], "a finished run leaves no state"
    capsys.readouterr()
    assert main(["verify", "--json", "--checkpoints", str(out)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(dict.fromkeys(finding["of"] for finding in found)) == ["plain", "taught"]
    assert set(found[0]) == {"of", "claim", "verdict", "found"}

    manifest = out / "manifest.json"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(
        text.replace(f'"test_accuracy": {card.test_accuracy}', '"test_accuracy": 0.99'), encoding="utf-8"
    )
    assert main(["verify", "--checkpoints", str(out)]) == 1
    assert "DIFFERS" in capsys.readouterr().out


def test_shipped_cards_hold_on_all_test_images(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "student-60k", "student-60k-kd", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {finding["verdict"] for finding in found} == {"holds", "not checked"}
    for name in ("student-60k", "student-60k-kd"):
        card = checkpoints.card(name)
        held = {each["claim"] for each in found if (each["of"], each["verdict"]) == (name, "holds")}
        assert {
            f"validation accuracy {card.validation_accuracy:.4f}",
            f"test accuracy {card.test_accuracy:.4f}",
            "logits of 5,000 images",
        } <= held
    assert "wall-student-60k-kd.json" in {finding["of"] for finding in found}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "mine"], "or --stem and --widths"),
        (["train", "teacher", "--stem", "3"], "a name of its own"),
        (["train", "student-60k", "--alpha", "0.5"], "has no teacher"),
        (["train", "student-60k-kd", "--alpha", "2"], "between 0 and 1"),
        (["train", "mine", "--stem", "0", "--widths", "1,2,3,4"], "between 1 and 1024"),
        (["verify", "nobody"], "no checkpoint 'nobody'"),
    ],
)
def test_bad_input_ends_with_one_sentence_and_status_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "command", ["", "train", "verify", "prune", "examine", "report", "grid", "study", "evidence", "data"]
)
def test_no_help_names_a_data_set(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([*([command] if command else []), "--help"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert not any(name in said for name in (BUNDLED.name, "Food-11")), said


def options_of(command: str, capsys: pytest.CaptureFixture[str]) -> set[str]:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    return set(re.findall(r"--[a-z-]+", capsys.readouterr().out))


def test_data_networks_and_images_are_named_alike_in_every_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for command in ("verify", "prune", "examine", "report"):
        assert {"--data", "--images", "--checkpoints"} <= options_of(command, capsys)
    for command in ("prune", "examine", "report", "train", "data"):
        assert {"--data", "--images", "--size", "--training-images"} <= options_of(command, capsys)


def test_a_report_and_a_pruning_take_networks_from_the_folder_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("teacher", "student-5k"):
        torch.save(checkpoints.load(name).state_dict(), tmp_path / f"{name}.ckpt")
    counted = ["--images", "20", "--ratios", "0", "--no-baseline", "--repeats", "0", "--json"]
    right = []
    for network in (["student-5k"], ["student-5k.ckpt", "--checkpoints", str(tmp_path)]):
        assert main(["prune", *network, "--method", "global-l1", *counted]) == 0
        right.append(json.loads(capsys.readouterr().out)[0]["correct"])
    assert right[0] == right[1]
    assert main(["prune", "student-5k", "--checkpoints", str(tmp_path), *counted]) == 2
    assert "no network 'student-5k' here" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [["verify"], ["prune", "teacher"], ["report"], ["examine", "teacher"], ["grid"], ["study"]]
)
def test_a_folder_of_networks_that_is_not_there_is_told(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--checkpoints", "nowhere"]) == 2
    assert "There is no folder nowhere." in capsys.readouterr().err


def test_a_difference_in_the_parameters_alone_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = json.loads((checkpoints.SHIPPED / "manifest.json").read_text(encoding="utf-8"))
    entry = next(entry for entry in manifest["checkpoints"] if entry["name"] == "student-5k")
    (tmp_path / "student-5k.safetensors").write_bytes(
        (checkpoints.SHIPPED / "student-5k.safetensors").read_bytes()
    )
    for params, status in ((entry["params"], 0), (entry["params"] + 1, 1)):
        text = json.dumps({"checkpoints": [entry | {"params": params}]})
        (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
        assert main(["verify", "--checkpoints", str(tmp_path)]) == status
    said = capsys.readouterr().out
    assert f"{entry['params'] + 1:,} parameters: there are {entry['params']:,}: DIFFERS" in said
    assert said.endswith(" claims hold, 1 differs.\n")


def test_what_is_claimed_of_a_network_of_the_users_is_counted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = FashionMNIST.load
    monkeypatch.setattr(FashionMNIST, "load", lambda self, use: real(self, use).select(slice(20)))
    mine = tmp_path / "mine.ckpt"
    torch.save(checkpoints.load("student-5k").state_dict(), mine)
    command = ["verify", "--network", str(mine)]
    assert main([*command, "--json"]) == 0
    (finding,) = json.loads(capsys.readouterr().out)
    assert finding["verdict"] == "not checked"
    counted = re.fullmatch(r"a test accuracy \((0\.\d{4}), (\d+) of 20 images\)", finding["claim"])
    assert counted
    accuracy = int(counted[2]) / 20
    assert float(counted[1]) == accuracy
    assert main([*command, "--claim", f"{accuracy:.4f}"]) == 0
    assert f"test accuracy {accuracy:.4f}: holds" in capsys.readouterr().out
    assert main([*command, "--claim", f"{accuracy - 0.05:.4f}"]) == 1
    assert "DIFFERS" in capsys.readouterr().out
    for wrong in (["verify", "--claim", "0.9"], [*command, "--claim", "90"]):
        assert main(wrong) == 2
        assert "an accuracy from 0 to 1" in capsys.readouterr().err


def test_accuracies_are_counted_on_each_class_by_its_share() -> None:
    workspace, test = open_workspace(BUNDLED), BUNDLED.load("test")
    assert (
        counted_images(workspace, "test", 100).key == test.stratified(100).key != test.select(slice(100)).key
    )
