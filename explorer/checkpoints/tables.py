"""Logits that were computed on this machine, kept in files; a file that is damaged is as good as none."""

import hashlib
from pathlib import Path

import safetensors
from safetensors.torch import save
from torch import Tensor

from explorer.files import write_file

_NAME, _DIGEST = "logits", "sha256"


def write_table(path: Path, values: Tensor) -> None:
    """Keep logits in a file.

    Raises:
        ExplorerError: it cannot be written.
    """
    write_file(path, save({_NAME: values}, {_DIGEST: _digest(values)}))


def read_table(path: Path) -> Tensor | None:
    """The logits that were kept in a file; None if there is none, or if a single bit of them has changed."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            noted, values = (file.metadata() or {}).get(_DIGEST), file.get_tensor(_NAME)
    except (OSError, safetensors.SafetensorError):
        return None
    kept: Tensor = values
    return kept if noted == _digest(kept) else None


def _digest(values: Tensor) -> str:
    """Sha256 of the numbers: safetensors itself notices a file that is cut off, but no changed number."""
    return hashlib.sha256(values.contiguous().numpy().tobytes()).hexdigest()
