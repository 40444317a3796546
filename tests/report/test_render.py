import io
import json
import re
import zipfile
from dataclasses import replace

import pytest

from explorer.report.answers import answers
from explorer.report.blocks import facts
from explorer.report.current import Homework
from explorer.report.render import Document, archive, html, markdown
from tests.test_ledger import DENSE, DESIGN

HOSTILE = "<script>alert(1)</script> **x** | y"


@pytest.fixture(scope="module")
def document(state: Homework) -> Document:
    return Document(answers(state), "2026-01-01", "2.x", (DENSE, replace(DESIGN, title=HOSTILE)))


def test_the_html_asks_for_nothing_and_escapes_what_people_typed(document: Document) -> None:
    text = html(document)
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    addresses = set(re.findall(r"""https?://[^\s"'<>)]+""", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}, "names, never fetched"
    assert not re.search(r"<(link|script|img|iframe|object)\b", text)
    assert "@import" not in text
    assert text.count("<svg") == 3


def test_the_html_has_every_number(document: Document) -> None:
    values = [float(value) for value in re.findall(r'<data value="([^"]+)"', html(document))]
    assert values == pytest.approx(facts(document.answers)["value"].tolist(), rel=1e-12)


def test_the_archive_holds_the_markdown_its_figures_and_the_listings(document: Document) -> None:
    with zipfile.ZipFile(io.BytesIO(archive(document))) as file:
        names = set(file.namelist())
        text = file.read("report.md").decode()
        numbers = json.loads(file.read("numbers.json"))
        source = file.read("student_net.py").decode()
    for figure in re.findall(r"\]\((figures/[^)]+)\)", text):
        assert figure in names
    assert {"student_net.py", "loss_fn_kd.py", "torchsummary.txt"} <= names
    assert numbers["answers"]["1-2"]["total_params"] == 58_928
    compile(source, "student_net.py", "exec")
    widths = {line.count(" | ") for line in text.splitlines() if line.startswith("| ") and "teacher" in line}
    assert len(widths) == 1


def test_a_pipe_in_a_title_does_not_open_a_column(document: Document) -> None:
    line = next(line for line in markdown(document).splitlines() if "alert(1)" in line)
    header = next(line for line in markdown(document).splitlines() if line.startswith("| title"))
    assert len(re.findall(r"(?<!\\)\|", line)) == header.count("|")
