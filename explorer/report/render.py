"""A document as one HTML file that asks for nothing else, as Markdown with files beside it, and its numbers as JSON."""

import io
import json
import zipfile
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from explorer.markup import escape_markup
from explorer.report.blocks import (
    Block,
    ChartBlock,
    CodeBlock,
    NoteBlock,
    ProseBlock,
    TableBlock,
    VerdictBlock,
    WordsBlock,
)
from explorer.report.document import ReportDocument, Section, inline_parts, write_cells

TEMPLATES = Path(__file__).parent


# --- Markdown -------------------------------------------------------------------------------------------


def to_markdown(document: ReportDocument) -> str:
    """The document as Markdown; its figures are files in ``figures/`` beside it."""
    parts = [f"# {document.title}", escape_markup(document.first_line), document.stamp]
    for section in (*document.sections, *document.appendix):
        parts += _markdown_section(section)
    return "\n\n".join(parts) + "\n"


def _markdown_section(section: Section) -> list[str]:
    return [f"## {section.heading}", *map(_markdown_block, section.blocks)]


def _markdown_block(block: Block) -> str:
    match block:
        case ProseBlock() | VerdictBlock():
            return block.text
        case WordsBlock():
            # Two spaces keep a line of its own a line of its own.
            return "\n".join(f"> {escape_markup(line)}  " for line in block.text.splitlines())
        case NoteBlock():
            return f"<small>{escape_markup(block.text)}</small>"
        case CodeBlock():
            return f"```{'python' if block.file.endswith('.py') else ''}\n{block.text.rstrip()}\n```"
        case ChartBlock():
            figure = f"![{escape_markup(block.alt)}](figures/{block.kind}.svg)"
            return f"{figure}\n\n*{escape_markup(block.caption)}*" if block.caption else figure
        case TableBlock():
            return _markdown_table(block)


def _markdown_table(table: TableBlock) -> str:
    names = [str(column) for column in table.frame.columns]
    cells = [[escape_markup(cell) if cell != "-" else cell for cell in line] for line in write_cells(table)]
    text = "\n".join("| " + " | ".join(line) + " |" for line in (names, ["---"] * len(names), *cells))
    return f"{text}\n\n*{escape_markup(table.caption)}*"


def to_zip(document: ReportDocument) -> bytes:
    """A zip file with ``report.md``, its figures, the listings, the tables as CSV and the numbers as JSON."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("report.md", to_markdown(document))
        file.writestr("numbers.json", to_numbers(document))
        for name, drawing in document.figures().items():
            file.writestr(f"figures/{name}.svg", drawing)
        for listing in document.listings:
            file.writestr(listing.file, listing.text)
        for table in document.tables:
            file.writestr(f"{table.name}.csv", table.frame.to_csv(index=False))
    return buffer.getvalue()


# --- JSON -----------------------------------------------------------------------------------------------


def to_numbers(document: ReportDocument) -> str:
    """The numbers of every answer as JSON, question -> name -> value, and the student's own words."""
    answers = {answer.number: answer.facts for answer in document.answers}
    about = {"about": document.first_line, "date": document.date, "torch": document.torch}
    return (
        json.dumps(about | {"answers": answers, "words": document.words}, indent=1, ensure_ascii=False) + "\n"
    )


# --- HTML -----------------------------------------------------------------------------------------------


def to_html(document: ReportDocument) -> str:
    """The document as one HTML file: styles and figures inside, nothing asked of any host; prints on A4."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["inline"] = _inline
    drawn = {name: Markup(drawing) for name, drawing in document.figures().items()}  # noqa: S704 (our own SVG)
    return environment.get_template("report.html").render(
        document=document,
        kind=lambda block: type(block).__name__,
        cells=write_cells,
        figures=drawn,
        verdicts={True: "holds", False: "fails", None: "open"},
    )


def _inline(text: str) -> Markup:
    """The two kinds of markup that a paragraph has, as HTML."""
    tags = {"strong": "<strong>{}</strong>", "code": "<code>{}</code>", "text": "{}"}
    return Markup("").join(Markup(tags[kind]).format(part) for kind, part in inline_parts(text))  # noqa: S704 (our own tags)
