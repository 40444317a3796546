"""A network after some steps: what runs, what is counted, what is stored."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from explorer.bits.network import RoundedNetwork
from explorer.bits.rounding import Rounded
from explorer.measure import state_bytes
from explorer.networks import Kept

Phase = Literal["dense", "pruned", "repaired", "rounded", "exported"]


@dataclass(frozen=True, eq=False)
class State:
    """A network after some steps; only ever read.

    Attributes:
        network: what runs, in eval mode.
        plain: the same in torch, without what is put around its layers: parameters are counted of it.
        phase: what was done last, which decides what can be done next.
        before: the network before the last pruning, which a re-fit is held against.
        kept: the channels that this pruning left; empty for a mask.
        stored: the tensors of its file, where these are not the weights of ``plain``.
        file: its content as an .onnx file, if it was exported.
    """

    network: nn.Module
    plain: nn.Module
    phase: Phase = "dense"
    before: nn.Module | None = None
    kept: Kept = field(default_factory=dict)
    stored: Mapping[str, Tensor] | None = None
    file: bytes | None = None

    @property
    def bytes(self) -> tuple[int, int]:
        """Size of its file, and of that through zlib (level 1)."""
        if self.file is not None:
            return len(self.file), len(zlib.compress(self.file, 1))
        return state_bytes(self.plain.state_dict() if self.stored is None else self.stored)


def packed(network: RoundedNetwork) -> dict[str, Tensor]:
    """A rounded network as the tensors of a file: codes bit by bit, scales, zero points, and the rest as it is."""
    weights = {f"{layer}.weight" for layer in network.weights}
    tensors = {name: tensor for name, tensor in network.model.state_dict().items() if name not in weights}
    for layer, rounded in network.weights.items():
        tensors |= {f"{layer}.codes": pack(rounded), f"{layer}.scale": rounded.scale}
        if not rounded.rounding.symmetric:
            tensors[f"{layer}.zero_point"] = rounded.zero_point.to(torch.uint8)
    return tensors


def pack(rounded: Rounded) -> Tensor:
    """The codes of a tensor side by side, as many bits each as they have; uint8.

    Counted from the lowest code, so that none is negative; the highest bit first.
    """
    bits, (low, _) = rounded.rounding.bits, rounded.rounding.codes
    codes = (rounded.codes.flatten() - low).numpy().astype(np.uint8)
    return torch.from_numpy(np.packbits(np.unpackbits(codes[:, None], axis=1)[:, 8 - bits :]))


def unpack(content: Tensor, like: Rounded) -> Tensor:
    """The codes that ``pack`` has written, shaped as those of ``like``."""
    bits, (low, _) = like.rounding.bits, like.rounding.codes
    there = np.unpackbits(content.numpy(), count=like.codes.numel() * bits).reshape(-1, bits)
    codes = (there * (1 << np.arange(bits - 1, -1, -1))).sum(1) + low
    return torch.from_numpy(codes).reshape(like.codes.shape).long()
