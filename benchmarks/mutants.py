"""Mutation testing of the pure engine modules, by hand: ``python -m benchmarks.mutants`` (``make mutants``).

mutmut plants one small bug at a time (a sign, a constant, an argument left out) into the modules that
``[tool.mutmut]`` in pyproject.toml names, and runs the tests that reach it: a mutant that no test notices
survives. It takes the better part of an hour of one core, at the lowest priority. What survives, and why, is
written down in MUTANTS.md.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("mutants")  # where mutmut works; not committed
AIM = 0.9
# mutmut's exit codes of the tests: 1 and 3 when they fail; time that runs out (SIGXCPU) is noticed as well.
KILLED = (1, 3, 36, 24, -24, 152, 255)


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


def read_scores(folder: Path = FOLDER) -> tuple[ModuleScore, ...]:
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


def _mutmut(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mutmut", *arguments]
    shown = None if arguments[0] == "run" else subprocess.PIPE
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, stdout=shown, text=True, env=environment, check=False)  # noqa: S603 (our words)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for, print the scores and the survivors; 0 when the aim holds, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__)
    parser.add_argument(
        "names", nargs="*", help="mutants to run again, as printed; all from the start if none"
    )
    parser.add_argument("--show", action="store_true", help="run nothing, print what the last run has left")
    options = parser.parse_args(arguments)
    os.nice(15)
    if not options.show:
        if not options.names:
            shutil.rmtree(FOLDER, ignore_errors=True)
        _mutmut("run", "--max-children", "1", *options.names)
    scores = read_scores()
    for name in _all_survivors(scores):
        print("\n".join(line for line in _mutmut("show", name).stdout.splitlines() if line[:1] in "#-+"))
    print(score_rows(scores))
    killed, mutants = sum(score.killed for score in scores), sum(score.mutants for score in scores)
    return 0 if mutants and killed / mutants >= AIM else 1


if __name__ == "__main__":
    sys.exit(main())
