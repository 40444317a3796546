"""``repair`` in a terminal: what it stores, and that it goes on."""

import json
import shutil
from pathlib import Path

import pytest

from explorer.__main__ import main
from explorer.checkpoints import SHIPPED
from explorer.verify.kinds import KINDS


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    for name in ("manifest.json", "student-5k-kd.safetensors"):
        shutil.copy(SHIPPED / name, tmp_path / name)
    return tmp_path


def test_it_stores_each_row_and_goes_on(shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["repair", "student-5k-kd", "--checkpoints", str(shipped), "--evidence", "--images", "50"]
    asked += ["--shard", "200", "--epochs", "1"]
    assert main([*asked, "--ratios", "0.5"]) == 0
    (file,) = (shipped / "evidence").glob("repair-*.json")
    first = json.loads(file.read_text(encoding="utf-8"))
    assert [row["repair"] for row in first["rows"]] == ["fine-tuned", "none", "re-fitted", "recalibrated"]
    assert first["kind"] in KINDS
    capsys.readouterr()
    assert main([*asked, "--ratios", "0.5,0.8"]) == 0
    printed = capsys.readouterr().out
    assert "Counted on 50 test images, each class by its share." in printed
    assert " 0.8 " in printed
    assert " 0.5 " not in printed, "these rows were there"
    second = json.loads(file.read_text(encoding="utf-8"))
    assert len(second["rows"]) == 8
    assert all(row in second["rows"] for row in first["rows"])
    assert main([*asked[:-4], "--images", "60", "--shard", "200", "--epochs", "1"]) == 2
    assert "delete it to begin anew" in capsys.readouterr().err
