"""Networks that are named on a command line: a file of weights, a ``.pt2``, or code of the user's own.

Code is exported once: the archive is kept on this disk under everything that it came from, and exported again when one
of the user's files has changed.
"""

import contextlib
import hashlib
import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from explorer.checkpoints import open_checkpoint, sha256
from explorer.errors import ExplorerError
from explorer.files import cache_folder, write_file
from explorer.user_code.run import Code, Exported, Limits, export
from explorer.work.progress import Update
from explorer.workspace import NetworkSource, uploaded_networks

FRESH = "nothing: fresh weights"


@dataclass(frozen=True)
class Given:
    """A network as it was named.

    Attributes:
        text: ``student.pt2``, ``student.py:StudentNet`` or ``student.py:StudentNet@student.ckpt``.
        size: side in pixels of the images that code is exported with.
    """

    text: str
    size: int = 224

    @property
    def code(self) -> Code | None:
        """The code that is meant; None for a file of weights."""
        return Code.parse(self.text, self.size)

    @property
    def stamp(self) -> str:
        """Changes when a file that is named does."""
        code = self.code
        paths = (Path(self.text),) if code is None else (code.file, code.checkpoint)
        stats = [path.stat() for path in paths if path is not None and path.exists()]
        return " ".join(
            [self.text, str(self.size), *(f"{each.st_size} {each.st_mtime_ns}" for each in stats)]
        )


def read_given(given: Given, limits: Limits | None = None) -> Generator[Update, None, NetworkSource]:
    """The network that was named; yields updates while code is run.

    Raises:
        ExplorerError: there is no such file, or it cannot be used; of code a ``UserCodeError``.
    """
    code = given.code
    if code is None:
        path = Path(given.text)
        if not path.is_file():
            raise ExplorerError(
                f"There is no file {path}: name a .pt2, a checkpoint, or code as FILE.py:CLASS."
            )
        opened = open_checkpoint(path)
        if len(opened) > 1:
            titles = " and ".join(found.part for found in opened)
            raise ExplorerError(
                f"{path.name} holds several networks, {titles}: save the state_dict of the one that is meant."
            )
        return NetworkSource(opened[0].card, path, notices=opened[0].notices)
    return (yield from read_code(code, limits))


def read_or_refused(given: Given) -> Generator[Update, None, NetworkSource | ExplorerError]:
    """The network; or why not, which may be kept as well: code that fails need not be run again."""
    try:
        return (yield from read_given(given))
    except ExplorerError as error:
        return error.with_traceback(None)


def read_code(code: Code, limits: Limits | None = None) -> Generator[Update, None, NetworkSource]:
    """The network that code makes, in memory; from this disk if exactly this code was exported before."""
    exported = _kept(code)
    if exported is None:
        exported = yield from export(code, limits)
        _keep(code, exported)
    return network_of(code, exported)


def network_of(code: Code, exported: Exported) -> NetworkSource:
    """An exported network, opened as an upload is.

    Raises:
        ExplorerError: the explorer does not know something in it.
    """
    (source,) = uploaded_networks(f"{exported.name}.pt2", exported.archive)
    trained = f"not known: {code.checkpoint.name}" if code.checkpoint else FRESH
    title = f"{exported.name} ({code.file.name})"
    return replace(source, card=replace(source.card, title=title, dataset=trained))


# --- What was exported before -----------------------------------------------------------------------------


def _key(code: Code) -> str:
    """Of everything that an archive comes from, but for what the file imports."""
    weights = sha256(code.checkpoint) if code.checkpoint is not None and code.checkpoint.is_file() else ""
    parts = (
        str(code.file.absolute()),
        code.name,
        str(code.size),
        str(code.classes),
        weights,
        torch.__version__,
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _path(code: Code) -> Path:
    return cache_folder() / "programs" / f"{_key(code)}.json"


def _digests(code: Code, files: Sequence[str]) -> dict[str, str]:
    """The sha256 of each source file of the user's; empty for one that is gone."""
    paths = {name: code.file.absolute().parent / name for name in files}
    return {name: sha256(path) if path.is_file() else "" for name, path in paths.items()}


def _kept(code: Code) -> Exported | None:
    """What this code was exported to, if none of its files has changed since."""
    path = _path(code)
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        files = dict(noted["files"])
        if not files or _digests(code, tuple(files)) != files:
            return None
        archive = path.with_suffix(".pt2").read_bytes()
        if hashlib.sha256(archive).hexdigest() != noted["sha256"]:
            return None  # two processes have written it at once
        return Exported(archive, noted["name"], tuple(files))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not there, or damaged: it is exported again


def _keep(code: Code, exported: Exported) -> None:
    """Keep an archive; where the cache cannot be written it is only exported again next time."""
    path = _path(code)
    noted = {
        "name": exported.name,
        "files": _digests(code, exported.files),
        "sha256": hashlib.sha256(exported.archive).hexdigest(),
    }
    with contextlib.suppress(ExplorerError):
        write_file(path.with_suffix(".pt2"), exported.archive)
        write_file(path, json.dumps(noted).encode())
