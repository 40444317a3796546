from statistics import NormalDist

import pytest
import torch
from scipy.stats import binomtest

from explorer.measure import Accuracy, Paired, accuracy, paired

Z = NormalDist().inv_cdf(0.975)


@pytest.mark.parametrize(("correct", "total"), [(0, 10), (10, 10), (9346, 10_000), (1, 2)])
def test_the_wilson_interval_solves_its_equation(correct: int, total: int) -> None:
    """The bounds are the p whose distance from the observed share is z standard errors."""
    measured = Accuracy(correct, total)
    for bound in measured.interval():
        distance = (measured.value - bound) ** 2
        assert distance == pytest.approx(Z**2 * bound * (1 - bound) / total, abs=1e-12)
    low, high = measured.interval()
    assert 0 <= low <= measured.value <= high <= 1


def test_the_interval_stays_within_0_and_1_whatever_the_rounding() -> None:
    for total in range(1, 300):
        assert Accuracy(total, total).interval()[1] <= 1
        assert Accuracy(0, total).interval()[0] >= 0


def test_right_answers_are_counted() -> None:
    scores = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [0.0, 0.0, 1.0]])
    assert accuracy(scores, torch.tensor([0, 1, 1])) == Accuracy(2, 3)
    assert accuracy(scores, torch.tensor([2, 2, 2])) == Accuracy(1, 3)
    assert accuracy(scores, torch.tensor([0, 1, 1])).value == 2 / 3


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 5), (5, 1), (7, 7), (300, 420)])
def test_the_chance_of_a_difference_is_that_of_a_fair_coin(first: int, second: int) -> None:
    expected = binomtest(first, first + second, 0.5).pvalue if first + second else 1.0
    assert Paired(first, second, 1000).chance == pytest.approx(expected)


def test_two_networks_are_paired_image_by_image() -> None:
    labels = torch.tensor([0, 1, 1, 0, 1])
    one = torch.eye(2)[[0, 1, 0, 0, 0]]
    other = torch.eye(2)[[0, 0, 1, 1, 0]]
    assert paired(one, other, labels) == Paired(2, 1, 5)
    assert paired(other, one, labels) == Paired(1, 2, 5)
