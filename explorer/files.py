"""Files are written whole: beside their place, then moved there, so that nobody ever finds half of one."""

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from explorer.errors import ExplorerError


def cache_folder() -> Path:
    """Where the explorer keeps what can be computed again: in XDG_CACHE_HOME, else in ~/.cache."""
    named = os.environ.get("XDG_CACHE_HOME")
    try:
        base = Path(named) if named else Path.home() / ".cache"
    except RuntimeError:  # a user without a home, as in a container
        base = Path(tempfile.gettempdir())
    return base / "compression-explorer"


def write_file(path: Path, content: bytes | memoryview) -> None:
    """Write a file, and its folder where there is none; what stood there before stays if that fails.

    Raises:
        ExplorerError: the disk is full, or the folder is read-only; nothing is left of the attempt.
    """
    path = path.resolve()  # a link stays a link
    partial = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            path.write_bytes(content)  # a pipe or a device, which nothing may take the place of
            return
        try:
            partial.write_bytes(content)
            partial.replace(path)
        except BaseException:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise
    except OSError as error:
        why = error.strerror or error
        raise ExplorerError(
            f"{path} cannot be written ({why}): make room there, or name a folder that can be written to."
        ) from error


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is gone after the block.

    Raises:
        ExplorerError: there is no room for it, or for what was written into it.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
    except OSError as error:
        why = error.strerror or error
        raise ExplorerError(
            f"The folder for temporary files cannot be used ({why}): make room in it, or set TMPDIR to another one."
        ) from error
