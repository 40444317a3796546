"""The catalogue of trained networks: cards in a manifest, weights beside it, each checked by its sha256."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from explorer.checkpoints.card import Card
from explorer.checkpoints.reading import read_state, sha256
from explorer.data import BUNDLED
from explorer.errors import ExplorerError
from explorer.files import write_file
from explorer.manifest import MANIFEST, not_a_manifest, read_manifest
from explorer.networks import load_weights

SHIPPED = BUNDLED.checkpoints


def catalogue(folder: Path = SHIPPED) -> dict[str, Card]:
    """The cards of a folder of checkpoints by name, in the manifest's order.

    Raises:
        ExplorerError: the manifest is missing or not one of ours.
    """
    known = {entry.name for entry in fields(Card)}
    try:
        cards = [
            Card(**{key: value for key, value in entry.items() if key in known})
            for entry in read_manifest(folder)
        ]
    except TypeError as error:
        raise not_a_manifest(folder) from error
    return {card.name: card for card in cards}


def card(name: str, folder: Path = SHIPPED) -> Card:
    """The card of one checkpoint; an unknown name is told together with the known ones."""
    cards = catalogue(folder)
    if name not in cards:
        raise ExplorerError(f"There is no checkpoint {name!r}; there are {', '.join(cards)}.")
    return cards[name]


def load(name: str, folder: Path = SHIPPED) -> nn.Module:
    """A private copy of a catalogued network, float32, in eval mode, its file checked by sha256.

    Raises:
        ExplorerError: no such checkpoint, or its file is missing or damaged.
    """
    entry = card(name, folder)
    path = folder / entry.file
    if not path.is_file():
        raise ExplorerError(f"There is no file {path}.")
    if sha256(path) != entry.sha256:
        raise ExplorerError(
            f"{path.name} is damaged: it is not the file that its card describes (its sha256 differs), so fetch it "
            "again."
        )
    return load_weights(entry.build(), read_state(path), path.name).eval()


def write(entry: Card, state: Mapping[str, Tensor], folder: Path) -> Card:
    """Store the weights and the card; an entry of the same name is replaced. Returns the full card.

    ``bytes`` and ``sha256`` are filled in here.
    """
    content = save(dict(state))
    write_file(folder / entry.file, content)
    entry = replace(entry, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    manifest = folder / MANIFEST
    cards = catalogue(folder) if manifest.exists() else {}
    cards[entry.name] = entry
    listed = {"checkpoints": [asdict(one) for one in cards.values()]}
    write_file(manifest, f"{json.dumps(listed, indent=2)}\n".encode())
    return entry


def stored(model: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """The model's state_dict as it is stored: floating-point tensors in ``dtype``, contiguous."""
    return {
        key: (tensor.to(dtype) if tensor.is_floating_point() else tensor).contiguous().clone()
        for key, tensor in model.state_dict().items()
    }
