"""What makes a network faster: masks, removal, another runtime, int8, each timed in turn with the dense one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from explorer.measure import Accuracy
from explorer.pruning.forms import BATCH, Form, told_apart
from explorer.runtime.compare import RuntimeRow

TOLERATED = 1.0  # points of accuracy: a network that loses more is no longer the same to its user
_RUNTIMES = {"onnxruntime": "the same weights in onnxruntime", "int8": "int8 in onnxruntime"}
_FORMS = {
    "unstructured": "{} of the weights masked",
    "masked": "{} of the channels masked",
    "sliced": "{} of the channels removed",
    **_RUNTIMES,
}


@dataclass(frozen=True)
class Way:
    """One way to make a network faster, measured.

    Attributes:
        title: what was done.
        accuracy: afterwards.
        dense: accuracy of the dense network on the same images.
        speed_up: how many times as fast as the dense network in torch, timed in turn; None where nothing was timed.
        faster: whether it is faster than the dense network or slower; None where the times do not tell, see
            ``told_apart``.
        file_bytes: of its file.
    """

    title: str
    accuracy: Accuracy
    dense: Accuracy
    speed_up: float | None
    faster: bool | None
    file_bytes: int

    @property
    def lost(self) -> float:
        """Points of accuracy that it cost."""
        # Rounded, or one image of a hundred would be 1.0000000000000009 points.
        return round(100 * (self.dense.value - self.accuracy.value), 9)


def ways_to_run(forms: Sequence[Form], ratio: float, runtimes: Sequence[RuntimeRow] = ()) -> tuple[Way, ...]:
    """What was measured of one network, in the order of the lessons: masked, removed, another runtime, int8.

    Args:
        forms: the dense network and its forms at one ratio; may be none.
        ratio: that.
        runtimes: of the same network; those in batches of 32 on the most threads are taken, as the forms are timed.
    """
    # Where the forms were timed in these runtimes, too, all of it was timed in turn.
    others = [row for row in runtimes if row.runtime not in {form.name for form in forms}]
    return (*_forms(forms, ratio), *_runtimes(others))


def _forms(forms: Sequence[Form], ratio: float) -> Iterator[Way]:
    named = {form.name: form for form in forms}
    dense = named.get("dense")
    if dense is None:
        return
    for name, title in _FORMS.items():
        form = named.get(name)
        if form is not None:
            speed_up = None if form.ms is None or dense.ms is None else dense.ms / form.ms
            yield Way(
                title.format(f"{ratio:.0%}"),
                Accuracy(form.correct, form.total),
                Accuracy(dense.correct, dense.total),
                speed_up,
                told_apart(form, dense),
                form.file_bytes,
            )


def _runtimes(rows: Sequence[RuntimeRow]) -> Iterator[Way]:
    most = max((row.threads for row in rows), default=0)
    named = {row.runtime: row for row in rows if (row.batch, row.threads) == (BATCH, most)}
    dense = named.get("torch")
    if dense is None:
        return
    for name, row in named.items():
        if name in _RUNTIMES:
            yield Way(
                _RUNTIMES[name],
                row.accuracy,
                dense.accuracy,
                row.speed_up,
                told_apart(row, dense),
                row.file_bytes,
            )


_TOLD = {True: "faster", False: "slower", None: "cannot be told"}


def ways_table(ways: Sequence[Way]) -> pd.DataFrame:
    """The ways for people, one line each; files in megabytes of 10^6."""
    return pd.DataFrame(
        [
            {
                "what is done": way.title,
                "speed_up": way.speed_up,
                "than dense": _TOLD[way.faster],
                "accuracy": way.accuracy.value,
                "points lost": round(way.lost, 1),
                "file_mb": way.file_bytes / 1e6,
            }
            for way in ways
        ]
    )


def ways_of_networks(ways: Mapping[str, Sequence[Way]]) -> pd.DataFrame:
    """The ways of several networks, by their titles, under each other."""
    tables = [ways_table(each) for each in ways.values()]
    return pd.concat(tables, keys=ways, names=["network"]).reset_index("network").reset_index(drop=True)


def describe_ways(ways: Sequence[Way]) -> str:
    """What answers "what makes it faster?", in sentences; empty where nothing was timed."""
    timed = [(way, way.speed_up) for way in ways if way.speed_up is not None]
    if not timed:
        return ""
    keeping = [pair for pair in timed if pair[0].lost <= TOLERATED and pair[0].faster]
    fastest, most = max(timed, key=lambda pair: pair[1])
    said = f"Nothing measured here is faster and loses no more than {TOLERATED:g} point of accuracy."
    if keeping:
        best, speed_up = max(keeping, key=lambda pair: pair[1])
        said = (
            f"Fastest with no more than {TOLERATED:g} point of accuracy lost: **{best.title}**, "
            f"**{speed_up:.2f}** times as fast."
        )
        if best is fastest:
            return said
    if not fastest.faster:
        return said
    return (
        f"{said} {fastest.title}: {most:.2f} times as fast, **{fastest.accuracy.value:.1%}** right instead of "
        f"{fastest.dense.value:.1%}."
    )
