"""Accuracies: counts of right answers, with the interval they leave open."""

import math
from dataclasses import dataclass

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

    def interval(self, z: float = 1.96) -> tuple[float, float]:
        """Wilson score interval (95% for ``z`` = 1.96). Source: Wilson 1927, JASA 22.

        >>> low, high = Accuracy(90, 100).interval()
        >>> round(low, 3), round(high, 3)
        (0.826, 0.945)
        """
        n, p = self.total, self.value
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, centre - half), min(1.0, centre + half)


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
