import io
import json
import re
import zipfile
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from explorer.architecture.budget import budget
from explorer.report.answers import answer_questions
from explorer.report.blocks import Provenance, list_facts
from explorer.report.render import (
    ReportDocument,
    ledger_block,
    to_html,
    to_markdown,
    to_numbers,
    to_zip,
    write_cells,
)
from explorer.report.subject import NetworkRole, ReportSubject
from tests.test_ledger import DENSE, DESIGN

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)> **x** [y](http://evil) | `z`"


def document_about(subject: ReportSubject) -> ReportDocument:
    hostile = replace(DESIGN, title=HOSTILE, where=HOSTILE)
    return ReportDocument(
        subject.first_line, answer_questions(subject), "2026-01-01", "2.x", (DENSE, hostile)
    )


@pytest.fixture(scope="module")
def document(state: ReportSubject) -> ReportDocument:
    """Everything that a visitor can name is hostile."""
    role = NetworkRole(HOSTILE, ships=False)
    assert state.sweep is not None
    return document_about(
        replace(
            state,
            pruned=role,
            batch=replace(state.batch, source=HOSTILE, networks=(role, role)),
            sweep=replace(state.sweep, where=Provenance("measured", HOSTILE)),
        )
    )


def test_the_html_asks_for_nothing_and_escapes_what_people_named(document: ReportDocument) -> None:
    text = to_html(document)
    assert "&lt;script&gt;" in text
    addresses = set(re.findall(r"""https?://[^\s"'<>)]+""", text))
    names = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert addresses <= names | {"http://evil"}, "names, never fetched"
    assert not re.search(r"<(link|script|img|iframe|object|a)\b", text)
    assert "@import" not in text
    assert text.count("<svg") == 3
    assert "<strong>x</strong>" not in text
    assert "<code>z</code>" not in text
    assert text.count("<strong>") > 3, "our own markup is markup"


def test_the_markdown_takes_what_people_named_literally(document: ReportDocument) -> None:
    """By a parser that is not ours, which lets HTML through."""
    text = to_markdown(document)
    shown = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    tags = set(re.findall(r"<(\w+)", shown))
    assert tags <= {
        *("h1", "h2", "p", "strong", "em", "code", "pre", "img", "small"),
        *("table", "thead"),
        *("tbody", "tr", "th", "td"),
    }
    assert all(source.startswith("figures/") for source in re.findall(r'<img src="([^"]*)"', shown))
    assert "<strong>x</strong>" not in shown
    assert shown.count("&lt;script&gt;") >= 5
    assert shown.count("<tr>") == sum(
        len(write_cells(block)) + 1
        for block in (
            *(block for answer in document.answers for block in answer.blocks),
            ledger_block(document),
        )
        if hasattr(block, "formats")
    )


def test_the_first_line_says_what_is_mixed(state: ReportSubject) -> None:
    shipped, mine = NetworkRole("Teacher, ResNet-18", ships=True), NetworkRole("mine.ckpt", ships=False)
    for networks, pruned, mixed in (
        ((shipped, shipped), shipped, False),
        ((mine, mine), mine, False),
        ((shipped, mine), mine, True),
        ((mine, mine), shipped, True),
    ):
        subject = replace(state, pruned=pruned, batch=replace(state.batch, networks=networks))
        assert ("It mixes networks of yours (mine.ckpt)" in subject.first_line) == mixed
        document = document_about(subject)
        assert subject.first_line in to_html(document)
        assert json.loads(to_numbers(document))["about"] == subject.first_line
        assert subject.first_line in to_markdown(document)
    assert "alpha 0.9 and T 3" in state.first_line
    assert state.first_line.index("(48; 48, 96, 192, 105)")


def test_the_html_has_every_number(document: ReportDocument) -> None:
    values = [float(value) for value in re.findall(r'<data value="([^"]+)"', to_html(document))]
    assert values == pytest.approx([fact["value"] for fact in list_facts(document.answers)], rel=1e-12)


def test_the_archive_holds_the_markdown_its_figures_and_the_listings(document: ReportDocument) -> None:
    with zipfile.ZipFile(io.BytesIO(to_zip(document))) as file:
        names = set(file.namelist())
        text = file.read("report.md").decode()
        numbers = json.loads(file.read("numbers.json"))
        source = file.read("student_net.py").decode()
    for figure in re.findall(r"\]\((figures/[^)]+)\)", text):
        assert figure in names
    assert {"student_net.py", "loss_fn_kd.py", "torchsummary.txt"} <= names
    assert numbers["answers"]["1-2"]["total_params"] == 58_928
    compile(source, "student_net.py", "exec")


def test_every_answer_has_its_own_numbers_in_every_file(state: ReportSubject) -> None:
    """Two different subjects: whatever depends on the subject differs, in JSON and HTML alike."""
    other = replace(
        state, spec=replace(state.spec, stem=47), size=96, limit=50_000, alpha=0.2, temperature=2.0
    )
    facts = {
        name: json.loads(to_numbers(document_about(one)))["answers"]
        for name, one in (("a", state), ("b", other))
    }
    for question, name in (
        *(("1-1", "total_params"), ("1-2", "total_params"), ("1-2", "limit"), ("1-2", "mult_adds")),
        *(
            ("2-1", "alpha"),
            ("2-1", "temperature"),
            ("2-1", "loss"),
            ("2-2", "temperature"),
            ("2-2", "entropy"),
        ),
    ):
        assert facts["a"][question][name] != facts["b"][question][name], (question, name)
    assert facts["b"]["1-2"]["mult_adds"] == budget(other.spec, 96).mult_adds
    assert facts["a"]["3-1"] == facts["b"]["3-1"], "the pruned network is the same"
