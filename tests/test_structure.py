"""The rules that keep the house quiet, each shown to notice a break that is planted in a copy of the source.

1. Only pages and ``ui`` import Streamlit, only ``charts.py`` imports Altair; the engine imports neither. ``serving``,
   which sets both of them up, and ``app``, which starts it, draw nothing.
2. Imports run downwards only, floor by floor; no lesson imports another; no engine imports a page or a drawing.
3. Specs go in, results come out: dataclasses are frozen, and generators yield values that cannot change.
"""

import ast
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# From the ground up. A room imports itself and the floors below it, not its neighbours.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors", "loopback", "markup", "palette", "places"),
    ("arguments", "serving"),
    ("files", "manifest", "packing"),
    ("work",),
    ("data",),
    ("networks",),
    ("measure",),
    ("checkpoints",),
    ("training", "runtime", "onefile"),
    ("runs",),
    ("workspace", "ledger"),
    ("user_code", "classroom", "selection"),
    ("terminal",),
    ("ui",),
    ("architecture", "distillation", "pruning", "bits", "walks"),
    ("steps",),
    ("report", "your_data", "start", "verify"),
    ("__main__",),
    ("app",),
)
LESSONS = ("architecture", "distillation", "pruning", "bits")
# Names of what a generator may yield besides frozen dataclasses of ours: it cannot change, or is made for the caller.
PLAIN = {"str", "int", "float", "bool", "None", "bytes", "Path", "Tensor", "Module", "NDArray"}


@cache
def parsed(text: str) -> ast.Module:
    return ast.parse(text)


class Module:
    """One source file of the package."""

    def __init__(self, path: Path, package: Path) -> None:
        self.path, self.parts = path, path.relative_to(package).with_suffix("").parts
        self.tree = parsed(path.read_text(encoding="utf-8"))

    @property
    def room(self) -> str:
        return self.parts[0]

    @property
    def name(self) -> str:
        return ".".join(self.parts)

    @property
    def is_page(self) -> bool:
        return self.parts[-1].startswith("page")

    @property
    def may_draw(self) -> bool:
        return self.is_page or self.room in ("ui", "serving", "app")

    def imports(self) -> Iterator[str]:
        """Every module that is imported, at any depth of the code, by its full name."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                # A name that is imported may be a module of its own: "from explorer.pruning import page_sweep".
                above = ("explorer", *self.parts)[: -node.level] if node.level else ()
                start = ".".join((*above, node.module) if node.module else above)
                yield from (f"{start}.{alias.name}" for alias in node.names)

    def imports_of_ours(self) -> Iterator[tuple[str, ...]]:
        for name in self.imports():
            first, *rest = name.split(".")
            if first == "explorer" and rest:
                yield tuple(rest)


def modules(root: Path) -> list[Module]:
    package = root / "explorer"
    return [
        Module(path, package)
        for path in sorted(package.rglob("*.py"))
        if path.parent != package or path.name != "__init__.py"
    ]


def is_under(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


# --- The rules: each takes a source tree and gives a sentence for every break -----------------------------


def drawing(root: Path) -> Iterator[str]:
    """Rule 1."""
    for module in modules(root):
        for name in module.imports():
            if is_under(name, "streamlit") and not module.may_draw:
                yield f"{module.name} imports Streamlit and is no page"
            if is_under(name, "altair") and module.parts[-1] not in ("charts", "serving"):
                yield f"{module.name} imports Altair and is no charts.py"


def directions(root: Path) -> Iterator[str]:
    """Rule 2."""
    floor = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    everything = modules(root)
    pages = {module.name for module in everything if module.is_page}
    for module in everything:
        if module.room not in floor:
            yield f"{module.name} is in a room that stands on no floor"
            continue
        for name in module.imports_of_ours():
            room = name[0]
            page = next((page for page in pages if is_under(".".join(name), page)), None)
            if room not in floor or room == module.room:
                pass
            elif room in LESSONS and module.room in LESSONS:
                yield f"{module.name}, of a lesson, imports the lesson {room}"
            elif floor[room] >= floor[module.room]:
                yield f"{module.name} imports {'.'.join(name)}, which is not below it"
            if page and not module.is_page:
                yield f"{module.name} is no page and imports the page {page}"
            if room == "ui" and not module.may_draw:
                yield f"{module.name} is no page and imports ui"
            draws = module.is_page or module.parts[-1] == "charts" or module.room not in LESSONS
            if "charts" in name[1:] and not draws:
                yield f"{module.name} is an engine and imports the drawing {'.'.join(name)}"


def values(root: Path) -> Iterator[str]:
    """Rule 3."""
    everything = modules(root)
    classes = {
        node.name: is_frozen(node)
        for module in everything
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
    } | dict.fromkeys(literals(everything), True)
    for module in everything:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and is_frozen(node) is False:
                yield f"{module.name}: the dataclass {node.name} is not frozen"
            if isinstance(node, ast.FunctionDef) and not module.may_draw and not node.name.startswith("_"):
                for name in yielded(node):
                    if classes.get(name, name in PLAIN or None) is not True and not is_type_variable(name):
                        yield f"{module.name}: {node.name} yields {name}, which is no frozen dataclass"


def literals(everything: list[Module]) -> Iterator[str]:
    """The names of types that are one of a few words."""
    for module in everything:
        for node in module.tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("Literal["):
                yield from (ast.unparse(target) for target in node.targets)


def is_frozen(node: ast.ClassDef) -> bool | None:
    """Whether a dataclass is frozen; None for a class that is no dataclass."""
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        name = call.func if call else decorator
        if isinstance(name, ast.Name) and name.id == "dataclass":
            return call is not None and any(
                keyword.arg == "frozen" and getattr(keyword.value, "value", False) is True
                for keyword in call.keywords
            )
    return None


def yielded(node: ast.FunctionDef) -> Iterator[str]:
    """The names in the type of what a generator yields, by its annotation."""
    returns = node.returns
    generates = any(isinstance(each, ast.Yield | ast.YieldFrom) for each in ast.walk(node))
    managed = any("contextmanager" in ast.unparse(each) for each in node.decorator_list)
    if not generates or managed or not isinstance(returns, ast.Subscript):
        return
    kind = ast.unparse(returns.value)
    if kind not in ("Iterator", "Generator", "Iterable"):
        return
    inside = returns.slice
    what = inside.elts[0] if kind == "Generator" and isinstance(inside, ast.Tuple) else inside
    # Of "Row[int]" the row is what matters, of "nn.Module" the module, of "tuple[str, Row]" all of it.
    for each in alternatives(what):
        if isinstance(each, ast.Subscript) and ast.unparse(each.value) == "tuple":
            inner = each.slice.elts if isinstance(each.slice, ast.Tuple) else [each.slice]
            yield from (name_of(one) for one in inner if not isinstance(one, ast.Constant))
        else:
            yield name_of(each)


def alternatives(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp):
        yield from alternatives(node.left)
        yield from alternatives(node.right)
    else:
        yield node


def name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        return name_of(node.value)
    return node.attr if isinstance(node, ast.Attribute) else ast.unparse(node)


def is_type_variable(name: str) -> bool:
    return name.endswith("Type")


RULES: dict[str, Callable[[Path], Iterator[str]]] = {
    "drawing": drawing,
    "directions": directions,
    "values": values,
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_house_keeps_its_rules(rule: Callable[[Path], Iterator[str]]) -> None:
    assert list(rule(ROOT)) == []


def test_the_benchmarks_are_not_part_of_the_product() -> None:
    for module in modules(ROOT):
        assert not any(is_under(name, "benchmarks") or is_under(name, "tests") for name in module.imports())


# --- Planted breaks: without these the rules above might see nothing at all ---------------------------------

BREAKS = [
    ("drawing", "pruning/masks.py", "import streamlit as st", "pruning.masks imports Streamlit"),
    ("drawing", "pruning/page.py", "import altair", "pruning.page imports Altair"),
    (
        "drawing",
        "work/queue.py",
        "def late() -> None:\n    from streamlit import cache_data",
        "work.queue imports",
    ),
    (
        "directions",
        "data/imageset.py",
        "from explorer import checkpoints",
        "data.imageset imports checkpoints",
    ),
    (
        "directions",
        "networks/graph.py",
        "import explorer.measure.clock",
        "networks.graph imports measure.clock",
    ),
    (
        "directions",
        "measure/sizes.py",
        "from explorer.terminal import Bars",
        "measure.sizes imports terminal",
    ),
    ("directions", "training.py", "from explorer.runs import execute", "training imports runs"),
    ("directions", "ui/work.py", "from explorer.pruning import sweep", "ui.work imports pruning.sweep"),
    (
        "directions",
        "distillation/loss.py",
        "from explorer.pruning import masks",
        "imports the lesson pruning",
    ),
    (
        *("directions", "architecture/budget.py", "from explorer.architecture.page_controls import controls"),
        "architecture.budget is no page and imports the page architecture.page_controls",
    ),
    ("directions", "pruning/sweep.py", "from explorer.pruning import page_sweep", "page pruning.page_sweep"),
    ("directions", "pruning/sweep.py", "from . import page_sweep", "imports the page pruning.page_sweep"),
    ("directions", "pruning/sweep.py", "from explorer.pruning import charts", "imports the drawing"),
    ("directions", "pruning/sweep.py", "from explorer import ui", "pruning.sweep is no page and imports ui"),
    ("directions", "cellar/wine.py", "", "cellar.wine is in a room that stands on no floor"),
    (
        *("values", "pruning/masks.py", "@dataclass\nclass Loose:\n    pass"),
        "pruning.masks: the dataclass Loose is not frozen",
    ),
    (
        *("values", "pruning/masks.py", "def work() -> Iterator[dict[str, int]]:\n    yield {}"),
        "pruning.masks: work yields dict",
    ),
    (
        "values",
        "pruning/masks.py",
        "class Open:\n    pass\n\n\ndef work() -> Generator[Update | Open, None, None]:\n    yield Open()",
        "pruning.masks: work yields Open",
    ),
]


@pytest.mark.parametrize(("rule", "file", "text", "sentence"), BREAKS)
def test_a_planted_break_is_caught(rule: str, file: str, text: str, sentence: str, tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "explorer",
        tmp_path / "explorer",
        ignore=lambda folder, names: [
            name for name in names if not name.endswith(".py") and not (Path(folder) / name).is_dir()
        ],
    )
    path = tmp_path / "explorer" / file
    path.parent.mkdir(exist_ok=True)
    before = list(RULES[rule](ROOT))
    path.write_text(f"{path.read_text('utf-8') if path.exists() else ''}\n\n{text}\n", encoding="utf-8")
    new = [each for each in RULES[rule](tmp_path) if each not in before]
    assert len(new) >= 1
    assert all(sentence in each for each in new), new
