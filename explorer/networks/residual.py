"""A student after ResNet: blocks with shortcuts, their convolutions depthwise-separable as in StudentNet.

Under 60,000 parameters with 10 classes, for images of 64 pixels. Source of the blocks: He et al. 2015,
arXiv 1512.03385.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.networks.wired import WiredSpec, wired_builder

# (channels out, stride) of the blocks.
BLOCKS = ((40, 1), (72, 2), (128, 2))
STEM = 24


def separable(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    """A depthwise and a pointwise convolution, each with BatchNorm, a ReLU between them."""
    return [
        nn.Conv2d(inputs, inputs, 3, stride, padding=1, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
    ]


class ResidualBlock(nn.Module):
    """Two depthwise-separable convolutions, added to what came in; projected to the new shape where that changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *separable(inputs, outputs, stride), nn.ReLU(inplace=True), *separable(outputs, outputs, 1)
        )
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(N, outputs, H / stride, W / stride) of (N, inputs, H, W)."""
        return functional.relu(self.body(x) + self.shortcut(x))


class ResidualStudent(nn.Module):
    """Stem and max-pooling as in StudentNet, blocks with shortcuts, global pooling, one linear layer.

    Input (N, 3, H, W) float, output (N, classes) logits.

    >>> sum(p.numel() for p in ResidualStudent(10).parameters())
    59722
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, STEM, 7, 2, padding=3, bias=False),
            nn.BatchNorm2d(STEM),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, padding=1),
        )
        widths = (STEM, *(outputs for outputs, _ in BLOCKS))
        self.blocks = nn.Sequential(
            *(ResidualBlock(inputs, *block) for inputs, block in zip(widths, BLOCKS, strict=False))
        )
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, 3, H, W)."""
        logits: Tensor = self.fc(torch.flatten(self.pool(self.blocks(self.stem(x))), 1))
        return logits


class ResidualSpec(WiredSpec):
    """Everything that defines a network of this wiring."""

    kind: ClassVar[str] = "residual"
    title: ClassVar[str] = "ResNet-like student"

    @classmethod
    def standard(cls, classes: int) -> nn.Module:
        """The network under 60,000 parameters."""
        return ResidualStudent(classes)


BUILDER = wired_builder(ResidualSpec, "student")
