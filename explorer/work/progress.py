"""How long work tells how far it is, and how it is run to its end."""

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TypeVar, cast

Result = TypeVar("Result")


@dataclass(frozen=True)
class Update:
    """How far a run is: ``done`` of ``total`` in this stage, and what to say about it."""

    stage: str
    done: int
    total: int
    figures: dict[str, float] = field(default_factory=dict)


def follow(steps: Generator[Update, None, Result], show: Callable[[Update], object]) -> Result:
    """Run a generator of updates to its end, showing each, and return its result.

    If showing fails, as it does when a visitor leaves the page, the work is ended at once.
    """
    with closing(steps):
        while True:
            try:
                show(next(steps))
            except StopIteration as end:
                return cast(Result, end.value)
