"""ImageSet: labelled images as they are, and the tensors that a network is fed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from explorer.errors import ExplorerError

INPUT_SIZE = 64
# Mean and standard deviation of the 60,000 Fashion-MNIST training images in 0..1.
MEAN, STD = 0.2860, 0.3530


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Labelled grey images of one split.

    Attributes:
        name: what the set is, for captions ("Fashion-MNIST, test").
        images: (N, H, W) uint8, as shown to people.
        labels: (N,) int64, the true class of each image.
        classes: the class names, in label order.
    """

    name: str
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise ExplorerError(f"{self.name} has {len(self.images)} images but {len(self.labels)} labels.")

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, indices: Sequence[int] | npt.NDArray[np.int64] | slice) -> "ImageSet":
        """The images at these positions, in this order."""
        return replace(self, images=self.images[indices], labels=self.labels[indices])

    def inputs(self) -> Tensor:
        """What a network is fed: (N, 3, 64, 64) float32, see ``to_inputs``."""
        return to_inputs(torch.from_numpy(self.images))

    def targets(self) -> Tensor:
        """The labels as a tensor (N,) int64."""
        return torch.from_numpy(self.labels)


def to_inputs(images: Tensor, size: int = INPUT_SIZE) -> Tensor:
    """Grey uint8 images (N, H, W) as normalised float32 (N, 3, size, size), three equal channels.

    Upsampled bilinearly, in ``channels_last`` memory format.
    """
    grey = images.unsqueeze(1).to(torch.float32).div_(255).sub_(MEAN).div_(STD)
    grey = torch.nn.functional.interpolate(grey, size=(size, size), mode="bilinear", align_corners=False)
    return grey.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
