"""A student after MobileNetV2: inverted residual blocks. Source: Sandler et al. 2018, arXiv 1801.04381.

Under 60,000 parameters with 10 classes, for images of 64 pixels: MobileNetV2's blocks, six of them.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from explorer.networks.wired import WiredSpec, wired_builder

# (channels inside, channels out, stride) of the blocks: after the first each is four times as wide inside as it reads.
BLOCKS = ((16, 16, 2), (64, 24, 2), (96, 24, 1), (96, 40, 1), (160, 40, 1), (160, 64, 2))
STEM, HEAD = 16, 108


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution that keeps the sides (divided by the stride), with BatchNorm and ReLU6."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """Widen, filter each channel by itself, narrow; added to what came in, where that has the same shape."""

    def __init__(self, inputs: int, inside: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.adds = stride == 1 and inputs == outputs
        widen = [convolution(inputs, inside, 1)] if inside != inputs else []
        self.layers = nn.Sequential(
            *widen,
            convolution(inside, inside, 3, stride, groups=inside),
            # Nothing bends the narrow values: ReLU would lose what there is no room to keep twice.
            nn.Conv2d(inside, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, outputs, H / stride, W / stride) of (N, inputs, H, W)."""
        y: Tensor = self.layers(x)
        return x + y if self.adds else y


class MobileStudent(nn.Module):
    """Stem, inverted residual blocks, a pointwise convolution, global pooling, one linear layer.

    Input (N, 3, H, W) float, output (N, classes) logits.

    >>> sum(p.numel() for p in MobileStudent(10).parameters())
    59770
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = convolution(3, STEM, 3, stride=2)
        widths = (STEM, *(outputs for _, outputs, _ in BLOCKS))
        self.blocks = nn.Sequential(
            *(InvertedResidual(inputs, *block) for inputs, block in zip(widths, BLOCKS, strict=False))
        )
        self.head = convolution(widths[-1], HEAD, 1)
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.classifier = nn.Linear(HEAD, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, 3, H, W)."""
        x = self.head(self.blocks(self.stem(x)))
        logits: Tensor = self.classifier(torch.flatten(self.pool(x), 1))
        return logits


class MobileSpec(WiredSpec):
    """Everything that defines a network of this wiring."""

    kind: ClassVar[str] = "mobile"
    title: ClassVar[str] = "MobileNetV2-like student"

    @classmethod
    def standard(cls, classes: int) -> nn.Module:
        """The network under 60,000 parameters."""
        return MobileStudent(classes)


BUILDER = wired_builder(MobileSpec, "student")
