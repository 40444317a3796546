"""Dark knowledge and calibration: what the teacher's soft labels say about classes, and how sure it is."""

import base64
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from explorer.data import ImageSet
from explorer.distillation.soften import soften

BINS = 15
EXAMPLES = 3


def mean_soft_labels(teacher: Tensor, images: ImageSet, temperature: float) -> pd.DataFrame:
    """The teacher's mean soft label per true class at T, the diagonal left out.

    Returns one row per pair: columns true, other, probability, positions (of the images of that true
    class to which the teacher gives the other class the most), example (those as a PNG data address).
    """
    probabilities, labels = soften(teacher, temperature), images.targets()
    rows = []
    for true, name in enumerate(images.classes):
        members = torch.nonzero(labels == true).flatten()
        if not len(members):
            continue  # a small set of one's own may have no image of a class
        mean = probabilities[members].mean(0)
        best = members[probabilities[members].topk(min(EXAMPLES, len(members)), dim=0).indices].T.tolist()
        rows += [
            {
                "true": name,
                "other": other,
                "probability": mean[column].item(),
                "positions": tuple(best[column]),
                "example": png_address(np.hstack(list(images.images[best[column]]))),
            }
            for column, other in enumerate(images.classes)
            if column != true
        ]
    return pd.DataFrame(rows)


def png_address(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], height: int = 56) -> str:
    """An image (H, W) or (H, W, 3), about ``height`` tall, as a data address; small ones keep their pixels."""
    image = Image.fromarray(pixels)
    scale = height // image.height
    if scale:
        image = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    else:
        image.thumbnail((image.width, height))
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


@dataclass(frozen=True)
class Calibration:
    """How far confidence and accuracy agree, at T = 1.

    Attributes:
        ece: expected calibration error over 15 bins of equal width, 0 to 1.
            Source: Naeini, Cooper, Hauskrecht 2015.
        bins: one row per bin that holds images: columns confidence, accuracy, count.
    """

    ece: float
    bins: pd.DataFrame


def calibration(logits: Tensor, labels: Tensor) -> Calibration:
    """The calibration of logits (N, C) against labels (N,)."""
    confidence, answer = soften(logits, 1.0).max(1)
    place = (confidence * BINS).ceil().clamp(1, BINS).long()
    rows = pd.DataFrame(
        {"bin": place.numpy(), "confidence": confidence.numpy(), "right": (answer == labels).numpy()}
    )
    bins = (
        rows.groupby("bin")
        .agg(confidence=("confidence", "mean"), accuracy=("right", "mean"), count=("right", "size"))
        .reset_index(drop=True)
    )
    ece = ((bins["accuracy"] - bins["confidence"]).abs() * bins["count"]).sum() / len(labels)
    return Calibration(float(ece), bins)
