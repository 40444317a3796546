"""Runs ``child`` on the user's file in a process of its own, with limits, and takes nothing back but the archive."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from explorer.checkpoints import MAX_MEGABYTES, read_state
from explorer.errors import ExplorerError
from explorer.files import temporary_folder
from explorer.networks import MAX_CLASSES, checked_int
from explorer.user_code import child
from explorer.work.progress import Update

MOST_ANSWER = 1 << 20  # bytes; a file that is written by the user's process may be of any size
MOST_NAME = 100
LONGEST = 86_400  # seconds
LEAST, MOST = 1024, 1_048_576  # megabytes; torch alone takes one half of the least
MAX_SIZE = 1024  # pixels
_NAMED = re.compile(r"(?P<file>.+?\.py)(?::(?P<name>[A-Za-z_]\w*))?(?:@(?P<checkpoint>.+))?")


class UserCodeError(ExplorerError):
    """The user's code cannot be used.

    Attributes:
        trace: their part of the traceback, as Python prints it; empty if there is none.
    """

    def __init__(self, sentence: str, trace: str = "") -> None:
        super().__init__(sentence)
        self.trace = trace


@dataclass(frozen=True)
class Limits:
    """What a process with the user's code may take: seconds of time, megabytes of memory."""

    seconds: float = 120
    megabytes: int = 4096

    def __post_init__(self) -> None:
        if not 1 <= self.seconds <= LONGEST:
            raise ExplorerError(f"Code may run for 1 to {LONGEST:,} seconds, not {self.seconds:g}.")
        checked_int(self.megabytes, LEAST, MOST, f"Code may take {LEAST:,} to {MOST:,} MB")


@dataclass(frozen=True)
class Code:
    """A network in a file of Python.

    Attributes:
        file: the file.
        name: of the class or function in it; empty for the only one.
        checkpoint: its weights; None for fresh ones.
        size: side in pixels of the images that it is exported with.
        classes: passed to it as its number of classes; None if it knows that by itself.
    """

    file: Path
    name: str = ""
    checkpoint: Path | None = None
    size: int = 224
    classes: int | None = None

    def __post_init__(self) -> None:
        checked_int(self.size, 1, MAX_SIZE, f"Images must have 1 to {MAX_SIZE:,} pixels a side")
        if self.classes is not None:
            checked_int(self.classes, 2, MAX_CLASSES, f"There must be between 2 and {MAX_CLASSES} classes")

    @classmethod
    def parse(cls, text: str, size: int = 224) -> "Code | None":
        """What ``FILE.py``, ``FILE.py:CLASS`` or ``FILE.py:CLASS@CHECKPOINT`` means; None if it is none of them.

        >>> Code.parse("nets/student.py:StudentNet@student.ckpt", 64)
        Code(file=PosixPath('nets/student.py'), name='StudentNet', checkpoint=PosixPath('student.ckpt'), size=64, \
classes=None)
        >>> Code.parse("student.pt2")
        """
        match = _NAMED.fullmatch(text)
        if match is None:
            return None
        checkpoint = match["checkpoint"]
        return cls(Path(match["file"]), match["name"] or "", Path(checkpoint) if checkpoint else None, size)

    @property
    def title(self) -> str:
        """For people: ``StudentNet (student.py)``."""
        return f"{self.name} ({self.file.name})" if self.name else self.file.name


@dataclass(frozen=True)
class Exported:
    """What the process hands back.

    Attributes:
        archive: the content of the ``.pt2`` file.
        name: the class of the network.
        files: the user's source files that it came from, within the folder of the first.
    """

    archive: bytes
    name: str
    files: tuple[str, ...]


def export(code: Code, limits: Limits | None = None) -> Generator[Update, None, Exported]:
    """Run the user's file in a process of its own and give the program that it exports; yields updates meanwhile.

    An update's ``done`` counts ``child.STAGES``, the one that is being done included.
    The process and its children are ended when the time is over, and when the generator is closed.

    Raises:
        UserCodeError: the code cannot be used, takes too long or too much memory.
        ExplorerError: there is no such file, or its checkpoint cannot be opened safely.
    """
    limits = limits or Limits()
    file = code.file.absolute()
    if not file.is_file():
        raise ExplorerError(f"There is no file {code.file}.")
    with temporary_folder() as home:
        weights = None
        if code.checkpoint is not None:
            weights = home / "weights.safetensors"
            # Opened here, where it is opened safely; tensors that share memory are written one by one.
            save_file(
                {key: each.clone().contiguous() for key, each in read_state(code.checkpoint).items()}, weights
            )
        request = {
            "file": str(file),
            "name": code.name,
            "classes": code.classes,
            "size": code.size,
            "weights": weights and str(weights),
            "out": str(home / "network.pt2"),
            "seconds": limits.seconds,
            "megabytes": limits.megabytes,
        }
        (home / "request.json").write_text(json.dumps(request), encoding="utf-8")
        status = yield from _process(home, file, limits)
        said = _answer(home, file.name, status)
        path = home / "network.pt2"
        if not path.is_file() or path.is_symlink():
            raise UserCodeError(f"{file.name} brought no archive.")
        if path.stat().st_size > MAX_MEGABYTES << 20:
            raise UserCodeError(
                f"{file.name} brought an archive of {path.stat().st_size >> 20:,} MB: at most {MAX_MEGABYTES} MB are "
                "taken."
            )
        archive = path.read_bytes()
    name, files = said.get("name"), said.get("files")
    return Exported(
        archive,
        name if isinstance(name, str) and name.isidentifier() and len(name) <= MOST_NAME else "Network",
        tuple(map(str, files)) if isinstance(files, list) else (),
    )


def _process(home: Path, file: Path, limits: Limits) -> Generator[Update, None, int]:
    """Run the child to its end and give its exit status."""
    yield Update(f"running {file.name}", 1, len(child.STAGES))
    process = subprocess.Popen(  # noqa: S603 (a program of ours; what it runs is the user's own)
        # -P: the folder of child.py is not searched for what the user's file imports.
        [sys.executable, "-P", str(Path(child.__file__)), str(home / "request.json")],
        cwd=file.parent,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},  # nothing is written into the user's folder
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    started = time.monotonic()
    try:
        while (status := process.poll()) is None:
            stage = _stage(home)
            if time.monotonic() - started > limits.seconds:
                raise UserCodeError(
                    f"{file.name} was ended after {limits.seconds:g} seconds, while {stage}: does a loop never end, "
                    "or does the file train when it is imported?"
                )
            yield Update(f"running {file.name}", child.STAGES.index(stage) + 1, len(child.STAGES))
            # Not process.wait: a visitor's Stop comes only at the next update.
            time.sleep(0.1)
        return status
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the process and its children, those too that it has left behind."""
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _stage(home: Path) -> str:
    """What the child is doing, one of ``STAGES``."""
    try:
        stage = (home / "stage").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return child.STAGES[0]
    return stage if stage in child.STAGES else child.STAGES[1]


def _answer(home: Path, name: str, status: int) -> Mapping[str, Any]:
    """What the child says beside its archive; it ran a stranger's code, so nothing of it is taken for granted."""
    path = home / "answer.json"
    if not path.is_file():
        how = f"with signal {-status}" if status < 0 else f"with exit status {status}"
        memory = ", as one does that needs too much memory" if status == -9 else ""
        raise UserCodeError(
            f"The process of {name} ended by itself {how}{memory}, before there was a network."
        )
    try:
        said = json.loads(path.read_bytes()) if path.stat().st_size <= MOST_ANSWER else None
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise UserCodeError(f"The process of {name} gave no answer that can be read.")
    if "problem" in said:
        raise UserCodeError(str(said["problem"]), str(said.get("trace", "")))
    return said
