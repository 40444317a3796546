"""Accuracies: counts of right answers, with the interval they leave open."""

import math
from dataclasses import dataclass

from torch import Tensor


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
        """Wilson score interval (95 % for ``z`` = 1.96). Source: Wilson 1927, JASA 22.

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
