"""The fast path of a sweep: one network pruned at many ratios, each time ready to run.

BatchNorm is folded into the convolutions before it. Masking commutes with that: a folded weight is
w * s with one s for each output channel, so a mask on w is the same mask on w * s, and the folded
bias stays. So a network is folded once, its weights are sorted once, and each ratio after that is a
look-up in the sorted weights and a masked write in place.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from explorer.data import ImageSet
from explorer.errors import ExplorerError
from explorer.measure import devices, has_bfloat16
from explorer.networks import Kept, fold_batchnorm, maskable_weights, remove
from explorer.networks.products import with_products
from explorer.pruning.gradients import loss_gradients
from explorer.pruning.masks import Masker, bake, write
from explorer.pruning.methods import PruningMethod
from explorer.pruning.removal import kept_channels

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Setting:
    """Where and how precisely networks run."""

    device: str = "cpu"
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        if self.device not in devices():
            raise ExplorerError(f"There is no device {self.device!r} here; there are {', '.join(devices())}.")
        if self.precision not in get_args(Precision):
            raise ExplorerError(f"The precision is float32 or bfloat16, not {self.precision!r}.")
        if self.precision == "bfloat16" and self.device == "cpu" and not has_bfloat16():
            raise ExplorerError("This CPU has no bfloat16 arithmetic: take float32.")

    def prepare(self, inputs: Tensor) -> Tensor:
        """The images (N, 3, H, W) on the device, in the precision, in channels_last memory format."""
        return inputs.to(self.device, getattr(torch, self.precision), memory_format=torch.channels_last)

    def ready(self, model: nn.Module) -> nn.Module:
        """A folded copy of ``model`` for these inputs, in eval mode; ``model`` is only read."""
        network = fold_batchnorm(model)
        return network.to(  # type: ignore[call-overload,no-any-return]
            device=self.device, dtype=getattr(torch, self.precision), memory_format=torch.channels_last
        )

    def counting(self, ready: nn.Module) -> nn.Module:
        """A ready network, with the weights that it has now, for the answers to many images.

        Where that is several times faster, convolutions are written out as products of matrices; the clock reads a
        network without, which is what a user of torch has.
        """
        return with_products(ready) if (self.device, self.precision) == ("cpu", "float32") else ready


@dataclass(frozen=True)
class PrunedNetwork:
    """A network at one ratio.

    Attributes:
        ratio: the share that was asked for.
        fast: folded and ready to run, until the next ratio is asked for.
        plain: gives the same network with its BatchNorm, float32, on the CPU, until the next ratio.
        kept: the channels that stayed, where channels were removed; empty for a mask.
    """

    ratio: float
    fast: nn.Module
    plain: Callable[[], nn.Module]
    kept: Kept = field(default_factory=dict)


def prunings(
    model: nn.Module,
    method: PruningMethod,
    ratios: Sequence[float],
    seed: int = 0,
    setting: Setting | None = None,
    images: ImageSet | None = None,
) -> Iterator[PrunedNetwork]:
    """``model`` pruned by one method at each ratio, in this order; ``model`` is only read.

    Args:
        model: in eval mode, float32, on the CPU.
        method: how to prune.
        ratios: shares from 0 to below 1.
        seed: of the random methods.
        setting: device and precision of the fast networks.
        images: the training images, for a method that looks at some of them.
    """
    setting = setting or Setting()
    if method.kind == "mask":
        return _masked(model, method, ratios, seed, setting)
    return _removed(model, method, ratios, seed, setting, images)


def prune_network(
    model: nn.Module, method: PruningMethod, ratio: float, seed: int = 0, images: ImageSet | None = None
) -> nn.Module:
    """A pruned copy of ``model`` in eval mode: zeros baked in by a mask, or channels physically removed.

    ``images`` are the training images, for a method that looks at some of them.
    """
    return next(prunings(model, method, (ratio,), seed, images=images)).plain().eval()


def _masked(
    model: nn.Module, method: PruningMethod, ratios: Sequence[float], seed: int, setting: Setting
) -> Iterator[PrunedNetwork]:
    ranked = Masker(model, method, seed)
    fast = setting.ready(model)
    weights = maskable_weights(fast)
    dense = {name: weight.detach().clone() for name, weight in weights.items()}
    plain = _Baked(model)
    for ratio in ratios:
        chosen = ranked.masks(ratio)
        write(weights, dense, chosen)
        yield PrunedNetwork(ratio, fast, lambda chosen=chosen: plain.at(chosen))  # type: ignore[misc]


class _Baked:
    """A private copy of a network, made when it is first asked for, and masked in place."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.private: nn.Module | None = None

    def at(self, chosen: dict[str, Tensor]) -> nn.Module:
        """The copy with these masks baked in."""
        if self.private is None:
            self.private = copy.deepcopy(self.model)
        bake(maskable_weights(self.private), maskable_weights(self.model), chosen)
        return self.private


def _removed(
    model: nn.Module,
    method: PruningMethod,
    ratios: Sequence[float],
    seed: int,
    setting: Setting,
    images: ImageSet | None,
) -> Iterator[PrunedNetwork]:
    looked_at = images.select(slice(method.images)) if images is not None and method.images else None
    gradients = loss_gradients(model, looked_at) if looked_at is not None else None
    for ratio in ratios:
        kept = kept_channels(model, ratio, method, seed, gradients)
        small = remove(model, kept)
        yield PrunedNetwork(ratio, setting.ready(small), lambda small=small: small, kept)  # type: ignore[misc]
