"""StudentNet: the sample report's network (question 1-1) with free widths."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.networks.builders import MAX_WIDTH, Builder, checked_classes, checked_int

BLOCKS = 4
MAX_KERNEL = 15


@dataclass(frozen=True)
class StudentSpec:
    """Everything that defines a StudentNet. The defaults are the sample report's network.

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

    kind: ClassVar[str] = "studentnet"

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
        stem = checked_int(self.stem, 1, MAX_WIDTH, f"The stem {channels}")
        widths = tuple(
            checked_int(width, 1, MAX_WIDTH, f"Block {number} {channels}")
            for number, width in enumerate(widths, start=1)
        )
        classes = checked_classes(self.classes)
        rule = f"The depthwise kernel must be an odd number from 1 to {MAX_KERNEL} pixels"
        kernel = checked_int(self.kernel, 1, MAX_KERNEL, rule)
        if kernel % 2 == 0:
            raise ExplorerError(f"{rule}, not {kernel}.")
        if not isinstance(self.conv_bias, bool):
            raise ExplorerError(f"The convolution bias must be true or false, not {self.conv_bias!r}.")
        for name, value in (("stem", stem), ("widths", widths), ("classes", classes), ("kernel", kernel)):
            # Whole numbers of another type (numpy's, say) are kept as plain ones; a frozen class only allows it so.
            object.__setattr__(self, name, value)

    @property
    def blocks(self) -> tuple[tuple[int, int, int], ...]:
        """(input channels, output channels, stride) of the four blocks, in order."""
        inputs = (self.stem, *self.widths[:-1])
        return tuple(zip(inputs, self.widths, (1, 2, 2, 2), strict=True))

    @property
    def channels(self) -> tuple[int, ...]:
        """The widths of the channel groups: the stem's, then the blocks'."""
        return (self.stem, *self.widths)

    def with_channels(self, channels: tuple[int, ...]) -> "StudentSpec":
        """The same with other widths: (stem, block 1, ..., block 4)."""
        return replace(self, stem=channels[0], widths=tuple(channels[1:]))

    def with_classes(self, classes: int) -> "StudentSpec":
        """The same for another number of classes."""
        return replace(self, classes=classes)

    def build(self) -> "StudentNet":
        """The network with fresh weights."""
        return StudentNet(self)

    def to_dict(self) -> dict[str, Any]:
        """The spec as plain values for JSON, accepted again by ``from_dict``."""
        return asdict(self) | {"widths": list(self.widths)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "StudentSpec":
        """The spec that ``to_dict`` wrote."""
        return cls(**{**values, "widths": tuple(values["widths"])})


def depthwise_separable(
    inputs: int, outputs: int, *, kernel: int, stride: int, biases: tuple[bool, bool]
) -> nn.Sequential:
    """The sample report's ``dwpw_conv``: depthwise convolution, BN, ReLU, pointwise convolution, BN, ReLU.

    ``biases`` says whether the depthwise and the pointwise convolution carry one.
    """
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, kernel, stride, padding=kernel // 2, bias=biases[0], groups=inputs),
        nn.BatchNorm2d(inputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(inputs, outputs, 1, bias=biases[1]),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class StudentNet(nn.Module):
    """The sample report's network with free widths, and its module names, so that its state_dict loads.

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
            depthwise_separable(inputs, outputs, kernel=spec.kernel, stride=stride, biases=(bias, bias))
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


def _candidates(state: Mapping[str, Tensor]) -> Iterator[StudentSpec]:
    """A StudentNet with the kernel, bias and classes of the state; the widths are read off its groups."""
    depthwise, head = state.get("layer1.0.weight"), state.get("fc.weight")
    if depthwise is not None and head is not None:
        yield StudentSpec(classes=len(head), kernel=depthwise.shape[-1], conv_bias="conv1.bias" in state)


BUILDER = Builder(
    StudentSpec.kind,
    "StudentNet",
    "student",
    lambda values, _classes: StudentSpec.from_dict(values),
    _candidates,
)
