"""The catalogue of trained networks: their cards, and safe loading.

Weights are read with safetensors, or with ``torch.load(weights_only=True)``, never otherwise.
"""

import hashlib
import json
import math
import pickle
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from explorer.data import CHECKPOINT_SUFFIXES, INPUT_SIZE
from explorer.errors import ExplorerError
from explorer.measure import Accuracy
from explorer.networks import StudentNet, StudentSpec, parameter_count, resnet18_teacher

SHIPPED = Path(__file__).parent.parent / "checkpoints"
TEST_IMAGES = 10_000
SUFFIXES = CHECKPOINT_SUFFIXES
MAX_MEGABYTES = 150  # an upload's limit too (.streamlit/config.toml); a ResNet-18 with Adam's state has 134
NESTED = ("state_dict", "model_state_dict", "model")
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
        test_accuracy: on the 10,000 test images, or on what ``measured_on`` says.
        torch: version that trained and measured it.
        seconds: wall time of the training.
        measured_on: the images of the test accuracy.
        images: how many they are.
        input_size: side in pixels of what the network was fed.
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
    measured_on: str = "Fashion-MNIST, test"
    images: int = TEST_IMAGES
    input_size: int = INPUT_SIZE

    @property
    def file(self) -> str:
        """Name of the weights file, beside the manifest."""
        return f"{self.name}.safetensors"

    @property
    def measured(self) -> bool:
        """Whether it carries a test accuracy."""
        return not math.isnan(self.test_accuracy)

    @property
    def test_interval(self) -> tuple[float, float]:
        """95 % Wilson interval of the test accuracy."""
        return Accuracy(round(self.test_accuracy * self.images), self.images).interval()

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
    _check_kinds(state, source)
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


def _check_kinds(state: Mapping[str, Tensor], source: str) -> None:
    """Refuse weights that cannot be copied into a network: not dense or not floating point."""
    for key, tensor in state.items():
        if not key.endswith("num_batches_tracked") and not tensor.is_floating_point():
            raise ExplorerError(f"{source}: {key!r} is {_kind(tensor)}, not floating point.")
        if tensor.layout != torch.strided or tensor.is_meta:
            raise ExplorerError(f"{source}: {key!r} is {'empty' if tensor.is_meta else 'sparse'}, not dense.")


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def check_values(model: nn.Module, source: str) -> None:
    """Refuse a network whose weights are NaN or infinite."""
    for key, tensor in model.state_dict().items():
        if not bool(tensor.isfinite().all()):
            raise ExplorerError(
                f"{source}: {key!r} has values that are NaN or infinite, so its training has diverged: "
                "take the checkpoint of an earlier epoch."
            )


def open_own(path: Path) -> tuple[Card, nn.Module]:
    """A checkpoint of one's own: what it was recognised to be, and the network in eval mode, float32.

    Its card has no accuracies (NaN): nothing has been measured yet. Its name is told apart from
    another file of the same name by the beginning of its sha256.

    Raises:
        ExplorerError: it cannot be opened safely, is no network of ours, or its weights are no numbers.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ExplorerError(f"{path.name} is not a checkpoint: its name must end in {', '.join(SUFFIXES)}.")
    state = read_state(path)
    try:
        model = recognise(state, path.name)
    except ExplorerError as error:
        said = str(error)
        raise error if said.startswith(path.name) else ExplorerError(f"{path.name}: {said}") from error
    check_values(model, path.name)
    digest = sha256(path)
    spec = model.spec.to_dict() if isinstance(model, StudentNet) else {}
    return (
        Card(
            name=f"{path.name}-{digest[:8]}",
            title=path.name,
            network="studentnet" if isinstance(model, StudentNet) else "resnet18",
            classes=len(state["fc.weight"]),
            params=parameter_count(model),
            dtype=_kind(state["fc.weight"]),
            bytes=path.stat().st_size,
            sha256=digest,
            dataset="not known: a checkpoint of your own",
            recipe={},
            validation_accuracy=math.nan,
            test_accuracy=math.nan,
            torch="",
            seconds=0.0,
            spec=spec,
        ),
        model,
    )


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
