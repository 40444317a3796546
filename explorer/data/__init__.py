"""Data sets: the bundled images, and a folder of the user's; both are one kind of object."""

from pathlib import Path

from explorer.data.dataset import USES, DataSet, Use
from explorer.data.decode import SIZE
from explorer.data.fashion_mnist import BUNDLED
from explorer.data.folder import TRAINING, VALIDATION, open_folder
from explorer.data.imageset import INPUT_SIZE, ImageSet, Inputs
from explorer.data.layout import CHECKPOINT_SUFFIXES

__all__ = [
    "BUNDLED",
    "CHECKPOINT_SUFFIXES",
    "INPUT_SIZE",
    "USES",
    "DataSet",
    "ImageSet",
    "Inputs",
    "Use",
    "open_data_set",
]


def open_data_set(
    path: Path | None,
    validation: int = VALIDATION,
    training: int | None = TRAINING,
    size: int = SIZE,
    *,
    bundled: DataSet = BUNDLED,
) -> DataSet:
    """The data set that a path names: the bundled one for no path or its original files, else the folder.

    ``validation``, ``training`` and ``size`` bound the images of a folder, see ``ImageFolder``.

    Raises:
        ExplorerError: the path is no folder of labelled images.
    """
    if path is None or bundled.is_original(path):
        return bundled
    return open_folder(path, validation, training, size)
