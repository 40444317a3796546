import json
from dataclasses import replace
from pathlib import Path

import pytest

from explorer.__main__ import main
from explorer.checkpoints import SHIPPED, load
from explorer.data import BUNDLED
from explorer.errors import ExplorerError
from explorer.measure import logits
from explorer.pruning import stored
from explorer.pruning.forms import Form
from explorer.pruning.sensitivity import Cell


def test_a_stored_result_is_only_shown_for_the_weights_it_was_computed_on(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes((SHIPPED / "manifest.json").read_bytes())
    cells = (Cell("conv1", 0.5, 10, 8, 9, 10),)
    path = stored.write("sensitivity", cells, "student-60k", None, tmp_path)
    found = stored.read("sensitivity", Cell, "student-60k", tmp_path)
    assert found is not None
    assert found.rows == cells
    assert found.checkpoint == "student-60k"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | {"sha256": "other"}), encoding="utf-8")
    assert stored.read("sensitivity", Cell, "student-60k", tmp_path) is None
    assert stored.read("sensitivity", Cell, "teacher", tmp_path) is None
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ExplorerError, match="compute it again"):
        stored.read("sensitivity", Cell, "student-60k", tmp_path)


def test_the_shipped_map_of_the_student_starts_from_its_dense_accuracy() -> None:
    found = stored.read("sensitivity", Cell, "student-60k-kd")
    assert found is not None
    cell = found.rows[0]
    test = BUNDLED.load("test").select(slice(cell.total))
    scores = logits(load("student-60k-kd"), test.inputs())
    assert int((scores.argmax(1) == test.targets()).sum()) == cell.dense_correct


def test_the_terminal_stores_what_the_page_opens_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The clock is left out here, since a test machine may be too busy for it."""
    for name in ("manifest.json", "student-60k.safetensors"):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    timed = Form("dense", 1, 2, 3, 3, 4, 5, 6, 7.0, 6.0, 8.0, False)
    monkeypatch.setattr(stored.forms, "forms", lambda *_: iter([timed]))
    arguments = ["examine", "student-60k", "--images", "4", "--checkpoints", str(tmp_path)]
    assert main(arguments) == 0
    assert "layer1.0 at 50%" in capsys.readouterr().out
    cells = stored.read("sensitivity", Cell, "student-60k", tmp_path)
    assert cells is not None
    assert cells.rows[0].total == 4
    found = stored.read("forms", Form, "student-60k", tmp_path)
    assert found is not None
    assert (found.rows, found.ratio) == ((timed,), stored.RATIO)
    monkeypatch.setattr(stored.forms, "forms", lambda *_: iter([replace(timed, ms=None, busy=True)]))
    assert main(arguments) == 2
    assert "not stored: try again" in capsys.readouterr().err
