"""Sizes: bytes of a file of weights, as it is and compressed, and the multiply-adds of a forward pass."""

import zlib
from collections.abc import Mapping

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


def state_bytes(state: Mapping[str, Tensor]) -> tuple[int, int]:
    """Size in bytes of a state_dict as a safetensors file, and of that file through zlib (level 1)."""
    data = save({key: tensor.cpu().contiguous() for key, tensor in state.items()})
    return len(data), len(zlib.compress(data, 1))


def multiply_adds(model: nn.Module, inputs: Tensor) -> int:
    """Multiply-adds of the convolutions and linear layers for one image of ``inputs`` (N, 3, H, W).

    Counted by torch's own counter, which counts two operations for each. Masked weights count in
    full: the machine multiplies by their zeros.
    """
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(inputs[:1].to(next(model.parameters()).device))
    return int(counter.get_total_flops()) // 2
