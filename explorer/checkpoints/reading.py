"""Reading checkpoints that may come from anyone: only tensors are taken, and no code in them ever runs.

Weights are read with safetensors, or with ``torch.load(weights_only=True)``, never otherwise.
"""

import hashlib
import pickle
import re
import threading
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor

from explorer.checkpoints.states import StateDict, find_part, states_in
from explorer.errors import ExplorerError
from explorer.networks import open_pt2

MAX_MEGABYTES = 150  # an upload's limit too (.streamlit/config.toml); a ResNet-18 with Adam's state has 134
EXPORT = (
    "torch.export.save(torch.export.export(model.eval(), (torch.randn(2, 3, 224, 224),), "
    'dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)), "network.pt2")'
)
"""The line with which a user writes a network as a program that can be opened whatever its class is."""


class _Number:
    """Stands in for numpy's numbers in a checkpoint (a best accuracy beside the weights): it keeps nothing."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


# The names under which pickles of numpy 2 and of numpy 1 call for its numbers. None of numpy's own code is let in:
# torch's list of allowed names takes any callable for a name, and ours does nothing.
_NUMBERS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_Number, name)
    for name in ("numpy._core.multiarray.scalar", "numpy.core.multiarray.scalar", "numpy.dtype")
]
# That list is one for the whole process: no visitor's may end while another's file is read.
_LOADING = threading.Lock()


def read_states(path: Path) -> tuple[StateDict, ...]:
    """Every state_dict in a ``.safetensors`` file or a file of ``torch.save``, in the file's order.

    Raises:
        ExplorerError: the file is missing, too large, truncated, not a checkpoint, or holds more than plain values.
    """
    if not path.is_file():
        raise ExplorerError(f"There is no file {path}.")
    _check_size(path)
    if path.suffix.lower() == ".safetensors":
        try:
            return states_in(load_file(path), path.name)
        except (safetensors.SafetensorError, OSError, ValueError, KeyError) as error:
            raise ExplorerError(_truncated(path)) from error
    _check_archive(path)
    return states_in(_load(path), path.name)


def is_program(path: Path) -> bool:
    """Whether a file is by its name an exported program, which says itself what network it is."""
    return path.suffix.lower() == ".pt2"


def read_state(path: Path, part: str = "") -> Mapping[str, Tensor]:
    """The tensors of one network in a file, by name.

    Args:
        path: the file.
        part: which of its networks, as ``Opened`` says; empty for the one there is.

    Raises:
        ExplorerError: as ``read_states``, or there is no such part.
    """
    if is_program(path):
        return open_pt2(path).state_dict()
    return find_part(read_states(path), part, path.name).tensors


def _load(path: Path) -> object:
    """What ``torch.save`` wrote, without anything that could run."""
    try:
        with _LOADING, torch.serialization.safe_globals(_NUMBERS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a file of another protocol, before it is refused
            loaded: object = torch.load(path, map_location="cpu", weights_only=True)
            return loaded
    except pickle.UnpicklingError as error:
        raise ExplorerError(_refusal(path, str(error))) from error
    except Exception as error:  # a damaged pickle can fail in any of its steps
        raise ExplorerError(_truncated(path)) from error


def _refusal(path: Path, said: str) -> str:
    """Why a pickle was not opened."""
    name = re.search(r"GLOBAL ([\w.]+)", said)
    if name is None and not zipfile.is_zipfile(path):
        if path.read_bytes()[:1] != pickle.PROTO:
            return _truncated(path)
        return (
            f"{path.name} was written by pickle, which can hold code, so it was not opened: write the weights with "
            "torch.save(model.state_dict(), ...)."
        )
    what = f" ({name[1]})" if name else ""
    return f"{path.name} holds more than weights{what}, so it was not opened: save model.state_dict() and load that."


def _truncated(path: Path) -> str:
    return f"{path.name} cannot be read: it is truncated or not a checkpoint."


def _check_size(path: Path) -> None:
    """Refuse by its size what would fill the memory, also when it is packed small."""
    size = path.stat().st_size
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size = max(size, sum(entry.file_size for entry in archive.infolist()))
    if size > MAX_MEGABYTES * 2**20:
        raise ExplorerError(
            f"{path.name} has {size / 2**20:,.0f} MB, a checkpoint may have {MAX_MEGABYTES} MB: save "
            "model.state_dict() alone, without the optimizer."
        )


def _check_archive(path: Path) -> None:
    """Name a zip that is a program, which is told by the names of its files."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        names = [name.partition("/")[2] for name in archive.namelist()]
    if "constants.pkl" in names and any(name.startswith("code/") for name in names):
        raise ExplorerError(
            f"{path.name} is a TorchScript program, which would have to run to be opened: save model.state_dict(), or "
            f"export the model with {EXPORT}."
        )
    if "archive_format" in names:
        raise ExplorerError(f"{path.name} is an exported program: give its name the ending .pt2.")


def identity(path: Path, part: str = "") -> str:
    """What tells the weights of a network in a file apart: the file's sha256, of one of several in it their own."""
    digest = sha256(path)
    return hashlib.sha256(f"{digest} {part}".encode()).hexdigest() if part else digest


def sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
