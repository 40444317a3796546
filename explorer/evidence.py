"""Precomputed results that ship beside the checkpoints, tied to them by sha256."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor

from explorer.checkpoints import SHIPPED, card, catalogue, load
from explorer.data import BUNDLED, Use
from explorer.errors import ExplorerError
from explorer.measure import logits
from explorer.training import Recipe, view_logits

FOLDER = "evidence"


def logits_path(split: Use, folder: Path = SHIPPED) -> Path:
    """Where the precomputed logits of a split are kept."""
    return folder / FOLDER / f"logits-{split}.safetensors"


def write_logits(names: Sequence[str], split: Use = "validation", folder: Path = SHIPPED) -> Iterator[str]:
    """Compute and store the logits of these checkpoints on a split; yields each name when done."""
    inputs = BUNDLED.load(split).inputs()
    table, origin = {}, {"torch": str(torch.__version__)}
    for name in names:
        table[name] = logits(load(name, folder), inputs)
        origin[name] = card(name, folder).sha256
        yield name
    path = logits_path(split, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(table, path, metadata=origin)


def names_with_logits(split: Use = "validation", folder: Path = SHIPPED) -> tuple[str, ...]:
    """The checkpoints whose logits on a split are stored, in the manifest's order."""
    path = logits_path(split, folder)
    if not path.exists():
        return ()
    with safetensors.safe_open(path, framework="pt") as file:
        stored = set(file.keys())
    return tuple(name for name in catalogue(folder) if name in stored)


def shard_views_path(folder: Path = SHIPPED) -> Path:
    """Where the teacher's logits of every view of the training shard are kept."""
    return folder / FOLDER / "logits-shard-views.safetensors"


def write_shard_views(recipe: Recipe, folder: Path = SHIPPED) -> Iterator[int]:
    """Compute and store the teacher's logits of the shard, float16; yields each view's number."""
    views = []
    for number, scores in enumerate(view_logits(load("teacher", folder), BUNDLED.load("training"), recipe)):
        views.append(scores.half())
        yield number
    save_file(
        {"logits": torch.stack(views)},
        shard_views_path(folder),
        metadata={"teacher": card("teacher", folder).sha256},
    )


def read_shard_views(folder: Path = SHIPPED) -> Tensor:
    """The stored logits (views, 5,000, C) of the teacher on the training shard.

    Raises:
        ExplorerError: there are none, or they are those of other weights than the shipped teacher's.
    """
    return _read(shard_views_path(folder), "teacher", "logits", folder)


def read_logits(name: str, split: Use = "validation", folder: Path = SHIPPED) -> Tensor:
    """The stored logits (N, C), float32, of a checkpoint on a split.

    Raises:
        ExplorerError: there are none, or they are those of other weights than the shipped ones.
    """
    return _read(logits_path(split, folder), name, name, folder)


def _read(path: Path, checkpoint: str, key: str, folder: Path) -> Tensor:
    remedy = "run `python -m explorer evidence` to compute them"
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            stored_for = (file.metadata() or {}).get(checkpoint)
            table: Tensor | None = file.get_tensor(key) if stored_for else None
    except (OSError, safetensors.SafetensorError) as error:
        raise ExplorerError(f"{path.name} cannot be read: {remedy}.") from error
    if table is None:
        raise ExplorerError(f"There are no logits of {checkpoint} in {path.name}: {remedy}.")
    if stored_for != card(checkpoint, folder).sha256:
        raise ExplorerError(f"The logits in {path.name} are not those of {checkpoint}: {remedy}.")
    return table
