"""A rounded network as the tensors of a file: codes side by side, each with as many bits as it has."""

import numpy as np
import torch
from torch import Tensor

from explorer.bits.network import RoundedNetwork
from explorer.bits.rounding import Rounded


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
