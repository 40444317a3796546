"""Networks for the page that runs them by itself: together they use every operator that a network may be made of."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.networks import examples, nets


class Around(nn.Module):
    """A convolution, whatever is tried, and a mean over what comes out of it."""

    def __init__(self, tried: Callable[[Tensor], Tensor], *layers: nn.Module) -> None:
        super().__init__()
        self.stem, self.tried, self.layers = nn.Conv2d(3, 8, 3, padding=1), tried, nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        # Spread out, so that what bends far from zero is seen to bend.
        x = self.layers(self.tried(self.stem(x) * 4.0))
        return torch.mean(x, (2, 3))


class ChannelsLast(nn.LayerNorm):
    """A LayerNorm over channels, which moves axes before and after."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class Bare(nn.Module):
    """A bare parameter and a buffer, and LayerNorms; the image is cut into patches."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, 4)
        self.scale = nn.Parameter(torch.rand(8, 1, 1))
        self.register_buffer("shift", torch.rand(8, 1, 1))
        self.first, self.norm, self.slope = ChannelsLast(8, 1e-3), nn.LayerNorm(8), nn.PReLU(8)
        self.hidden, self.last, self.head = nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.slope(self.first(self.stem(x) * self.scale - self.shift))
        count, channels, height, width = x.shape
        x = x.view(count, channels, height * width).transpose(1, 2)
        x = self.hidden(self.norm(x)).mean(1)
        return self.head(self.last(x).expand(count, -1))


class InPlace(nn.Module):
    """A value is read again after it was changed in place, once as it was before, once as it is then."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.next, self.act = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 1), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        before = x.clone()
        y = self.next(self.act(x))
        return (x + y + before).mean((2, 3))


class Shuffled(nn.Module):
    """Channels taken apart, shuffled and put together again."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.shuffle = nn.Conv2d(3, 8, 3), nn.ChannelShuffle(4)

    def forward(self, x: Tensor) -> Tensor:
        one, two = self.shuffle(self.stem(x)).chunk(2, 1)
        one, other = torch.chunk(torch.cat([two, one], 1), 2, dim=1)
        first, second = other.split(2, dim=1)
        third, fourth = torch.split(one, [1, 3], dim=1)
        x = torch.concat([first, second, third, fourth], 1)[:, :, 2:, :-1]
        x = F.channel_shuffle(x, 2)
        count, channels, height, width = x.shape
        x = x.reshape(count, 2, channels // 2, height, width).transpose(1, 2).flatten(1, 2).contiguous()
        x = torch.permute(x.permute(0, 2, 3, 1).unsqueeze(1).squeeze(1), (0, 3, 1, 2))
        x = torch.transpose(torch.unsqueeze(torch.reshape(x, (count, 8, -1)), 3), 2, 3)
        x = torch.unsqueeze(torch.squeeze(x, 2), 2)
        return torch.amax(x, 3, keepdim=True).amax((2, 3))


class Logs(nn.Module):
    """Two convolutions and the logarithm of their shares."""

    def __init__(self, last: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.last = last
        self.stem, self.head = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.sum(self.head(torch.square(self.stem(x))), 3).sum(2, keepdim=True)
        return self.last(x.expand_as(x).flatten(1))


def _plus(x: Tensor) -> Tensor:
    y = torch.relu_(x.clone())
    y += x.abs()
    y -= x.square()
    y *= x.clamp(-1, 2)
    y = y.add(x, alpha=0.5).sub(x / 3).mul(x.tanh()).div(1.5).neg()
    y = y.mul_(x).sub_(x).div_(2).add_(1)
    y = torch.sub(torch.mul(y, x), torch.div(torch.square(x), 7), alpha=2)
    return -torch.neg(1 - 2 * torch.clamp(y, max=3) - torch.abs(torch.add(x, 2) - torch.clamp(x, min=0)))


def _pooled(x: Tensor) -> Tensor:
    x = F.max_pool2d(F.pad(x, (1, 2, 0, 3), value=0.7), 3, 2, 1)
    x = torch.max_pool2d(F.pad(x, (2, 1, 1, 1), "reflect"), 2, 1, 0, 2)
    x = F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False)
    x = F.interpolate(x, scale_factor=2, mode="nearest")
    x = F.adaptive_max_pool2d(F.interpolate(x, (9, 7), mode="bilinear", align_corners=True), (5, 4))
    return F.adaptive_avg_pool2d(x, (3, 2))


def _curves(x: Tensor) -> Tensor:
    for curve in (F.relu, F.relu6, F.hardswish, F.silu, F.mish, F.gelu, F.tanh, F.softsign, F.hardsigmoid):
        x = x + curve(x - 0.5) * 1.5
    x = F.leaky_relu(x, 0.3) + F.elu(x, 0.7) + F.celu(x, 0.6) + F.selu(x) + F.gelu(x, approximate="tanh")
    x = F.softplus(x, 2, 5) + F.hardtanh(x, -2, 3) + torch.sigmoid(x) + F.sigmoid(x) + torch.tanh(x).relu()
    return F.dropout(F.dropout2d(x, training=False), training=False).relu_()


OPERATORS: dict[str, Callable[[], nn.Module]] = {
    "curves": lambda: Around(_curves),
    "curves as layers": lambda: Around(
        torch.relu,
        *(nn.LeakyReLU(0.2), nn.ELU(0.5), nn.CELU(0.4), nn.SELU(), nn.GELU("tanh"), nn.GELU(), nn.SiLU()),
        *(nn.Mish(), nn.Tanh(), nn.Hardswish(), nn.Softsign(), nn.Softplus(3, 1), nn.Hardtanh(-0.5, 0.9)),
        *(
            nn.Sigmoid(),
            nn.Hardsigmoid(),
            nn.Identity(),
            nn.Dropout(),
            nn.Dropout2d(),
            nn.ReLU6(),
            nn.PReLU(),
        ),
    ),
    "arithmetic": lambda: Around(_plus),
    "pools": lambda: Around(_pooled),
    "pools as layers": lambda: Around(
        torch.clone,
        *(nn.ZeroPad2d((1, 0, 2, 1)), nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.AvgPool2d(2, padding=1)),
        *(nn.Upsample(scale_factor=3), nn.AdaptiveMaxPool2d((None, 5)), nn.AdaptiveAvgPool2d(3)),
    ),
    "log softmax": lambda: nn.Sequential(
        nn.Conv2d(3, 5, 9), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LogSoftmax(1)
    ),
    "log softmax of torch": lambda: Logs(lambda x: torch.log_softmax(x, 1)),
    "log softmax as a function": lambda: Logs(lambda x: F.log_softmax(x, dim=1)),
    "log softmax as a method": lambda: Logs(lambda x: x.log_softmax(-1)),
    "bare": Bare,
    "in place": InPlace,
    "shuffled": Shuffled,
}


EVERY = OPERATORS | nets.NETS | {"StudentNet": examples.KINDS["StudentNet"]}
