"""Sizes: bytes of a file of weights, as it is and compressed."""

import zlib
from collections.abc import Mapping

from safetensors.torch import save
from torch import Tensor


def state_bytes(state: Mapping[str, Tensor]) -> tuple[int, int]:
    """Size in bytes of a state_dict as a safetensors file, and of that file through zlib (level 1)."""
    data = save({key: tensor.cpu().contiguous() for key, tensor in state.items()})
    return len(data), len(zlib.compress(data, 1))
