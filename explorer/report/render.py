"""Answers as Markdown with figures beside it, and as one HTML file that asks for nothing else."""

import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

from explorer import ledger
from explorer.ledger import AXES, Axis, LedgerRow
from explorer.report import charts
from explorer.report.blocks import Answer, Code, Figure, Prose, Rows, Verdict, facts

TITLE = "Network compression: the six questions of HW13, answered by measurement"
CAPTIONS = {True: "holds", False: "does not hold"}


@dataclass(frozen=True)
class Document:
    """What is rendered: the answers, when and with what they were computed, and the ledger's rows."""

    answers: tuple[Answer, ...]
    date: str
    torch: str
    rows: tuple[LedgerRow, ...] = field(default=())
    axes: tuple[Axis, Axis] = (AXES[0], AXES[-1])

    @property
    def ledger(self) -> pd.DataFrame:
        """The rows' table with its columns ``front`` and ``named``."""
        table = ledger.ledger_table(self.rows)
        return table.assign(front=ledger.pareto_front(table, *self.axes), named=True)


def number(value: object, how: str = "") -> str:
    """A cell of a table as text: a missing value is a dash.

    >>> number(0.95, ".1%"), number(float("nan"), ","), number("stem")
    ('95.0%', '-', 'stem')
    """
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "-"
    if how == "," and isinstance(value, float):
        value = round(value)
    return format(value, how)


def cells(rows: Rows) -> list[list[str]]:
    """The table as text, row by row, without its header."""
    return [
        [
            number(value, rows.formats.get(str(column), ""))
            for column, value in zip(rows.frame.columns, line, strict=True)
        ]
        for line in rows.frame.itertuples(index=False)
    ]


def ledger_rows(document: Document) -> Rows:
    """The ledger as a table for the report."""
    columns = [
        "title",
        "network",
        "parameters",
        "nonzero",
        "mult_adds",
        "file_bytes",
        "ms_per_image",
        "accuracy",
    ]
    whole = ("parameters", "nonzero", "mult_adds", "file_bytes")
    formats = dict.fromkeys(whole, ",") | {"ms_per_image": ".3f", "accuracy": ".4f"}
    return Rows(
        document.ledger[[*columns, "origin", "where"]],
        "Every pinned state; a dash is a quantity that was not measured.",
        formats,
    )


def figures(document: Document) -> dict[str, str]:
    """Every figure of the document as SVG, by file name."""
    drawn = {
        f"{answer.number}-{block.kind}.svg": charts.svg(charts.figure(block.kind, block.frame, block.limit))
        for answer in document.answers
        for block in answer.blocks
        if isinstance(block, Figure)
    }
    if document.rows:
        drawn["ledger.svg"] = charts.svg(charts.pareto(document.ledger, *document.axes))
    return drawn


def markdown(document: Document) -> str:
    """The report as Markdown; its figures are files in ``figures/`` beside it."""
    parts = [f"# {TITLE}", _stamp(document)]
    for answer in document.answers:
        parts.append(f"## Question {answer.number}: {answer.question}")
        parts += [_markdown_block(answer, block) for block in answer.blocks]
        parts.append(f"*The seed report's answer {CAPTIONS[answer.audit.holds]}.* {answer.audit.text}")
        parts.append(f"<small>{answer.where.origin}: {answer.where.text}</small>")
    if document.rows:
        alt = f"{document.axes[1].title} against {document.axes[0].title} of the pinned states"
        parts += ["## Ledger", f"![{alt}](figures/ledger.svg)", _markdown_table(ledger_rows(document))]
    return "\n\n".join(parts) + "\n"


def _stamp(document: Document) -> str:
    return f"Computed by the Compression Explorer on {document.date}, torch {document.torch}."


def _markdown_block(answer: Answer, block: Any) -> str:
    if isinstance(block, Prose):
        return block.text
    if isinstance(block, Verdict):
        return f"{'✓' if block.holds else '✗'} {block.text}"
    if isinstance(block, Code):
        return f"```{'python' if block.file.endswith('.py') else ''}\n{block.text.rstrip()}\n```"
    if isinstance(block, Figure):
        return f"![{block.alt}](figures/{answer.number}-{block.kind}.svg)\n\n*{block.caption}*"
    return _markdown_table(block)


def _markdown_table(rows: Rows) -> str:
    names = [str(column) for column in rows.frame.columns]
    lines = [names, ["---"] * len(names), *cells(rows)]
    # A pipe inside a cell would open another column.
    text = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return f"{text}\n\n*{rows.caption}*"


def archive(document: Document) -> bytes:
    """A zip file with ``report.md``, its figures, the listings and the numbers as JSON."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("report.md", markdown(document))
        file.writestr("numbers.json", numbers(document))
        for name, drawing in figures(document).items():
            file.writestr(f"figures/{name}", drawing)
        for answer in document.answers:
            for block in answer.blocks:
                if isinstance(block, Code):
                    file.writestr(block.file, block.text)
    return buffer.getvalue()


def numbers(document: Document) -> str:
    """The numbers of every answer as JSON: question -> name -> value."""
    found = {answer.number: answer.facts for answer in document.answers}
    return json.dumps({"date": document.date, "torch": document.torch, "answers": found}, indent=1) + "\n"


def html(document: Document) -> str:
    """The report as one HTML file: styles and figures inside, nothing asked of any host; prints on A4."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["inline"] = _inline
    drawn = {name: Markup(drawing) for name, drawing in figures(document).items()}  # noqa: S704 (our own SVG)
    return environment.get_template("report.html").render(
        title=TITLE,
        stamp=_stamp(document),
        document=document,
        kind=lambda block: type(block).__name__,
        cells=cells,
        figures=drawn,
        facts=facts(document.answers).to_dict("records"),
        number=lambda value: number(value, "," if float(value).is_integer() else ".6g"),
        ledger_rows=ledger_rows(document) if document.rows else None,
        ledger_alt=f"{document.axes[1].title} against {document.axes[0].title} of the pinned states",
        captions=CAPTIONS,
    )


def _inline(text: str) -> Markup:
    """The two kinds of markup that a paragraph has, as HTML."""
    safe = str(escape(text))
    safe = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", safe)
    return Markup(re.sub(r"`(.+?)`", r"<code>\1</code>", safe))  # noqa: S704 (escaped just above)
