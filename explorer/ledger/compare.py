"""Rows of the ledger side by side: their table, which of them nothing beats, and which cannot be compared."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from explorer.ledger.row import LedgerRow


@dataclass(frozen=True)
class LedgerAxis:
    """One quantity that rows are compared by: its column, unit, and whether less of it is better.

    Two rows have it in common only if they agree in what it depends on: the side of the input, or the images.
    """

    title: str
    column: str
    unit: str
    less_is_better: bool
    depends_on: str = ""


SIZE, IMAGES = "input size", "images"
AXES = (
    LedgerAxis("Parameters stored", "parameters", "", less_is_better=True),
    LedgerAxis("Parameters not zero", "nonzero", "", less_is_better=True),
    LedgerAxis("Multiply-adds", "mult_adds", "per image", less_is_better=True, depends_on=SIZE),
    LedgerAxis("File size", "file_bytes", "bytes", less_is_better=True),
    LedgerAxis("Compressed file size", "zipped_bytes", "bytes", less_is_better=True),
    LedgerAxis("Latency per image", "ms_per_image", "ms", less_is_better=True, depends_on=SIZE),
    LedgerAxis("Top-1 accuracy", "accuracy", "", less_is_better=False, depends_on=IMAGES),
)


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
                "images": row.total,
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


def explain_differences(rows: Sequence[LedgerRow], x: LedgerAxis, y: LedgerAxis) -> tuple[str, ...]:
    """A sentence for each axis on which these rows stand side by side and should not be compared."""
    sentences = []
    if any(axis.depends_on == IMAGES for axis in (x, y)):
        # The first 1,000 images of a set and all 10,000 are different images: either may be the easier ones.
        counted = {(row.images_key, row.total): row for row in rows if row.accuracy is not None}
        if len(counted) > 1:
            listed = sorted(f"{row.total:,} of {row.images}" for row in counted.values())
            sentences.append(
                f"These accuracies were counted on different images ({'; '.join(listed)}): compare only those of "
                "the same images."
            )
    for axis in dict.fromkeys((x, y)):
        sizes = sorted({row.input_size for row in rows})
        if axis.depends_on == SIZE and len(sizes) > 1:
            sentences.append(
                f"{axis.title} depends on the input size, and these rows have inputs of "
                f"{', '.join(map(str, sizes))} pixels: compare only those of the same size."
            )
    return tuple(sentences)
