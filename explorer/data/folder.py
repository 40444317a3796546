"""ImageFolder: a folder of the user's images as a data set; bounded subsets of its splits, decoded."""

import hashlib
import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from explorer.arguments import started_with
from explorer.data import decode
from explorer.data.dataset import DataSet, FileCheck, Use
from explorer.data.imageset import ImageSet
from explorer.data.layout import FOOD11, Folder, Item, scan, subset
from explorer.data.notices import Notice, summarise_notices
from explorer.errors import ExplorerError
from explorer.work.progress import Update

VALIDATION, TRAINING = 500, 500
VARIABLE = "EXPLORER_DATA"
SPLITS: tuple[Literal["training", "validation"], ...] = ("training", "validation")


@dataclass(frozen=True, eq=False)
class ImageFolder(DataSet):
    """The images of a folder that are used, and at what size.

    There is no test split of its own: ``test`` are the validation images again.

    Attributes:
        folder: what the folder holds.
        validation: validation images at most, taken at random by a fixed seed.
        training: training images at most, likewise; None for all.
        size: side in pixels that a network is fed.
    """

    folder: Folder
    validation: int = VALIDATION
    training: int | None = TRAINING
    size: int = decode.SIZE

    def __post_init__(self) -> None:
        if self.validation < 1 or (self.training is not None and self.training < 1):
            raise ExplorerError("Take at least 1 validation and 1 training image.")

    @cached_property
    def key(self) -> str:
        """Of the folder, its files' names and labels, and which of them are used."""
        digest = hashlib.sha256(f"{self.folder.root.absolute()} {self.sizes} {self.size}".encode())
        for split in SPLITS:
            for item in self._items(split):
                digest.update(f"\n{split} {item.path} {item.label}".encode())
        return digest.hexdigest()[:32]

    @property
    def name(self) -> str:
        """The folder's name, or Food-11 where the classes are that."""
        return "Food-11" if self.folder.classes == FOOD11 else self.folder.root.name

    @property
    def title(self) -> str:
        """The name, and that it is the user's."""
        return f"{self.name}, your folder"

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names, in label order."""
        return self.folder.classes

    @property
    def input_size(self) -> int:
        """Side in pixels of what a network is fed."""
        return self.size

    @property
    def sizes(self) -> dict[Use, int]:
        """How many images are used, at most."""
        whole = {split: len(self._items(split)) for split in SPLITS}
        validation = min(self.validation, whole["validation"])
        training = whole["training"] if self.training is None else min(self.training, whole["training"])
        return {"training": training, "validation": validation, "test": validation}

    @property
    def rule(self) -> str:
        """Which images became which split."""
        return self.folder.rule

    @property
    def provenance(self) -> str:
        """The folder."""
        return f"your folder {self.folder.root}"

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What was noticed about the names of its files."""
        return self.folder.notices

    @property
    def checkpoints(self) -> Path | None:
        """The folder itself: checkpoints may lie beside the images."""
        return self.folder.root

    @property
    def can_change(self) -> bool:
        """Yes: the user may add files."""
        return True

    def split_for(self, use: Use) -> Literal["training", "validation"]:
        """Where a final accuracy is asked for, it is the validation images'."""
        return "training" if use == "training" else "validation"

    def counts(self) -> pd.DataFrame:
        """Images per class and split, those that are not used included."""
        rows = []
        for split in SPLITS:
            images = np.bincount([item.label for item in self._items(split)], minlength=len(self.classes))
            rows += [
                {"label": label, "class": name, "split": split, "images": int(images[label])}
                for label, name in enumerate(self.classes)
            ]
        return pd.DataFrame(rows)

    def name_of(self, use: Use) -> str:
        """The split, and how many of its images are used."""
        split, count = self.split_for(use), self.sizes[use]
        whole = len(self._items(split))
        share = f"{count:,} of {whole:,}" if count < whole else f"all {whole:,}"
        return f"{self.name}, {split}, {share} images at {self.size} pixels"

    def key_of(self, use: Use) -> str:
        """The key that ``read`` gives its image set."""
        return decode.key_of(self._subset(use), self.size)

    def read(self, use: Use) -> Generator[Update, None, ImageSet]:
        """The images for a use; yields updates while files are decoded, which they are once.

        Raises:
            ExplorerError: the split has no images, or none that can be read.
        """
        items, name = self._subset(use), self.name_of(use)
        if not items:
            raise ExplorerError(f"{self.folder.root} has no {self.split_for(use)} images, which this needs.")
        return (
            yield from decode.decode(items, self.classes, name, self.folder.root, self.size, self.noun(use))
        )

    def check(self, originals: Path | None = None) -> Generator[Update, None, FileCheck]:
        """Open the images that are used; it does not hold when anything had to be left out."""
        del originals
        notices, opened = list(self.notices), dict[str, int]()
        for split in SPLITS:
            if self._items(split):
                images = yield from self.read(split)
                notices += images.notices
                opened[split] = len(images)
        counts = self.counts()
        table = counts.pivot_table(index=["label", "class"], columns="split", values="images", sort=False)
        return FileCheck(
            not any(notice.lost for notice in notices),
            (
                f"{self.name}: {len(self.classes)} classes. {self.rule}",
                table.astype(int).to_string(),
                ", ".join(f"{count:,} {split} images opened" for split, count in opened.items()),
                *summarise_notices(notices),
            ),
            {
                "data": self.name,
                "classes": self.classes,
                "counts": counts.to_dict("records"),
                "opened": opened,
                "rule": self.rule,
                "notices": [{"file": one.file, "text": one.text, "lost": one.lost} for one in notices],
            },
        )

    def _subset(self, use: Use) -> tuple[Item, ...]:
        return subset(self._items(self.split_for(use)), self.sizes[use])

    def _items(self, split: Use) -> tuple[Item, ...]:
        return self.folder.training if split == "training" else self.folder.validation


def open_folder(
    root: Path,
    validation: int = VALIDATION,
    training: int | None = TRAINING,
    size: int = decode.SIZE,
) -> ImageFolder:
    """The images to use of the folder at ``root``.

    Raises:
        ExplorerError: it is no folder of labelled images.
    """
    return ImageFolder(scan(root), validation, training, size)


def named_folder(arguments: Sequence[str] = ()) -> Path | None:
    """The folder that the app's arguments (``--data PATH``) or else EXPLORER_DATA name; None if neither does.

    >>> named_folder(["--data", "Food-11"])
    PosixPath('Food-11')

    Raises:
        ExplorerError: an option lacks its value.
    """
    named = started_with(arguments).data
    return Path(os.environ[VARIABLE]) if named is None and os.environ.get(VARIABLE) else named
