"""Networks of which the names and shapes in a state_dict tell enough, though no kind of ours has them.

Three families are read: StudentNets with any number of blocks and any biases, ResNets of any depth, and what
torchvision builds. Each may have a head of one's own in place of its last layer. What no shape tells is assumed to be
as usual in the family; ``assumed`` says it.

Torchvision is imported where a file asks for it: that takes longer than importing torch, and 90 MB.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from explorer.networks.studentnet import depthwise_separable

MOST_IN_HEAD = 12  # modules
MOST_BLOCKS = 40  # in one stage
STATISTICS = ("running_mean", "running_var")


@dataclass(frozen=True, eq=False)
class Loose:
    """A network that a state_dict may belong to, its weights on no device.

    Attributes:
        name: for people and as the name of a class.
        model: its wiring; its widths may be others.
    """

    name: str
    model: nn.Module


def loose_network(state: Mapping[str, Tensor]) -> Loose | None:
    """The network that a state_dict may belong to; None if its names and shapes are of no family."""
    with torch.device("meta"):
        return _student(state) or _resnet(state) or _of_torchvision(state)


def _student(state: Mapping[str, Tensor]) -> Loose | None:
    """A StudentNet with the blocks and biases that are there."""
    blocks = _count(state, "layer{}.0.weight", MOST_BLOCKS)
    depthwise = [state[f"layer{number}.0.weight"] for number in range(1, blocks + 1)]
    pointwise = [state.get(f"layer{number}.3.weight") for number in range(1, blocks + 1)]
    stem = state.get("conv1.weight")
    if not blocks or stem is None or stem.ndim != 4 or any(each.ndim != 4 for each in depthwise):
        return None
    head = _head(state, "fc")
    if head is None or any(each is None or each.ndim != 4 for each in pointwise):
        return None
    side, width = stem.shape[-1], len(stem)
    layers: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(stem.shape[1], width, side, 2, side // 2, bias="conv1.bias" in state),
        "bn1": nn.BatchNorm2d(width),
        "relu": nn.ReLU(inplace=True),
        "maxpool": nn.MaxPool2d(3, 2, 1),
    }
    for number, (first, second) in enumerate(zip(depthwise, pointwise, strict=True), start=1):
        assert second is not None
        layers[f"layer{number}"] = depthwise_separable(
            width,
            len(second),
            kernel=first.shape[-1],
            stride=1 if number == 1 else 2,
            biases=(f"layer{number}.0.bias" in state, f"layer{number}.3.bias" in state),
        )
        width = len(second)
    layers |= {"avgpool": nn.AdaptiveAvgPool2d((1, 1)), "flatten": nn.Flatten(), "fc": head}
    return Loose("StudentNet", nn.Sequential(OrderedDict(layers)))


def _resnet(state: Mapping[str, Tensor]) -> Loose | None:
    """A ResNet, ResNeXt or wide ResNet of torchvision's, of any depth and with any stem.

    A stem of 3x3 is the one that small images get: it keeps their size, and no pooling follows.
    """
    from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

    depths = [_count(state, f"layer{stage}.{{}}.conv1.weight", MOST_BLOCKS, 0) for stage in range(1, 5)]
    stem, first, second = (
        state.get(f"{key}.weight") for key in ("conv1", "layer1.0.conv1", "layer1.0.conv2")
    )
    deep = "layer1.0.conv3.weight" in state
    head = _head(state, "fc", 512 * (Bottleneck.expansion if deep else BasicBlock.expansion))
    if head is None or stem is None or first is None or second is None or min(depths) == 0:
        return None
    if any(each.ndim != 4 or not each.numel() for each in (stem, first, second)):
        return None
    groups = len(first) // second.shape[1] if deep else 1
    width = len(first) // groups if deep and groups else 64
    if not groups or not width:
        return None
    model = ResNet(Bottleneck if deep else BasicBlock, depths, groups=groups, width_per_group=width)
    side, features = stem.shape[-1], stem.shape[1]
    if side != 7 or features != 3 or "conv1.bias" in state:
        stride, bias = 2 if side == 7 else 1, "conv1.bias" in state
        model.conv1 = nn.Conv2d(features, 64, side, stride, side // 2, bias=bias)
    if side != 7:
        model.maxpool = nn.Identity()
    model.fc = head
    depth = 2 + sum(depths) * (3 if deep else 2)
    kind = f"ResNeXt{depth}_{groups}x{width}d" if groups > 1 else f"ResNet{depth}"
    return Loose(kind, model)


def _of_torchvision(state: Mapping[str, Tensor]) -> Loose | None:
    """A network of torchvision's, found by its number of parameters, which is another for each of them.

    That number is known with 1,000 classes, so the layers that may be the head are counted as if they had so many.
    """
    counted = {key: tensor for key, tensor in state.items() if tensor.is_floating_point()}
    trained = {key: tensor for key, tensor in counted.items() if not key.endswith(STATISTICS)}
    total = sum(tensor.numel() for tensor in trained.values())
    sizes: dict[str, int] = {}
    for key, tensor in trained.items():
        parts = key.split(".")
        for length in range(1, len(parts)):
            place = ".".join(parts[:length])
            sizes[place] = sizes.get(place, 0) + tensor.numel()
    for place, size in sizes.items():
        first = next(iter(_weights_of_head(state, place).values()), None)
        if first is None or first.ndim not in (2, 4):
            continue
        name = _torchvision_names().get(total - size + 1000 * (first.shape[1] + 1))
        built = None if name is None else _built(name, place, state)
        if built is not None:
            return built
    return None


@cache
def _torchvision_names() -> Mapping[int, str]:
    """The names of torchvision's classifiers by their number of parameters."""
    from torchvision import models

    names = models.list_models(module=models)
    return {next(iter(models.get_model_weights(name))).meta["num_params"]: name for name in names}


def _built(name: str, place: str, state: Mapping[str, Tensor]) -> Loose | None:
    """A network of torchvision's with the head that the state has at a place; None if it has none there."""
    from torchvision import models

    # Its number of parameters is known without the two helping outputs of its training.
    settings = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    try:
        model = models.get_model(name, weights=None, **settings)
    except NotImplementedError:  # its widths are computed with tensors, which needs numbers
        with torch.device("cpu"):
            model = models.get_model(name, weights=None)
    try:
        before = model.get_submodule(place)
    except AttributeError:
        return None
    head = _head(state, place)
    if isinstance(before, nn.Conv2d):
        head = nn.Conv2d(before.in_channels, len(state[f"{place}.weight"]), before.kernel_size)  # type: ignore[arg-type]
    if head is None:
        return None
    model.set_submodule(place, head)
    return Loose(name, model)


def _head(state: Mapping[str, Tensor], place: str, features: int | None = None) -> nn.Module | None:
    """A linear layer, or a Sequential of some: what lies between them is taken for a ReLU, then dropout.

    None if there is something else at that place. ``features`` is what the first of them reads, where the network
    before it has not yet the widths of the state.
    """
    weights = _weights_of_head(state, place)
    if not weights or any(weight.ndim != 2 for weight in weights.values()):
        return None
    layers = {}
    for number, weight in weights.items():
        bias = f"{place}.bias" if number is None else f"{place}.{number}.bias"
        layers[number] = nn.Linear(features or weight.shape[1], len(weight), bias=bias in state)
        features = None
    if None in layers:
        return layers[None]
    return _chain({number: layer for number, layer in layers.items() if number is not None})


def _chain(layers: Mapping[int, nn.Linear]) -> nn.Sequential:
    """Linear layers at their places in a Sequential."""
    last = max(layers)
    return nn.Sequential(
        *(
            layers.get(number) or (nn.ReLU() if number - 1 in layers else nn.Dropout())
            for number in range(last + 1)
        )
    )


def _weights_of_head(state: Mapping[str, Tensor], place: str) -> dict[int | None, Tensor]:
    """The weights at a place by their number in its Sequential; of a single layer the number is None."""
    if f"{place}.weight" in state:
        return {None: state[f"{place}.weight"]}
    numbers = (number for number in range(MOST_IN_HEAD) if f"{place}.{number}.weight" in state)
    return {number: state[f"{place}.{number}.weight"] for number in numbers}


def _count(state: Mapping[str, Tensor], name: str, most: int, first: int = 1) -> int:
    """How many entries there are of a name with a number in it, counted from ``first``."""
    return next(
        number for number in range(most + 1) if name.format(first + number) not in state or number == most
    )
