"""A row of the ledger, the table of all rows, and which of them nothing beats."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from explorer.measure import Accuracy

Lesson = Literal["architecture", "distillation", "pruning"]
Origin = Literal["measured", "precomputed", "estimated", "computed", "carried"]


@dataclass(frozen=True)
class State:
    """One network in one state.

    Attributes:
        title: for people, free text.
        lesson: where it was pinned.
        network: the kind and its widths.
        params: parameters stored, zeros included.
        nonzero: parameters that are not zero.
        mult_adds: multiply-adds of convolutions and linear layers for one image.
        input_size: side in pixels of that image.
        origin: how the figures were got; ``carried`` ones came in a file or link.
        where: the same as a sentence: device, images, date.
        file_bytes: size of the weights as safetensors, bytes.
        zipped_bytes: the same through zlib.
        ms: median milliseconds of a forward pass over ``batch`` images.
        ms_low: first quartile.
        ms_high: third quartile.
        batch: images in the timed batch.
        correct: right answers on ``total`` images.
        total: images.
        images: what they are.
        link: the page and its state, relative to the app's address ("pruning?p_f=0.5").
        recipe: how to rebuild the network, see ``explorer.report.rebuild``; empty if it cannot be.
    """

    title: str
    lesson: Lesson
    network: str
    params: int
    nonzero: int
    mult_adds: int
    input_size: int
    origin: Origin
    where: str
    file_bytes: int | None = None
    zipped_bytes: int | None = None
    ms: float | None = None
    ms_low: float | None = None
    ms_high: float | None = None
    batch: int | None = None
    correct: int | None = None
    total: int | None = None
    images: str = ""
    link: str = ""
    recipe: dict[str, Any] = field(default_factory=dict)

    @property
    def accuracy(self) -> Accuracy | None:
        """The right answers as an accuracy; None for a network that was not measured on images."""
        return Accuracy(self.correct, self.total) if self.correct is not None and self.total else None


@dataclass(frozen=True)
class Axis:
    """One quantity that states are compared by: its column, unit, and whether less of it is better."""

    title: str
    column: str
    unit: str
    less_is_better: bool


AXES = (
    Axis("Parameters stored", "parameters", "", less_is_better=True),
    Axis("Parameters not zero", "nonzero", "", less_is_better=True),
    Axis("Multiply-adds", "mult_adds", "per image", less_is_better=True),
    Axis("File size", "file_bytes", "bytes", less_is_better=True),
    Axis("Compressed file size", "zipped_bytes", "bytes", less_is_better=True),
    Axis("Latency per image", "ms_per_image", "ms", less_is_better=True),
    Axis("Top-1 accuracy", "accuracy", "", less_is_better=False),
)


def table(states: Sequence[State]) -> pd.DataFrame:
    """One row per state, in order; quantities that were not measured are missing.

    Latency is given per image (the median of a batch, divided by its images), so that batches of
    different sizes stand on one axis.
    """
    rows = []
    for state in states:
        found = state.accuracy
        low, high = found.interval() if found else (None, None)
        rows.append(
            {
                "title": state.title,
                "lesson": state.lesson,
                "network": state.network,
                "parameters": state.params,
                "nonzero": state.nonzero,
                "mult_adds": state.mult_adds,
                "input_size": state.input_size,
                "file_bytes": state.file_bytes,
                "zipped_bytes": state.zipped_bytes,
                "ms": state.ms,
                "batch": state.batch,
                "ms_per_image": state.ms / state.batch if state.ms is not None and state.batch else None,
                "accuracy": found.value if found else None,
                "accuracy_low": low,
                "accuracy_high": high,
                "images": state.total,
                "origin": state.origin,
                "where": state.where,
                "link": state.link,
            }
        )
    numbers = [axis.column for axis in AXES] + ["ms", "batch", "accuracy_low", "accuracy_high", "images"]
    frame = pd.DataFrame(rows, columns=list(rows[0]) if rows else ["title", *numbers])
    return frame.astype(dict.fromkeys(numbers, "float64"))


def front(rows: pd.DataFrame, x: Axis, y: Axis) -> pd.Series:
    """For each row whether no other is at least as good on both axes and better on one.

    Rows that miss a quantity are not on the front.
    """
    signs = [1 if axis.less_is_better else -1 for axis in (x, y)]
    values: npt.NDArray[np.float64] = rows[[x.column, y.column]].to_numpy(float) * np.array(signs)
    known = np.logical_not(np.isnan(values).any(axis=1))
    result = []
    for number, here in enumerate(values):
        beaten = (values <= here).all(axis=1) & (values < here).any(axis=1)
        result.append(bool(known[number] and not beaten[known].any()))
    return pd.Series(result, index=rows.index)
