"""How long work tells how far it is, and how it is run to its end."""

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

Result = TypeVar("Result")


@dataclass(frozen=True)
class Update:
    """How far a run is: ``done`` of ``total`` in this stage, and what to say about it."""

    stage: str
    done: int
    total: int
    figures: dict[str, float] = field(default_factory=dict)


def follow(steps: Generator[Any, None, Result], show: Callable[[Any], object]) -> Result:
    """Run a generator of updates to its end, showing each, and return its result.

    If showing fails, as it does when a visitor leaves the page, the work is ended at once.
    """
    with closing(steps):
        while True:
            try:
                show(next(steps))
            except StopIteration as end:
                return cast(Result, end.value)


def without_work(steps: Generator[Update, None, Result]) -> tuple[Result] | None:
    """The result of a generator that need not work for it; None if it has to.

    Whatever may be there already (on disk, as evidence) yields its first update before it begins to work, and none if
    it only reads.
    """
    with closing(steps):
        try:
            next(steps)
        except StopIteration as end:
            return (cast(Result, end.value),)
    return None


def left_on_disk(
    steps: Callable[..., Generator[Update, None, object]], *arguments: object
) -> Generator[Update, None, None]:
    """Work whose result is on the disk afterwards, and not worth sending."""
    yield from steps(*arguments)


def in_one_step(function: Callable[..., Result], *arguments: object) -> Generator[Update, None, Result]:
    """``function(*arguments)`` as work that tells nothing of how far it is."""
    yield from ()
    return function(*arguments)
