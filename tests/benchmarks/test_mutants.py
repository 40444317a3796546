import json
from pathlib import Path

from benchmarks.mutants import ModuleScore, read_scores, score_rows


def test_the_scores_are_read_and_what_was_not_run_or_not_noticed_survives(tmp_path: Path) -> None:
    for module, codes in {
        "a/loss.py": {"x": 1, "y": 0, "z": -24},
        "b.py": {"u": None, "v": 33, "w": 3},
    }.items():
        path = tmp_path / f"{module}.meta"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"exit_code_by_key": codes}), encoding="utf-8")
    (tmp_path / "empty.py.meta").write_text('{"exit_code_by_key": {}}', encoding="utf-8")
    scores = read_scores(tmp_path)
    assert scores == (ModuleScore("a/loss.py", 3, ("y",)), ModuleScore("b.py", 3, ("u", "v")))
    assert score_rows(scores).splitlines()[2:] == [
        "| a/loss.py | 3 | 2 | 1 | 66.7% |",
        "| b.py | 3 | 1 | 2 | 33.3% |",
        "| **all** | 6 | 3 | 3 | 50.0% |",
    ]
