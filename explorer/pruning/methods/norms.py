"""Channels by the norm of their filters: the weakest are removed first.

Source: Li et al. 2017, arXiv 1608.08710.
"""

import torch
from torch import Tensor, nn

from explorer import palette
from explorer.networks import ChannelGroup
from explorer.pruning.methods.entry import Basis, PruningMethod


def filter_norms(model: nn.Module, group: ChannelGroup, order: int) -> Tensor:
    """The L1 (order 1) or L2 (order 2) norm of each channel's filters, (C,).

    A channel that several convolutions make, as in a residual stage, is as strong as all its filters together.
    """
    filters = [member.weights(model) for member in group.members if member.role == "filter"]
    norms: Tensor = torch.linalg.vector_norm(torch.cat(filters, dim=1), ord=order, dim=1)
    return norms


def l1_norms(basis: Basis, group: ChannelGroup) -> Tensor:
    """Sums of absolute weights."""
    return filter_norms(basis.model, group, 1)


def l2_norms(basis: Basis, group: ChannelGroup) -> Tensor:
    """Roots of the sums of squared weights."""
    return filter_norms(basis.model, group, 2)


CHANNELS_L1 = PruningMethod(
    key="channels-l1",
    title="removed channels, L1",
    kind="removal",
    score=l1_norms,
    color=palette.LEAF,
    sentence="The channels whose filters have the smallest L1 norms are cut out.",
    order=0,
)

CHANNELS_L2 = PruningMethod(
    key="channels-l2",
    title="removed channels, L2",
    kind="removal",
    score=l2_norms,
    color=palette.LAGOON,
    sentence="The channels whose filters have the smallest L2 norms are cut out.",
    order=1,
)
