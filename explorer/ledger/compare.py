"""Rows of the ledger side by side: their table, which of them nothing beats, and which cannot be compared."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from explorer.ledger.recipe import Recipe
from explorer.ledger.row import LedgerRow


@dataclass(frozen=True)
class LedgerAxis:
    """One quantity that rows are compared by: its column, unit, and whether less of it is better.

    Two rows have it in common only if they agree in what it depends on: see ``comparables``.
    """

    title: str
    column: str
    unit: str
    less_is_better: bool
    depends_on: Literal["", "input size", "images", "clock"] = ""


AXES = (
    LedgerAxis("Parameters stored", "parameters", "", less_is_better=True),
    LedgerAxis("Parameters not zero", "nonzero", "", less_is_better=True),
    LedgerAxis("Multiply-adds", "mult_adds", "per image", less_is_better=True, depends_on="input size"),
    LedgerAxis("File size", "file_bytes", "bytes", less_is_better=True),
    LedgerAxis("Compressed file size", "zipped_bytes", "bytes", less_is_better=True),
    LedgerAxis("Latency per image", "ms_per_image", "ms", less_is_better=True, depends_on="clock"),
    LedgerAxis("Top-1 accuracy", "accuracy", "", less_is_better=False, depends_on="images"),
)


@dataclass(frozen=True)
class Comparable:
    """Rows that may stand in one chart: they agree in all that its axes depend on.

    Attributes:
        title: what they agree in, for people; no two sets of a ledger have the same.
        rows: in the ledger's order, those alone that have both figures.
        depends_on: what the two axes depend on.
    """

    title: str
    rows: tuple[LedgerRow, ...]
    depends_on: frozenset[str]

    @property
    def images(self) -> int:
        """On how many images their right answers were counted; 0 where that does not matter."""
        return (self.rows[0].total or 0) if "images" in self.depends_on else 0


def comparables(rows: Sequence[LedgerRow], x: LedgerAxis, y: LedgerAxis) -> tuple[Comparable, ...]:
    """The sets of rows that may be compared on two axes; the one with the most images first, then with the most rows.

    Accuracies are of the same images only if set and number are the same: 1,000 images of a set and all 10,000 are
    different images, and either may be the easier ones. Multiply-adds are of the same size of input;
    milliseconds of the same machine and threads besides, and of as many images at once.
    """
    depends = frozenset(axis.depends_on for axis in (x, y) if axis.depends_on)
    has_both = ledger_table(rows)[[x.column, y.column]].notna().all(axis=1)
    sets: dict[tuple[object, ...], list[LedgerRow]] = {}
    for row, known in zip(rows, has_both, strict=True):
        if known:
            key: tuple[object, ...] = (row.images_key, row.total) if "images" in depends else ()
            key += (row.input_size,) if depends & {"input size", "clock"} else ()
            key += (row.batch, row.timed_on) if "clock" in depends else ()
            sets.setdefault(key, []).append(row)
    titles = [_agreement(together[0], depends) for together in sets.values()]
    found = [
        # Two folders may have the same name; the keys of their images differ.
        Comparable(
            title if titles.count(title) == 1 else f"{title} (key {together[0].images_key[:6]})",
            tuple(together),
            depends,
        )
        for title, together in zip(titles, sets.values(), strict=True)
    ]
    return tuple(sorted(found, key=lambda one: (-one.images, -len(one.rows))))


def _agreement(row: LedgerRow, depends: Collection[str]) -> str:
    """What rows that may be compared with this one agree in, for people."""
    parts = [f"{row.total:,} images of {row.images}"] if "images" in depends else []
    if "input size" in depends or "clock" in depends:
        parts.append(f"{row.input_size} pixels")
    if "clock" in depends:
        parts.append(f"{row.batch} at once on {row.timed_on or 'a machine that is not named'}")
    return ", ".join(parts) or "all states"


def paths(rows: Sequence[LedgerRow]) -> tuple[tuple[int, int], ...]:
    """Which rows were made from which: positions of the parent and of the row, by weights and steps alone.

    Where the state before is no row, the nearest one before that is the parent; designs have none.
    """
    recipes = {number: Recipe.from_dict(row.recipe) for number, row in enumerate(rows) if row.weights}
    there = {(rows[number].weights, recipe): number for number, recipe in reversed(recipes.items())}
    found = []
    for number, recipe in recipes.items():
        before = recipe
        while before.steps:
            before = before.parent
            if (parent := there.get((rows[number].weights, before))) is not None:
                found.append((parent, number))
                break
    return tuple(found)


def drawn_table(
    rows: Sequence[LedgerRow], x: LedgerAxis, y: LedgerAxis, named: Sequence[bool] = ()
) -> pd.DataFrame:
    """The table of rows that can be compared, with the columns that their chart needs besides.

    ``front`` tells the rows that nothing beats, ``named`` those whose title is written: the front where none is named,
    and ``number`` counts these. ``label`` is what is written: the title, or the number where titles would lie on each
    other. ``made_from`` is the line of the row that it was made from, -1 without one.
    """
    table = ledger_table(rows)
    front = pareto_front(table, x, y)
    written = pd.Series(named, index=table.index) if any(named) else front
    parents = {child: parent for parent, child in paths(rows)}
    made_from = [parents.get(number, -1) for number in range(len(rows))]
    table = table.assign(front=front, named=written, number=written.cumsum(), made_from=made_from)
    crowded = is_crowded(table[written], x, y)
    return table.assign(label=table["number"].astype(str) if crowded else table["title"])


WIDE, HIGH = 0.25, 0.08
"""What a title takes of the width and of the height of a chart."""


def is_crowded(named: pd.DataFrame, x: LedgerAxis, y: LedgerAxis) -> bool:
    """Whether the titles of some of these states would lie on each other."""
    places = []
    for axis, share in ((x, WIDE), (y, HIGH)):
        values = named[axis.column].to_numpy(float)
        if axis.column != "accuracy":  # drawn as it is; all else on a logarithmic scale
            values = np.log(np.maximum(values, 1e-9))
        places.append(
            (values - values.min(initial=np.inf)) / ((np.ptp(values) if len(values) else 0) or 1) / share
        )
    across, up = places
    close = (abs(across[:, None] - across) < 1) & (abs(up[:, None] - up) < 1)
    return bool(close.sum() > len(named))


def describe_numbers(table: pd.DataFrame) -> str:
    """Which state each number in the chart stands for, and where numbers are written instead of titles."""
    named = table[table["named"]]
    if named.empty:
        return ""
    where = "Numbers on a narrow screen" if (named["label"] == named["title"]).all() else "Numbers"
    return f"{where}: {'; '.join(f'{line.number} {line.title}' for line in named.itertuples())}."


def set_to_draw(sets: Sequence[Comparable], pinned: Collection[LedgerRow]) -> Comparable:
    """Of several sets the one to begin with: with the most pinned rows, then the first."""
    return max(sets, key=lambda one: sum(row in pinned for row in one.rows))


def describe_apart(sets: Sequence[Comparable], drawn: Comparable) -> str:
    """Which states are not drawn beside these since they cannot be compared with them; empty if all are drawn."""
    others = [one for one in sets if one is not drawn]
    if not others:
        return ""
    listed = "; ".join(f"{len(one.rows)} on {one.title}" for one in others)
    return f"Not drawn, since they cannot be compared with these ({drawn.title}): {listed}."


def ledger_table(rows: Sequence[LedgerRow]) -> pd.DataFrame:
    """One line per row, in order, what answers first; quantities that were not measured are missing.

    Latency is given per image (the median of a batch, divided by its images), so that batches of
    different sizes stand on one axis.
    """
    lines = []
    for row in rows:
        accuracy = row.accuracy
        low, high = accuracy.interval() if accuracy else (None, None)
        lines.append(
            {
                "title": row.title,
                "accuracy": accuracy.value if accuracy else None,
                "images": row.total,
                "counted_on": row.images,
                "parameters": row.params,
                "nonzero": row.nonzero,
                "mult_adds": row.mult_adds,
                "ms_per_image": row.ms / row.batch if row.ms is not None and row.batch else None,
                "file_bytes": row.file_bytes,
                "zipped_bytes": row.zipped_bytes,
                "lesson": row.lesson,
                "network": row.network,
                "input_size": row.input_size,
                "ms": row.ms,
                "batch": row.batch,
                "accuracy_low": low,
                "accuracy_high": high,
                "origin": row.origin,
                "where": row.where,
                "link": row.link,
            }
        )
    measured = [axis.column for axis in AXES] + ["ms", "batch", "accuracy_low", "accuracy_high", "images"]
    table = pd.DataFrame(lines, columns=list(lines[0]) if lines else ["title", *measured])
    return table.astype(dict.fromkeys(measured, "float64"))


def pareto_front(table: pd.DataFrame, x: LedgerAxis, y: LedgerAxis) -> pd.Series:
    """For each line whether no other is at least as good on both axes and better on one.

    Lines that miss a quantity are not on the front.
    """
    signs = [1 if axis.less_is_better else -1 for axis in (x, y)]
    values: npt.NDArray[np.float64] = table[[x.column, y.column]].to_numpy(float) * np.array(signs)
    known = np.logical_not(np.isnan(values).any(axis=1))
    result = []
    for number, here in enumerate(values):
        # Of two equal lines neither beats the other, so both stay.
        beaten = (values <= here).all(axis=1) & (values < here).any(axis=1)
        result.append(bool(known[number] and not beaten[known].any()))
    return pd.Series(result, index=table.index)
