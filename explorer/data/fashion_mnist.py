"""Fashion-MNIST: the splits bundled with the explorer, and the original files they come from.

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
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np
import numpy.typing as npt

from explorer.data.imageset import ImageSet
from explorer.errors import ExplorerError

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
BUNDLED = Path(__file__).parent / "bundled"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
DOWNLOADED = Path.home() / ".cache" / "compression-explorer"
PER_CLASS = 500

Split = Literal["test", "validation", "shard"]
SPLITS: tuple[Split, ...] = get_args(Split)


def load(split: Split, folder: Path = BUNDLED) -> ImageSet:
    """A bundled split, its integrity checked by sha256.

    ``test`` has 10,000 images, ``validation`` 5,000 and ``shard`` 5,000.

    Raises:
        ExplorerError: a file is missing, truncated or not what was bundled.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        expected = manifest["splits"][split]
    except (OSError, ValueError, KeyError) as error:
        raise ExplorerError(
            f"The bundled data has no readable manifest for the {split} split: restore {folder}."
        ) from error
    arrays = []
    for kind in ("images", "labels"):
        path = folder / f"{split}-{kind}.idx.gz"
        payload = _decompress(path)
        if hashlib.sha256(payload).hexdigest() != expected[kind]:
            raise ExplorerError(
                f"{path.name} is not the file that was bundled (its sha256 differs): restore it."
            )
        arrays.append(_parse_idx(payload, path))
    return ImageSet(f"Fashion-MNIST, {split}", arrays[0], arrays[1].astype(np.int64), CLASSES)


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
    return ImageSet("Fashion-MNIST, training", images[keep], labels[keep].astype(np.int64), CLASSES)


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


def build(originals: Path, target: Path = BUNDLED) -> Iterator[tuple[Path, int]]:
    """Write the bundled files from the original ones; yields each file's path and size in bytes."""
    target.mkdir(parents=True, exist_ok=True)
    manifest: dict[str, dict[str, dict[str, str]]] = {"splits": {}}
    for split, images, labels in original_splits(originals):
        manifest["splits"][split] = {}
        for kind, array in (("images", images), ("labels", labels)):
            payload = _to_idx(array)
            path = target / f"{split}-{kind}.idx.gz"
            path.write_bytes(gzip.compress(payload, compresslevel=9, mtime=0))
            manifest["splits"][split][kind] = hashlib.sha256(payload).hexdigest()
            yield path, path.stat().st_size
    (target / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def find_originals(folder: Path | None = None) -> Path:
    """The folder with the four original files: the one named, Debian's, or torchvision's download."""
    if folder is not None:
        if not is_original(folder):
            raise ExplorerError(
                f"{folder} does not hold Fashion-MNIST: it needs train-images-idx3-ubyte.gz, "
                "train-labels-idx1-ubyte.gz and the two t10k files."
            )
        return folder
    downloaded = DOWNLOADED / "FashionMNIST" / "raw"
    for candidate in (DEBIAN, downloaded):
        if is_original(candidate):
            return candidate
    from torchvision.datasets import FashionMNIST

    try:
        FashionMNIST(str(DOWNLOADED), download=True)
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
