"""More small networks: settings and modules that a file of code has to repeat; and StudentNets of any shape."""

from collections.abc import Callable

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from explorer.networks import StudentSpec, image_channels
from tests.networks.examples import SMALL, trained_like

SPECS = st.builds(
    StudentSpec,
    stem=st.integers(1, 40),
    widths=st.tuples(*[st.integers(1, 60)] * 4),
    classes=st.integers(2, 20),
    kernel=st.sampled_from([1, 3, 5, 7]),
    conv_bias=st.booleans(),
)


class Settings(nn.Module):
    """Layers with settings that are seldom seen."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8, eps=1e-3, momentum=0.2)
        self.act = nn.LeakyReLU(0.2)
        self.grouped = nn.Conv2d(8, 12, 3, padding="same", groups=4)
        self.depthwise = nn.Conv2d(12, 24, 3, padding=1, groups=12, padding_mode="reflect")
        self.plain = nn.BatchNorm2d(24, affine=False)
        self.pool = nn.AdaptiveAvgPool2d(4)
        self.flatten = nn.Flatten()
        self.hidden = nn.Linear(24 * 16, 10, bias=False)
        self.fc = nn.Linear(10, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.act(self.norm(self.conv(x))), 2)
        x = self.pool(self.plain(self.depthwise(self.grouped(x))))
        return self.fc(torch.relu(self.hidden(self.flatten(x))))


class SqueezeExcite(nn.Module):
    """Channels weighed by what the whole image shows, in a module of its own."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        scale = F.relu(self.reduce(F.adaptive_avg_pool2d(x, (1, 1))))
        return x * F.hardsigmoid(self.expand(scale))


class Excited(nn.Module):
    """A squeeze-and-excite block between two Sequentials of plain layers, one inside the other."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 9, 3, stride=2, bias=False), nn.BatchNorm2d(9), nn.Hardswish())
        self.excite = SqueezeExcite(9, 3)
        self.body = nn.Sequential(
            nn.Sequential(nn.Conv2d(9, 9, 3, padding=1, groups=9), nn.Conv2d(9, 11, 1), nn.ReLU6()),
            nn.Dropout2d(0.3),
            nn.AvgPool2d(2, ceil_mode=True),
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(11, 5))

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(self.excite(self.stem(x)))
        return self.head(F.adaptive_avg_pool2d(x, 1))


class Odd(nn.Module):
    """Residual additions over layers that are used twice, with names that Python has for other things."""

    def __init__(self) -> None:
        super().__init__()
        self.values = nn.Conv2d(3, 6, 3, padding=1)
        self.blocks = nn.ModuleList([nn.Conv2d(6, 6, 3, padding=1), nn.Conv2d(6, 6, 1)])
        self.norm = nn.BatchNorm2d(6)
        self.layers = nn.ModuleDict({"down": nn.Conv2d(6, 8, 1, stride=2), "up": nn.Conv2d(6, 8, 3, 2, 1)})
        self.never = nn.Linear(5, 2)
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.values(x)
        for _ in range(2):
            y = self.blocks[1](F.relu(self.norm(self.blocks[0](x))))
            x = x + y
        x = self.layers["down"](x).relu().add_(self.layers["up"](x))
        return self.fc(torch.flatten(torch.mean(x, [2, 3], keepdim=True), 1))


class Chain(nn.Module):
    """The classroom's first network: one Sequential of layers, one of linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn = nn.Sequential(
            *(nn.Conv2d(3, 5, 3, 1, 1), nn.BatchNorm2d(5), nn.ReLU(), nn.MaxPool2d(2, 2, 0)),
            *(nn.Conv2d(5, 6, 3, 1, 1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(3, 2, 1, ceil_mode=True)),
            *(nn.Conv2d(6, 7, 3, dilation=2), nn.ELU(0.5), nn.AdaptiveMaxPool2d((2, 3))),
        )
        self.fc = nn.Sequential(nn.Linear(7 * 6, 8), nn.ReLU(), nn.Linear(8, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.cnn(x).flatten(1))


NETS: dict[str, Callable[[], nn.Module]] = SMALL | {
    each.__name__: each for each in (Settings, Excited, Odd, Chain)
}


def built(name: str) -> nn.Module:
    """One of them, in eval mode, with running statistics that are not those of an untrained network."""
    return trained_like(NETS[name])


def images_for(model: nn.Module, size: int = 32) -> Tensor:
    """Three images of the colours that the network reads."""
    return torch.randn(3, image_channels(model), size, size, generator=torch.Generator().manual_seed(1))
