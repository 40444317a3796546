"""The baselines: weights or channels taken at random, by a seed."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from explorer import palette
from explorer.networks import ChannelGroup
from explorer.pruning.methods.entry import Basis, PruningMethod


def shuffled_ranks(weights: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """A random permutation of 0 to n - 1 over all n weights, cut into the layers' shapes."""
    sizes = [weight.numel() for weight in weights.values()]
    ranks = torch.from_numpy(np.random.RandomState(seed).permutation(sum(sizes)).astype(np.float64))
    parts = zip(weights.items(), torch.split(ranks, sizes), strict=True)
    return {name: part.reshape(weight.shape) for (name, weight), part in parts}


def random_channels(basis: Basis, group: ChannelGroup) -> Tensor:
    """Uniform random numbers."""
    return torch.rand(group.width, generator=basis.generator)


RANDOM = PruningMethod(
    key="random",
    title="masked at random",
    kind="mask",
    score=shuffled_ranks,
    color=palette.PEBBLE,
    sentence="Weights are masked at random: the baseline that every other mask has to beat.",
    baseline=True,
    seeded=True,
)

CHANNELS_RANDOM = PruningMethod(
    key="channels-random",
    title="removed channels at random",
    kind="removal",
    score=random_channels,
    color=palette.PINK,
    sentence="Channels are cut out at random: the baseline that every other removal has to beat.",
    baseline=True,
    seeded=True,
)
