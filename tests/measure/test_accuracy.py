import pytest

from explorer.measure import Accuracy


@pytest.mark.parametrize(("correct", "total"), [(0, 10), (10, 10), (9346, 10_000), (1, 2)])
def test_the_wilson_interval_solves_its_equation(correct: int, total: int) -> None:
    """The bounds are the p whose distance from the observed share is z standard errors."""
    measured = Accuracy(correct, total)
    for bound in measured.interval():
        distance = (measured.value - bound) ** 2
        assert distance == pytest.approx(1.96**2 * bound * (1 - bound) / total, abs=1e-12)
    low, high = measured.interval()
    assert 0 <= low <= measured.value <= high <= 1
