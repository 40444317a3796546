import io
import json
import re
import zipfile
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from markdown_it import MarkdownIt
from pypdf import PdfReader

from explorer.architecture.budget import budget
from explorer.errors import ExplorerError
from explorer.report import pdf
from explorer.report.answers import answer_questions
from explorer.report.audit import FIRST_LINE, audit_answers
from explorer.report.blocks import CodeBlock, Provenance
from explorer.report.document import AUDIT_TITLE, TITLE, ReportDocument, write_cells
from explorer.report.pdf import to_pdf
from explorer.report.render import to_html, to_markdown, to_numbers, to_zip
from explorer.report.subject import NetworkRole, ReportSubject
from tests.test_ledger import DENSE, DESIGN

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> **x** [y](http://evil) | `z` #sys.inputs $a$ \\"
)
WORDS = {"1-1": "Two lines,\nof my own.", "3-2": HOSTILE}


def document_about(subject: ReportSubject, **own: Any) -> ReportDocument:
    return ReportDocument(TITLE, subject.first_line, answer_questions(subject), "2026-01-01", "2.x", **own)


def pages_of(content: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]


@pytest.fixture(scope="module")
def document(state: ReportSubject) -> ReportDocument:
    """Everything that a visitor can name is hostile."""
    role = NetworkRole(HOSTILE, ships=False)
    assert state.sweep is not None
    subject = replace(
        state,
        pruned=role,
        batch=replace(state.batch, source=HOSTILE, networks=(role, role)),
        sweep=replace(state.sweep, where=Provenance("measured", HOSTILE)),
    )
    hostile = replace(DESIGN, title=HOSTILE, where=HOSTILE)
    return document_about(subject, rows=(DENSE, hostile), words=WORDS)


def test_the_html_asks_for_nothing_and_escapes_what_people_named(document: ReportDocument) -> None:
    text = to_html(document)
    assert "&lt;script&gt;" in text
    addresses = set(re.findall(r"""https?://[^\s"'<>)]+""", text))
    names = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert addresses <= names | {"http://evil"}, "names, never fetched"
    assert not re.search(r"<(link|script|img|iframe|object|a)\b", text)
    assert "@import" not in text
    assert text.count("<svg") == 4, "the budget, two curves, the ledger"
    assert "<strong>x</strong>" not in text
    assert "<code>z</code>" not in text
    assert text.count("<strong>") > 3, "our own markup is markup"


def test_the_markdown_takes_what_people_named_literally(document: ReportDocument) -> None:
    """By a parser that is not ours, which lets HTML through."""
    text = to_markdown(document)
    shown = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    tags = set(re.findall(r"<(\w+)", shown))
    assert tags <= {
        *("h1", "h2", "p", "strong", "em", "code", "pre", "img", "small", "blockquote", "br"),
        *("table", "thead"),
        *("tbody", "tr", "th", "td"),
    }
    assert all(source.startswith("figures/") for source in re.findall(r'<img src="([^"]*)"', shown))
    assert "<strong>x</strong>" not in shown
    assert shown.count("&lt;script&gt;") >= 5
    blocks = [block for section in (*document.sections, *document.appendix) for block in section.blocks]
    assert shown.count("<tr>") == sum(
        len(write_cells(block)) + 1 for block in blocks if hasattr(block, "formats")
    )


def test_the_pdf_takes_what_people_named_as_text(document: ReportDocument) -> None:
    text = " ".join(" ".join(pages_of(to_pdf(document))).split())
    for part in ("<script>alert(1)</script>", "#sys.inputs", "$a$", "**x**", "[y](http://evil)"):
        assert part in text


def test_own_words_stand_below_their_answer_in_every_file(state: ReportSubject) -> None:
    document = document_about(state, words={"2-2": "Softer means\nmore even."})
    after = document.sections[3].blocks[1]
    assert getattr(after, "text", "") == "Softer means\nmore even."
    assert '<p class="words">Softer means\nmore even.</p>' in to_html(document)
    assert "> Softer means  \n> more even.  " in to_markdown(document)
    assert "Softer means\nmore even." in "\n".join(pages_of(to_pdf(document)))
    assert json.loads(to_numbers(document))["words"] == {"2-2": "Softer means\nmore even."}


def subject_of_both(state: ReportSubject) -> ReportSubject:
    """A student of the user's own among networks that ship."""
    shipped, mine = NetworkRole("Teacher", ships=True), NetworkRole("my student", ships=False)
    return replace(state, pruned=shipped, batch=replace(state.batch, networks=(shipped, mine)))


def test_the_first_line_begins_with_what_is_mixed(state: ReportSubject) -> None:
    for ships in product((True, False), repeat=3):
        roles = [
            NetworkRole(f"{'Shipped' if each else 'my'} {what}", ships=each)
            for each, what in zip(ships, ("teacher", "student", "pruned"), strict=True)
        ]
        subject = replace(state, pruned=roles[2], batch=replace(state.batch, networks=(roles[0], roles[1])))
        mixed = len(set(ships)) == 2
        assert subject.first_line.startswith("This report mixes networks of yours (my ") == mixed
        if mixed:
            yours = "; ".join(role.title for role in roles if not role.ships)
            theirs = "; ".join(role.title for role in roles if role.ships)
            assert (
                f"of yours ({yours}) with networks that ship with the explorer ({theirs}):"
                in subject.first_line
            )
        document = document_about(subject)
        assert subject.first_line in to_html(document).replace("&#39;", "'")
        assert json.loads(to_numbers(document))["about"] == subject.first_line
        assert subject.first_line in to_markdown(document)
    first = " ".join(" ".join(pages_of(to_pdf(document_about(subject_of_both(state))))).split())
    assert first.startswith(f"{TITLE} This report mixes networks of yours (my student) with networks")
    assert "alpha 0.9 and T 3" in state.first_line
    assert state.first_line.index("(48; 48, 96, 192, 105)")


def test_the_pdf_has_three_to_four_pages_with_words_of_ones_own(state: ReportSubject) -> None:
    words = dict.fromkeys(("1-1", "2-1", "2-2", "3-1", "3-2"), "A sentence of some length. " * 7)
    for own in ({}, words):
        assert 3 <= len(pages_of(to_pdf(document_about(replace(state, sweep=None), words=own)))) <= 4


def test_a_pdf_says_which_characters_it_cannot_show(state: ReportSubject) -> None:
    """No font that is installed by chance has cuneiform; Greek is in one that Typst brings along."""
    document = document_about(
        state, words={"2-2": "\U00012000\U00012001\U00012000 \u03a9 \u201cx\u201d e\u0301"}
    )
    rare = pdf.rare_letters(document)
    assert rare == "\U00012000\U00012001\u03a9"
    said = pdf.describe_missing(rare)
    assert said.startswith("The PDF cannot show \U00012000 \U00012001: no font")
    assert "has these characters. Print the HTML" in said
    assert pdf.describe_missing("\u03a9") == ""
    many = pdf.describe_missing("".join(map(chr, range(0x12000, 0x12000 + 15))))
    assert "\U0001200b and 3 more: no font" in many
    text = " ".join(" ".join(pages_of(to_pdf(document))).split())
    assert "The PDF cannot show U+12000 U+12001: no font" in text
    assert "cannot show" not in " ".join(pages_of(to_pdf(document_about(state, words={"2-2": "\u03a9"}))))
    assert pdf.pages_of(to_pdf(document)) == len(pages_of(to_pdf(document)))


def test_without_typst_a_pdf_says_what_to_install(
    document: ReportDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(pdf.importlib, "import_module", missing)
    with pytest.raises(ExplorerError, match=r"pip install 'compression-explorer\[pdf\]'"):
        to_pdf(document)


def test_a_long_listing_stands_in_the_appendix(state: ReportSubject) -> None:
    answers = answer_questions(state)
    long = CodeBlock("line = 1\n" * 150, "student_net.py")
    document = replace(document_about(state), answers=(replace(answers[0], support=(long,)), *answers[1:]))
    assert long not in document.sections[0].blocks
    assert long in document.appendix[0].blocks
    assert "in the appendix" in to_markdown(document)


def test_the_archive_holds_the_markdown_its_figures_listings_and_tables(document: ReportDocument) -> None:
    with zipfile.ZipFile(io.BytesIO(to_zip(document))) as file:
        names = set(file.namelist())
        text = file.read("report.md").decode()
        numbers = json.loads(file.read("numbers.json"))
        source = file.read("student_net.py").decode()
        curve = file.read("3-1-homework.csv").decode()
    for figure in re.findall(r"\]\((figures/[^)]+)\)", text):
        assert figure in names
    assert {"student_net.py", "loss_fn_kd.py", "torchsummary.txt", "3-2-forms.csv", "ledger.csv"} <= names
    assert numbers["answers"]["1-2"]["total_params"] == 58_928
    assert curve.count("\n") == 5
    compile(source, "student_net.py", "exec")


def test_the_audit_is_a_document_of_its_own(state: ReportSubject) -> None:
    report = to_html(document_about(state))
    assert "sample report" not in report
    audit = ReportDocument(AUDIT_TITLE, FIRST_LINE, audit_answers(state), "2026-01-01", "2.x")
    text = to_html(audit)
    assert text.count('class="verdict') == 6
    assert "kl_loss = nn.KLDivLoss" in text
    assert len(pages_of(to_pdf(audit))) == 1


def test_every_answer_has_its_own_numbers(state: ReportSubject) -> None:
    """Two different subjects: whatever depends on the subject differs."""
    other = replace(
        state, spec=replace(state.spec, stem=47), size=96, limit=50_000, alpha=0.2, temperature=2.5
    )
    facts = {
        name: json.loads(to_numbers(document_about(one)))["answers"]
        for name, one in (("a", state), ("b", other))
    }
    for question, name in (
        *(("1-1", "total_params"), ("1-2", "total_params"), ("1-2", "limit"), ("1-2", "mult_adds")),
        *(("2-1", "own alpha"), ("2-1", "own temperature"), ("2-1", "own loss")),
    ):
        assert facts["a"][question][name] != facts["b"][question][name], (question, name)
    assert facts["a"]["2-1"]["loss"] == facts["b"]["2-1"]["loss"], "the homework's"
    assert "entropy at T 2.5" in facts["b"]["2-2"]
    assert facts["b"]["1-2"]["mult_adds"] == budget(other.spec, 96).mult_adds
    assert facts["a"]["3-1"] == facts["b"]["3-1"], "the pruned network is the same"
