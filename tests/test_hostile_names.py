"""Files, folders and classes may be called anything: on no page does a name become HTML or Markdown."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from markdown_it import MarkdownIt
from streamlit.testing.v1 import AppTest

from explorer import ui
from explorer.networks import StudentNet, StudentSpec, resnet18_teacher
from tests.data.conftest import cache, paint  # noqa: F401

IMAGE = "<img src=x onerror=alert(1)>"
NAMES = (f"{IMAGE} **bold** `code`", "[link](x) _it_", "$x^2$ ~~gone~~ | y")
TABS = {
    "start": {},
    "architecture": {},
    "distillation": {"distillation_tab": "Why it works"},
    "pruning": {"pruning_tab": "Look inside", "look": "Classes and images"},
    "your_data": {},
    "report": {"report_tab": "Ledger"},
    "report, answers": {"report_tab": "The six answers"},
}
PARSER = MarkdownIt("commonmark", {"html": True}).enable("strikethrough")


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / f"{IMAGE} **dishes**"
    for number, name in enumerate(NAMES):
        for index in range(1, 12):
            paint(root / name.replace("/", " ") / f"{index}.png", seed=number)
    torch.manual_seed(0)
    torch.save(resnet18_teacher(3).state_dict(), root / f"{IMAGE} **teacher**.ckpt")
    student = StudentNet(StudentSpec(8, (8, 8, 8, 8), classes=3))
    torch.save(student.state_dict(), root / "[student](x) `s`.pt")
    torch.save(StudentNet(StudentSpec(8, (8, 8, 8, 8))).state_dict(), root / "**eleven**.pt")
    (root / "**broken**.ckpt").write_bytes(b"x")
    monkeypatch.setenv("EXPLORER_DATA", str(root))
    ui.forget_folder()
    return root


def texts(app: AppTest) -> list[Any]:
    kinds = (
        app.markdown,
        app.caption,
        app.info,
        app.warning,
        app.error,
        app.success,
        app.title,
        app.header,
    )
    return [element for kind in kinds for element in kind]


# What the names above would be if they were taken for markup.
TAKEN_FOR_MARKUP = re.compile(
    r"<img|<a |<strong>(bold|dishes|teacher|eleven|broken)</strong>|<em>it</em>|<s>gone</s>|<code>(code|s)</code>"
)


@pytest.mark.parametrize("page", TABS)
def test_no_name_becomes_html_or_markdown(hostile: Path, page: str) -> None:
    app = AppTest.from_file("../streamlit_app.py", default_timeout=120)
    app.query_params["side"] = "64"
    app.run()
    for key, value in TABS[page].items():
        app.query_params[key] = value
    if page != "start":
        app.switch_page(f"explorer/{page.partition(',')[0]}/page.py").run()
    assert not app.exception
    for element in texts(app):
        assert not getattr(element, "allow_html", False), element.value
        taken = TAKEN_FOR_MARKUP.search(PARSER.render(element.value))
        assert taken is None, f"{taken[0]} in {element.value}"
