"""``network open`` and ``network export`` from a terminal."""

import json
from pathlib import Path

import pytest
import torch

from explorer.__main__ import main
from explorer.checkpoints import sha256
from explorer.networks import StudentNet, StudentSpec, cost_of, parameter_count
from explorer.user_code import UserCodeError
from explorer.user_code.run import Exported
from tests.user_code.exported import Own, exported_own
from tests.user_code.test_child import write

SPEC = StudentSpec(8, (8, 12, 12, 16), classes=3)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "mine.ckpt"
    torch.save(StudentNet(SPEC).state_dict(), path)
    return path


def test_open_says_what_a_network_is(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["network", "open", str(checkpoint), "--size", "32", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    cost = cost_of(SPEC, 32)
    assert facts["name"] == "mine.ckpt"
    assert facts["sha256"] == sha256(checkpoint)
    assert (facts["parameters"], facts["multiply_adds"]) == (cost.params, cost.mult_adds)
    assert (facts["classes"], facts["input_size"], facts["channels"]) == (3, 32, 3)
    assert [group["width"] for group in facts["groups"]] == list(SPEC.channels)
    assert facts["groups"][-1]["layers"] == ["layer4.3", "layer4.4", "fc"]
    assert "activations: ReLU" in facts["notices"][0]


def test_open_says_it_in_words(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["network", "open", str(checkpoint), "--size", "224"]) == 0
    first, second, assumed, *groups = capsys.readouterr().out.splitlines()
    cost = cost_of(SPEC, 224)
    assert first == (
        f"mine.ckpt, 3 classes, {cost.params:,} parameters, {cost.mult_adds:,} multiply-adds for an image of "
        "3 x 224 x 224"
    )
    assert second == f"sha256 {sha256(checkpoint)}"
    assert assumed.startswith(
        "Its names and shapes are those of StudentNet. What they do not tell is assumed: "
    )
    assert len(groups) == 5


def test_what_cannot_be_sliced_is_said_with_the_reason(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    why = {"layer4.3": "Its channels are shuffled."}
    monkeypatch.setattr("explorer.your_data.network_command.unsliceable", lambda _: why)
    assert main(["network", "open", str(checkpoint), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unsliceable"] == why
    assert main(["network", "open", str(checkpoint)]) == 0
    assert capsys.readouterr().out.endswith("not to be sliced: layer4.3. Its channels are shuffled.\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["open", "nowhere.pt2"], "There is no file nowhere.pt2"),
        (["open", "README.md"], "README.md is not a checkpoint"),
        (["open", "nowhere.py:Net", "--json"], "There is no file nowhere.py."),
        (["export", "nowhere.py"], "There is no file nowhere.py."),
        (["export", "student.pt2"], "Name code as FILE.py or FILE.py:CLASS, not 'student.pt2'."),
        (
            ["export", "student.py", "--out", "student.onnx"],
            "The archive is a .pt2 file, not 'student.onnx'.",
        ),
    ],
)
def test_what_is_refused_ends_with_one_sentence_and_status_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["network", *arguments]) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_a_wrong_line_is_shown_before_the_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def export(code, limits):
        asked.append((code, limits))
        yield from ()
        raise UserCodeError("Net cannot be built.", 'Traceback\n  File "student.py", line 7')

    monkeypatch.setattr("explorer.your_data.network_command.export", export)
    file = write(tmp_path, "")
    out = tmp_path / "net.pt2"
    command = ["network", "export", f"{file}:Net@w.ckpt", "--size", "64", "--classes", "5", "--seconds", "9"]
    assert main([*command, "--megabytes", "2048", "--out", str(out)]) == 2
    assert capsys.readouterr().err == (
        'Traceback\n  File "student.py", line 7\npython -m explorer: Net cannot be built.\n'
    )
    assert not out.exists()
    ((code, limits),) = asked
    assert (code.file, code.name, code.checkpoint, code.size, code.classes) == (
        file,
        "Net",
        Path("w.ckpt"),
        64,
        5,
    )
    assert (limits.seconds, limits.megabytes) == (9, 2048)


def test_export_writes_the_archive_and_says_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def export(*_):
        yield from ()
        return exported_own()

    monkeypatch.setattr("explorer.your_data.network_command.export", export)
    out = tmp_path / "own.pt2"
    assert main(["network", "export", str(write(tmp_path, "")), "--size", "64", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert out.read_bytes() == exported_own().archive
    params = parameter_count(Own())
    assert said.startswith(f"{out}: Own (student.py), 10 classes, {params:,} parameters, ")
    assert main(["network", "open", str(out), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["input_size"], facts["parameters"]) == (64, params)
    assert [(group["title"], group["width"]) for group in facts["groups"]] == [
        ("first", 4),
        ("left + right", 6),
    ]
    assert f"{facts['multiply_adds']:,} multiply-adds" in said


def test_what_the_explorer_does_not_know_is_refused_at_once_and_nothing_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def export(*_):
        yield from ()
        return Exported(b"no archive", "Own", ("student.py",))

    monkeypatch.setattr("explorer.your_data.network_command.export", export)
    out = tmp_path / "own.pt2"
    assert main(["network", "export", str(write(tmp_path, "")), "--out", str(out)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not out.exists()
