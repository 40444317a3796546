"""The catalogue of trained networks: their cards, and safe loading.

Weights are read with safetensors, or with ``torch.load(weights_only=True)``, never otherwise.
"""

import hashlib
import json
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.measure import Accuracy
from explorer.models import StudentNet, StudentSpec, resnet18_teacher

SHIPPED = Path(__file__).parent.parent / "checkpoints"
TEST_IMAGES = 10_000
Network = Literal["resnet18", "studentnet"]


@dataclass(frozen=True)
class Card:
    """Where a checkpoint comes from and what it was measured to do.

    Attributes:
        name: the key in the catalogue and the stem of the file's name.
        title: for people.
        network: ``resnet18`` or ``studentnet``.
        spec: the StudentSpec as plain values; empty for the ResNet-18.
        classes: number of classes.
        params: number of parameters.
        dtype: of the stored weights; the accuracies are those of the weights as stored.
        bytes: size of the file.
        sha256: of the file.
        dataset: data set, split and number of the training images.
        recipe: the training recipe (seed, epochs, augmentation and the rest).
        distillation: teacher, alpha and temperature; empty when trained with labels alone.
        validation_accuracy: on the 5,000 validation images.
        test_accuracy: on the 10,000 test images.
        torch: version that trained and measured it.
        seconds: wall time of the training.
    """

    name: str
    title: str
    network: Network
    classes: int
    params: int
    dtype: str
    bytes: int
    sha256: str
    dataset: str
    recipe: dict[str, Any]
    validation_accuracy: float
    test_accuracy: float
    torch: str
    seconds: float
    spec: dict[str, Any] = field(default_factory=dict)
    distillation: dict[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """Name of the weights file, beside the manifest."""
        return f"{self.name}.safetensors"

    @property
    def test_interval(self) -> tuple[float, float]:
        """95 % Wilson interval of the test accuracy."""
        return Accuracy(round(self.test_accuracy * TEST_IMAGES), TEST_IMAGES).interval()

    def build(self) -> nn.Module:
        """The network this card describes, with fresh weights."""
        return build(self.network, self.classes, self.spec)


def build(network: Network, classes: int, spec: Mapping[str, Any]) -> nn.Module:
    """A fresh network by its kind: a ResNet-18 with ``classes`` logits, or the StudentNet of ``spec``."""
    if network == "resnet18":
        return resnet18_teacher(classes)
    return StudentNet(StudentSpec.from_dict(spec))


def catalogue(folder: Path = SHIPPED) -> dict[str, Card]:
    """The cards of a folder of checkpoints by name, in the manifest's order.

    Raises:
        ExplorerError: the manifest is missing or not one of ours.
    """
    path = folder / "manifest.json"
    known = {entry.name for entry in fields(Card)}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["checkpoints"]
        cards = [Card(**{key: value for key, value in entry.items() if key in known}) for entry in entries]
    except FileNotFoundError as error:
        raise ExplorerError(f"{folder} has no manifest.json: it is not a folder of checkpoints.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExplorerError(f"{path} is not a manifest of checkpoints.") from error
    return {card.name: card for card in cards}


def table(cards: Iterable[Card]) -> pd.DataFrame:
    """The cards for people, one row each.

    Columns network, parameters, trained with, test accuracy, 95 % interval (Wilson).
    """
    rows = []
    for entry in cards:
        taught = entry.distillation
        low, high = entry.test_interval
        rows.append(
            {
                "network": entry.title,
                "parameters": entry.params,
                "trained with": f"labels and {taught['teacher']}, alpha {taught['alpha']:g}, "
                f"T {taught['temperature']:g}"
                if taught
                else "labels alone",
                "test accuracy": entry.test_accuracy,
                "95 % interval": f"{low:.4f} to {high:.4f}",
            }
        )
    return pd.DataFrame(rows)


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
    state = read_state(path)
    if sha256(path) != entry.sha256:
        raise ExplorerError(f"{path} is not the file its card describes (its sha256 differs).")
    return fit(entry.build(), state, path.name).eval()


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors in a ``.safetensors`` file or a plain PyTorch state_dict, by name.

    Raises:
        ExplorerError: the file is missing, truncated, or holds anything but tensors.
    """
    if not path.is_file():
        raise ExplorerError(f"There is no file {path}.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ExplorerError(
            f"{path.name} holds more than weights, so it was not opened: save "
            "model.state_dict() and load that."
        ) from error
    except (safetensors.SafetensorError, OSError, EOFError, RuntimeError, ValueError) as error:
        raise ExplorerError(f"{path.name} cannot be read: it is truncated or not a checkpoint.") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ExplorerError(f"{path.name} is not a plain state_dict of tensors.")
    return state


def fit(model: nn.Module, state: Mapping[str, Tensor], source: str) -> nn.Module:
    """``model`` with the weights of ``state``; the first thing that does not fit is named.

    Raises:
        ExplorerError: a tensor is missing, has another shape, or does not belong there.
    """
    expected = model.state_dict()
    for key, tensor in expected.items():
        if key not in state:
            raise ExplorerError(f"{source} has no {key!r}: it is a checkpoint of another network.")
        if state[key].shape != tensor.shape:
            raise ExplorerError(
                f"{source}: {key!r} has shape {tuple(state[key].shape)}, "
                f"this network needs {tuple(tensor.shape)}."
            )
    for key in state:
        if key not in expected:
            raise ExplorerError(f"{source}: this network has no {key!r}.")
    model.load_state_dict(dict(state))
    return model


def recognise(state: Mapping[str, Tensor], source: str) -> nn.Module:
    """The network that a state_dict belongs to, read off its shapes, with these weights.

    Knows torchvision's ResNet-18 with any number of classes (the course's teacher), also with channels
    removed, and StudentNet with any widths.

    Raises:
        ExplorerError: it is neither, or not all of it fits.
    """
    try:
        classes = len(state["fc.weight"])
        if "layer1.0.conv1.weight" in state:
            return _check(fit(_with_widths(resnet18_teacher(classes), state), state, source), source)
        widths = tuple(len(state[f"layer{number}.3.weight"]) for number in (1, 2, 3, 4))
        stem, kernel = len(state["conv1.weight"]), state["layer1.0.weight"].shape[-1]
    except (KeyError, IndexError, TypeError) as error:
        raise ExplorerError(f"{source} is neither a ResNet-18 nor a StudentNet.") from error
    spec = StudentSpec(stem, widths, classes, kernel, conv_bias="conv1.bias" in state)
    return fit(StudentNet(spec), state, source).eval()


def _with_widths(model: nn.Module, state: Mapping[str, Tensor]) -> nn.Module:
    """A ResNet-18 whose convolutions, BatchNorms and head are as wide as the tensors in ``state``."""
    for name, layer in model.named_modules():
        weight = state.get(f"{name}.weight")
        if isinstance(layer, nn.Conv2d) and weight is not None and weight.ndim == 4:
            layer.out_channels, layer.in_channels = weight.shape[:2]
            layer.weight = nn.Parameter(torch.empty(*weight.shape[:2], *layer.kernel_size))
        elif isinstance(layer, nn.BatchNorm2d) and weight is not None and weight.ndim == 1:
            layer.num_features = len(weight)
            layer.weight, layer.bias = (nn.Parameter(torch.empty(len(weight))) for _ in range(2))
            layer.running_mean, layer.running_var = (torch.empty(len(weight)) for _ in range(2))
        elif isinstance(layer, nn.Linear) and weight is not None and weight.ndim == 2:
            layer.out_features, layer.in_features = weight.shape
            layer.weight = nn.Parameter(torch.empty(*weight.shape))
    return model


@torch.no_grad()
def _check(model: nn.Module, source: str) -> nn.Module:
    """The model in eval mode, if an image passes through it: its widths fit each other."""
    try:
        model.eval()(torch.zeros(1, 3, 32, 32))
    except RuntimeError as error:
        raise ExplorerError(f"{source}: the widths of its layers do not fit each other.") from error
    return model


def write(entry: Card, state: Mapping[str, Tensor], folder: Path) -> Card:
    """Store the weights and the card; an entry of the same name is replaced. Returns the full card.

    ``bytes`` and ``sha256`` are filled in here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / entry.file
    save_file(dict(state), path)
    entry = Card(
        **asdict(entry) | {"bytes": path.stat().st_size, "sha256": sha256(path)},
    )
    manifest = folder / "manifest.json"
    cards = catalogue(folder) if manifest.exists() else {}
    cards[entry.name] = entry
    partial = manifest.with_suffix(".partial")
    partial.write_text(
        json.dumps({"checkpoints": [asdict(one) for one in cards.values()]}, indent=2) + "\n",
        encoding="utf-8",
    )
    partial.replace(manifest)
    return entry


def stored(model: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """The model's state_dict as it is stored: floating-point tensors in ``dtype``, contiguous."""
    return {
        key: (tensor.to(dtype) if tensor.is_floating_point() else tensor).contiguous().clone()
        for key, tensor in model.state_dict().items()
    }


def sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
