"""Speed of the architecture lesson: the budget itself (an edit as a person feels it is in ``serving``)."""

from collections.abc import Iterator

import torchinfo

from benchmarks.figure import BenchFigure, paired
from explorer.architecture.budget import budget
from explorer.networks import StudentNet, StudentSpec

ROUNDS = 30


def figures() -> Iterator[BenchFigure]:
    """The figure of this lesson."""
    yield _budget()


def _budget() -> BenchFigure:
    specs = iter(StudentSpec(stem) for stem in range(1, 1000))

    def ours() -> object:
        return budget(next(specs), 224)

    def plain() -> object:
        return torchinfo.summary(StudentNet(next(specs)), (1, 3, 224, 224), device="cpu", verbose=0)

    mine, theirs = paired(ours, plain, ROUNDS)
    ratio = theirs / mine
    return BenchFigure(
        "budget on the meta device against torchinfo on an ordinary network",
        round(ratio, 2),
        "times faster",
        "at least 3",
        ratio >= 3,
        f"medians of {ROUNDS} edited specs each, in turn, at 224 px: {1000 * mine:.1f} ms and "
        f"{1000 * theirs:.1f} ms",
    )
