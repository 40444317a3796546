"""What an answer is made of: blocks that the page draws and ``render`` turns into Markdown or HTML."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from explorer.ledger import Origin


@dataclass(frozen=True)
class Prose:
    """A paragraph; ``**bold**`` and `` `code` `` are its only markup."""

    text: str


@dataclass(frozen=True)
class Code:
    """A file or a listing, with the name it is saved under."""

    text: str
    file: str


@dataclass(frozen=True, eq=False)
class Rows:
    """A table with its caption; ``formats`` says how its numbers are written, by column."""

    frame: pd.DataFrame
    caption: str
    formats: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Figure:
    """A chart: which one, of what rows, and its text alternative and caption."""

    kind: str
    frame: pd.DataFrame
    alt: str
    caption: str
    limit: int = 0


@dataclass(frozen=True)
class Verdict:
    """One sentence that says whether something holds."""

    text: str
    holds: bool


Block = Prose | Code | Rows | Figure | Verdict


@dataclass(frozen=True)
class Where:
    """How figures were got, and on what: one sentence."""

    origin: Origin
    text: str


@dataclass(frozen=True)
class Answer:
    """The answer to one question.

    Attributes:
        number: of the question ("1-2").
        question: in short.
        blocks: the answer.
        audit: the seed report's answer, held against the same measurements.
        facts: the numbers of the answer by name, as the engine gave them.
        where: how they were got.
    """

    number: str
    question: str
    blocks: tuple[Block, ...]
    audit: Verdict
    where: Where
    facts: dict[str, float] = field(default_factory=dict)


def facts(found: Sequence[Answer]) -> pd.DataFrame:
    """Every number of the answers: columns question, name, value."""
    return pd.DataFrame(
        [
            {"question": answer.number, "name": name, "value": value}
            for answer in found
            for name, value in answer.facts.items()
        ]
    )
