"""ImageSet: labelled images as they are, and the tensors that a network is fed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from explorer.data.notices import Notice
from explorer.errors import ExplorerError

INPUT_SIZE = 64


@dataclass(frozen=True)
class Transform:
    """How pixels become what a network is fed.

    Attributes:
        mean: what is subtracted from values in 0..1: one number, or one per channel.
        std: what they are then divided by, likewise.
        size: side in pixels that grey images are resized to; colour ones have theirs already.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: int = INPUT_SIZE

    @property
    def mean_pixel(self) -> tuple[int, ...]:
        """The pixel that becomes 0, 0..255: it carries no signal.

        >>> COURSE.mean_pixel
        (124, 116, 104)
        """
        return tuple(round(255 * value) for value in self.mean)

    def to_inputs(self, pixels: Tensor) -> Tensor:
        """uint8 pixels as normalised float32 (N, 3, H, W), in ``channels_last`` memory format.

        Grey ones (N, H, W) are upsampled bilinearly and repeated in three equal channels. Colour ones
        (N, H, W, 3) already have the size they are fed at: ``data.decode`` cuts them so.
        """
        mean, std = (torch.tensor(values)[:, None, None] for values in (self.mean, self.std))
        if pixels.ndim == 4:
            colour = pixels.permute(0, 3, 1, 2).to(torch.float32).div_(255).sub_(mean).div_(std)
            return colour.contiguous(memory_format=torch.channels_last)
        grey = pixels.unsqueeze(1).to(torch.float32).div_(255).sub(mean).div_(std)
        side = (self.size, self.size)
        grey = torch.nn.functional.interpolate(grey, size=side, mode="bilinear", align_corners=False)
        return grey.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


COURSE = Transform((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""The course's test transform after ToTensor: ImageNet's statistics."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Labelled images of one split, grey or in colour.

    Attributes:
        name: what the set is, for captions ("Food-11, validation").
        images: (N, H, W) or (N, H, W, 3) uint8, as shown to people; may be a file mapped into memory.
        labels: (N,) int64, the true class of each image.
        classes: the class names, in label order.
        key: tells sets with other images apart, also in files; made from the content if it is not given.
        noun: what one of them is called ("validation image").
        transform: how they become what a network is fed.
        notices: what was noticed when their files were opened.
        whole: key of the set that these were selected from; of a whole set, its own.
        positions: (N,) int64, where they stand in that set; None for a whole set.
        is_stratified: whether they are what ``stratified`` chooses; a whole set is that, too.
    """

    name: str
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    key: str = ""
    noun: str = "image"
    transform: Transform = COURSE
    notices: tuple[Notice, ...] = ()
    whole: str = ""
    positions: npt.NDArray[np.int64] | None = None
    is_stratified: bool = True

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise ExplorerError(f"{self.name} has {len(self.images)} images but {len(self.labels)} labels.")
        if not self.key:
            object.__setattr__(self, "key", self._content_key())
        if not self.whole:
            object.__setattr__(self, "whole", self.key)

    def _content_key(self) -> str:
        digest = hashlib.sha256(
            f"{self.images.shape} {self.input_size} {self.transform.mean} {self.transform.std}".encode()
        )
        digest.update(self.images.tobytes())
        digest.update(self.labels.tobytes())
        return digest.hexdigest()[:32]

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, indices: Sequence[int] | npt.NDArray[np.int64] | slice) -> "ImageSet":
        """The images at these positions, in this order; under another key, unless it is all of them.

        The key says which images of the whole set they are, so selecting in two steps or in one is the same.
        """
        chosen = np.arange(len(self))[indices]
        if np.array_equal(chosen, np.arange(len(self))):
            return self
        positions = chosen if self.positions is None else self.positions[chosen]
        return replace(
            self,
            images=self.images[indices],
            labels=self.labels[indices],
            key=f"{self.whole}-{_name_positions(positions)}",
            positions=positions,
            is_stratified=False,
        )

    def stratified(self, count: int) -> "ImageSet":
        """So many of the images, each class by its share, in the order of the set; ``len`` of them are the set itself.

        The first images of a set may be easier than the rest, and hold more of one class than of another.

        >>> labels = np.array([0, 0, 0, 0, 1, 1])
        >>> some = ImageSet("some", np.zeros((6, 2, 2), np.uint8), labels, ("a", "b"))
        >>> some.stratified(3).labels.tolist(), some.stratified(3).positions.tolist()
        ([0, 0, 1], [1, 3, 5])

        Raises:
            ExplorerError: there are not so many, or none are asked for.
        """
        if not 1 <= count <= len(self):
            raise ExplorerError(f"{self.name} has {len(self):,} images: take 1 to {len(self):,} of them.")
        by_class = np.argsort(self.labels, kind="stable")
        # Even steps through the images sorted by class give each class its share, from its beginning to its end.
        steps = (2 * np.arange(count) + 1) * len(self) // (2 * count)
        chosen = self.select(np.sort(by_class[steps]))
        # Of a part of a set, it is no stratified choice of the whole.
        return chosen if chosen is self else replace(chosen, is_stratified=self.positions is None)

    @property
    def is_beginning(self) -> bool:
        """Whether these are the first images of the whole set, in its order."""
        return self.positions is None or np.array_equal(self.positions, np.arange(len(self)))

    def caption(self, position: int) -> str:
        """What the image at a position is called, by where it stands in the whole set.

        >>> ImageSet("some", np.zeros((1, 2, 2), np.uint8), np.zeros(1, np.int64), ("a",)).caption(0)
        'Image 0'
        """
        return f"{self.noun.capitalize()} {self.place(position)}"

    def place(self, position: int) -> int:
        """Where the image at a position stands in the whole set."""
        return position if self.positions is None else int(self.positions[position])

    def pixels(self, rows: slice | npt.NDArray[np.int64] = slice(None)) -> Tensor:
        """The images at these positions as a uint8 tensor; of a mapped file only these are read."""
        part = self.images[rows]
        return torch.from_numpy(part if part.flags.writeable else part.copy())

    def inputs(self) -> Tensor:
        """What a network is fed, all of it at once: (N, 3, H, W) float32, see ``to_inputs``."""
        return self.to_inputs(self.pixels())

    def batches(self) -> "Inputs":
        """What a network is fed, made piece by piece: 1,000 images at 224 pixels are 600 MB at once."""
        return Inputs(self)

    def to_inputs(self, pixels: Tensor) -> Tensor:
        """What a network is fed for uint8 pixels like these, see ``Transform.to_inputs``."""
        return self.transform.to_inputs(pixels)

    @property
    def input_size(self) -> int:
        """Side in pixels of what a network is fed."""
        return self.transform.size if self.images.ndim == 3 else int(self.images.shape[1])

    def targets(self) -> Tensor:
        """The labels as a tensor (N,) int64."""
        return torch.from_numpy(self.labels)


def _name_positions(positions: npt.NDArray[np.int64]) -> str:
    if np.array_equal(positions, np.arange(len(positions))):
        return f"first-{len(positions)}"
    return hashlib.sha256(positions.astype(np.int64).tobytes()).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Inputs:
    """The inputs of an image set that are only made when a slice is asked for.

    It has a length and slices as the tensor from ``ImageSet.inputs`` has, so ``measure`` takes either.
    """

    images: ImageSet

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: slice) -> Tensor:
        return self.images.to_inputs(self.images.pixels(rows))
