"""Precomputed results that ship beside the checkpoints, tied to them by sha256."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor

from explorer.checkpoints import SHIPPED, card, load
from explorer.data import fashion_mnist
from explorer.errors import ExplorerError
from explorer.measure import logits

FOLDER = "evidence"


def logits_path(split: fashion_mnist.Split, folder: Path = SHIPPED) -> Path:
    """Where the precomputed logits of a split are kept."""
    return folder / FOLDER / f"logits-{split}.safetensors"


def write_logits(
    names: Sequence[str], split: fashion_mnist.Split = "validation", folder: Path = SHIPPED
) -> Iterator[str]:
    """Compute and store the logits of these checkpoints on a split; yields each name when done."""
    inputs = fashion_mnist.load(split).inputs()
    table, origin = {}, {"torch": str(torch.__version__)}
    for name in names:
        table[name] = logits(load(name, folder), inputs)
        origin[name] = card(name, folder).sha256
        yield name
    path = logits_path(split, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(table, path, metadata=origin)


def read_logits(name: str, split: fashion_mnist.Split = "validation", folder: Path = SHIPPED) -> Tensor:
    """The stored logits (N, C), float32, of a checkpoint on a split.

    Raises:
        ExplorerError: there are none, or they are those of other weights than the shipped ones.
    """
    path = logits_path(split, folder)
    remedy = "run `python -m explorer evidence` to compute them"
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            stored_for = (file.metadata() or {}).get(name)
            table: Tensor | None = file.get_tensor(name) if stored_for else None
    except (OSError, safetensors.SafetensorError) as error:
        raise ExplorerError(f"{path.name} cannot be read: {remedy}.") from error
    if table is None:
        raise ExplorerError(f"There are no logits of {name} on the {split} images: {remedy}.")
    if stored_for != card(name, folder).sha256:
        raise ExplorerError(f"The stored logits of {name} belong to other weights: {remedy}.")
    return table
