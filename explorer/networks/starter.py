"""The course's starter: the student that the homework hands out, plain 3x3 convolutions without padding.

The homework of spring 2023 and that of spring 2022 hand out the same wiring in other widths. Module names are the
course's, so that a checkpoint of the unchanged notebook loads.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from explorer.networks.wired import WiredSpec, wired_builder

WIDTHS_2022 = (32, 32, 64, 100)
WIDTHS_2023 = (4, 16, 64, 84)


class StarterNet(nn.Module):
    """Four 3x3 convolutions, each with BatchNorm and ReLU, a pooling after each but the first; one linear layer.

    Input (N, 3, H, W) float with sides of at least 24 pixels, output (N, classes) logits.

    >>> sum(p.numel() for p in StarterNet(WIDTHS_2023, 11).parameters())
    59723
    >>> sum(p.numel() for p in StarterNet(WIDTHS_2022, 11).parameters())
    87907
    """

    def __init__(self, widths: tuple[int, int, int, int], classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in zip((3, *widths), widths, strict=False):
            layers += [nn.Conv2d(inputs, outputs, 3), nn.BatchNorm2d(outputs), nn.ReLU()]
            if inputs != 3:
                layers.append(nn.MaxPool2d(2, 2, 0))
        self.cnn = nn.Sequential(*layers, nn.AdaptiveAvgPool2d((1, 1)))
        self.fc = nn.Sequential(nn.Linear(widths[-1], classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, 3, H, W)."""
        logits: Tensor = self.fc(torch.flatten(self.cnn(x), 1))
        return logits


class StarterSpec(WiredSpec):
    """Everything that defines a network of the course's wiring; at first in the widths of 2023.

    >>> StarterSpec().channels
    (4, 16, 64, 84)
    """

    kind: ClassVar[str] = "starter"
    title: ClassVar[str] = "Course starter"

    @classmethod
    def standard(cls, classes: int) -> nn.Module:
        """The starter of 2023."""
        return StarterNet(WIDTHS_2023, classes)


BUILDER = wired_builder(StarterSpec, "student")
