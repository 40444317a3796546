"""ResNet-18, the homework's teacher: torchvision's, so that the course's ``resnet18_teacher.ckpt`` loads unchanged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch import Tensor, nn
from torchvision.models import resnet18

from explorer.errors import ExplorerError
from explorer.networks.builders import Builder, checked_classes
from explorer.networks.groups import channel_groups
from explorer.networks.resize import with_widths

# Of each stage the channels inside its two blocks, and those that its residual additions share, in graph order.
WIDTHS = (64, 64, 64, 128, 128, 128, 256, 256, 256, 512, 512, 512)


@dataclass(frozen=True)
class ResNetSpec:
    """Everything that defines a ResNet-18.

    Attributes:
        classes: number of output classes (logits).
        channels: widths of its channel groups, in the order of its graph; narrower where channels were removed.

    Raises:
        ExplorerError: the network cannot be built.
    """

    kind: ClassVar[str] = "resnet18"

    classes: int = 11
    channels: tuple[int, ...] = WIDTHS

    def __post_init__(self) -> None:
        checked_classes(self.classes)
        if len(self.channels) != len(WIDTHS) or min(self.channels) < 1:
            raise ExplorerError(
                f"A ResNet-18 has {len(WIDTHS)} widths of at least 1 channel, not {self.channels}."
            )

    def with_channels(self, channels: tuple[int, ...]) -> "ResNetSpec":
        """The same with other widths."""
        return replace(self, channels=tuple(channels))

    def with_classes(self, classes: int) -> "ResNetSpec":
        """The same for another number of classes."""
        return replace(self, classes=classes)

    def build(self) -> nn.Module:
        """The network with fresh weights, not initialised from any download."""
        model: nn.Module = resnet18(weights=None, num_classes=self.classes)
        if self.channels != WIDTHS:
            keys = (group.key for group in channel_groups(model))
            model = with_widths(model, dict(zip(keys, self.channels, strict=True)))
        model.spec = self  # type: ignore[assignment]  # a plain attribute, which nn.Module allows but does not type
        return model

    def to_dict(self) -> dict[str, Any]:
        """The spec as plain values for JSON; of a whole ResNet-18 its number of classes says everything."""
        return {"classes": self.classes} | (
            {} if self.channels == WIDTHS else {"channels": list(self.channels)}
        )


def resnet18_teacher(classes: int = 11) -> nn.Module:
    """Torchvision's ResNet-18 with ``classes`` logits and fresh weights.

    >>> sum(p.numel() for p in resnet18_teacher(11).parameters())
    11182155
    """
    return ResNetSpec(checked_classes(classes)).build()


def _from_dict(values: Mapping[str, Any], classes: int) -> ResNetSpec:
    return ResNetSpec(values.get("classes", classes), tuple(values.get("channels", WIDTHS)))


def _candidates(state: Mapping[str, Tensor]) -> Iterator[ResNetSpec]:
    head = state.get("fc.weight")
    if head is not None and "layer1.0.conv1.weight" in state:
        yield ResNetSpec(checked_classes(len(head)))


BUILDER = Builder(ResNetSpec.kind, "ResNet-18", "teacher", _from_dict, _candidates)
