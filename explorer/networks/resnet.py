"""ResNet-18, the homework's teacher: torchvision's, so that the course's ``resnet18_teacher.ckpt`` loads unchanged.

It is written out here, since the app opens with it: importing torchvision takes longer than importing torch, and 90 MB.
Source: He et al. 2015, arXiv 1512.03385; the tests compare it with torchvision's, weight by weight.
"""

from typing import ClassVar

from torch import Tensor, nn

from explorer.networks.builders import checked_classes
from explorer.networks.wired import WiredSpec, wired_builder

WIDTHS = (64, 128, 256, 512)
"""Channels of the stages; each has two blocks, and all but the first halve the side."""


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, added to what came in; projected to the new shape where that changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(N, outputs, H / stride, W / stride) of (N, inputs, H, W)."""
        out: Tensor = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += x if self.downsample is None else self.downsample(x)
        added: Tensor = self.relu(out)
        return added


class ResNet18(nn.Module):
    """Input (N, 3, H, W) float, output (N, classes) logits; modules are named, and begin, as in torchvision.

    >>> sum(p.numel() for p in ResNet18(1000).parameters())
    11689512
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = 64
        for number, width in enumerate(WIDTHS, start=1):
            blocks = BasicBlock(inputs, width, 1 if number == 1 else 2), BasicBlock(width, width, 1)
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
            inputs = width
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(inputs, classes)
        for module in self.modules():
            # Without numbers there is nothing to draw, and torch (2.14) would import its whole compiler to do it.
            if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, 3, H, W)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for number in range(1, len(WIDTHS) + 1):
            x = self.get_submodule(f"layer{number}")(x)
        logits: Tensor = self.fc(self.avgpool(x).flatten(1))
        return logits


class ResNetSpec(WiredSpec):
    """Everything that defines a ResNet-18.

    Of each stage the widths are those inside its two blocks, and those that its residual additions share.

    >>> ResNetSpec().channels
    (64, 64, 64, 128, 128, 128, 256, 256, 256, 512, 512, 512)
    """

    kind: ClassVar[str] = "resnet18"
    title: ClassVar[str] = "ResNet-18"

    @classmethod
    def standard(cls, classes: int) -> nn.Module:
        """Torchvision's network with fresh weights."""
        return ResNet18(classes)


def resnet18_teacher(classes: int = 11) -> nn.Module:
    """Torchvision's ResNet-18 with ``classes`` logits and fresh weights.

    >>> sum(p.numel() for p in resnet18_teacher(11).parameters())
    11182155
    """
    return ResNetSpec(checked_classes(classes)).build()


BUILDER = wired_builder(ResNetSpec, "teacher")
