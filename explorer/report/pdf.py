"""A document as PDF, typeset by Typst, which is an extra: the explorer runs without it."""

import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any

from explorer.errors import ExplorerError
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

NEEDED = "A PDF needs Typst: pip install 'compression-explorer[pdf]'. The HTML prints on A4 from any browser."
_TEMPLATE = Path(__file__).with_name("report.typ")


def has_typst() -> bool:
    """Whether a PDF can be made here."""
    return importlib.util.find_spec("typst") is not None


def to_pdf(document: ReportDocument) -> bytes:
    """The document as PDF on A4.

    Raises:
        ExplorerError: Typst is not installed.
    """
    try:
        typst: Any = importlib.import_module("typst")
    except ImportError as error:
        raise ExplorerError(NEEDED) from error
    # What people wrote goes in as data, never as source: to Typst it is text, whatever it says.
    files = {f"{name}.svg": drawing.encode() for name, drawing in document.figures().items()}
    files |= {"main.typ": _TEMPLATE.read_bytes(), "document.json": json.dumps(_as_data(document)).encode()}
    return bytes(typst.compile(files))


def _as_data(document: ReportDocument) -> dict[str, Any]:
    return {
        "title": document.title,
        "about": document.first_line,
        "stamp": document.stamp,
        "sections": [_section(section) for section in document.sections],
        "appendix": [_section(section) for section in document.appendix],
    }


def _section(section: Section) -> dict[str, Any]:
    return {"heading": section.heading, "blocks": [_block(block) for block in section.blocks]}


def _block(block: Block) -> dict[str, Any]:
    match block:
        case ProseBlock():
            return {"kind": "prose", "parts": inline_parts(block.text)}
        case VerdictBlock():
            return {"kind": "verdict", "parts": inline_parts(block.text), "holds": block.holds}
        case WordsBlock():
            return {"kind": "words", "lines": block.text.splitlines()}
        case NoteBlock():
            return {"kind": "note", "text": block.text}
        case CodeBlock():
            python, lines = block.file.endswith(".py"), block.text.rstrip().splitlines()
            ends = [len(lines)] if python else [(len(lines) + 1) // 2, len(lines)]
            halves = ["\n".join(lines[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
            return {"kind": "code", "halves": halves, "python": python}
        case ChartBlock():
            return {"kind": "chart", "file": f"{block.kind}.svg", "alt": block.alt, "caption": block.caption}
        case TableBlock():
            names = [str(column) for column in block.frame.columns]
            return {"kind": "table", "names": names, "rows": write_cells(block), "caption": block.caption}
