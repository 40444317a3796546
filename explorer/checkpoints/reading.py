"""Reading checkpoints that may come from anyone: only tensors are taken, and no code in them ever runs.

Weights are read with safetensors, or with ``torch.load(weights_only=True)``, never otherwise.
"""

import hashlib
import math
import pickle
import zipfile
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from explorer.checkpoints.card import Card
from explorer.data import CHECKPOINT_SUFFIXES
from explorer.errors import ExplorerError
from explorer.networks import parameter_count, recognise, spec_of

MAX_MEGABYTES = 150  # an upload's limit too (.streamlit/config.toml); a ResNet-18 with Adam's state has 134
NESTED = ("state_dict", "model_state_dict", "model")


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors in a ``.safetensors`` file or a PyTorch state_dict, by name.

    The state_dict may be plain or lie under one of ``NESTED``, and its keys may begin with ``module.``.

    Raises:
        ExplorerError: the file is missing, too large, truncated, or holds anything but tensors.
    """
    if not path.is_file():
        raise ExplorerError(f"There is no file {path}.")
    _check_size(path)
    try:
        if path.suffix == ".safetensors":
            return _plain(load_file(path), path.name)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if not zipfile.is_zipfile(path) and path.read_bytes()[:1] != pickle.PROTO:
            raise ExplorerError(
                f"{path.name} cannot be read: it is truncated or not a checkpoint."
            ) from error
        raise ExplorerError(
            f"{path.name} holds more than weights, so it was not opened: save "
            "model.state_dict() and load that."
        ) from error
    except (safetensors.SafetensorError, OSError, EOFError, RuntimeError, ValueError, KeyError) as error:
        raise ExplorerError(f"{path.name} cannot be read: it is truncated or not a checkpoint.") from error
    return _plain(state, path.name)


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


def _plain(state: object, source: str) -> dict[str, Tensor]:
    """The state_dict in what was loaded, without the prefix of DataParallel."""
    if isinstance(state, dict):
        state = next((state[key] for key in NESTED if isinstance(state.get(key), dict)), state)
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ExplorerError(f"{source} is not a state_dict of tensors: save model.state_dict().")
    if not state:
        raise ExplorerError(f"{source} is empty: it holds no tensor.")
    return {str(key).removeprefix("module."): tensor for key, tensor in state.items()}


def check_values(model: nn.Module, source: str) -> None:
    """Refuse a network whose weights are NaN or infinite."""
    for key, tensor in model.state_dict().items():
        if not bool(tensor.isfinite().all()):
            raise ExplorerError(
                f"{source}: {key!r} has values that are NaN or infinite, so its training has diverged: "
                "take the checkpoint of an earlier epoch."
            )


def open_checkpoint(path: Path) -> tuple[Card, nn.Module]:
    """A checkpoint of the user's: what it was recognised to be, and the network in eval mode, float32.

    Its card has no accuracies (NaN): nothing has been measured yet. Its name is told apart from
    another file of the same name by the beginning of its sha256.

    Raises:
        ExplorerError: it cannot be opened safely, is no network of ours, or its weights are no numbers.
    """
    if path.suffix.lower() not in CHECKPOINT_SUFFIXES:
        raise ExplorerError(
            f"{path.name} is not a checkpoint: its name must end in {', '.join(CHECKPOINT_SUFFIXES)}."
        )
    state = read_state(path)
    try:
        model = recognise(state, path.name)
    except ExplorerError as error:
        said = str(error)
        raise error if said.startswith(path.name) else ExplorerError(f"{path.name}: {said}") from error
    check_values(model, path.name)
    digest = sha256(path)
    spec = spec_of(model)
    weights = next(tensor for tensor in state.values() if tensor.is_floating_point())
    return (
        Card(
            name=f"{path.name}-{digest[:8]}",
            title=path.name,
            network=spec.kind,
            classes=spec.classes,
            params=parameter_count(model),
            dtype=str(weights.dtype).removeprefix("torch."),
            bytes=path.stat().st_size,
            sha256=digest,
            dataset="not known: a checkpoint of your own",
            recipe={},
            validation_accuracy=math.nan,
            test_accuracy=math.nan,
            torch="",
            seconds=0.0,
            spec=spec.to_dict(),
        ),
        model,
    )


def sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
