"""DataSet: what the explorer asks of a set of labelled images, the same of every one.

The bundled images and a folder of the user's are two implementations; nothing above this room asks which.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from explorer.data.imageset import ImageSet
from explorer.data.notices import Notice
from explorer.work.progress import Update

Use = Literal["training", "validation", "test"]
"""What images are for: training and recalibrating; choosing and teaching with; the final accuracy."""
USES: tuple[Use, ...] = get_args(Use)


@dataclass(frozen=True)
class FileCheck:
    """What came of opening every file of a data set.

    Attributes:
        holds: whether all of them are what they should be.
        lines: the same for people.
        facts: the same as plain values.
    """

    holds: bool
    lines: tuple[str, ...]
    facts: dict[str, Any] = field(default_factory=dict)


class DataSet(ABC):
    """Labelled images in splits, what is known of them, and how to read them.

    It holds no pixels, so it is small when pickled; two with the same ``key`` are equal.
    """

    @property
    @abstractmethod
    def key(self) -> str:
        """Tells data sets with other images apart."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What the data set is called ("Food-11")."""

    @property
    @abstractmethod
    def title(self) -> str:
        """The name, and whose it is."""

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """The class names, in label order."""

    @property
    @abstractmethod
    def input_size(self) -> int:
        """Side in pixels of what a network is fed."""

    @property
    @abstractmethod
    def sizes(self) -> Mapping[Use, int]:
        """How many images ``read`` gives for each use, at most: of a file that cannot be read there are fewer."""

    @property
    @abstractmethod
    def rule(self) -> str:
        """In sentences, which images became which split."""

    @property
    @abstractmethod
    def provenance(self) -> str:
        """Where the images come from, and their licence if it is known, as the end of a sentence."""

    @property
    @abstractmethod
    def notices(self) -> tuple[Notice, ...]:
        """What was left out or is good to know, before any image is opened."""

    @property
    @abstractmethod
    def checkpoints(self) -> Path | None:
        """The folder of the networks that belong to it; None if there is none."""

    @property
    @abstractmethod
    def can_change(self) -> bool:
        """Whether its files may change while the program runs, so that reading it again makes sense."""

    @abstractmethod
    def counts(self) -> pd.DataFrame:
        """Images per class and split: columns label, class, split, images."""

    @abstractmethod
    def name_of(self, use: Use) -> str:
        """The name of the image set that ``read`` gives for a use."""

    @abstractmethod
    def key_of(self, use: Use) -> str:
        """The key of the image set that ``read`` gives for a use, without reading it."""

    @abstractmethod
    def read(self, use: Use) -> Generator[Update, None, ImageSet]:
        """The images for a use; yields updates while files are decoded.

        Raises:
            ExplorerError: there are none for this use, or none that can be read.
        """

    @abstractmethod
    def check(self, originals: Path | None = None) -> Generator[Update, None, FileCheck]:
        """Open every file that is used; ``originals`` as for ``read_all_training``."""

    def read_all_training(self, originals: Path | None = None) -> Generator[Update, None, ImageSet]:
        """All the training images there are, of which ``read`` may only take some.

        ``originals`` names the folder of the original files, where these are not the data set itself.
        """
        del originals
        return (yield from self.read("training"))

    def is_original(self, folder: Path) -> bool:
        """Whether a folder holds the original files that this data set was cut from: then it names this data set."""
        del folder
        return False

    def split_for(self, use: Use) -> Use:
        """The split whose images serve a use: without a test split, the validation images do."""
        return use

    def noun(self, use: Use) -> str:
        """What one image for a use is called ("validation image")."""
        return f"{self.split_for(use)} image"

    def describe(self, use: Use) -> str:
        """The images for a use in words ("500 validation images of Food-11 at 224 pixels")."""
        return f"{self.sizes[use]:,} {self.noun(use)}s of {self.name} at {self.input_size} pixels"

    def counted(self, use: Use, images: int) -> str:
        """On how many images for a use something was counted, in words, chosen as ``ImageSet.stratified`` does."""
        there = self.sizes[use]
        if images >= there:
            return f"all {there:,} {self.noun(use)}s"
        return f"{images:,} {self.noun(use)}s, each class by its share"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DataSet) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)
