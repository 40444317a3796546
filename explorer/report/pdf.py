"""A document as PDF, typeset by Typst, which is an extra: the explorer runs without it.

Typst draws with the fonts of the machine and a few of its own, which have no Chinese, say. What it has no font for it
leaves out without a word, so the file is read back and says what is missing.
"""

import importlib
import importlib.util
import io
import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
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
_MODULES = ("typst", "pypdf")
COMMON = (range(0x250), range(0x2000, 0x2070))
"""What every font has: Latin with all its accents, and punctuation."""
NAMED = 12
"""So many characters are named, of more their number is said."""


def can_make_pdf() -> bool:
    """Whether a PDF can be made here."""
    return all(importlib.util.find_spec(name) is not None for name in _MODULES)


def to_pdf(document: ReportDocument) -> bytes:
    """The document as PDF on A4; it says so where it lacks characters.

    Raises:
        ExplorerError: Typst is not installed.
    """
    data = _as_data(document)
    # By their numbers: in this file they cannot be drawn.
    data["missing"] = _say_missing([f"U+{ord(letter):04X}" for letter in _missing(_rare(data))])
    return _compile(data, {f"{name}.svg": drawing.encode() for name, drawing in document.figures().items()})


def pages_of(content: bytes) -> int:
    """How many pages a PDF has."""
    return len(_read(content))


def rare_letters(document: ReportDocument) -> str:
    """The characters of a document that a machine may have no font for, each once."""
    return _rare(_as_data(document))


def describe_missing(letters: str) -> str:
    """Which of these characters a PDF would lack on this machine, in a sentence; empty if none.

    Raises:
        ExplorerError: Typst is not installed.
    """
    return _say_missing(list(_missing(letters)))


def _say_missing(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return (
        f"The PDF cannot show {' '.join(names[:NAMED])}{more}: no font of the machine that makes it has "
        f"{'this character' if len(names) == 1 else 'these characters'}. Print the HTML instead: a browser has fonts "
        "of its own."
    )


def _rare(data: Mapping[str, Any]) -> str:
    # Marks are judged with their letters; spaces and what only steers a line are never drawn.
    return "".join(
        letter
        for letter in dict.fromkeys(json.dumps(data, ensure_ascii=False))
        if not any(ord(letter) in common for common in COMMON)
        and unicodedata.category(letter)[0] not in "MZC"
    )


def _missing(letters: str) -> Iterator[str]:
    """Those of them that no font has."""
    if letters:
        alone = {"title": "", "about": " ".join(letters), "stamp": "", "missing": ""}
        # What has no font has no letter behind its empty box either.
        shown = set("".join(_read(_compile(alone | {"sections": [], "appendix": []}, {}))))
        yield from (letter for letter in letters if letter not in shown)


def _read(content: bytes) -> list[str]:
    """The text of each page."""
    pypdf = _module("pypdf")
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages]


def _compile(data: Mapping[str, Any], figures: Mapping[str, bytes]) -> bytes:
    # What people wrote goes in as data, never as source: to Typst it is text, whatever it says.
    files = {"main.typ": _TEMPLATE.read_bytes(), "document.json": json.dumps(data).encode(), **figures}
    return bytes(_module("typst").compile(files))


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ExplorerError(NEEDED) from error


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
