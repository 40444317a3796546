"""Channels by Taylor importance: how much the loss would change without them, to the first order.

Source: Molchanov et al. 2019, arXiv 1906.10771; |weight x gradient| as torch-pruning's GroupTaylorImportance has it.
"""

import torch
from torch import Tensor

from explorer import palette
from explorer.networks import ChannelGroup, Member
from explorer.pruning.methods.entry import Basis, PruningMethod

IMAGES = 512


def taylor_importance(basis: Basis, group: ChannelGroup) -> Tensor:
    """The sum of |weight x gradient| over all filters that make the channel, (C,)."""
    filters = [member for member in group.members if member.role == "filter"]
    parts = [member.weights(basis.model) * _gradients(basis, member) for member in filters]
    return torch.cat(parts, dim=1).abs().sum(1)


def _gradients(basis: Basis, member: Member) -> Tensor:
    """The gradients of the member's weights by channel, laid out as ``Member.weights`` lays out these."""
    return member.by_channel(basis.gradients[f"{member.layer}.weight"])


CHANNELS_TAYLOR = PruningMethod(
    key="channels-taylor",
    title="removed channels, Taylor",
    kind="removal",
    score=taylor_importance,
    color=palette.MAGENTA,
    sentence="The channels whose filters have the smallest sums of |weight x gradient| on training images are cut out.",
    order=3,
    images=IMAGES,
)
