"""Evidence: results that were computed before and ship beside the checkpoints; one way to store and find them.

Each carries the sha256 of the weights and the key and number of the images that it is a result of. It is
found by these alone, never by a name or a title, so what belongs to other weights or images is never shown.
"""

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor

from explorer.checkpoints.card import Card
from explorer.checkpoints.catalogue import SHIPPED
from explorer.data import ImageSet
from explorer.errors import ExplorerError

FOLDER = "evidence"
LOGITS = "logits"

RowType = TypeVar("RowType")


@dataclass(frozen=True)
class StoredRows(Generic[RowType]):
    """A stored result.

    Attributes:
        rows: the result, row by row.
        kind: what was measured ("sweep").
        weights: sha256 of the network's weights.
        images_key: key of the whole set of images.
        images: on its first so many images it was measured.
        settings: what else the rows were measured with.
        checkpoint: the network's name then, for people.
        date: the day, as 2026-11-25.
        machine: processor, system, device and threads; empty if it was not written down.
        torch: the version; empty likewise.
    """

    rows: tuple[RowType, ...]
    kind: str
    weights: str
    images_key: str
    images: int
    settings: Mapping[str, Any]
    checkpoint: str
    date: str
    machine: str
    torch: str

    @property
    def where(self) -> str:
        """When and on what machine it was measured, as a part of a sentence."""
        parts = (self.date, self.machine, f"torch {self.torch}" if self.torch else "")
        return ", ".join(part for part in parts if part)


def write_rows(
    kind: str,
    rows: Sequence[object],
    card: Card,
    images: ImageSet,
    folder: Path = SHIPPED,
    *,
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Store rows that were measured here, now, with the network of ``card`` on ``images``.

    Rows are dataclasses; those with a ``to_dict`` are written by it.

    Raises:
        ExplorerError: the images are not the first ones of their set.
    """
    content = _header(kind, images) | {
        "weights": card.sha256,
        "settings": dict(settings or {}),
        "checkpoint": card.name,
        "machine": this_machine(),
        "rows": [_to_dict(row) for row in rows],
    }
    path = folder / FOLDER / f"{kind}-{card.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path


def find_rows(
    kind: str, row: type[RowType], weights: str, images_key: str, folder: Path = SHIPPED
) -> StoredRows[RowType] | None:
    """The stored result of a kind for these weights on this set of images; None if there is none.

    Args:
        kind: what was measured.
        row: the class of a row; one with a ``from_dict`` is made by it.
        weights: sha256 of the network's weights.
        images_key: key of the whole set (``ImageSet.whole``); the result says how many of its images it took.
        folder: the folder of checkpoints that it ships with.

    Raises:
        ExplorerError: a file among the evidence cannot be read.
    """
    for path in sorted((folder / FOLDER).glob("*.json")):
        state = _state(path)
        content = _read(path, state)
        if (content["kind"], content["weights"], content["images_key"]) == (kind, weights, images_key):
            return _read_rows(path, state, cast(Any, row))
    return None


def this_machine() -> str:
    """Processor, system, device and threads, as a part of a sentence."""
    return f"{platform.machine()} {platform.system()}, cpu, {torch.get_num_threads()} threads"


def _state(path: Path) -> tuple[int, int]:
    """What changes with a file's content: when it was written, and how long it is; two zeros if there is none."""
    try:
        about = path.stat()
    except OSError:
        return 0, 0
    return about.st_mtime_ns, about.st_size


@lru_cache(maxsize=64)
def _read(path: Path, state: tuple[int, int]) -> Mapping[str, Any]:
    """A stored result as it is in its file; kept as long as the file is in this state."""
    del state
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not {"kind", "weights", "images_key", "images", "rows"} <= set(content):
            raise KeyError("kind")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExplorerError(f"{path.name} is not a stored result: compute it again.") from error
    return content


@lru_cache(maxsize=64)
def _read_rows(path: Path, state: tuple[int, int], row: Any) -> StoredRows[Any]:
    """The same with its rows as objects of a class."""
    content = _read(path, state)
    try:
        rows = tuple(_from_dict(row, values) for values in content["rows"])
        return StoredRows(rows, **{name: value for name, value in content.items() if name != "rows"})
    except (TypeError, KeyError, ValueError) as error:
        raise ExplorerError(f"{path.name} is not a stored {content['kind']}: compute it again.") from error


def _header(kind: str, images: ImageSet) -> dict[str, Any]:
    """What every stored result says of itself."""
    if not images.is_beginning:
        raise ExplorerError(
            f"Only results on the first images of a set are stored, not on a choice of {images.name}."
        )
    return {
        "kind": kind,
        "images_key": images.whole,
        "images": len(images),
        "date": datetime.now(UTC).date().isoformat(),
        "torch": str(torch.__version__),
    }


def _to_dict(row: Any) -> dict[str, Any]:
    return cast(dict[str, Any], row.to_dict() if hasattr(row, "to_dict") else asdict(row))


def _from_dict(row: type[RowType], values: dict[str, Any]) -> RowType:
    make = getattr(row, "from_dict", None)
    return cast(RowType, make(values)) if make else row(**values)


def write_tensors(
    kind: str, tensors: Mapping[str, Tensor], images: ImageSet, file: str, folder: Path = SHIPPED
) -> Path:
    """Store tensors by the sha256 of the weights they were computed with, all of them on ``images``.

    Raises:
        ExplorerError: the images are not the first ones of their set.
    """
    about = {key: str(value) for key, value in _header(kind, images).items()}
    path = folder / FOLDER / f"{file}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(dict(tensors), path, metadata=about)
    return path


def find_tensor(kind: str, weights: str, images: ImageSet, folder: Path = SHIPPED) -> Tensor | None:
    """The stored tensor of a kind for these weights on exactly these images; None if there is none.

    Raises:
        ExplorerError: a file among the evidence cannot be read.
    """
    for path, about, names in _read_headers(folder):
        same = (about.get("kind"), about.get("images_key")) == (kind, images.whole)
        if same and weights in names and about.get("images") == str(len(images)) and images.is_beginning:
            with safetensors.safe_open(path, framework="pt") as file:
                return cast(Tensor, file.get_tensor(weights))
    return None


def has_tensor(kind: str, weights: str, images_key: str, folder: Path = SHIPPED) -> bool:
    """Whether a tensor of a kind is stored for these weights on the beginning of this set of images."""
    return any(
        weights in names and (about.get("kind"), about.get("images_key")) == (kind, images_key)
        for _, about, names in _read_headers(folder)
    )


def _read_headers(folder: Path) -> Iterator[tuple[Path, dict[str, str], frozenset[str]]]:
    """Every file of tensors: what it says of itself, and the names in it."""
    for path in sorted((folder / FOLDER).glob("*.safetensors")):
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                header = path, dict(file.metadata() or {}), frozenset(file.keys())
        except (OSError, safetensors.SafetensorError) as error:
            raise ExplorerError(
                f"{path.name} cannot be read: run `python -m explorer evidence` to compute it again."
            ) from error
        yield header
