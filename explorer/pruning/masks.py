"""Unstructured pruning: single weights set to zero by a mask; the network keeps its shape.

The ratio is the share of all weights that the method may mask, those of convolutions and linear layers, that is
masked; biases and BatchNorm are left alone. What a weight's score is, and whether all weights are ranked together (as
``torch.nn.utils.prune.global_unstructured`` does) or those of each layer, is up to the method.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.networks import maskable_weights
from explorer.pruning.methods import PruningMethod

Scores = npt.NDArray[np.floating[Any]]


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


class Masker:
    """Ranks a network's weights once; then any ratio is a look-up, and masking it a write in place.

    ``masks`` only reads the network. ``apply`` changes it, so it must be a private copy; its dense
    weights are kept aside, so that ratios may come in any order.
    """

    def __init__(self, model: nn.Module, method: PruningMethod, seed: int = 0) -> None:
        self.weights = maskable_weights(model, method.layers)
        self.method = method
        scores = method.mask_scores(self.weights, seed)
        # The scores in one row, each layer a slice of it; numpy sorts many times faster than torch.
        self.scores: Scores = np.concatenate(
            [scores[name].detach().flatten().cpu().numpy() for name in self.weights]
        )
        self.sorted = [np.sort(part) for part in self._ranked_together()]

    @cached_property
    def dense(self) -> dict[str, Tensor]:
        """The weights as they were before the first mask."""
        return {name: weight.detach().clone() for name, weight in self.weights.items()}

    def _by_layer(self) -> list[Scores]:
        """The scores of each layer."""
        ends = np.cumsum([weight.numel() for weight in self.weights.values()])
        return np.split(self.scores, ends[:-1])

    def _ranked_together(self) -> list[Scores]:
        """The scores that are ranked together: all of them, or each layer's."""
        return self._by_layer() if self.method.layerwise else [self.scores]

    def masks(self, ratio: float) -> dict[str, Tensor]:
        """Masks (True where the weight stays) for a ratio, by module name, shaped like the weights.

        Exactly round(ratio * n) of the n weights ranked together are masked, the lowest first. Of
        equal weights the later ones stay; torch leaves open which of them it takes.
        """
        check_ratio(ratio)
        parts = [
            _keep(part, ascending, round(ratio * len(part)))
            for part, ascending in zip(self._ranked_together(), self.sorted, strict=True)
        ]
        return self._shaped(np.concatenate(parts))

    def layer_masks(self, ratios: Mapping[str, float]) -> dict[str, Tensor]:
        """As ``masks``, with a ratio for each layer; layers that are not named stay whole."""
        parts = []
        for name, part in zip(self.weights, self._by_layer(), strict=True):
            count = round(check_ratio(ratios.get(name, 0.0)) * len(part))
            parts.append(_keep(part, np.sort(part), count))
        return self._shaped(np.concatenate(parts))

    def _shaped(self, keep: npt.NDArray[np.bool_]) -> dict[str, Tensor]:
        """What stays, of all weights in one row, by layer and in its shape."""
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


def _keep(scores: Scores, ascending: Scores, count: int) -> npt.NDArray[np.bool_]:
    """True for all but the ``count`` lowest scores; of equal scores the later ones stay."""
    if not count:
        return np.ones(len(scores), bool)
    threshold = ascending[count - 1]
    keep: npt.NDArray[np.bool_] = scores > threshold
    above = len(ascending) - int(np.searchsorted(ascending, threshold, side="right"))
    # Weights stored in float16 are often equal, so many scores may lie exactly on the threshold, and
    # ">" masks them all: more than the ratio asks for. As many of them as are missing stay, so that the
    # count is exact. Which ones is a convention, the same on every machine: the last, nearest the output.
    surplus = len(scores) - count - above
    if surplus:
        keep[np.flatnonzero(scores == threshold)[-surplus:]] = True
    return keep
