"""Sizes: bytes of a file of weights, as it is and compressed."""

import zlib
from collections.abc import Mapping

from safetensors.torch import save
from torch import Tensor


def state_bytes(state: Mapping[str, Tensor]) -> tuple[int, int]:
    """Size in bytes of a state_dict as a safetensors file, and of that file through zlib (level 1)."""
    data = save({key: tensor.cpu().contiguous() for key, tensor in state.items()})
    return len(data), zipped_bytes(data)


def zipped_bytes(content: bytes) -> int:
    """Size in bytes of a file's content through zlib (level 1)."""
    return len(zlib.compress(content, 1))
