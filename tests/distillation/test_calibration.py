import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.distillation.calibration import CALIBRATION_BINS, calibrate


def expected_calibration_error(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Guo et al. 2017, eq. 3, bin by bin in NumPy: sum over bins of |images| / n * |accuracy - confidence|."""
    probabilities = np.exp(logits.numpy() - logits.numpy().max(1, keepdims=True))
    probabilities /= probabilities.sum(1, keepdims=True)
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels.numpy()
    error = 0.0
    for low in range(CALIBRATION_BINS):
        inside = (confidence > low / CALIBRATION_BINS) & (confidence <= (low + 1) / CALIBRATION_BINS)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return error


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    size=st.integers(1, 80),
    classes=st.integers(2, 12),
    scale=st.floats(0.1, 10),
)
def test_the_error_is_that_of_the_definition_however_unequal_the_bins(
    seed: int, size: int, classes: int, scale: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(size, classes, dtype=torch.float64, generator=generator)
    labels = torch.randint(classes, (size,), generator=generator)
    calibration = calibrate(logits, labels)
    assert calibration.ece == pytest.approx(expected_calibration_error(logits, labels), abs=1e-12)
    assert calibration.bins["count"].sum() == size
    right = (logits.argmax(1) == labels).sum().item()
    bins = calibration.bins
    assert (bins["accuracy"] * bins["count"]).sum() == pytest.approx(right)


def test_full_bins_weigh_more_than_empty_ones() -> None:
    sure, unsure = torch.tensor([9.0, 0.0]), torch.tensor([0.5, 0.0])
    logits = torch.stack([sure] * 9 + [unsure]).double()
    calibration = calibrate(logits, torch.zeros(10, dtype=torch.int64))
    gaps = [1 - logits[row].softmax(0)[0].item() for row in (0, 9)]
    assert calibration.ece == pytest.approx(0.9 * gaps[0] + 0.1 * gaps[1])
    assert calibration.ece != pytest.approx(sum(gaps) / 2), "a mean over bins would say"


def test_a_bin_is_closed_above_and_open_below() -> None:
    third = torch.zeros(2, 3)  # confidence 1/3 = 5/15, the upper edge of the fifth bin
    above = torch.tensor([[0.2, 0.0, 0.0]]).repeat(2, 1)  # confidence 0.379, in the sixth
    bins = calibrate(torch.cat([third, above]), torch.tensor([0, 1, 0, 0])).bins
    assert bins["count"].tolist() == [2, 2], "with the edge in the sixth bin there would be one bin of four"
    assert bins["confidence"].tolist() == pytest.approx([1 / 3, 0.37915], abs=1e-5)
    assert bins["accuracy"].tolist() == [0.5, 1.0]


def test_the_extremes_are_known() -> None:
    labels = torch.tensor([0, 1, 0, 1])
    sure = torch.tensor([[50.0, 0.0], [0.0, 50.0], [50.0, 0.0], [0.0, 50.0]])
    assert calibrate(sure, labels).ece == pytest.approx(0.0, abs=1e-6)
    assert calibrate(sure, 1 - labels).ece == pytest.approx(1.0, abs=1e-6)
    assert list(calibrate(sure, labels).bins.columns) == ["confidence", "accuracy", "count"]
