"""Image files to pixels, once: cut by the course's test transform, kept in a file mapped into memory.

The cache lies with the user's other caches, never in their folder. Its key covers every file's
path, size, time of change and label, and the transform, so a changed file is noticed.
"""

import hashlib
import json
import math
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from explorer.data.imageset import ImageSet
from explorer.data.layout import Item
from explorer.data.notices import Notice
from explorer.errors import ExplorerError
from explorer.files import cache_folder
from explorer.work.progress import Update

SIZE = 224
SIZES = (32, 512)
MAX_PIXELS = 100_000_000
MAX_ASPECT = 20
CACHE_BYTES = 4_000_000_000
_VERSION = 1  # of the decoding; to be raised when it changes

_CONVERTED = {
    "1": "is black and white: it was repeated in three equal channels",
    "L": "is grey: it was repeated in three equal channels",
    "CMYK": "is CMYK: it was converted to RGB",
    "P": "has a palette: it was converted to RGB",
}


def decode(
    items: Sequence[Item],
    classes: tuple[str, ...],
    name: str,
    root: Path,
    size: int = SIZE,
    noun: str = "image",
) -> Generator[Update, None, ImageSet]:
    """Read the image files, several at a time; yields updates, returns the set without the unreadable.

    Args:
        items: the files, in the order of the set.
        classes: class names in label order.
        name: of the set, for captions.
        root: file names are told relative to it.
        size: side in pixels that a network is fed: Resize(256 / 224 of it), then CenterCrop.
        noun: what one of the images is called.

    Raises:
        ExplorerError: not one image can be read, or the cache cannot be written.
    """
    if not SIZES[0] <= size <= SIZES[1]:
        raise ExplorerError(f"Images can be fed at {SIZES[0]} to {SIZES[1]} pixels, not {size}.")
    key = key_of(items, size)
    kept = cache_folder() / "images" / key
    content = _read_kept(kept)
    if content is None:
        yield from _fill(items, root, size, kept)
        content = _read_kept(kept)
    if content is None:
        raise ExplorerError(
            f"The cache {kept.parent} cannot be written: set XDG_CACHE_HOME to another folder."
        )
    pixels, positions, notices = content
    if not positions:
        raise ExplorerError(f"Not one of the {len(items):,} images in {root} can be read: {notices[0]}")
    labels = np.array([items[position].label for position in positions], np.int64)
    return ImageSet(name, pixels, labels, classes, key, noun, notices=notices)


def key_of(items: Sequence[Item], size: int) -> str:
    """The key of the image set that ``decode`` makes of these files; no file is opened."""
    digest = hashlib.sha256(f"{_VERSION} {size}".encode())
    for item in items:
        try:
            state = item.path.stat()
            stamp = f"{state.st_size} {state.st_mtime_ns}"
        except OSError:
            stamp = "gone"
        digest.update(f"\n{item.path.absolute()} {stamp} {item.label}".encode())
    return digest.hexdigest()[:32]


def _read_kept(folder: Path) -> tuple[npt.NDArray[np.uint8], list[int], tuple[Notice, ...]] | None:
    """What the cache holds; None if there is nothing or it is damaged."""
    try:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        positions = list(about["positions"])
        pixels = np.load(folder / "images.npy", mmap_mode="r")[: len(positions)]
        if _checksum(folder / "images.npy") != about["checksum"]:
            return None
        notices = tuple(Notice(**notice) for notice in about["notices"])
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return None
    with suppress(OSError):
        os.utime(folder)
    return pixels, positions, notices


def _checksum(path: Path) -> int:
    """CRC-32 of a file, read piece by piece: what is read so, unlike what is mapped, is not held in memory."""
    checksum = 0
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            checksum = zlib.crc32(piece, checksum)
    return checksum


def _fill(items: Sequence[Item], root: Path, size: int, target: Path) -> Generator[Update, None, None]:
    """Decode into a folder of its own, then put it where it belongs whole: another process sees all or nothing."""
    yield Update("reading the images", 0, len(items))
    needed = len(items) * size * size * 3
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(target.parent).free < 1.1 * needed:
            raise ExplorerError(
                f"The cache {target.parent} needs {needed / 1e6:,.0f} MB: make room, or take fewer images."
            )
        partial_folder = Path(tempfile.mkdtemp(prefix="partial-", dir=target.parent))
    except OSError as error:
        raise ExplorerError(
            f"The cache {target.parent} cannot be written: set XDG_CACHE_HOME to another folder."
        ) from error
    try:
        positions: list[int] = []
        notices: list[Notice] = []
        shape = (max(1, len(items)), size, size, 3)
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        # Written, not mapped: on a full disk a write fails, while a mapped page that has no room ends the process.
        with (
            (partial_folder / "images.npy").open("wb") as file,
            ThreadPool(min(8, os.cpu_count() or 1)) as pool,
        ):
            np.lib.format.write_array_header_1_0(file, header)
            whole = file.tell() + math.prod(shape)
            for number, (cut, remarks) in enumerate(pool.imap(partial(_open, size=size), items)):
                name = items[number].path.relative_to(root).as_posix()
                notices += [Notice(name, remark, lost=cut is None) for remark in remarks]
                if cut is not None:
                    file.write(cut.tobytes())
                    positions.append(number)
                yield Update("reading the images", number + 1, len(items))
            file.truncate(whole)  # as long as its header says; the places of unreadable files are never read
        about = {
            "positions": positions,
            "notices": [asdict(notice) for notice in notices],
            "checksum": _checksum(partial_folder / "images.npy"),
        }
        (partial_folder / "about.json").write_text(json.dumps(about), encoding="utf-8")
        # Put there first and looked at only where something is in the way: whoever looked first could remove what
        # another one has put there since.
        if not _put(partial_folder, target) and _read_kept(target) is None:
            shutil.rmtree(target, ignore_errors=True)  # damaged
            _put(partial_folder, target)
    except OSError as error:
        raise ExplorerError(
            f"The cache {target.parent} cannot be written ({error.strerror or error}): make room there, or set "
            "XDG_CACHE_HOME to another folder."
        ) from error
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)
    _trim(target.parent)


def _put(folder: Path, target: Path) -> bool:
    """Give a folder its place; whether it could, which it cannot where another process was first."""
    try:
        folder.rename(target)
    except OSError:
        return False
    return True


def _trim(folder: Path) -> None:
    """Forget the sets that were not used for longest, beyond 4 GB together; the newest stays."""
    sets: list[tuple[float, int, Path]] = []
    for kept in folder.iterdir():
        with suppress(OSError):  # another process may be at work here
            if kept.name.startswith("partial-"):
                if time.time() - kept.stat().st_mtime > 86_400:  # of a process that was killed
                    shutil.rmtree(kept)
            else:
                size = sum(path.stat().st_size for path in kept.iterdir())
                sets.append((kept.stat().st_mtime, size, kept))
    together = 0
    for number, (_, size, kept) in enumerate(sorted(sets, reverse=True)):
        together += size
        if number and together > CACHE_BYTES:
            shutil.rmtree(kept, ignore_errors=True)


def _open(item: Item, size: int) -> tuple[npt.NDArray[np.uint8] | None, list[str]]:
    """The pixels (size, size, 3) of a file, None if it cannot be used, and what is to be said of it."""
    try:
        with Image.open(item.path) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                return None, [f"has {width:,} x {height:,} pixels, too many to open, so it was left out"]
            if max(width, height) > MAX_ASPECT * min(width, height):
                return None, [f"is {width:,} x {height:,} pixels, too narrow to crop, so it was left out"]
            return _cut(image, size)
    except FileNotFoundError:
        return None, ["is gone or a broken link, so it was left out"]
    except Image.DecompressionBombError:
        return None, ["has too many pixels to open, so it was left out"]
    except UnidentifiedImageError:
        empty = item.path.stat().st_size == 0
        return None, [
            f"is {'empty' if empty else 'not an image, whatever its name says'}, so it was left out"
        ]
    except Exception as error:  # decoders of hostile files raise whatever they like
        reason = "is truncated" if "truncated" in str(error) else "is damaged"
        return None, [f"{reason}, so it was left out"]


def _cut(image: Image.Image, size: int) -> tuple[npt.NDArray[np.uint8], list[str]]:
    """The course's test transform up to ToTensor: upright RGB, Resize, CenterCrop."""
    # Here, since the app opens without a folder: importing torchvision takes longer than importing torch.
    from torchvision.transforms import functional

    image.load()
    remarks = [_CONVERTED[image.mode]] if image.mode in _CONVERTED else []
    upright: Image.Image = ImageOps.exif_transpose(image)
    if image.getexif().get(0x0112, 1) not in (0, 1):
        remarks.append("was turned upright, as its EXIF orientation says")
    if upright.mode.startswith("I;16"):
        upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
        remarks.append("has 16 bits a pixel: the upper 8 were taken")
    if upright.has_transparency_data:
        upright = upright.convert("RGBA")
        white = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(white, upright)
        remarks.append("is partly transparent: it was laid on white")
    upright = upright.convert("RGB")
    upright = functional.center_crop(functional.resize(upright, round(size * 256 / SIZE)), [size, size])
    return np.asarray(upright), remarks
