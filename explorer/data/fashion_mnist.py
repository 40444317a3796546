"""Fashion-MNIST: the data set bundled with the explorer, and the original files it comes from.

The rule of the split needs no random numbers, so that anyone can check it: of the 60,000 training
images, the last 500 of each class in file order are the validation images (never trained on), and
the first 500 of each class are the training shard. The test split is the original one.

Source: Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747; MIT licence, bundled beside the images.
"""

import gzip
import hashlib
import json
import struct
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from explorer import places
from explorer.data.dataset import DataSet, FileCheck, Use
from explorer.data.imageset import ImageSet, Transform
from explorer.data.notices import Notice
from explorer.errors import ExplorerError
from explorer.files import cache_folder, write_file
from explorer.work.progress import Update

NAME = "Fashion-MNIST"
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
FILES = places.PACKAGE / "data" / "bundled"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
PER_CLASS = 500
# Mean and standard deviation of the 60,000 training images in 0..1.
TRANSFORM = Transform((0.2860,), (0.3530,))

Split = Literal["test", "validation", "shard"]
"""The splits as the bundled files are called; the shard is what is bundled of the training images."""
SPLITS: tuple[Split, ...] = get_args(Split)
_FILE_OF: dict[Use, Split] = {"training": "shard", "validation": "validation", "test": "test"}


@dataclass(frozen=True, eq=False)
class FashionMNIST(DataSet):
    """The bundled images: grey, 28 x 28 pixels, fed at 64; in three splits, and the networks trained on them.

    ``files`` is the folder they lie in.
    """

    files: Path = FILES

    @cached_property
    def key(self) -> str:
        """Of the bundle's manifest, which holds the sha256 of every file."""
        return hashlib.sha256(json.dumps(_read_manifest(self.files)).encode()).hexdigest()[:32]

    @property
    def name(self) -> str:
        """Fashion-MNIST."""
        return NAME

    @property
    def title(self) -> str:
        """The name, and that it ships."""
        return f"{NAME}, shipped"

    @property
    def classes(self) -> tuple[str, ...]:
        """The ten articles."""
        return CLASSES

    @property
    def input_size(self) -> int:
        """Side in pixels of what a network is fed."""
        return TRANSFORM.size

    @property
    def sizes(self) -> dict[Use, int]:
        """As bundled."""
        return {"training": 5_000, "validation": 5_000, "test": 10_000}

    @property
    def rule(self) -> str:
        """Which images became which split."""
        return (
            f"Of the 60,000 original training images the last {PER_CLASS} of each class are for validation and the "
            f"first {PER_CLASS} of each are bundled for training; the test images are the original ones."
        )

    @property
    def provenance(self) -> str:
        """Its authors and licence."""
        return f"{NAME} (Xiao, Rasul, Vollgraf 2017; MIT licence), bundled with the explorer"

    @property
    def notices(self) -> tuple[Notice, ...]:
        """There are none."""
        return ()

    @property
    def checkpoints(self) -> Path:
        """The folder of the networks trained on it, with their cards."""
        return places.CHECKPOINTS

    @property
    def can_change(self) -> bool:
        """No: its files are checked against their sha256."""
        return False

    def counts(self) -> pd.DataFrame:
        """Images per class and split."""
        rows = []
        for use, split in _FILE_OF.items():
            images = np.bincount(_read_bundled(split, "labels", self.files), minlength=len(CLASSES))
            rows += [
                {"label": label, "class": name, "split": use, "images": int(images[label])}
                for label, name in enumerate(CLASSES)
            ]
        return pd.DataFrame(rows)

    def name_of(self, use: Use) -> str:
        """The name, and the split as its file is called."""
        return f"{NAME}, {_FILE_OF[use]}"

    def key_of(self, use: Use) -> str:
        """The key that ``load`` gives its image set."""
        return self._keys[use]

    @cached_property
    def _keys(self) -> dict[Use, str]:
        return {use: _key(split, self.files) for use, split in _FILE_OF.items()}

    def read(self, use: Use) -> Generator[Update, None, ImageSet]:
        """The images for a use, at once: there is nothing to decode."""
        yield from ()
        return self.load(use)

    def load(self, use: Use) -> ImageSet:
        """The images for a use, their integrity checked by sha256.

        Raises:
            ExplorerError: a file is missing, truncated or not what was bundled.
        """
        return load(_FILE_OF[use], self.files)

    def read_all_training(self, originals: Path | None = None) -> Generator[Update, None, ImageSet]:
        """The 55,000 training images, of the original files: see ``training_set``."""
        yield from ()
        return training_set(originals)

    def check(self, originals: Path | None = None) -> Generator[Update, None, FileCheck]:
        """Cut every split afresh from the original files, and compare it with what is bundled."""
        splits, lines = [], []
        for number, (name, images, labels) in enumerate(original_splits(find_originals(originals)), start=1):
            bundled = load(name, self.files)
            equal = np.array_equal(bundled.images, images) and np.array_equal(bundled.labels, labels)
            splits.append({"split": name, "images": len(images), "equal": equal})
            lines.append(f"{name}: {len(images):,} images, {'equal' if equal else 'NOT EQUAL'}")
            yield Update("comparing the splits", number, len(SPLITS))
        return FileCheck(
            all(split["equal"] for split in splits), tuple(lines), {"data": NAME, "splits": splits}
        )

    def build(self, originals: Path | None = None) -> Iterator[tuple[Path, int]]:
        """Cut the bundled files afresh into ``files``; yields each file's path and size in bytes."""
        return build(find_originals(originals), self.files)

    def is_original(self, folder: Path) -> bool:
        """Whether a folder holds the four original files."""
        return is_original(folder)


def load(split: Split, folder: Path = FILES) -> ImageSet:
    """A bundled split, its integrity checked by sha256.

    ``test`` has 10,000 images, ``validation`` 5,000 and ``shard`` 5,000.

    Raises:
        ExplorerError: a file is missing, truncated or not what was bundled.
    """
    images, labels = (_read_bundled(split, kind, folder) for kind in ("images", "labels"))
    key = _key(split, folder)
    use = next(use for use, file in _FILE_OF.items() if file == split)
    return ImageSet(
        f"{NAME}, {split}", images, labels.astype(np.int64), CLASSES, key, f"{use} image", TRANSFORM
    )


def _key(split: Split, folder: Path) -> str:
    """The key of a split's image set."""
    checksums = _read_manifest(folder)[split]
    # The manifest's sha256 stand for the content; what the images are fed as belongs to it too.
    fed = f"{TRANSFORM.mean} {TRANSFORM.std} {TRANSFORM.size}"
    return hashlib.sha256(f"{checksums['images']} {checksums['labels']} {fed}".encode()).hexdigest()[:32]


def _read_manifest(folder: Path) -> dict[str, dict[str, str]]:
    """The sha256 of every bundled file before it was compressed, by split and kind."""
    try:
        splits = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["splits"]
        return {split: {kind: str(splits[split][kind]) for kind in ("images", "labels")} for split in SPLITS}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExplorerError(f"The bundled data has no readable manifest: restore {folder}.") from error


def _read_bundled(split: Split, kind: str, folder: Path) -> npt.NDArray[np.uint8]:
    path = folder / f"{split}-{kind}.idx.gz"
    payload = _decompress(path)
    if hashlib.sha256(payload).hexdigest() != _read_manifest(folder)[split][kind]:
        raise ExplorerError(f"{path.name} is not the file that was bundled (its sha256 differs): restore it.")
    return _parse_idx(payload, path)


def training_set(folder: Path | None = None) -> ImageSet:
    """The 55,000 training images: the original 60,000 without the validation images.

    ``folder`` holds the four original files; without it Debian's package is used, else a
    download through torchvision, kept in the user's cache.

    Raises:
        ExplorerError: ``folder`` does not hold the original files, or nothing can be downloaded.
    """
    images, labels = _read_original(find_originals(folder), "train")
    keep = np.ones(len(labels), bool)
    keep[validation_indices(labels)] = False
    return ImageSet(
        f"{NAME}, training",
        images[keep],
        labels[keep].astype(np.int64),
        CLASSES,
        noun="training image",
        transform=TRANSFORM,
    )


def validation_indices(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Positions of the validation images in the original training set: the last 500 of each class."""
    return _per_class(labels, slice(-PER_CLASS, None))


def shard_indices(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Positions of the shard's images in the original training set: the first 500 of each class."""
    return _per_class(labels, slice(PER_CLASS))


def _per_class(labels: npt.NDArray[np.uint8], part: slice) -> npt.NDArray[np.int64]:
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[part] for label in range(len(CLASSES))]))


def original_splits(
    originals: Path,
) -> Iterator[tuple[Split, npt.NDArray[np.uint8], npt.NDArray[np.uint8]]]:
    """Every bundled split as (name, images, labels), cut afresh from the original files."""
    yield ("test", *_read_original(originals, "t10k"))
    images, labels = _read_original(originals, "train")
    for name, positions in (
        ("validation", validation_indices(labels)),
        ("shard", shard_indices(labels)),
    ):
        yield cast(Split, name), images[positions], labels[positions]


def build(originals: Path, target: Path = FILES) -> Iterator[tuple[Path, int]]:
    """Write the bundled files from the original ones; yields each file's path and size in bytes."""
    manifest: dict[str, dict[str, dict[str, str]]] = {"splits": {}}
    for split, images, labels in original_splits(originals):
        manifest["splits"][split] = {}
        for kind, array in (("images", images), ("labels", labels)):
            payload = _to_idx(array)
            path = target / f"{split}-{kind}.idx.gz"
            write_file(path, gzip.compress(payload, compresslevel=9, mtime=0))
            manifest["splits"][split][kind] = hashlib.sha256(payload).hexdigest()
            yield path, path.stat().st_size
    write_file(target / "manifest.json", f"{json.dumps(manifest, indent=2)}\n".encode())


def find_originals(folder: Path | None = None) -> Path:
    """The folder with the four original files: the one named, Debian's, or torchvision's download."""
    if folder is not None:
        if not is_original(folder):
            raise ExplorerError(
                f"{folder} does not hold Fashion-MNIST: it needs train-images-idx3-ubyte.gz, "
                "train-labels-idx1-ubyte.gz and the two t10k files."
            )
        return folder
    kept = cache_folder()
    downloaded = kept / "FashionMNIST" / "raw"
    for candidate in (DEBIAN, downloaded):
        if is_original(candidate):
            return candidate
    from torchvision.datasets import FashionMNIST

    try:
        FashionMNIST(str(kept), download=True)
    except (RuntimeError, OSError) as error:
        raise ExplorerError(
            "Fashion-MNIST is not on this machine and cannot be downloaded: install Debian's "
            "dataset-fashion-mnist, or name the folder of the original files with --data."
        ) from error
    return downloaded


def _original(folder: Path, part: str, kind: str) -> Path:
    dimensions = {"images": 3, "labels": 1}[kind]
    return folder / f"{part}-{kind}-idx{dimensions}-ubyte.gz"


def is_original(folder: Path) -> bool:
    """Whether a folder holds the four original files."""
    return all(
        _original(folder, part, kind).is_file() for part in ("train", "t10k") for kind in ("images", "labels")
    )


def _read_original(folder: Path, part: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    paths = [_original(folder, part, kind) for kind in ("images", "labels")]
    images, labels = (_parse_idx(_decompress(path), path) for path in paths)
    return images, labels


def _decompress(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes())
    except FileNotFoundError as error:
        raise ExplorerError(f"{path} is missing.") from error
    except (OSError, EOFError, zlib.error) as error:
        raise ExplorerError(f"{path} cannot be read: it is truncated or not gzip.") from error


def _parse_idx(payload: bytes, path: Path) -> npt.NDArray[np.uint8]:
    """The array in an IDX file of unsigned bytes: magic number, dimensions, values."""
    dimensions = payload[3] if len(payload) >= 4 and payload[:3] == b"\0\0\x08" else 0
    header = 4 + 4 * dimensions
    if not dimensions or len(payload) < header:
        raise ExplorerError(f"{path} is not an IDX file of unsigned bytes.")
    shape = struct.unpack(f">{dimensions}I", payload[4:header])
    if len(payload) - header != int(np.prod(shape)):
        raise ExplorerError(f"{path} does not hold the {shape} values that its header promises.")
    return np.frombuffer(payload, np.uint8, offset=header).reshape(shape).copy()


def _to_idx(array: npt.NDArray[np.uint8]) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


BUNDLED = FashionMNIST()
