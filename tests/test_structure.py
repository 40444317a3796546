"""The three rules that keep the house quiet (imports only; the third is kept by the types)."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "explorer"
LESSONS = ("architecture", "distillation", "pruning")
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Every module a file imports, at any depth of the code, by its full name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def uses(path: Path, package: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for name in imported(path))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_pages_and_ui_import_streamlit_and_only_charts_import_altair(path: Path) -> None:
    if not path.name.startswith("page") and path.parent.name != "ui":
        assert not uses(path, "streamlit")
        assert not uses(path, "explorer.ui")
    if path.name != "charts.py":
        assert not uses(path, "altair")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    folder = path.relative_to(PACKAGE).parts[0]
    above = {"__main__.py", "start", "report"}
    if folder in above:
        return
    for lesson in LESSONS:
        if lesson != folder:
            assert not uses(path, f"explorer.{lesson}"), f"{folder} imports the lesson {lesson}"
    for module in ("start", "report"):
        assert not uses(path, f"explorer.{module}")
    if not path.name.startswith("page") and path.name != "charts.py":
        for lesson in LESSONS:
            for drawing in ("page", "charts"):
                assert not uses(path, f"explorer.{lesson}.{drawing}"), "an engine imports its drawing"
    if path.name == "charts.py":
        assert not uses(path, "explorer.ui")


def test_results_are_frozen() -> None:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for decorator in getattr(node, "decorator_list", []):
                name = decorator.func if isinstance(decorator, ast.Call) else decorator
                if isinstance(name, ast.Name) and name.id == "dataclass":
                    assert isinstance(decorator, ast.Call), f"{path}: {node.name} is not frozen"
                    assert any(
                        keyword.arg == "frozen" and getattr(keyword.value, "value", False) is True
                        for keyword in decorator.keywords
                    ), f"{path}: {node.name} is not frozen"
