"""Accuracies: counts of right answers, with the interval they leave open."""

from dataclasses import dataclass
from functools import lru_cache

from torch import Tensor

LEVEL = 0.05
"""A p-value below it tells two things apart."""


@dataclass(frozen=True)
class Accuracy:
    """``correct`` right answers on ``total`` images."""

    correct: int
    total: int

    @property
    def value(self) -> float:
        """The share of right answers, 0 to 1."""
        return self.correct / self.total

    def interval(self) -> tuple[float, float]:
        """The 95% Wilson interval: what other images of the same kind would leave open. Source: Wilson 1927, JASA 22.

        >>> low, high = Accuracy(90, 100).interval()
        >>> round(low, 3), round(high, 3)
        (0.826, 0.945)
        """
        return _wilson(self.correct, self.total)


@lru_cache(
    maxsize=4096
)  # SciPy also works out a p-value, and a page asks for the same counts at every script
def _wilson(correct: int, total: int) -> tuple[float, float]:
    from scipy.stats import binomtest  # see Paired.chance

    interval = binomtest(correct, total).proportion_ci(1 - LEVEL, method="wilson")
    return float(interval.low), float(interval.high)


def accuracy(scores: Tensor, labels: Tensor) -> Accuracy:
    """Top-1 accuracy of logits (N, classes) against labels (N,).

    >>> import torch
    >>> accuracy(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 0]))
    Accuracy(correct=1, total=2)
    """
    return Accuracy(int((scores.argmax(1) == labels).sum()), len(labels))


@dataclass(frozen=True)
class Paired:
    """Two networks' answers to the same images.

    Attributes:
        first: images on which only the first is right.
        second: images on which only the second is right.
        total: images.
    """

    first: int
    second: int
    total: int

    @property
    def chance(self) -> float:
        """How often two equally good networks differ by so much or more: McNemar's test, exact and two-sided.

        Of the images on which only one of them is right, each is then right on any with probability one half.
        Source: McNemar 1947, Psychometrika 12.

        >>> Paired(1, 5, 100).chance
        0.21875
        """
        from scipy.stats import binomtest  # here: it takes a second to import, and few pages ask for it

        apart = self.first + self.second
        return float(binomtest(self.first, apart).pvalue) if apart else 1.0


def paired(first: Tensor, second: Tensor, labels: Tensor) -> Paired:
    """Two networks' logits (N, classes) for the same images, compared against the labels (N,)."""
    one, other = (scores.argmax(1) == labels for scores in (first, second))
    return Paired(int((one & ~other).sum()), int((other & ~one).sum()), len(labels))
