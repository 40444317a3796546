"""The inside of a mutation run: mutmut makes the mutants, and a pytest plugin plants one after another.

Both work in the private copy of the repository that ``benchmarks.mutants`` makes. mutmut writes all mutants of a
function beside it, with a switch between them, and notes which tests reach the function. Its runner starts pytest
anew for every mutant; here the tests are collected once, and every mutant gets a fork of that process, which turns
the switch and runs the tests that reach it, the quickest first. That takes a fifth of the time.
"""

import ast
import json
import math
import os
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

MUTANTS = "MUTANTS"
"""The environment variable that says which mutants to plant, their names between spaces; empty: all not yet run."""

NO_TESTS = 33  # as mutmut says it


def undecorate(source: str) -> str:
    '''The same module with its decorators called after the functions, since mutmut leaves decorated ones out.

    >>> print(undecorate("""@cache
    ... def f():
    ...     return 1
    ... """))
    def f():
        return 1
    f = cache(f)
    '''
    lines, tree = source.splitlines(), ast.parse(source)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef)]
    functions = [node for body in bodies for node in body if isinstance(node, ast.FunctionDef)]
    # From the last to the first, so that the numbers of the lines above stay true.
    for node in sorted(functions, key=lambda node: -node.lineno):
        if node.decorator_list:
            made = node.name
            for decorator in reversed(node.decorator_list):
                made = f"{ast.unparse(decorator)}({made})"
            lines.insert(node.end_lineno or node.lineno, f"{' ' * node.col_offset}{node.name} = {made}")
            del lines[node.decorator_list[0].lineno - 1 : node.lineno - 1]
    return "\n".join(lines)


def function_sources(source: str) -> dict[str, list[str]]:
    """The lines of every function and method, by name; those that mutmut writes have names of their own."""
    nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))
    return {node.name: (ast.get_source_segment(source, node) or "").splitlines() for node in nodes}


def make_mutants() -> None:
    """Let mutmut write the mutants into ``mutants/`` and note which tests reach which; results that hold are kept."""
    from mutmut.__main__ import collect_or_load_stats, create_mutants, store_lines_covered_by_tests
    from mutmut.mutation.trampoline import set_mutant_under_test
    from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir, setup_source_paths
    from mutmut.workers.isolation import get_mutant_runner

    set_mutant_under_test("mutant_generation")
    Path("mutants").mkdir(exist_ok=True)
    copy_src_dir()
    copy_also_copy_files()
    setup_source_paths()
    store_lines_covered_by_tests()
    create_mutants(1)
    collect_or_load_stats(get_mutant_runner(1))


class Planter:
    """Takes the place of pytest's loop over the tests: a loop over the mutants, each in a fork.

    Its folder is that of the mutants, where mutmut's notes are and the results are written.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder, self.names = folder, names
        notes = json.loads((folder / "mutmut-stats.json").read_text(encoding="utf-8"))
        self.reaching: dict[str, list[str]] = notes["tests_by_mangled_function_name"]
        self.seconds: dict[str, float] = notes["duration_by_test"]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Plant the mutants; a run without any goes before and after, and has to pass."""
        mutants = self.wanted()
        reaching = {name: self.tests(session, name) for _, name in mutants}
        self.must_pass(session)
        for path, name in sorted(mutants, key=lambda mutant: self.duration(reaching[mutant[1]])):
            tests = reaching[name]
            code = self.plant(session, name.replace("__init__.", ""), tests) if tests else NO_TESTS
            content = json.loads(path.read_text(encoding="utf-8"))
            content["exit_code_by_key"][name] = code
            path.write_text(json.dumps(content, indent=4), encoding="utf-8")
        self.must_pass(session)
        return True

    def wanted(self) -> list[tuple[Path, str]]:
        """The mutants to plant, each with the file that its result goes into."""
        mutants = []
        for path in sorted(self.folder.rglob("*.py.meta")):
            codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
            mutants += [
                (path, name)
                for name, code in codes.items()
                if (name in self.names if self.names else code is None)
            ]
        return mutants

    def tests(self, session: pytest.Session, name: str) -> list[pytest.Item]:
        """The tests that reach the function of this mutant, the quickest first."""
        reaching = set(self.reaching.get(name.partition("__mutmut_")[0], ()))
        return self.quickest_first(item for item in session.items if item.nodeid in reaching)

    def quickest_first(self, tests: Any) -> list[pytest.Item]:
        """In the order of the time that mutmut noted."""
        return sorted(tests, key=lambda item: self.seconds.get(item.nodeid, 0))

    def duration(self, tests: Sequence[pytest.Item]) -> float:
        """Of all these tests, as mutmut noted it, in seconds."""
        return sum(self.seconds.get(item.nodeid, 0) for item in tests)

    def must_pass(self, session: pytest.Session) -> None:
        """Run all tests on the code as it is.

        Raises:
            pytest.UsageError: one fails, so that results would say nothing.
        """
        if self.plant(session, "", self.quickest_first(session.items)):
            raise pytest.UsageError("the tests fail without a mutant as well")

    def plant(self, session: pytest.Session, name: str, tests: Sequence[pytest.Item]) -> int:
        """The exit code of a fork that runs the tests up to the first failure; negative: ended by that signal."""
        fork = os.fork()
        if not fork:
            os._exit(self.run(session, name, tests))
        return os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1])

    def run(self, session: pytest.Session, name: str, tests: Sequence[pytest.Item]) -> int:
        """0 if the tests pass with this mutant, else 1; within a fork only."""
        from mutmut.mutation.trampoline import set_mutant_under_test

        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        set_mutant_under_test(name)
        # Seconds of the processor, not of the clock: a busy machine must not make a mutant look killed.
        limit = math.ceil(time.process_time() + 10 + 4 * self.duration(tests))
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        try:
            for test, following in zip(tests, [*tests[1:], None], strict=True):
                session.config.hook.pytest_runtest_protocol(item=test, nextitem=following)
                if session.testsfailed:
                    return 1
        # Whatever ends the tests is a mutant that was noticed.
        except BaseException:
            return 1
        return 0


def pytest_configure(config: pytest.Config) -> None:
    """Called by pytest when it loads this module as a plugin."""
    # A failing property is enough; finding its smallest example takes minutes.
    settings.register_profile(
        "mutants",
        phases=(Phase.explicit, Phase.generate),
        database=None,
        deadline=None,
        suppress_health_check=(HealthCheck.too_slow,),
    )
    settings.load_profile("mutants")
    config.pluginmanager.register(Planter(Path.cwd(), os.environ.get(MUTANTS, "").split()))


if __name__ == "__main__":
    make_mutants()
