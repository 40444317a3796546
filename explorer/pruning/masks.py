"""Unstructured pruning: single weights set to zero by a mask; the network keeps its shape.

The ratio is the share of all convolution and linear weights that is masked; biases and BatchNorm
are left alone. Global L1 ranks all weights together (as ``torch.nn.utils.prune.global_unstructured``
does), layer-wise L1 ranks within each layer, random ranks by a seeded shuffle.
"""

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
    """Ranks a network's weights once, then masks it in place at any ratio.

    The network must be a private copy; its dense weights are kept aside, so that ratios may come
    in any order.
    """

    def __init__(self, model: nn.Module, method: Method = "global-l1", seed: int = 0) -> None:
        if method not in METHODS:
            raise ExplorerError(f"There is no method {method!r}; there are {', '.join(METHODS)}.")
        self.weights = prunable(model)
        self.dense = {name: weight.detach().clone() for name, weight in self.weights.items()}
        self.method, self.seed = method, seed
        # The scores in one row, each layer a slice of it; numpy sorts many times faster than torch.
        self.scores = self._scores()
        self.sorted = [np.sort(part) for part in self._groups()]

    def _scores(self) -> npt.NDArray[np.float32]:
        if self.method == "random":
            count = sum(weight.numel() for weight in self.dense.values())
            return np.random.RandomState(self.seed).permutation(count).astype(np.float64)
        return np.concatenate([weight.abs().flatten().numpy() for weight in self.dense.values()])

    def _groups(self) -> list[npt.NDArray[np.float32]]:
        """The scores that are ranked together: all of them, or each layer's."""
        if self.method != "layer-l1":
            return [self.scores]
        ends = np.cumsum([weight.numel() for weight in self.dense.values()])
        return np.split(self.scores, ends[:-1])

    def masks(self, ratio: float) -> dict[str, Tensor]:
        """Masks (True where the weight stays) for a ratio, by module name, shaped like the weights.

        Exactly round(ratio * n) of the n weights ranked together are masked, the lowest first.
        """
        check_ratio(ratio)
        keep = np.concatenate(
            [
                _keep(part, order, round(ratio * len(part)))
                for part, order in zip(self._groups(), self.sorted, strict=True)
            ]
        )
        masks, start = {}, 0
        for name, weight in self.dense.items():
            part = keep[start : start + weight.numel()]
            masks[name] = torch.from_numpy(part).reshape(weight.shape)
            start += weight.numel()
        return masks

    @torch.no_grad()
    def apply(self, ratio: float) -> int:
        """Mask the network in place; returns how many of its weights are not zero."""
        kept = 0
        for name, mask in self.masks(ratio).items():
            self.weights[name].copy_(self.dense[name] * mask)
            kept += int(torch.count_nonzero(self.weights[name]))
        return kept


def _keep(
    scores: npt.NDArray[np.float32], order: npt.NDArray[np.float32], count: int
) -> npt.NDArray[np.bool_]:
    """True for all but the ``count`` lowest scores; equal scores are masked in their order."""
    if not count:
        return np.ones(len(scores), bool)
    threshold = order[count - 1]
    keep: npt.NDArray[np.bool_] = scores > threshold
    surplus = len(scores) - count - int(keep.sum())
    if surplus:
        keep[np.flatnonzero(scores == threshold)[-surplus:]] = True
    return keep
