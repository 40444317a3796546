"""Which images a network can be fed: their side and their colours, tried on the network without numbers."""

from functools import lru_cache

import torch

from explorer.networks.builders import NetworkSpec
from explorer.networks.counts import ShapesAlone
from explorer.networks.graph import image_channels

COLOURS = 3
USUAL_SIDES = (28, 32, 64, 96, 112, 128, 160, 192, 224, 256, 299, 320, 384)


def why_not_fed(spec: NetworkSpec, size: int) -> str:
    """Why a network cannot take colour images of ``size`` x ``size`` pixels, as half a sentence; empty if it can.

    Most networks average over the image at the end and take any side. One that flattens its last image into a linear
    layer takes a single one, and a deep one leaves nothing of a small image.

    >>> from explorer.networks.studentnet import StudentSpec
    >>> why_not_fed(StudentSpec(), 64)
    ''
    """
    colours = _colours(spec)
    if colours != COLOURS:
        return f"it reads images of {colours} channel{'s' if colours > 1 else ''}, and these have {COLOURS}"
    if _takes(spec, size):
        return ""
    others = [str(side) for side in USUAL_SIDES if side != size and _takes(spec, side)]
    takes = f"; of the usual sides it takes {', '.join(others)}" if others else ""
    return f"it cannot take images of {size} x {size} pixels{takes}"


@lru_cache(maxsize=256)
def _colours(spec: NetworkSpec) -> int:
    with torch.device("meta"):
        return image_channels(spec.build())


@lru_cache(maxsize=1024)
def _takes(spec: NetworkSpec, size: int) -> bool:
    """Whether a forward pass goes through, tried without computing anything."""
    with torch.device("meta"), torch.no_grad(), ShapesAlone():
        network = spec.build().eval()
        try:
            # Two images: one alone hides where a network takes the number of images for something else.
            network(torch.zeros(2, COLOURS, size, size))
        except RuntimeError:  # shapes that do not go together
            return False
    return True
