"""The two networks of the homework: the report's StudentNet with free widths, and the ResNet-18 teacher.

StudentNet is the architecture of record of the report (question 1-1); the teacher is torchvision's
ResNet-18, so that the course's ``resnet18_teacher.ckpt`` loads unchanged.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from operator import index
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from explorer.errors import ExplorerError

BLOCKS = 4
MAX_WIDTH = 1024
MAX_KERNEL = 15
MAX_CLASSES = 1000


@dataclass(frozen=True)
class StudentSpec:
    """Everything that defines a StudentNet. The defaults are the report's network.

    Attributes:
        stem: output channels of the 7x7 stride-2 stem convolution.
        widths: output channels of the four depthwise-separable blocks.
        classes: number of output classes (logits).
        kernel: side of the square depthwise kernels, in pixels; odd.
        conv_bias: whether the convolutions carry a bias (each is followed by BatchNorm).

    Raises:
        ExplorerError: the network cannot be built; the message says which value and what is allowed.

    >>> StudentSpec().blocks
    ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 141, 2))
    >>> StudentSpec(stem=0)
    Traceback (most recent call last):
        ...
    explorer.errors.ExplorerError: The stem must have between 1 and 1024 channels, not 0.
    """

    stem: int = 64
    widths: tuple[int, ...] = (64, 128, 256, 141)
    classes: int = 11
    kernel: int = 3
    conv_bias: bool = False

    def __post_init__(self) -> None:
        try:
            widths = tuple(self.widths)
        except TypeError as error:
            raise ExplorerError(
                f"The block widths must be {BLOCKS} whole numbers, not {self.widths!r}."
            ) from error
        if len(widths) != BLOCKS:
            raise ExplorerError(
                f"StudentNet has {BLOCKS} blocks, so it needs {BLOCKS} widths, not {len(widths)}."
            )
        channels = f"must have between 1 and {MAX_WIDTH} channels"
        stem = _whole(self.stem, 1, MAX_WIDTH, f"The stem {channels}")
        widths = tuple(
            _whole(width, 1, MAX_WIDTH, f"Block {number} {channels}")
            for number, width in enumerate(widths, start=1)
        )
        classes = _whole(self.classes, 2, MAX_CLASSES, f"There must be between 2 and {MAX_CLASSES} classes")
        rule = f"The depthwise kernel must be an odd number from 1 to {MAX_KERNEL} pixels"
        kernel = _whole(self.kernel, 1, MAX_KERNEL, rule)
        if kernel % 2 == 0:
            raise ExplorerError(f"{rule}, not {kernel}.")
        if not isinstance(self.conv_bias, bool):
            raise ExplorerError(f"The convolution bias must be true or false, not {self.conv_bias!r}.")
        for name, value in (
            ("stem", stem),
            ("widths", widths),
            ("classes", classes),
            ("kernel", kernel),
        ):
            object.__setattr__(self, name, value)

    @property
    def blocks(self) -> tuple[tuple[int, int, int], ...]:
        """(input channels, output channels, stride) of the four blocks, in order."""
        inputs = (self.stem, *self.widths[:-1])
        return tuple(zip(inputs, self.widths, (1, 2, 2, 2), strict=True))

    def to_dict(self) -> dict[str, Any]:
        """The spec as plain values for JSON, accepted again by ``from_dict``."""
        return asdict(self) | {"widths": list(self.widths)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "StudentSpec":
        """The spec that ``to_dict`` wrote."""
        return cls(**{**values, "widths": tuple(values["widths"])})


def _whole(value: object, low: int, high: int, rule: str) -> int:
    try:
        number = index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or not low <= number <= high:
        raise ExplorerError(f"{rule}, not {value!r}.")
    return number


def depthwise_separable(inputs: int, outputs: int, *, kernel: int, stride: int, bias: bool) -> nn.Sequential:
    """The report's ``dwpw_conv``: depthwise convolution, BN, ReLU, pointwise convolution, BN, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, kernel, stride, padding=kernel // 2, bias=bias, groups=inputs),
        nn.BatchNorm2d(inputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(inputs, outputs, 1, bias=bias),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class StudentNet(nn.Module):
    """The report's network with free widths, and its module names, so that its state_dict loads.

    Input (N, 3, H, W) float, output (N, classes) logits.

    >>> sum(p.numel() for p in StudentNet(StudentSpec()).parameters())
    99060
    """

    def __init__(self, spec: StudentSpec) -> None:
        super().__init__()
        self.spec = spec
        bias = spec.conv_bias
        self.conv1 = nn.Conv2d(3, spec.stem, kernel_size=7, stride=2, padding=3, bias=bias)
        self.bn1 = nn.BatchNorm2d(spec.stem)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            depthwise_separable(inputs, outputs, kernel=spec.kernel, stride=stride, bias=bias)
            for inputs, outputs, stride in spec.blocks
        )
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(spec.widths[-1], spec.classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, 3, H, W)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        logits: Tensor = self.fc(torch.flatten(self.avgpool(x), 1))
        return logits


def resnet18_teacher(classes: int = 11) -> nn.Module:
    """Torchvision's ResNet-18 with ``classes`` logits, not initialised from any download.

    >>> sum(p.numel() for p in resnet18_teacher(11).parameters())
    11182155
    """
    count = _whole(classes, 2, MAX_CLASSES, f"There must be between 2 and {MAX_CLASSES} classes")
    model: nn.Module = resnet18(weights=None, num_classes=count)
    return model


def parameter_count(model: nn.Module) -> int:
    """Number of parameters, as the homework counts them: BatchNorm buffers not included."""
    return sum(parameter.numel() for parameter in model.parameters())


def nonzero_count(model: nn.Module) -> int:
    """Number of parameters that are not zero."""
    return sum(int(torch.count_nonzero(parameter)) for parameter in model.parameters())
