"""Networks as people bring them, each rebuilt from one line about it: its structure and its number of parameters.

They are written the way their authors wrote them (names, nesting, where the activation stands), not the way that suits
this package.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from explorer.networks import StudentSpec


def separable(
    inputs: int, outputs: int, stride: int, bias: bool, act: Callable[[], nn.Module]
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=bias),
        nn.BatchNorm2d(inputs),
        act(),
        nn.Conv2d(inputs, outputs, 1, bias=bias),
        nn.BatchNorm2d(outputs),
        act(),
    )


class Report(nn.Module):
    """N2 and N3: the report's network with biases in its blocks, any number of them, and another activation."""

    def __init__(
        self, stem: int, widths: Sequence[int], act: Callable[[], nn.Module], stem_bias: bool
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, stem, 7, 2, 3, bias=stem_bias)
        self.bn1, self.act = nn.BatchNorm2d(stem), act()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.blocks = len(widths)
        for number, (inputs, outputs) in enumerate(zip((stem, *widths), widths, strict=False), start=1):
            setattr(self, f"layer{number}", separable(inputs, outputs, 1 if number == 1 else 2, True, act))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d((1, 1)), nn.Linear(widths[-1], 11)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.act(self.bn1(self.conv1(x))))
        for number in range(1, self.blocks + 1):
            x = getattr(self, f"layer{number}")(x)
        return self.fc(torch.flatten(self.avgpool(x), 1))


class Preconv(nn.Module):
    """N4: the stem in a Sequential, three blocks of strides 1, 1, 2, the classifier in a Sequential."""

    def __init__(self) -> None:
        super().__init__()
        self.preconv = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        )
        self.layer1, self.layer2, self.layer3 = (
            separable(inputs, outputs, stride, False, lambda: nn.ReLU(inplace=True))
            for inputs, outputs, stride in ((64, 64, 1), (64, 256, 1), (256, 90, 2))
        )
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Sequential(nn.Linear(90, 11))

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.layer3(self.layer2(self.layer1(self.preconv(x)))))
        return self.fc(x.view(x.size(0), -1))


class Starter(nn.Module):
    """N5 and N6: a course's starter network, 3x3 convolutions with MaxPool between them."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in zip((3, *widths), widths, strict=False):
            layers += [
                nn.Conv2d(inputs, outputs, 3),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
                nn.MaxPool2d(2, 2, 0),
            ]
        self.cnn = nn.Sequential(*layers[:-1], nn.AdaptiveAvgPool2d((1, 1)))
        self.fc = nn.Sequential(nn.Linear(widths[-1], 11))

    def forward(self, x: Tensor) -> Tensor:
        out = self.cnn(x)
        out = out.view(out.size()[0], -1)
        return self.fc(out)


class Pairs(nn.Module):
    """N7: seven pairs of a depthwise and a pointwise convolution, with MaxPool between them."""

    def __init__(self, widths: Sequence[int] = (8, 32, 32, 64, 128, 160, 256)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number, (inputs, outputs) in enumerate(zip((3, *widths), widths, strict=False)):
            pair = nn.Sequential(
                nn.Conv2d(inputs, inputs, 3, 1, 1, groups=inputs), nn.Conv2d(inputs, outputs, 1)
            )
            layers += [pair, nn.BatchNorm2d(outputs), nn.ReLU()]
            if number < 4:
                layers.append(nn.MaxPool2d(2))
        self.cnn = nn.Sequential(*layers, nn.AdaptiveAvgPool2d((1, 1)))
        self.fc = nn.Sequential(nn.Linear(widths[-1], 11))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.cnn(x).flatten(1))


class Relu6(nn.Module):
    """N8: depthwise, BatchNorm, ReLU6, pointwise, MaxPool; a tail of 150 channels."""

    def __init__(self) -> None:
        super().__init__()

        def block(inputs: int, outputs: int, *after: nn.Module) -> nn.Sequential:
            depthwise = nn.Conv2d(inputs, inputs, 3, 1, 1, groups=inputs)
            return nn.Sequential(
                depthwise, nn.BatchNorm2d(inputs), nn.ReLU6(), nn.Conv2d(inputs, outputs, 1), *after
            )

        self.cnn = nn.Sequential(
            nn.Sequential(nn.Conv2d(3, 32, 3, 1, 1), nn.BatchNorm2d(32), nn.ReLU6(), nn.MaxPool2d(2)),
            block(32, 64, nn.MaxPool2d(2)),
            block(64, 128, nn.MaxPool2d(2)),
            block(128, 256, nn.MaxPool2d(2)),
            block(256, 150),
            nn.AdaptiveAvgPool2d((1, 1)),
        )
        self.fc = nn.Sequential(nn.Linear(150, 11))

    def forward(self, x: Tensor) -> Tensor:
        x = self.cnn(x)
        return self.fc(x.reshape(x.shape[0], -1))


class TwoLinear(nn.Module):
    """N9: six depthwise-separable convolutions and a classifier of two linear layers with dropout."""

    def __init__(self, widths: Sequence[int] = (16, 16, 24, 160, 200, 200), hidden: int = 80) -> None:
        super().__init__()
        self.depthwise, self.pointwise, self.norms = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for inputs, outputs in zip((3, *widths), widths, strict=False):
            self.depthwise.append(nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs))
            self.pointwise.append(nn.Conv2d(inputs, outputs, 1))
            self.norms.append(nn.BatchNorm2d(outputs))
        self.pool = nn.MaxPool2d(2)
        self.classifier = nn.Sequential(
            nn.Dropout(0.2), nn.Linear(widths[-1], hidden), nn.ReLU(), nn.Dropout(0.2), nn.Linear(hidden, 11)
        )

    def forward(self, x: Tensor) -> Tensor:
        for number, (depthwise, pointwise, norm) in enumerate(
            zip(self.depthwise, self.pointwise, self.norms, strict=True)
        ):
            x = F.relu(norm(pointwise(depthwise(x))))
            if number < 4:
                x = self.pool(x)
        return self.classifier(torch.flatten(F.adaptive_avg_pool2d(x, (1, 1)), 1))


class Inverted(nn.Module):
    """An inverted residual: expand, depthwise, project, and an add where nothing changes its shape."""

    def __init__(
        self, inputs: int, outputs: int, stride: int, expand: int, act: Callable[[], nn.Module]
    ) -> None:
        super().__init__()
        hidden = inputs * expand
        self.use_res_connect = stride == 1 and inputs == outputs
        self.conv = nn.Sequential(
            nn.Conv2d(inputs, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            act(),
            nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            act(),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.use_res_connect:
            return x + self.conv(x)
        return self.conv(x)


class Mobile(nn.Module):
    """N10 and N12: inverted residuals; the second one with Hardswish and dropout."""

    def __init__(
        self,
        plan: Sequence[tuple[int, int, int]],
        last: int,
        act: Callable[[], nn.Module],
        dropout: float,
    ) -> None:
        super().__init__()
        inputs = 16
        features: list[nn.Module] = [nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), act()]
        for outputs, stride, expand in plan:
            features.append(Inverted(inputs, outputs, stride, expand, act))
            inputs = outputs
        features += [nn.Conv2d(inputs, last, 1, bias=False), nn.BatchNorm2d(last), act()]
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(*([nn.Dropout(dropout)] if dropout else []), nn.Linear(last, 11))

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        x = x.mean([2, 3])
        return self.classifier(x)


class BasicBlock(nn.Module):
    """Two depthwise-separable convolutions and a shortcut, projected where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False), nn.Conv2d(inputs, outputs, 1)
        )
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Sequential(
            nn.Conv2d(outputs, outputs, 3, 1, 1, groups=outputs, bias=False), nn.Conv2d(outputs, outputs, 1)
        )
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class SeparableResNet(nn.Module):
    """N11: a ResNet of such blocks."""

    def __init__(self, widths: Sequence[int] = (24, 64, 112, 128)) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0])
        blocks = [
            BasicBlock(inputs, outputs, 1 if inputs == outputs else 2)
            for inputs, outputs in zip((widths[0], *widths), widths, strict=False)
        ]
        self.layers = nn.Sequential(*blocks)
        self.linear = nn.Linear(widths[-1], 11)

    def forward(self, x: Tensor) -> Tensor:
        out = self.layers(F.relu(self.bn1(self.conv1(x))))
        out = F.avg_pool2d(out, out.shape[-1])
        out = out.view(out.size(0), -1)
        return self.linear(out)


class SELayer(nn.Module):
    """Squeeze-and-excitation as it is most often copied: two linear layers, a view and ``expand_as``."""

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // reduction, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(channels // reduction, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        b, c, _, _ = x.size()
        y = self.avg_pool(x).view(b, c)
        y = self.fc(y).view(b, c, 1, 1)
        return x * y.expand_as(x)


class TwoBranches(nn.Module):
    """N13: two branches laid after each other, weighed by squeeze-and-excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU())
        self.branch1 = separable(32, 48, 2, False, nn.ReLU)
        self.branch2 = nn.Sequential(nn.Conv2d(32, 24, 1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2))
        self.se = SELayer(72)
        self.tail = separable(72, 96, 2, False, nn.ReLU)
        self.dropout, self.fc = nn.Dropout(0.1), nn.Linear(96, 11)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.se(torch.cat([self.branch1(x), self.branch2(x)], dim=1))
        x = F.adaptive_avg_pool2d(self.tail(x), 1)
        return self.fc(self.dropout(torch.flatten(x, 1)))


class Nested(nn.Module):
    """N14: Sequentials inside Sequentials, no BatchNorm between the depthwise and the pointwise convolution."""

    def __init__(self, widths: Sequence[int] = (24, 64, 64, 192)) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)),
            nn.Sequential(
                *(
                    nn.Sequential(
                        nn.Sequential(
                            nn.Conv2d(inputs, inputs, 3, 2, 1, groups=inputs, bias=False),
                            nn.Conv2d(inputs, outputs, 1),
                        ),
                        nn.Sequential(nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)),
                    )
                    for inputs, outputs in zip((16, *widths), widths, strict=False)
                )
            ),
        )
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 11))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def mobile_like() -> nn.Module:
    plan = zip((16, 24, 24, 32, 32, 64, 64), (1, 2, 1, 2, 1, 2, 1), (2, 6, 6, 6, 4, 4, 4), strict=True)
    return Mobile(tuple(plan), 180, lambda: nn.ReLU6(inplace=True), 0)


def hardswish_like() -> nn.Module:
    plan = zip((16, 24, 24, 32, 32, 56, 72), (1, 2, 1, 2, 1, 2, 1), (3, 6, 3, 6, 4, 3, 4), strict=True)
    return Mobile(tuple(plan), 288, lambda: nn.Hardswish(inplace=True), 0.2)


FIELD: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "N1": (lambda: StudentSpec(64, (64, 128, 198, 33)).build(), 59_916),
    "N2": (lambda: Report(64, (64, 128, 256, 140), lambda: nn.LeakyReLU(0.01), False), 99_891),
    "N3": (lambda: Report(48, (64, 128, 256), nn.ReLU, False), 58_235),
    "N4": (Preconv, 59_101),
    "N5": (lambda: Starter((4, 16, 64, 84)), 59_723),
    "N6": (lambda: Starter((32, 32, 64, 100)), 87_907),
    "N7": (Pairs, 82_121),
    "N8": (Relu6, 90_387),
    "N9": (TwoLinear, 99_537),
    "N10": (mobile_like, 99_999),
    "N11": (SeparableResNet, 89_915),
    "N12": (hardswish_like, 98_179),
    "N13": (TwoBranches, 15_307),
    "N14": (Nested, 23_435),
}
"""The networks by their number in the list, with how many parameters they have."""
