"""A document of answers: what it says in which order, before it is HTML, Markdown or PDF."""

import re
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from explorer import ledger
from explorer.ledger import AXES, Comparable, LedgerAxis, LedgerRow
from explorer.markup import unescape_markup
from explorer.report import charts
from explorer.report.blocks import (
    Block,
    ChartBlock,
    CodeBlock,
    NoteBlock,
    ProseBlock,
    ReportAnswer,
    TableBlock,
    WordsBlock,
)

TITLE = "Network compression: the six questions of HW13, answered by measurement"
AUDIT_TITLE = "The audit of the sample report"
HEIGHTS = {"budget": 110, "ledger": 400}
"""Of figures, in pixels, where they are not as high as a curve."""
LONG_LISTING = 100
"""Lines of a listing: a longer one stands in the appendix."""
LONG_TABLE = 45
"""Rows of a table: of a longer one only the file is named."""


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it; ``key`` is what a link to it names."""

    key: str
    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class ReportDocument:
    """What is rendered.

    Attributes:
        title: its heading.
        first_line: what it is about, plain text.
        answers: to all six questions.
        date: the day it was written.
        torch: the version it was computed with.
        rows: the ledger's.
        words: the student's own, by question.
        axes: what the ledger's rows are drawn against.
    """

    title: str
    first_line: str
    answers: tuple[ReportAnswer, ...]
    date: str
    torch: str
    rows: tuple[LedgerRow, ...] = ()
    words: dict[str, str] = field(default_factory=dict)
    axes: tuple[LedgerAxis, LedgerAxis] = (AXES[0], AXES[-1])

    @property
    def stamp(self) -> str:
        """By what, when and with what it was written; when each number was measured stands beside it."""
        return f"Written by the Compression Explorer on {self.date}, torch {self.torch}."

    @property
    def sections(self) -> tuple[Section, ...]:
        """A section for each answer: the answer, the student's own words, what supports it, where it comes from."""
        return tuple(
            Section(
                f"q{answer.number}",
                f"{answer.number}  {answer.question}",
                (
                    answer.answer,
                    *([WordsBlock(self.words[answer.number])] if answer.number in self.words else []),
                    *(_pointer(block) if _is_long(block) else block for block in answer.support),
                    *(NoteBlock(f"{where.origin}: {where.text}") for where in answer.where),
                ),
            )
            for answer in self.answers
        )

    @property
    def appendix(self) -> tuple[Section, ...]:
        """The tables with every number, long listings, and the ledger."""
        tables = [table for answer in self.answers for table in answer.appendix]
        blocks: list[Block] = [
            block if len(block.frame) <= LONG_TABLE else _pointer(block) for block in tables
        ]
        blocks += [block for answer in self.answers for block in answer.support if _is_long(block)]
        sections = [Section("appendix", "Appendix: the numbers", tuple(blocks))] if blocks else []
        if self.rows:
            sections.append(Section("ledger", "Ledger", (*self._ledger_figure, self.ledger_table)))
        return tuple(sections)

    @property
    def tables(self) -> tuple[TableBlock, ...]:
        """Every table, for files of their own."""
        found = [table for answer in self.answers for table in answer.appendix]
        # The ledger's file has every column, for which paper is too narrow.
        rows = [TableBlock("ledger", ledger.ledger_table(self.rows), "")] if self.rows else []
        return (*found, *rows)

    @property
    def listings(self) -> tuple[CodeBlock, ...]:
        """Every listing, likewise."""
        return tuple(
            block for answer in self.answers for block in answer.support if isinstance(block, CodeBlock)
        )

    @property
    def sets(self) -> tuple[Comparable, ...]:
        """The sets of the ledger's rows that can be compared on the axes; the first one is drawn."""
        return ledger.comparables(self.rows, *self.axes)

    @property
    def ledger_table(self) -> TableBlock:
        """The ledger as a table."""
        whole = ("parameters", "nonzero", "mult_adds")
        columns = ["title", *whole, "ms_per_image", "accuracy", "images", "counted_on", "origin"]
        formats = dict.fromkeys((*whole, "images"), ",") | {"ms_per_image": ".3f", "accuracy": ".1%"}
        said = "Every pinned state; a dash is a quantity that was not measured."
        if self.sets:
            said = " ".join(filter(None, (said, ledger.describe_apart(self.sets, self.sets[0]))))
        return TableBlock("ledger", ledger.ledger_table(self.rows)[columns], said, formats)

    @property
    def _ledger_figure(self) -> tuple[ChartBlock, ...]:
        """The chart of the set that is drawn; none where no row has both quantities."""
        if not self.sets:
            return ()
        drawn, (x, y) = self.sets[0], self.axes
        table = ledger.drawn_table(drawn.rows, x, y, named=(True,) * len(drawn.rows))
        alt = f"{y.title} against {x.title} of the pinned states ({drawn.title})"
        return (ChartBlock("ledger", table, alt, ""),)

    def figures(self) -> dict[str, str]:
        """Every figure as SVG, by the kind of its block."""
        blocks = [block for section in (*self.sections, *self.appendix) for block in section.blocks]
        return {
            block.kind: charts.to_svg(self._chart(block), HEIGHTS.get(block.kind, 260))
            for block in blocks
            if isinstance(block, ChartBlock)
        }

    def _chart(self, block: ChartBlock) -> Any:
        if block.kind == "ledger":
            return charts.pareto_chart(block.frame, *self.axes)
        return charts.answer_chart(block.kind, block.frame, block.limit)


def _is_long(block: Block) -> bool:
    return isinstance(block, CodeBlock) and block.text.count("\n") > LONG_LISTING


def _pointer(block: Block) -> Block:
    """What stands in place of a block that is too long where it belongs."""
    if isinstance(block, TableBlock):
        return NoteBlock(f"{block.caption} {len(block.frame):,} rows: {block.name}.csv, beside the Markdown.")
    assert isinstance(block, CodeBlock)
    return ProseBlock(f"`{block.file}` is in the appendix.")


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


def inline_parts(text: str) -> list[tuple[str, str]]:
    """A paragraph's parts with what each is, ``strong``, ``code`` or ``text``; what is escaped stands for itself.

    >>> inline_parts("**Yes**, `fc`.")
    [('strong', 'Yes'), ('text', ', '), ('code', 'fc'), ('text', '.')]
    """
    parts = re.split(r"(?<!\\)(\*\*.+?\*\*|`.+?`)", text)
    return [_inline_part(part) for part in parts if part]


def _inline_part(part: str) -> tuple[str, str]:
    if part.startswith("**") and part.endswith("**") and len(part) > 4:
        return "strong", unescape_markup(part[2:-2])
    if part.startswith("`") and part.endswith("`") and len(part) > 2:
        return "code", part[1:-1]
    return "text", unescape_markup(part)
