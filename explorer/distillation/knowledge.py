"""Dark knowledge: what the teacher's soft labels say about the classes.

Source: Hinton, Vinyals, Dean 2014, "Dark knowledge" (talk); 2015, arXiv 1503.02531.
"""

import base64
from io import BytesIO

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from explorer.data import ImageSet
from explorer.distillation.soften import soften

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
            continue  # a small folder of the user's may have no image of a class
        mean = probabilities[members].mean(0)
        # topk counts among the members alone; ``members[...]`` turns that back into positions in the whole set.
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
