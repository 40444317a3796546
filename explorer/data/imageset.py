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
# What the course's test transform subtracts and divides by, per channel (ImageNet's).
COURSE_MEAN, COURSE_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Labelled images of one split, grey or in colour.

    Attributes:
        name: what the set is, for captions ("Fashion-MNIST, test").
        images: (N, H, W) or (N, H, W, 3) uint8, as shown to people; may be a file mapped into memory.
        labels: (N,) int64, the true class of each image.
        classes: the class names, in label order.
        key: tells sets with other images apart in caches; empty for the images that ship.
    """

    name: str
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    key: str = ""

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise ExplorerError(f"{self.name} has {len(self.images)} images but {len(self.labels)} labels.")

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, indices: Sequence[int] | npt.NDArray[np.int64] | slice) -> "ImageSet":
        """The images at these positions, in this order."""
        return replace(self, images=self.images[indices], labels=self.labels[indices])

    def pixels(self, rows: slice | npt.NDArray[np.int64] = slice(None)) -> Tensor:
        """The images at these positions as a uint8 tensor; of a mapped file only these are read."""
        part = self.images[rows]
        return torch.from_numpy(part if part.flags.writeable else part.copy())

    def inputs(self) -> Tensor:
        """What a network is fed, all of it at once: (N, 3, H, W) float32, see ``to_inputs``."""
        return to_inputs(self.pixels())

    def batches(self) -> "Inputs":
        """What a network is fed, made piece by piece: 1,000 images at 224 pixels are 600 MB at once."""
        return Inputs(self)

    @property
    def input_size(self) -> int:
        """Side in pixels of what a network is fed."""
        return INPUT_SIZE if self.images.ndim == 3 else int(self.images.shape[1])

    def targets(self) -> Tensor:
        """The labels as a tensor (N,) int64."""
        return torch.from_numpy(self.labels)


@dataclass(frozen=True, eq=False)
class Inputs:
    """The inputs of an image set that are only made when a slice is asked for.

    It has a length and slices as the tensor from ``ImageSet.inputs`` has, so ``measure`` takes either.
    """

    images: ImageSet

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: slice) -> Tensor:
        return to_inputs(self.images.pixels(rows))


def to_inputs(images: Tensor, size: int = INPUT_SIZE) -> Tensor:
    """uint8 images as normalised float32 (N, 3, H, W), in ``channels_last`` memory format.

    Grey ones (N, H, W) are upsampled bilinearly to ``size`` and repeated in three equal channels.
    Colour ones (N, H, W, 3) already have the size they are fed at: ``data.decode`` cuts them so.
    """
    if images.ndim == 4:
        mean, std = (torch.tensor(values)[:, None, None] for values in (COURSE_MEAN, COURSE_STD))
        colour = images.permute(0, 3, 1, 2).to(torch.float32).div_(255).sub_(mean).div_(std)
        return colour.contiguous(memory_format=torch.channels_last)
    grey = images.unsqueeze(1).to(torch.float32).div_(255).sub_(MEAN).div_(STD)
    grey = torch.nn.functional.interpolate(grey, size=(size, size), mode="bilinear", align_corners=False)
    return grey.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
