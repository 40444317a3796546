"""Answers as Markdown with figures beside it, and as one HTML file that asks for nothing else."""

import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

from explorer import ledger
from explorer.ledger import AXES, Comparable, LedgerAxis, LedgerRow
from explorer.markup import escape_markup, unescape_markup
from explorer.report import charts
from explorer.report.blocks import (
    Block,
    ChartBlock,
    CodeBlock,
    ProseBlock,
    ReportAnswer,
    TableBlock,
    VerdictBlock,
    list_facts,
)

TITLE = "Network compression: the six questions of HW13, answered by measurement"
CAPTIONS = {True: "holds", False: "does not hold"}


@dataclass(frozen=True)
class ReportDocument:
    """What is rendered.

    Attributes:
        first_line: what the report is about, plain text.
        answers: to all six questions.
        date: the day it was written.
        torch: the version it was computed with.
        rows: the ledger's.
        axes: what these are drawn against.
    """

    first_line: str
    answers: tuple[ReportAnswer, ...]
    date: str
    torch: str
    rows: tuple[LedgerRow, ...] = field(default=())
    axes: tuple[LedgerAxis, LedgerAxis] = (AXES[0], AXES[-1])

    @property
    def sets(self) -> tuple[Comparable, ...]:
        """The sets of rows that can be compared on the axes; the first one is drawn."""
        return ledger.comparables(self.rows, *self.axes)

    @property
    def stamp(self) -> str:
        """By what, when and with what it was written; when each number was measured stands beside it."""
        return f"Written by the Compression Explorer on {self.date}, torch {self.torch}."


def write_cell(value: object, how: str = "") -> str:
    """A cell of a table as text: a missing value is a dash.

    >>> write_cell(0.95, ".1%"), write_cell(float("nan"), ","), write_cell("stem")
    ('95.0%', '-', 'stem')
    """
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "-"
    if how == "," and isinstance(value, float):
        value = round(value)
    return format(value, how)


def write_cells(table: TableBlock) -> list[list[str]]:
    """The table as plain text, row by row, without its header."""
    return [
        [
            write_cell(value, table.formats.get(str(column), ""))
            for column, value in zip(table.frame.columns, line, strict=True)
        ]
        for line in table.frame.itertuples(index=False)
    ]


def ledger_block(document: ReportDocument) -> TableBlock:
    """The ledger as a table for the report."""
    whole = ("parameters", "nonzero", "mult_adds", "file_bytes")
    columns = [
        "title",
        "network",
        *whole,
        "ms_per_image",
        "accuracy",
        "images",
        "counted_on",
        "origin",
        "where",
    ]
    formats = dict.fromkeys((*whole, "images"), ",") | {"ms_per_image": ".3f", "accuracy": ".4f"}
    said = "Every pinned state; a dash is a quantity that was not measured."
    if document.sets:
        said = " ".join(filter(None, (said, ledger.describe_apart(document.sets, document.sets[0]))))
    return TableBlock(ledger.ledger_table(document.rows)[columns], said, formats)


def draw_figures(document: ReportDocument) -> dict[str, str]:
    """Every figure of the document as SVG, by file name."""
    drawn = {
        f"{answer.number}-{block.kind}.svg": charts.to_svg(
            charts.answer_chart(block.kind, block.frame, block.limit)
        )
        for answer in document.answers
        for block in answer.blocks
        if isinstance(block, ChartBlock)
    }
    if document.sets:
        rows = document.sets[0].rows
        table = ledger.drawn_table(rows, *document.axes, named=(True,) * len(rows))
        drawn["ledger.svg"] = charts.to_svg(charts.pareto_chart(table, *document.axes))
    return drawn


def _ledger_alt(document: ReportDocument) -> str:
    of = f" ({document.sets[0].title})" if document.sets else ""
    return f"{document.axes[1].title} against {document.axes[0].title} of the pinned states{of}"


# --- Markdown -------------------------------------------------------------------------------------------


def to_markdown(document: ReportDocument) -> str:
    """The report as Markdown; its figures are files in ``figures/`` beside it."""
    parts = [f"# {TITLE}", escape_markup(document.first_line), document.stamp]
    for answer in document.answers:
        parts.append(f"## Question {answer.number}: {answer.question}")
        parts += [_markdown_block(answer, block) for block in answer.blocks]
        parts.append(
            f"*Audit: the sample report's answer {CAPTIONS[answer.audit.holds]}.* {answer.audit.text}"
        )
        parts.append(f"<small>{answer.where.origin}: {escape_markup(answer.where.text)}</small>")
    if document.rows:
        figure = [f"![{_ledger_alt(document)}](figures/ledger.svg)"] if document.sets else []
        parts += ["## Ledger", *figure, _markdown_table(ledger_block(document))]
    return "\n\n".join(parts) + "\n"


def _markdown_block(answer: ReportAnswer, block: Block) -> str:
    match block:
        case ProseBlock():
            return block.text
        case VerdictBlock():
            return f"{'✓' if block.holds else '✗'} {block.text}"
        case CodeBlock():
            return f"```{'python' if block.file.endswith('.py') else ''}\n{block.text.rstrip()}\n```"
        case ChartBlock():
            figure = f"![{escape_markup(block.alt)}](figures/{answer.number}-{block.kind}.svg)"
            return f"{figure}\n\n*{escape_markup(block.caption)}*"
        case TableBlock():
            return _markdown_table(block)


def _markdown_table(table: TableBlock) -> str:
    names = [str(column) for column in table.frame.columns]
    cells = [[escape_markup(cell) if cell != "-" else cell for cell in line] for line in write_cells(table)]
    text = "\n".join("| " + " | ".join(line) + " |" for line in (names, ["---"] * len(names), *cells))
    return f"{text}\n\n*{escape_markup(table.caption)}*"


def to_zip(document: ReportDocument) -> bytes:
    """A zip file with ``report.md``, its figures, the listings and the numbers as JSON."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("report.md", to_markdown(document))
        file.writestr("numbers.json", to_numbers(document))
        for name, drawing in draw_figures(document).items():
            file.writestr(f"figures/{name}", drawing)
        for answer in document.answers:
            for block in answer.blocks:
                if isinstance(block, CodeBlock):
                    file.writestr(block.file, block.text)
    return buffer.getvalue()


# --- JSON -----------------------------------------------------------------------------------------------


def to_numbers(document: ReportDocument) -> str:
    """The numbers of every answer as JSON: question -> name -> value."""
    answers = {answer.number: answer.facts for answer in document.answers}
    about = {"about": document.first_line, "date": document.date, "torch": document.torch}
    return json.dumps(about | {"answers": answers}, indent=1) + "\n"


# --- HTML -----------------------------------------------------------------------------------------------


def to_html(document: ReportDocument) -> str:
    """The report as one HTML file: styles and figures inside, nothing asked of any host; prints on A4."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["inline"] = _inline
    drawn = {name: Markup(drawing) for name, drawing in draw_figures(document).items()}  # noqa: S704 (our own SVG)
    return environment.get_template("report.html").render(
        title=TITLE,
        document=document,
        kind=lambda block: type(block).__name__,
        cells=write_cells,
        figures=drawn,
        facts=list_facts(document.answers),
        number=lambda value: write_cell(value, "," if float(value).is_integer() else ".6g"),
        ledger_block=ledger_block(document) if document.rows else None,
        ledger_alt=_ledger_alt(document),
        captions=CAPTIONS,
    )


def _inline(text: str) -> Markup:
    """The two kinds of markup that a paragraph has, as HTML; what is escaped in it stands for itself."""
    parts = re.split(r"(?<!\\)(\*\*.+?\*\*|`.+?`)", text)
    return Markup("").join(_inline_part(part) for part in parts)


def _inline_part(part: str) -> Markup:
    if part.startswith("**") and part.endswith("**") and len(part) > 4:
        return Markup("<strong>{}</strong>").format(unescape_markup(part[2:-2]))
    if part.startswith("`") and part.endswith("`") and len(part) > 2:
        return Markup("<code>{}</code>").format(part[1:-1])
    return escape(unescape_markup(part))
