from dataclasses import replace
from pathlib import Path

import pytest

from explorer.__main__ import main
from explorer.checkpoints import SHIPPED, card, load
from explorer.checkpoints.evidence import find_rows
from explorer.data import BUNDLED
from explorer.measure import logits
from explorer.pruning import examine, forms
from explorer.pruning.forms import Form
from explorer.pruning.sensitivity import Cell
from explorer.workspace import open_workspace


def test_the_shipped_map_of_the_student_starts_from_its_dense_accuracy() -> None:
    stored = open_workspace(BUNDLED).find_rows("sensitivity", Cell, "student-60k-kd")
    assert stored is not None
    cell = stored.rows[0]
    assert cell.total == stored.images
    test = stored.choose(BUNDLED.load("test"))
    assert test.is_stratified
    scores = logits(load("student-60k-kd"), test.inputs())
    assert int((scores.argmax(1) == test.targets()).sum()) == cell.dense_correct


def test_the_terminal_stores_what_the_page_opens_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The clock is left out here, since a test machine may be too busy for it."""
    for name in ("manifest.json", "student-60k.safetensors"):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    timed = Form("dense", 1, 2, 3, 3, 4, 5, 6, 7.0, 6.0, 8.0, False)
    monkeypatch.setattr(forms, "forms", lambda *_, **__: iter([timed]))
    arguments = ["examine", "student-60k", "--images", "4", "--checkpoints", str(tmp_path)]
    about = card("student-60k").sha256, BUNDLED.key_of("test")
    assert main([*arguments, "--untimed"]) == 0
    assert find_rows("forms", Form, *about, tmp_path) is None
    assert main(arguments) == 0
    assert "layer1.0 at 50%" in capsys.readouterr().out
    cells = find_rows("sensitivity", Cell, *about, tmp_path)
    assert cells is not None
    assert cells.images == cells.rows[0].total == 4
    stored = find_rows("forms", Form, *about, tmp_path)
    assert stored is not None
    assert (stored.rows, stored.settings) == (
        (timed,),
        {"ratio": examine.RATIO, "training": BUNDLED.key_of("training")},
    )
    monkeypatch.setattr(forms, "forms", lambda *_, **__: iter([replace(timed, ms=None, busy=True)]))
    assert main(arguments) == 2
    assert "not stored: try again" in capsys.readouterr().err
