import json
import shutil
from pathlib import Path

import pytest

from benchmarks import planting
from benchmarks.mutants import ModuleScore, difference, plant_all, read_scores, score_rows
from benchmarks.planting import undecorate


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


DECORATED = '''
def twice(function):
    return lambda *values: 2 * function(*values)


def more(step):
    return lambda function: lambda *values: step + function(*values)


@more(1)
@twice
def five():
    return 5


class Box:
    @property
    def side(self):
        """A docstring."""
        return 3

    @staticmethod
    def area(side): return side**2

    def plain(self):
        @twice
        def inner():
            return 4

        return inner()
'''


def test_a_module_without_decorators_does_what_it_did() -> None:
    plain = undecorate(DECORATED)
    assert [line.strip() for line in plain.splitlines() if line.strip().startswith("@")] == ["@twice"], (
        "mutmut mutates the inside of a function whole"
    )
    for source in (DECORATED, plain):
        names: dict = {}
        exec(source, names)  # noqa: S102 (the words above)
        box = names["Box"]()
        assert (names["five"](), box.side, box.area(4), box.plain()) == (11, 3, 16, 8)


SOURCE = """
from functools import cache


@cache
def double(number):
    return 2 * number


def untested(number):
    return number + 1
"""
TESTS = """
from explorer.small import double


def test_double():
    assert double(4) == 8
"""


def test_mutants_are_planted_in_a_copy_and_what_no_test_notices_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("explorer", "tests", "checkpoints"):
        Path(folder).mkdir()
    shutil.copytree(Path(planting.__file__).parent, "benchmarks")
    Path("explorer/small.py").write_text(SOURCE, encoding="utf-8")
    Path("tests/test_small.py").write_text(TESTS, encoding="utf-8")
    Path("streamlit_app.py").touch()
    Path("pyproject.toml").write_text(
        """
        [tool.pytest.ini_options]
        pythonpath = ["."]
        [tool.mutmut]
        source_paths = ["explorer"]
        only_mutate = ["explorer/small.py"]
        also_copy = ["benchmarks"]
        process_isolation = "forkserver"
        use_git_change_detection = false
        pytest_add_cli_args = ["-p", "no:cacheprovider"]
        pytest_add_cli_args_test_selection = ["tests"]
        """,
        encoding="utf-8",
    )
    assert plant_all([])
    (score,) = read_scores()
    changes = [difference(score.module, name).splitlines()[1:] for name in score.survivors]
    assert score.mutants > score.killed > 0, "double, though it is decorated"
    assert changes == [
        ["-    return number + 1", "+    return number - 1"],
        ["-    return number + 1", "+    return number + 2"],
    ]
    Path("tests/test_small.py").write_text(
        TESTS
        + "\nfrom explorer.small import untested\n\n\ndef test_untested():\n    assert untested(1) == 2\n",
        encoding="utf-8",
    )
    assert plant_all(score.survivors)
    assert read_scores() == (ModuleScore("explorer/small.py", score.mutants, ()),)
    Path("tests/test_small.py").write_text("def test_broken():\n    assert False\n", encoding="utf-8")
    assert not plant_all([]), "tests that fail without a mutant say nothing"
