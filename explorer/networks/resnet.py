"""ResNet-18, the homework's teacher: torchvision's, so that the course's ``resnet18_teacher.ckpt`` loads unchanged."""

from typing import ClassVar

from torch import nn
from torchvision.models import resnet18

from explorer.networks.builders import checked_classes
from explorer.networks.wired import WiredSpec, wired_builder


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
        model: nn.Module = resnet18(weights=None, num_classes=classes)
        return model


def resnet18_teacher(classes: int = 11) -> nn.Module:
    """Torchvision's ResNet-18 with ``classes`` logits and fresh weights.

    >>> sum(p.numel() for p in resnet18_teacher(11).parameters())
    11182155
    """
    return ResNetSpec(checked_classes(classes)).build()


BUILDER = wired_builder(ResNetSpec, "teacher")
