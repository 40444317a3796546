"""Speed figures: ratios within one run, each with its aim and how it was measured."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Attributes:
        name: what was measured.
        value: the figure; None where the machine was too busy to measure it.
        unit: its unit.
        aim: what it should be, in words.
        holds: whether it is.
        how: how it was measured.
    """

    name: str
    value: float | None
    unit: str
    aim: str
    holds: bool
    how: str


def paired(first: Callable[[], object], second: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median seconds of two functions that are called in turn, the order swapped every round."""
    times: tuple[list[float], list[float]] = ([], [])
    pair = (first, second)
    for turn in range(rounds + 1):
        for which in (0, 1) if turn % 2 else (1, 0):
            started = time.perf_counter()
            pair[which]()
            if turn:
                times[which].append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])
