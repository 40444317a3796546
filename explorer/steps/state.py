"""A network after some steps: what runs, what is counted, what is stored."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor, nn

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
