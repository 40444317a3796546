"""Unstructured pruning: single weights set to zero by a mask; the network keeps its shape.

The ratio is the share of all convolution and linear weights that is masked; biases and BatchNorm
are left alone. Global L1 ranks all weights together (as ``torch.nn.utils.prune.global_unstructured``
does), layer-wise L1 ranks within each layer, random ranks by a seeded shuffle.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from explorer.errors import ExplorerError

Method = Literal["global-l1", "layer-l1", "random"]
METHODS: tuple[Method, ...] = get_args(Method)


def check_ratio(ratio: float) -> float:
    """The ratio, if it is a share from 0 to below 1.

    >>> check_ratio(1)
    Traceback (most recent call last):
        ...
    explorer.errors.ExplorerError: A pruning ratio is a share from 0 to below 1, not 1.
    """
    if not 0 <= ratio < 1:
        raise ExplorerError(f"A pruning ratio is a share from 0 to below 1, not {ratio:g}.")
    return ratio


def prunable(model: nn.Module) -> dict[str, Tensor]:
    """The weights that masks may set to zero: of every convolution and linear layer, by module name."""
    return {
        name: module.weight
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    }


class Masker:
    """Ranks a network's weights once; then any ratio is a look-up, and masking it a write in place.

    ``masks`` only reads the network. ``apply`` changes it, so it must be a private copy; its dense
    weights are kept aside, so that ratios may come in any order.
    """

    def __init__(self, model: nn.Module, method: Method = "global-l1", seed: int = 0) -> None:
        if method not in METHODS:
            raise ExplorerError(f"There is no method {method!r}; there are {', '.join(METHODS)}.")
        self.weights = prunable(model)
        self.method, self.seed = method, seed
        # The scores in one row, each layer a slice of it; numpy sorts many times faster than torch.
        self.scores = self._scores()
        self.sorted = [np.sort(part) for part in self._groups()]

    @cached_property
    def dense(self) -> dict[str, Tensor]:
        """The weights as they were before the first mask."""
        return {name: weight.detach().clone() for name, weight in self.weights.items()}

    def _scores(self) -> npt.NDArray[np.float32]:
        if self.method == "random":
            count = sum(weight.numel() for weight in self.weights.values())
            return np.random.RandomState(self.seed).permutation(count).astype(np.float64)
        return np.concatenate(
            [weight.detach().abs().flatten().cpu().numpy() for weight in self.weights.values()]
        )

    def _groups(self) -> list[npt.NDArray[np.float32]]:
        """The scores that are ranked together: all of them, or each layer's."""
        if self.method != "layer-l1":
            return [self.scores]
        ends = np.cumsum([weight.numel() for weight in self.weights.values()])
        return np.split(self.scores, ends[:-1])

    def masks(self, ratio: float) -> dict[str, Tensor]:
        """Masks (True where the weight stays) for a ratio, by module name, shaped like the weights.

        Exactly round(ratio * n) of the n weights ranked together are masked, the lowest first. Of
        equal weights the later ones stay; torch leaves open which of them it takes.
        """
        check_ratio(ratio)
        parts = [
            _keep(part, order, round(ratio * len(part)))
            for part, order in zip(self._groups(), self.sorted, strict=True)
        ]
        keep = parts[0] if len(parts) == 1 else np.concatenate(parts)
        masks, start = {}, 0
        for name, weight in self.weights.items():
            part = keep[start : start + weight.numel()]
            masks[name] = torch.from_numpy(part).reshape(weight.shape)
            start += weight.numel()
        return masks

    def apply(self, ratio: float) -> int:
        """Mask the network in place; returns how many of its weights are not zero."""
        bake(self.weights, self.dense, self.masks(ratio))
        return sum(int(torch.count_nonzero(weight)) for weight in self.weights.values())


@torch.no_grad()
def write(weights: Mapping[str, Tensor], dense: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> None:
    """Put the masked dense weights into ``weights``, in place; a masked negative weight becomes -0."""
    for name, mask in masks.items():
        torch.mul(dense[name], mask.to(dense[name].device), out=weights[name])


@torch.no_grad()
def bake(weights: Mapping[str, Tensor], dense: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> None:
    """As ``write``, with every zero a plain one, so that a file of the weights compresses as it should."""
    write(weights, dense, masks)
    for name in masks:
        weights[name].add_(0.0)


def _keep(
    scores: npt.NDArray[np.float32], order: npt.NDArray[np.float32], count: int
) -> npt.NDArray[np.bool_]:
    """True for all but the ``count`` lowest scores; of equal scores the later ones stay."""
    if not count:
        return np.ones(len(scores), bool)
    threshold = order[count - 1]
    keep: npt.NDArray[np.bool_] = scores > threshold
    above = len(order) - int(np.searchsorted(order, threshold, side="right"))
    surplus = len(scores) - count - above
    if surplus:
        keep[np.flatnonzero(scores == threshold)[-surplus:]] = True
    return keep
