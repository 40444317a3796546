"""Small networks that are wired in every way that the explorer knows, for the tests of what is derived from a graph."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision import models

from explorer.networks import StudentNet, StudentSpec, resnet18_teacher
from explorer.networks.mobile import MobileSpec
from explorer.networks.residual import ResidualSpec
from explorer.networks.starter import StarterSpec


class Residual(nn.Module):
    """A convolution whose output is added to its input, the sum read by two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.inner, self.back = nn.Conv2d(6, 5, 1), nn.Conv2d(5, 6, 3, padding=1, bias=False)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.stem(x)))
        x = x + self.back(functional.relu(self.inner(x)))
        return self.head(x.mean([2, 3]))


class Preactivated(nn.Module):
    """BatchNorm before the convolution, directly on a sum: nothing can take it over."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, stride=2)
        self.norms = nn.ModuleList(nn.BatchNorm2d(6) for _ in range(2))
        self.convs = nn.ModuleList(nn.Conv2d(6, 6, 3, padding=1) for _ in range(2))
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for norm, conv in zip(self.norms, self.convs, strict=True):
            x = x + conv(functional.relu(norm(x)))
        return self.head(functional.adaptive_avg_pool2d(x, 1).flatten(1))


class Concatenation(nn.Module):
    """Two branches laid after each other, one of them read by a layer of its own as well; a value used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(10)
        self.side, self.after = nn.Conv2d(4, 3, 1), nn.Conv2d(10, 5, 3)
        self.head = nn.Linear(5 + 3, 4)

    def forward(self, x: Tensor) -> Tensor:
        left, right = functional.relu(self.left(x)), self.right(x)
        both = self.after(functional.relu(self.norm(torch.cat([left, right], 1))))
        both = torch.cat((both, functional.avg_pool2d(self.side(left), 3, 1)), dim=1)
        return self.head(torch.flatten(functional.adaptive_avg_pool2d(both, (1, 1)), 1))


class Twice(nn.Module):
    """The same value laid after itself, and one convolution used two times."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.again, self.norm = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.again(functional.relu(self.again(self.stem(x)))))
        x = self.norm(x)
        return self.head(torch.cat([x, x], 1).mean((-2, -1)))


class Squeeze(nn.Module):
    """Squeeze-and-excitation: channels multiplied by a sigmoid of their own means."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8)
        self.reduce, self.expand = nn.Conv2d(8, 3, 1), nn.Conv2d(3, 8, 1)
        self.out, self.head = nn.Conv2d(8, 5, 1), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.norm(self.stem(x)))
        scale = self.expand(functional.relu(self.reduce(x.mean((2, 3), keepdim=True))))
        x = torch.sigmoid(scale) * x
        return self.head(self.out(x).mean((2, 3)))


class Sigmoid(nn.Module):
    """A sigmoid right before the next convolution makes one half of a channel of zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.out = nn.Conv2d(3, 8, 3, stride=2), nn.Conv2d(8, 5, 3)
        self.norm, self.head = nn.BatchNorm2d(5, affine=False), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.out(torch.sigmoid(self.stem(x)) + 1)
        return self.head(functional.relu(self.norm(x)).mean((2, 3)))


class Shifted(nn.Module):
    """A constant is added before the next convolution, which makes one of zero."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.out, self.head = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 5, 1), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.out(functional.relu(self.stem(x)) + 1).mean((2, 3)))


class Flattened(nn.Module):
    """A linear layer that reads H x W entries of each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 5, 3, stride=4, padding=1),
            nn.BatchNorm2d(5),
            nn.ReLU(),
            nn.AdaptiveMaxPool2d((2, 3)),
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(5 * 6, 7), nn.ReLU(), nn.Dropout(), nn.Linear(7, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


class Grouped(nn.Module):
    """Grouped convolutions, and a depthwise one with two filters a channel."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8)
        self.grouped, self.depthwise = nn.Conv2d(8, 6, 3, groups=2), nn.Conv2d(6, 12, 3, groups=6)
        self.out, self.head = nn.Conv2d(12, 5, 1), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.hardswish(self.norm(self.stem(x)))
        return self.head(functional.silu(self.out(self.depthwise(self.grouped(x)))).mean((2, 3)))


class Parts(nn.Module):
    """A value whose first four channels are tied to one layer and whose last two to another."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.one, self.two = nn.Conv2d(3, 6, 1), nn.Conv2d(3, 4, 1), nn.Conv2d(3, 2, 1)
        self.side, self.out = nn.Conv2d(4, 3, 1), nn.Conv2d(6, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        wide, one = self.wide(x), self.one(x)
        wide = functional.relu(wide + torch.cat([one, self.two(x)], 1))
        return torch.cat([self.out(wide), self.side(one)], 1).mean((2, 3))


class Spread(nn.Module):
    """One channel that is multiplied into all of another value's."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.mask = nn.Conv2d(3, 6, 3), nn.Conv2d(3, 1, 3)
        self.out, self.head = nn.Conv2d(6, 5, 1), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.out(self.stem(x) * self.mask(x)).mean((2, 3)))


class Unordered(nn.Module):
    """Its layers are registered in another order than they are called in; one convolution is read twice."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 4)
        self.norm2, self.norm1, self.norm0 = nn.BatchNorm2d(6), nn.BatchNorm2d(5), nn.BatchNorm2d(3)
        self.read_twice, self.norm3 = nn.Conv2d(6, 6, 1), nn.BatchNorm2d(6)
        self.conv2, self.conv1 = nn.Conv2d(5, 6, 3, bias=False), nn.Conv2d(3, 5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm2(self.conv2(functional.relu(self.norm1(self.conv1(self.norm0(x))))))
        x = self.read_twice(functional.relu(x))
        return self.head((self.norm3(x) + x).mean((2, 3)))


class ResidualStudent(nn.Module):
    """StudentNet whose blocks are added to their input, projected where widths or sides differ."""

    def __init__(self, stem: int = 8, widths: tuple[int, ...] = (8, 12, 12, 10), classes: int = 5) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, stem, 7, 2, 3, bias=False), nn.BatchNorm2d(stem)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        self.blocks, self.shortcuts = nn.ModuleList(), nn.ModuleList()
        for inputs, outputs, stride in zip((stem, *widths), widths, (1, 2, 1, 2), strict=False):
            self.blocks.append(
                nn.Sequential(
                    nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False),
                    nn.BatchNorm2d(inputs),
                    nn.ReLU(inplace=True),
                    nn.Conv2d(inputs, outputs, 1, bias=False),
                    nn.BatchNorm2d(outputs),
                )
            )
            project = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )
            self.shortcuts.append(nn.Identity() if (inputs, stride) == (outputs, 1) else project)
        self.fc = nn.Linear(widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for block, shortcut in zip(self.blocks, self.shortcuts, strict=True):
            x = self.relu(block(x) + shortcut(x))
        return self.fc(torch.flatten(functional.adaptive_avg_pool2d(x, 1), 1))


SMALL: dict[str, Callable[[], nn.Module]] = {
    each.__name__: each
    for each in (
        Residual,
        Preactivated,
        Concatenation,
        Twice,
        Squeeze,
        Sigmoid,
        Shifted,
        Flattened,
        Grouped,
        Parts,
        Spread,
        Unordered,
        ResidualStudent,
    )
}

KINDS: dict[str, Callable[[], nn.Module]] = {
    "StudentNet": lambda: StudentNet(StudentSpec(9, (8, 12, 10, 7), classes=6, conv_bias=True)),
    "ResNet-18": lambda: resnet18_teacher(5),
    "Course starter": StarterSpec(5).build,
    "MobileNetV2-like": MobileSpec(5).build,
    "ResNet-like": ResidualSpec(5).build,
}

TORCHVISION: dict[str, Callable[[], nn.Module]] = {
    name: lambda name=name: getattr(models, name)(weights=None, num_classes=7)  # type: ignore[misc]
    for name in ("mobilenet_v2", "squeezenet1_1", "mobilenet_v3_small")
}

EVERY = SMALL | KINDS | TORCHVISION


def trained_like(build: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    """A network in eval mode whose BatchNorm statistics and shifts are far from their initial values."""
    torch.manual_seed(seed)
    model = build()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.5)
            module.running_var.uniform_(0.5, 2)
            if module.affine:
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, 0, 0.5)
    return model.eval()


def images(size: int = 64, count: int = 2) -> Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))
