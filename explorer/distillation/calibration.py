"""Calibration: does a network that says 80 % have right answers 80 % of the time?"""

from dataclasses import dataclass

import pandas as pd
from torch import Tensor

from explorer.distillation.soften import soften

CALIBRATION_BINS = 15


@dataclass(frozen=True, eq=False)
class Calibration:
    """How far confidence and accuracy agree, at T = 1.

    Attributes:
        ece: expected calibration error over 15 bins of equal width, 0 to 1: the distance between mean
            confidence and accuracy in each bin, weighed by the number of images in it.
            Source: Naeini, Cooper, Hauskrecht 2015, AAAI; Guo et al. 2017, arXiv 1706.04599, eq. 3.
        bins: one row per bin that holds images: columns confidence, accuracy, count.
    """

    ece: float
    bins: pd.DataFrame


def calibrate(logits: Tensor, labels: Tensor) -> Calibration:
    """The calibration of logits (N, C) against labels (N,)."""
    confidence, answer = soften(logits, 1.0).max(1)
    # Bins are open below and closed above, ((b - 1) / 15, b / 15], as Guo et al. have them: hence ceil, not floor.
    bin_number = (confidence * CALIBRATION_BINS).ceil().long()
    rows = pd.DataFrame(
        {"bin": bin_number.numpy(), "confidence": confidence.numpy(), "right": (answer == labels).numpy()}
    )
    bins = (
        rows.groupby("bin")
        .agg(confidence=("confidence", "mean"), accuracy=("right", "mean"), count=("right", "size"))
        .reset_index(drop=True)
    )
    ece = ((bins["accuracy"] - bins["confidence"]).abs() * bins["count"]).sum() / len(labels)
    return Calibration(float(ece), bins)
