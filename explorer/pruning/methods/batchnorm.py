"""Channels by the scale that BatchNorm gives them: what is scaled to little goes first.

Source: Liu et al. 2017, arXiv 1708.06519, where a training makes scales small first; here networks are as they are.
"""

import torch
from torch import Tensor

from explorer import palette
from explorer.networks import ChannelGroup, Member
from explorer.pruning.methods.entry import Basis, PruningMethod
from explorer.pruning.methods.norms import filter_norms


def batchnorm_scales(basis: Basis, group: ChannelGroup) -> Tensor:
    """The mean of |gamma| over every BatchNorm that the channels pass, (C,); the L1 norm where they pass none."""
    norms = [member for member in group.members if member.role == "BatchNorm" and _has_scale(basis, member)]
    if not norms:
        return filter_norms(basis.model, group, 1)
    return torch.cat([member.weights(basis.model).abs() for member in norms], dim=1).mean(1)


def _has_scale(basis: Basis, member: Member) -> bool:
    return getattr(basis.model.get_submodule(member.layer), "weight", None) is not None


CHANNELS_BATCHNORM = PruningMethod(
    key="channels-bn",
    title="removed channels, BatchNorm scale",
    kind="removal",
    score=batchnorm_scales,
    color=palette.AZURE,
    sentence="The channels that BatchNorm scales least are cut out; those without a BatchNorm by their L1 norms.",
    order=2,
)
