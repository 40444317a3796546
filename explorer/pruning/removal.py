"""Structured pruning: which channels stay at a ratio, the share of each group's channels that goes."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from explorer.networks import ChannelGroup, channel_groups, unsliceable
from explorer.pruning.masks import check_ratio
from explorer.pruning.methods import Basis, PruningMethod


def removable_groups(model: nn.Module) -> tuple[ChannelGroup, ...]:
    """The groups of which single channels can be removed, from input to output."""
    return tuple(group for group in channel_groups(model) if not group.mixed)


def describe_unsliceable(model: nn.Module) -> str:
    """Which groups stay whole when channels are removed, and why, in sentences; empty if none do."""
    whole = unsliceable(model)
    if not whole:
        return ""
    count = len(removable_groups(model))
    said = [
        f"{', '.join(f'`{title}`' for title, why in whole.items() if why == reason)}: {reason}"
        for reason in dict.fromkeys(whole.values())
    ]
    removed = (
        f"Where channels are removed, {count} groups of them lose some"
        if count
        else "No channel can be removed"
    )
    return f"{removed}; {len(whole)} stay whole. " + " ".join(said)


def kept_channels(
    model: nn.Module,
    ratio: float,
    method: PruningMethod,
    seed: int = 0,
    gradients: Mapping[str, Tensor] | None = None,
) -> dict[ChannelGroup, Tensor]:
    """For each group the channels that stay at this ratio, ascending; at least one of each.

    Of n channels, n - round(ratio * n) stay. Groups of which none can go alone are left out: they stay whole.
    ``gradients`` are what ``loss_gradients`` gives, for a method that looks at training images.
    """
    check_ratio(ratio)
    basis = Basis(model, torch.Generator().manual_seed(seed), gradients or {})
    kept = {}
    for group in removable_groups(model):
        scores = method.channel_scores(basis, group)
        # A network without a single channel somewhere computes nothing, so one stays whatever the ratio.
        stay = max(1, len(scores) - round(ratio * len(scores)))
        # A stable sort, so that of equal channels the earlier ones stay on every machine.
        kept[group] = torch.argsort(scores, descending=True, stable=True)[:stay].sort().values
    return kept
