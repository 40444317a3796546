"""Mutation testing of the pure engine modules, by hand: ``python -m benchmarks.mutants`` (``make mutants``).

mutmut plants one small bug at a time (a sign, a constant, an argument left out) into the modules that
``[tool.mutmut]`` in pyproject.toml names, and the tests that reach it run: a mutant that no test notices
survives. It takes about half an hour of one core, at the lowest priority. What survives, and why, is written
down in MUTANTS.md.
"""

import argparse
import difflib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.planting import MUTANTS, function_sources, undecorate

FOLDER = Path("mutants")  # a private copy of the repository; not committed
RESULTS = FOLDER / "mutants"  # where mutmut works in it
PARTS = ("explorer", "tests", "benchmarks", "checkpoints")
AIM = 0.9
# Exit codes of tests that fail; time that runs out (SIGXCPU) and a crash are noticed as well. Mutmut's own runner
# has a few more of them.
KILLED = (1, 3, 36, 24, -24, -9, -11, -6, 152, 255)


@dataclass(frozen=True)
class ModuleScore:
    """The mutants of one module: how many there are, and the names of those that no test noticed."""

    module: str
    mutants: int
    survivors: tuple[str, ...]

    @property
    def killed(self) -> int:
        """How many were noticed."""
        return self.mutants - len(self.survivors)


def read_scores(folder: Path = RESULTS) -> tuple[ModuleScore, ...]:
    """The score of each mutated module, in the order of their paths; a mutant not yet run counts as a survivor."""
    scores = []
    for path in sorted(folder.rglob("*.py.meta")):
        codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        if codes:
            survivors = tuple(name for name, code in codes.items() if code not in KILLED)
            module = str(path.relative_to(folder)).removesuffix(".meta")
            scores.append(ModuleScore(module, len(codes), survivors))
    return tuple(scores)


def score_rows(scores: Sequence[ModuleScore]) -> str:
    """The scores as a Markdown table with a row for all of them."""
    whole = ModuleScore("**all**", sum(score.mutants for score in scores), _all_survivors(scores))
    lines = ["| Module | Mutants | Killed | Survive | Score |", "|---|---:|---:|---:|---:|"]
    lines += [
        f"| {score.module} | {score.mutants} | {score.killed} | {len(score.survivors)} | "
        f"{score.killed / score.mutants:.1%} |"
        for score in (*scores, whole)
    ]
    return "\n".join(lines)


def _all_survivors(scores: Sequence[ModuleScore]) -> tuple[str, ...]:
    return tuple(name for score in scores for name in score.survivors)


def difference(module: str, name: str, folder: Path = RESULTS) -> str:
    """What a mutant changes, as the changed lines before and after."""
    functions = function_sources((folder / module).read_text(encoding="utf-8"))
    mutant = name.rpartition(".")[2]
    before, after = functions[mutant.rpartition("__mutmut_")[0] + "__mutmut_orig"], functions[mutant]
    lines = list(difflib.unified_diff(before[1:], after[1:], n=0, lineterm=""))[2:]
    return "\n".join([f"# {name}", *(line for line in lines if not line.startswith("@@"))])


def plant_all(names: Sequence[str]) -> bool:
    """Make the mutants anew and run the tests on those that are named, or all; whether that went to the end."""
    if not names:
        shutil.rmtree(FOLDER, ignore_errors=True)
    for part in PARTS:
        shutil.rmtree(FOLDER / part, ignore_errors=True)
        shutil.copytree(part, FOLDER / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("pyproject.toml", "streamlit_app.py"):
        shutil.copy(part, FOLDER)
    configuration = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    for pattern in configuration["only_mutate"]:
        for path in FOLDER.glob(pattern):
            path.write_text(undecorate(path.read_text(encoding="utf-8")), encoding="utf-8")
    # Which tests reach which function is noted anew, since there may be new tests.
    (RESULTS / "mutmut-stats.json").unlink(missing_ok=True)
    shutil.rmtree(RESULTS / "tests", ignore_errors=True)
    environment = os.environ | {"OMP_NUM_THREADS": "1", MUTANTS: " ".join(names)}
    tests = [
        *configuration["pytest_add_cli_args"],
        *configuration["pytest_add_cli_args_test_selection"],
    ]
    plant = ["-m", "pytest", "--rootdir=.", "-q", "-s", "--tb=no", "-p", "benchmarks.planting", *tests]
    for folder, words in ((FOLDER, ["-m", "benchmarks.planting"]), (RESULTS, plant)):
        command = [sys.executable, *words]
        if subprocess.run(command, cwd=folder, env=environment, check=False).returncode:  # noqa: S603 (our words)
            return False
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for, print the scores and the survivors; 0 when the aim holds, 1 when not, 2 without a run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__)
    parser.add_argument(
        "names", nargs="*", help="mutants to run again, as printed; all from the start if none"
    )
    parser.add_argument("--again", action="store_true", help="run again what survived the last run")
    parser.add_argument("--show", action="store_true", help="run nothing, print what the last run has left")
    options = parser.parse_args(arguments)
    os.nice(15)
    names = list(_all_survivors(read_scores())) if options.again else options.names
    if not options.show and not plant_all(names):
        print("The mutants could not be run: do the tests that pyproject.toml names pass?", file=sys.stderr)
        return 2
    scores = read_scores()
    for score in scores:
        for name in score.survivors:
            print(difference(score.module, name))
    print(score_rows(scores))
    killed, mutants = sum(score.killed for score in scores), sum(score.mutants for score in scores)
    return 0 if mutants and killed / mutants >= AIM else 1


if __name__ == "__main__":
    sys.exit(main())
