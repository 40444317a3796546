import json
from pathlib import Path

import pytest

from explorer import checkpoints
from explorer.__main__ import main
from explorer.data.fashion_mnist import FashionMNIST


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
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == ["plain", "taught"]
    assert set(rows[0]) == {"name", "params", "test_accuracy", "card_test_accuracy"}

    manifest = out / "manifest.json"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(
        text.replace(f'"test_accuracy": {card.test_accuracy}', '"test_accuracy": 0.99'), encoding="utf-8"
    )
    assert main(["verify", "--checkpoints", str(out)]) == 1
    assert "DIFFERS" in capsys.readouterr().out


def test_shipped_cards_hold_on_all_test_images(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "student-60k", "student-60k-kd", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == ["student-60k", "student-60k-kd"]
    for row in rows:
        assert row["test_accuracy"] == row["card_test_accuracy"]
        assert row["params"] <= 60_000


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
