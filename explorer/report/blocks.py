"""What an answer is made of: blocks that the page draws and ``render`` turns into Markdown or HTML."""

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
    """A table with its caption, plain text; ``formats`` says how its numbers are written, by column."""

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
    """One sentence, with the markup of prose, that says whether something holds."""

    text: str
    holds: bool


Block = ProseBlock | CodeBlock | TableBlock | ChartBlock | VerdictBlock


@dataclass(frozen=True)
class Provenance:
    """How figures were got, and on what: one sentence, plain text."""

    origin: Origin
    text: str


@dataclass(frozen=True)
class ReportAnswer:
    """The answer to one question.

    Attributes:
        number: of the question ("1-2").
        question: in short.
        blocks: the answer.
        audit: the sample report's answer, held against the same measurements.
        where: how the numbers were got.
        facts: the numbers of the answer by name, as the engine gave them.
    """

    number: str
    question: str
    blocks: tuple[Block, ...]
    audit: VerdictBlock
    where: Provenance
    facts: dict[str, float] = field(default_factory=dict)


def list_facts(answers: Sequence[ReportAnswer]) -> list[dict[str, Any]]:
    """Every number of the answers: its question, name and value."""
    return [
        {"question": answer.number, "name": name, "value": value}
        for answer in answers
        for name, value in answer.facts.items()
    ]
