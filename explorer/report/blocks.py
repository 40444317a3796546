"""What an answer is made of: blocks that the page draws and the renderers turn into HTML, Markdown or PDF."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from explorer.ledger import Origin


@dataclass(frozen=True)
class ProseBlock:
    """A paragraph; ``**bold**`` and `` `code` `` are its only markup, see ``markup`` for what is not ours in it."""

    text: str


@dataclass(frozen=True)
class CodeBlock:
    """A file or a listing, with the name it is saved under."""

    text: str
    file: str


@dataclass(frozen=True, eq=False)
class TableBlock:
    """A table.

    Attributes:
        name: what its file is called, without ``.csv``.
        frame: its rows.
        caption: plain text.
        formats: how its numbers are written, by column.
    """

    name: str
    frame: pd.DataFrame
    caption: str
    formats: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ChartBlock:
    """A chart: which one, of what rows, and its text alternative and caption, both plain text."""

    kind: str
    frame: pd.DataFrame
    alt: str
    caption: str
    limit: int = 0


@dataclass(frozen=True)
class VerdictBlock:
    """A paragraph of prose that says whether something holds; None where that is open, or no question."""

    text: str
    holds: bool | None = None


@dataclass(frozen=True)
class WordsBlock:
    """What the student wrote, plain text with lines of its own."""

    text: str


@dataclass(frozen=True)
class NoteBlock:
    """A small line of plain text."""

    text: str


Block = ProseBlock | CodeBlock | TableBlock | ChartBlock | VerdictBlock | WordsBlock | NoteBlock


@dataclass(frozen=True)
class Provenance:
    """How figures were got, and on what, when: one sentence, plain text."""

    origin: Origin
    text: str


@dataclass(frozen=True)
class ReportAnswer:
    """The answer to one question.

    Attributes:
        number: of the question ("1-2").
        question: in short.
        answer: the answer itself, which comes first: yes or no, where it is one.
        support: what supports it.
        where: how the numbers were got.
        facts: the numbers of the answer by name, as the engine gave them.
        appendix: tables that hold every number, for who wants to look.
    """

    number: str
    question: str
    answer: VerdictBlock
    support: tuple[Block, ...]
    where: tuple[Provenance, ...]
    facts: dict[str, float] = field(default_factory=dict)
    appendix: tuple[TableBlock, ...] = ()


def list_facts(answers: Sequence[ReportAnswer]) -> list[dict[str, Any]]:
    """Every number of the answers: its question, name and value."""
    return [
        {"question": answer.number, "name": name, "value": value}
        for answer in answers
        for name, value in answer.facts.items()
    ]
