"""A folder of one's own as image sets: bounded subsets of its splits, decoded."""

import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from explorer.data import decode
from explorer.data.folder import Folder, Notice, scan, subset
from explorer.data.imageset import ImageSet
from explorer.errors import ExplorerError
from explorer.work.progress import Update

VALIDATION, TRAINING = 500, 500
VARIABLE = "EXPLORER_DATA"


@dataclass(frozen=True)
class Source:
    """Which images of a folder are used, and at what size.

    Attributes:
        folder: what the folder holds.
        validation: validation images at most, taken at random by a fixed seed.
        training: training images at most, likewise.
        size: side in pixels that a network is fed.
    """

    folder: Folder
    validation: int = VALIDATION
    training: int = TRAINING
    size: int = decode.SIZE

    def __post_init__(self) -> None:
        if self.validation < 1 or self.training < 1:
            raise ExplorerError("Take at least 1 validation and 1 training image.")

    def read(
        self, split: Literal["training", "validation"]
    ) -> Generator[Update, None, tuple[ImageSet, tuple[Notice, ...]]]:
        """The images of a split and what was noticed; yields updates while files are decoded.

        Raises:
            ExplorerError: the split has no images, or none that can be read.
        """
        whole, count = (
            (self.folder.training, self.training)
            if split == "training"
            else (self.folder.validation, self.validation)
        )
        if not whole:
            raise ExplorerError(f"{self.folder.root} has no {split} images, which this needs.")
        items = subset(whole, count)
        share = f"{len(items):,} of {len(whole):,}" if len(items) < len(whole) else f"all {len(whole):,}"
        name = f"{self.folder.name}, {split}, {share} images at {self.size} pixels"
        found = yield from decode.decode(items, self.folder.classes, name, self.folder.root, self.size)
        return found.images, found.notices


def source(
    root: Path, validation: int = VALIDATION, training: int = TRAINING, size: int = decode.SIZE
) -> Source:
    """The images to use of the folder at ``root``."""
    return Source(scan(root), validation, training, size)


def named(arguments: Sequence[str] = ()) -> Path | None:
    """The folder that the arguments (``--data PATH``) or else EXPLORER_DATA name; None if neither does.

    >>> named(["--data", "Food-11"])
    PosixPath('Food-11')

    Raises:
        ExplorerError: ``--data`` is not followed by a path.
    """
    for position, text in enumerate(arguments):
        if text == "--data" or text.startswith("--data="):
            path = text.partition("=")[2] or "".join(arguments[position + 1 : position + 2])
            if not path:
                raise ExplorerError("Name a folder after --data.")
            return Path(path)
    return Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None
