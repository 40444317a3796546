"""The numbers of a network as compressed bytes, which a script in a page reads back."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Codes:
    """A tensor (C, ...) of rounded numbers: each is (code - zero) * scale.

    Attributes:
        codes: whole numbers, -128 to 255, shaped as the tensor.
        scale: (C,) or (1,), float32.
        zero: likewise, whole numbers: the code of 0.
    """

    codes: Tensor
    scale: Tensor
    zero: Tensor

    @property
    def values(self) -> Tensor:
        """What the codes stand for, float32."""
        scale, zero = (each.reshape(-1, *[1] * (self.codes.dim() - 1)) for each in (self.scale, self.zero))
        return (self.codes - zero) * scale


class TensorStore:
    """Tensors laid after each other, each as small as it can be without losing anything.

    A tensor is float16 where every number of it is one, as in the files that ship, else float32; one that ``codes``
    holds is stored as bytes, and its scales as float32.

    Args:
        codes: of tensors whose numbers were rounded, by name.
    """

    def __init__(self, codes: Mapping[str, Codes] | None = None) -> None:
        self._codes = codes or {}
        self._places: dict[str, int] = {}
        self._bytes = bytearray()
        self.entries: list[dict[str, Any]] = []

    def add(self, name: str, tensor: Tensor) -> int:
        """Store a tensor and return its number; of a name that is known, the number that it has."""
        if name not in self._places:
            codes = self._codes.get(name)
            # Codes of other weights than these would be taken for them.
            exact = codes is not None and torch.equal(codes.values, tensor.detach())
            entry = self._coded(codes) if codes is not None and exact else self._plain(tensor)
            self._places[name] = len(self.entries)
            self.entries.append(entry | {"shape": list(tensor.shape)})
        return self._places[name]

    @property
    def content(self) -> bytes:
        """All of it, as it is."""
        return bytes(self._bytes)

    def compressed(self) -> bytes:
        """All of it, through gzip; the same bytes for the same tensors."""
        return gzip.compress(self.content, 6, mtime=0)  # weights hardly shrink: more takes long for nothing

    def _plain(self, tensor: Tensor) -> dict[str, Any]:
        values = tensor.detach().contiguous()
        if values.dtype == torch.uint8:
            return {"type": "uint8", "at": self._put(values)}
        if not values.is_floating_point():
            return {"type": "int32", "at": self._put(values.to(torch.int32))}
        half = values.to(torch.float16)
        if torch.equal(half.to(values.dtype), values):
            return {"type": "float16", "at": self._put(half)}
        return {"type": "float32", "at": self._put(values.to(torch.float32))}

    def _coded(self, codes: Codes) -> dict[str, Any]:
        # From the smallest code on, so that codes with and without a sign are bytes alike.
        least = int(codes.codes.min())
        return {
            "type": "codes",
            "at": self._put((codes.codes - least).to(torch.uint8)),
            "scale": self._put(codes.scale.to(torch.float32)),
            "zero": (codes.zero - least).tolist(),
        }

    def _put(self, values: Tensor) -> int:
        self._bytes += bytes(-len(self._bytes) % 4)  # a script can only look at whole steps of four bytes
        place = len(self._bytes)
        self._bytes += values.contiguous().numpy().tobytes()
        return place
