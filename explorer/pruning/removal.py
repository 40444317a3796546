"""Structured pruning: which channels stay at a ratio, the share of each group's channels that goes."""

import torch
from torch import Tensor, nn

from explorer.networks import ChannelGroup, channel_groups
from explorer.pruning.masks import check_ratio
from explorer.pruning.methods import PruningMethod


def kept_channels(
    model: nn.Module, ratio: float, method: PruningMethod, seed: int = 0
) -> dict[ChannelGroup, Tensor]:
    """For each group the channels that stay at this ratio, ascending; at least one of each.

    Of n channels, n - round(ratio * n) stay. Groups of which no channel can be removed are not among them.
    """
    check_ratio(ratio)
    generator = torch.Generator().manual_seed(seed)
    kept = {}
    for group in channel_groups(model):
        if group.mixed:
            continue
        scores = method.channel_scores(model, group, generator)
        # A network without a single channel somewhere computes nothing, so one stays whatever the ratio.
        stay = max(1, len(scores) - round(ratio * len(scores)))
        # A stable sort, so that of equal channels the earlier ones stay on every machine.
        kept[group] = torch.argsort(scores, descending=True, stable=True)[:stay].sort().values
    return kept
