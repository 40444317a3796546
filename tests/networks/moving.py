"""Small networks that move axes about: views, shuffles, splits, slices, channels last, bare parameters."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import shufflenet_v2_x0_5
from torchvision.models.convnext import CNBlockConfig, ConvNeXt


class Weighed(nn.Module):
    """Squeeze-and-excitation as it is often written, with linear layers and views."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.excite = nn.Sequential(nn.Linear(8, 3), nn.ReLU(), nn.Linear(3, 8), nn.Sigmoid())
        self.out, self.head = nn.Conv2d(8, 6, 3, stride=2), nn.Linear(6 * 7 * 7, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.stem(x))
        batch, channels, _, _ = x.size()
        scale = self.excite(self.squeeze(x).view(batch, channels)).view(batch, channels, 1, 1)
        x = functional.max_pool2d(functional.relu(self.out(x * scale.expand_as(x))), 2)
        return self.head(x.view(x.size(0), -1))


class Shuffled(nn.Module):
    """A grouped convolution whose channels are shuffled before a depthwise one."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.grouped = nn.Conv2d(3, 16, 3, stride=2), nn.Conv2d(16, 20, 1, groups=4)
        self.norm, self.depthwise = nn.BatchNorm2d(20), nn.Conv2d(20, 20, 3, groups=20)
        self.out, self.head = nn.Conv2d(20, 7, 1), nn.Linear(7, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.norm(self.grouped(functional.relu(self.stem(x)))))
        batch, channels, height, width = x.shape
        x = x.view(batch, 4, channels // 4, height, width).transpose(1, 2).reshape(batch, -1, height, width)
        return self.head(self.out(self.depthwise(x)).mean([2, 3]))


class ChannelsLast(nn.Module):
    """A block whose LayerNorm and linear layers read channels on the last axis, weighed by a bare parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 4, 4), nn.LayerNorm(8)
        self.depthwise, self.wide, self.back = (
            nn.Conv2d(8, 8, 3, 1, 1, groups=8),
            nn.Linear(8, 20),
            nn.Linear(20, 8),
        )
        self.scale, self.head = nn.Parameter(torch.rand(8)), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        x = x + (self.scale * self.back(functional.gelu(self.wide(y)))).permute(0, 3, 1, 2)
        return self.head(x.flatten(2).mean(-1))


class Halves(nn.Module):
    """Halves of a value by chunk and by slices at its half, PReLU, a vector of two poolings, BatchNorm of a vector."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.slopes = nn.Conv2d(3, 12, 3), nn.PReLU(12)
        self.left, self.down, self.up = nn.Conv2d(6, 6, 1), nn.Conv2d(6, 5, 3), nn.Conv2d(6, 5, 3)
        self.hidden, self.norm, self.head = nn.Linear(10, 6), nn.BatchNorm1d(6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        one, other = self.slopes(self.stem(x)).chunk(2, dim=1)
        x = torch.cat([self.left(one), other], 1)
        half = x.size(1) // 2
        x = self.down(x[:, :half]) - self.up(x[:, half:])
        pooled = functional.adaptive_avg_pool2d(x, 1), functional.adaptive_max_pool2d(x, 1)
        x = torch.cat([pooled[0].flatten(1), pooled[1].squeeze(-1).squeeze(-1)], 1)
        return functional.log_softmax(self.head(torch.tanh(self.norm(self.hidden(x)))), 1)


class Written(nn.Module):
    """Numbers of channels that stand in the code: of a split, a slice and a view; the size of the image too."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.out = nn.Conv2d(3, 9, 3, padding=1), nn.Conv2d(7, 6, 1)
        self.one, self.other = nn.Conv2d(4, 7, 1), nn.Conv2d(5, 7, 1)
        self.two, self.three, self.head = nn.Conv2d(4, 3, 1), nn.Conv2d(2, 3, 1), nn.Linear(3 * 8 * 8, 4)

    def forward(self, x: Tensor) -> Tensor:
        one, other = torch.split(self.stem(functional.avg_pool2d(x, 4)), [4, 5], 1)
        x = self.out(functional.relu(self.one(one) + self.other(other)))
        x = self.two(x[:, :4]) + self.three(x[:, 4:])
        return self.head(x.view(-1, 3 * 8 * 8))


class Bare(nn.Module):
    """Images are normalised by buffers; scales and shifts are bare parameters, viewed in several ways."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.rand(3, 1, 1))
        self.register_buffer("std", torch.rand(1, 3, 1, 1) + 1)
        self.stem, self.out, self.head = nn.Conv2d(3, 10, 3, 2), nn.Conv2d(10, 6, 1), nn.Linear(6, 4)
        self.scale, self.shift, self.all = (nn.Parameter(torch.rand(each)) for each in (10, 10, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem((x - self.mean) / self.std) * self.scale.view(1, -1, 1, 1)
        x = functional.relu(x * torch.sigmoid(self.all) + self.shift[None, :, None, None])
        return self.head(self.out(x).mean(3).mean(2))


class Normed(nn.LayerNorm):
    """A LayerNorm of one's own over axis 1 of an image."""

    def forward(self, x: Tensor) -> Tensor:
        x = functional.layer_norm(
            x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps
        )
        return x.permute(0, 3, 1, 2)


class OwnNorm(nn.Module):
    """A LayerNorm with code of its own between two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm, self.out = nn.Conv2d(3, 6, 3, 2), Normed(6), nn.Conv2d(6, 9, 3, 2)
        self.head = nn.Linear(9, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.out(self.norm(self.stem(x))).mean((2, 3)))


def small_convnext() -> nn.Module:
    """Torchvision's ConvNeXt with few channels."""
    return ConvNeXt([CNBlockConfig(8, 12, 2), CNBlockConfig(12, None, 1)], layer_scale=0.5, num_classes=5)


def shufflenet() -> nn.Module:
    """Torchvision's smallest ShuffleNet."""
    return shufflenet_v2_x0_5(weights=None, num_classes=5)


MOVING: dict[str, Callable[[], nn.Module]] = {
    each.__name__: each for each in (Weighed, Shuffled, ChannelsLast, Halves, Written, Bare, OwnNorm)
} | {"ConvNeXt": small_convnext, "ShuffleNet": shufflenet}
