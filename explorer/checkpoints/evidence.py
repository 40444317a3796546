"""Evidence: results that were computed before and ship beside the checkpoints; one way to store and find them.

Each carries the sha256 of the weights and the key and number of the images that it is a result of. It is
found by these alone, never by a name or a title, so what belongs to other weights or images is never shown.
``SHA256SUMS`` beside them (``sha256sum --check`` reads it, too) tells a damaged file: it is left out and told of.
"""

import hashlib
import json
from collections.abc import Callable, Generator, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, cast

import safetensors
import torch
from safetensors.torch import save
from torch import Tensor

from explorer.checkpoints.card import Card
from explorer.checkpoints.catalogue import SHIPPED
from explorer.checkpoints.reading import sha256
from explorer.data import DataSet, ImageSet, Use
from explorer.errors import ExplorerError
from explorer.files import write_file
from explorer.measure import describe_machine
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.progress import Update

FOLDER = "evidence"
SUMS = "SHA256SUMS"
LOGITS = "logits"

RowType = TypeVar("RowType")
Choice = Literal["first", "stratified"]


@dataclass(frozen=True)
class StoredRows(Generic[RowType]):
    """A stored result.

    Attributes:
        rows: the result, row by row.
        kind: what was measured ("sweep").
        weights: sha256 of the network's weights.
        images_key: key of the whole set of images.
        images: on so many of its images it was measured.
        settings: what else the rows were measured with.
        checkpoint: the network's name then, for people.
        date: the day, as 2026-11-25.
        machine: processor, system, device and threads; empty if it was not written down.
        torch: the version; empty likewise.
        choice: which images these are: the first ones, or of each class its share (``ImageSet.stratified``).
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
    choice: Choice = "first"

    def counted(self, data: DataSet, use: Use) -> str:
        """On which of a data set's images for a use it was counted, as a part of a sentence."""
        if self.choice == "stratified" or self.images >= data.sizes[use]:
            return data.counted(use, self.images)
        return f"the first {self.images:,} {data.noun(use)}s"

    def is_on(self, images: ImageSet) -> bool:
        """Whether these are the very images that it was measured on."""
        if (self.images_key, self.images) != (images.whole, len(images)):
            return False
        return images.positions is None or self.choice == ("stratified" if images.is_stratified else "first")

    def choose(self, images: ImageSet) -> ImageSet:
        """Of the whole set the images that it was measured on."""
        if self.choice == "stratified":
            return images.stratified(self.images)
        return images.select(slice(self.images))

    @property
    def where(self) -> str:
        """When and on what machine it was measured, as a part of a sentence."""
        parts = (self.date, self.machine, f"torch {self.torch}" if self.torch else "")
        return ", ".join(part for part in parts if part)


def store_as_measured(
    instrument: Instrument[Any, RowType],
    spec: InstrumentSpec[Any],
    stored: Sequence[RowType],
    key: Callable[[RowType], Hashable],
    write: Callable[[Sequence[RowType]], object],
    done: Sequence[RowType] | None = None,
) -> Generator[Update | RowType, None, tuple[RowType, ...]]:
    """Measure what is not stored yet, and store each row as soon as it is there, so that a run that ends can go on.

    Args:
        instrument: one that resumes.
        spec: what is measured.
        stored: the rows that are stored.
        key: tells one row from another; a row that is measured again takes the place of the stored one.
        write: stores all rows.
        done: those of the stored rows that belong to this run; all of them if left out.

    Returns:
        All rows, the stored ones first.
    """
    rows = {key(row): row for row in stored}
    for step in instrument.run(spec, tuple(stored) if done is None else done):
        if not isinstance(step, Update):
            rows[key(step)] = step
            write(tuple(rows.values()))
        yield step
    return tuple(rows.values())


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
        ExplorerError: the images are neither the first ones of their set nor a stratified choice.
    """
    content = _header(kind, images) | {
        "weights": card.sha256,
        "settings": dict(settings or {}),
        "checkpoint": card.name,
        "machine": describe_machine(),
        "rows": [_to_dict(row) for row in rows],
    }
    path = folder / FOLDER / f"{kind}-{card.name}.json"
    _write(path, f"{json.dumps(content, indent=1)}\n".encode())
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
        ExplorerError: its rows are of another class.
    """
    for file, about in _whole_files(folder, ".json"):
        if (about["kind"], about["weights"], about["images_key"]) == (kind, weights, images_key):
            return _rows(file, cast(Any, row))
    return None


def _header(kind: str, images: ImageSet) -> dict[str, Any]:
    """What every stored result says of itself."""
    if not (images.is_stratified or images.is_beginning):
        raise ExplorerError(
            f"Only results on a stratified choice or on the first images of a set are stored: take {images.name} so."
        )
    choice: Choice = "stratified" if images.is_stratified else "first"
    return {
        "kind": kind,
        "images_key": images.whole,
        "images": len(images),
        "choice": choice,
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
    if not images.is_beginning:
        raise ExplorerError(
            f"Only tensors of the first images of a set are stored, not of a choice of {images.name}."
        )
    about = {key: str(value) for key, value in _header(kind, images).items()}
    path = folder / FOLDER / f"{file}.safetensors"
    _write(path, save(dict(tensors), about))
    return path


def find_tensor(kind: str, weights: str, images: ImageSet, folder: Path = SHIPPED) -> Tensor | None:
    """The stored tensor of a kind for these weights on exactly these images; None if there is none."""
    for file, about in _whole_files(folder, ".safetensors"):
        names = about[_NAMES]
        same = (about.get("kind"), about.get("images_key")) == (kind, images.whole)
        if same and weights in names and about.get("images") == str(len(images)) and images.is_beginning:
            with safetensors.safe_open(file.path, framework="pt") as opened:
                return cast(Tensor, opened.get_tensor(weights))
    return None


def has_tensor(kind: str, weights: str, images_key: str, folder: Path = SHIPPED) -> bool:
    """Whether a tensor of a kind is stored for these weights on the beginning of this set of images."""
    return any(
        weights in about[_NAMES] and (about.get("kind"), about.get("images_key")) == (kind, images_key)
        for _, about in _whole_files(folder, ".safetensors")
    )


# --- The files -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _File:
    """A file in the state that it is in: when one of these changes, it is read again.

    Attributes:
        path: where it is.
        size: in bytes.
        changed: when, in nanoseconds.
        digest: its sha256 as it was written down; empty if it was not.
    """

    path: Path
    size: int
    changed: int
    digest: str


def damaged(folder: Path = SHIPPED) -> tuple[str, ...]:
    """A sentence for each file among the evidence that is left out because it is damaged."""
    return tuple(about for _, about in _read_all(folder) if isinstance(about, str))


@dataclass(frozen=True)
class EvidenceFile:
    """A file of evidence, and what it says of itself.

    Attributes:
        name: of the file.
        kind: what was measured.
        weights: sha256 of the weights that it is a result of; of a file of tensors, of each tensor.
        images_key: key of the whole set of images.
        images: on so many of its images it was measured.
        checkpoint: the network's name then; empty where it is not told.
        written_down: whether ``SHA256SUMS`` knows it, so that damage would be noticed.
        problem: why it cannot be used, as a sentence; then nothing else is known of it.
    """

    name: str
    kind: str = ""
    weights: tuple[str, ...] = ()
    images_key: str = ""
    images: int = 0
    checkpoint: str = ""
    written_down: bool = True
    problem: str = ""


def evidence_files(folder: Path = SHIPPED) -> tuple[EvidenceFile, ...]:
    """Every file of evidence, those included that cannot be used or are written down and not there."""
    files = []
    for file, about in _read_all(folder):
        if isinstance(about, str):
            files.append(EvidenceFile(file.path.name, problem=about))
            continue
        weights = (about["weights"],) if "weights" in about else tuple(sorted(about[_NAMES]))
        files.append(
            EvidenceFile(
                file.path.name,
                about["kind"],
                weights,
                about["images_key"],
                int(about["images"]),
                about.get("checkpoint", ""),
                bool(file.digest),
            )
        )
    there = {file.name for file in files}
    missing = [name for name in _sums(folder / FOLDER) if name not in there]
    return (
        *files,
        *(EvidenceFile(name, problem=f"{name} is not there: fetch it again.") for name in missing),
    )


def _whole_files(folder: Path, suffix: str) -> Iterator[tuple[_File, Mapping[str, Any]]]:
    """Every file of a kind that can be used, and what it says of itself; only ever read."""
    for file, about in _read_all(folder):
        if file.path.suffix == suffix and not isinstance(about, str):
            yield file, about


def _read_all(folder: Path) -> Iterator[tuple[_File, Mapping[str, Any] | str]]:
    """Every file, and what it says of itself, or why it cannot be used."""
    sums = _sums(folder / FOLDER)
    for path in sorted((folder / FOLDER).glob("*")):
        if path.suffix in _READERS:
            with suppress(FileNotFoundError):  # gone meanwhile
                state = path.stat()
                file = _File(path, state.st_size, state.st_mtime_ns, sums.get(path.name, ""))
                yield file, _read(file)


@lru_cache(maxsize=64)
def _read(file: _File) -> Mapping[str, Any] | str:
    """What a file says of itself, or why it cannot be used."""
    try:
        # One changed bit of a number reads as another number, and nothing else would notice.
        if file.digest and sha256(file.path) != file.digest:
            raise ValueError("its sha256 is not the one that was written down")
        return _READERS[file.path.suffix](file.path)
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError):
        return f"{file.path.name} is damaged and left out: fetch it again, or compute it again."


@lru_cache(maxsize=64)
def _rows(file: _File, row: Any) -> StoredRows[Any]:
    """A stored result with its rows as objects of a class."""
    content = cast(Mapping[str, Any], _read(file))
    try:
        rows = tuple(_from_dict(row, values) for values in content["rows"])
        return StoredRows(rows, **{name: value for name, value in content.items() if name != "rows"})
    except (TypeError, KeyError, ValueError) as error:
        raise ExplorerError(
            f"{file.path.name} is not a stored {content['kind']}: compute it again."
        ) from error


def _read_rows(path: Path) -> Mapping[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if not {"kind", "weights", "images_key", "images", "rows"} <= set(content):
        raise KeyError("kind")
    return cast(Mapping[str, Any], content)


def _read_header(path: Path) -> Mapping[str, Any]:
    with safetensors.safe_open(path, framework="pt") as file:
        return {**(file.metadata() or {}), _NAMES: frozenset(file.keys())}


_NAMES = "names of the tensors"
_READERS: Mapping[str, Callable[[Path], Mapping[str, Any]]] = {
    ".json": _read_rows,
    ".safetensors": _read_header,
}


def _write(path: Path, content: bytes) -> None:
    """Write a file of evidence, and its sha256 into the list."""
    # Between the two, the file has no sum: it is whole then, too, and never taken for a damaged one.
    sums = {name: digest for name, digest in _sums(path.parent).items() if name != path.name}
    _write_sums(path.parent, sums)
    write_file(path, content)
    _write_sums(path.parent, sums | {path.name: hashlib.sha256(content).hexdigest()})


def _sums(folder: Path) -> dict[str, str]:
    """The sha256 of each file that is written down."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _write_sums(folder: Path, sums: Mapping[str, str]) -> None:
    text = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
    write_file(folder / SUMS, text.encode())
