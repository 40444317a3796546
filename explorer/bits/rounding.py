"""Rounding numbers to a few bits: a whole number, times a scale.

A number x becomes the code q = clamp(round(x / scale) + zero point, low, high) and is read back as
(q - zero point) * scale. Source: Jacob et al. 2018, arXiv 1712.05877, section 2. Zero always has a code of its own, so
that pruned weights stay zero.

*Symmetric*: the codes are -(2^(b-1) - 1) to 2^(b-1) - 1 and the zero point is 0; one of the 2^b codes stays unused, so
that each positive number has its negative. *Affine*: all codes from 0 to 2^b - 1, spread over smallest to largest.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from explorer.errors import ExplorerError
from explorer.work.identity import setting

Per = Literal["tensor", "channel"]
LEAST, MOST = 2, 8
FLOAT_BITS = 32


@dataclass(frozen=True)
class Rounding:
    """How numbers are rounded.

    Attributes:
        bits: of a code, 2 to 8.
        per: one scale for a whole tensor, or one for each output channel.
        symmetric: whether the codes lie symmetrically around zero.
    """

    bits: int = setting("bits", default=8)
    per: Per = setting("a scale per", default="channel")
    symmetric: bool = setting("symmetric", lambda yes: "yes" if yes else "no", default=True)

    def __post_init__(self) -> None:
        if not LEAST <= self.bits <= MOST:
            raise ExplorerError(f"Numbers are rounded to {LEAST} to {MOST} bits, not {self.bits}.")
        if self.per not in ("tensor", "channel"):
            raise ExplorerError(f"There is a scale per tensor or per channel, not per {self.per!r}.")

    @property
    def codes(self) -> tuple[int, int]:
        """The lowest and the highest code.

        >>> Rounding(8).codes, Rounding(2).codes, Rounding(4, symmetric=False).codes
        ((-127, 127), (-1, 1), (0, 15))
        """
        if self.symmetric:
            most = 2 ** (self.bits - 1) - 1
            return -most, most
        return 0, 2**self.bits - 1


def describe_scheme(per: Per, *, symmetric: bool) -> str:
    """A way to round, for people.

    >>> describe_scheme("tensor", symmetric=False)
    'a scale per tensor, affine'
    """
    return f"a scale per {per}, {'symmetric' if symmetric else 'affine'}"


def describe_rounding(rounding: Rounding) -> str:
    """Bits and way of a rounding of weights, for people.

    >>> describe_rounding(Rounding(4))
    'weights of 4 bits, a scale per channel, symmetric'
    """
    return f"weights of {rounding.bits} bits, {describe_scheme(rounding.per, symmetric=rounding.symmetric)}"


@dataclass(frozen=True, eq=False)
class Rounded:
    """A rounded tensor.

    Attributes:
        codes: whole numbers, shaped as the tensor, int64.
        scale: (1,) or (C,), float32: of the tensor, or of each output channel.
        zero_point: whole numbers, shaped as the scale, int64.
        rounding: how it was rounded.
    """

    codes: Tensor
    scale: Tensor
    zero_point: Tensor
    rounding: Rounding

    @property
    def values(self) -> Tensor:
        """What the codes are read back as, float32."""
        scale, zero = (_along_channels(each, self.codes) for each in (self.scale, self.zero_point))
        return (self.codes - zero) * scale

    @property
    def bits(self) -> int:
        """What it takes to store it: the codes, a float32 scale each, and a code for each zero point that is needed."""
        points = 0 if self.rounding.symmetric else len(self.zero_point) * self.rounding.bits
        return self.codes.numel() * self.rounding.bits + len(self.scale) * FLOAT_BITS + points


def round_tensor(tensor: Tensor, rounding: Rounding) -> Rounded:
    """Round a tensor (C, ...), C output channels first, to the codes nearest to its numbers.

    A channel (or tensor) that is all zeros gets the scale 1.

    >>> rounded = round_tensor(torch.tensor([[0.0, 0.4, -1.0]]), Rounding(3))
    >>> rounded.codes.tolist(), [round(value, 3) for value in rounded.values[0].tolist()]
    ([[0, 1, -3]], [0.0, 0.333, -1.0])
    """
    rows = tensor.detach().float().reshape(tensor.shape[0] if rounding.per == "channel" else 1, -1)
    low, high = rounding.codes
    if rounding.symmetric:
        scale = rows.abs().amax(1) / high
        zero = torch.zeros(len(rows))
    else:
        # Zero is within the range, wherever the numbers lie: else it would have no code.
        smallest, largest = rows.amin(1).clamp_max(0), rows.amax(1).clamp_min(0)
        scale = (largest - smallest) / (high - low)
        zero = torch.zeros(len(rows))
        some = scale > 0
        zero[some] = (low - smallest[some] / scale[some]).round().clamp(low, high)
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    codes = (rows / scale[:, None]).round().add(zero[:, None]).clamp(low, high)
    return Rounded(codes.reshape(tensor.shape).long(), scale, zero.long(), rounding)


def relative_error(tensor: Tensor, rounded: Rounded) -> float:
    """How large what was rounded away is: the norm of the difference over the norm of the tensor; 0 of zeros.

    >>> relative_error(torch.tensor([[3.0, 4.0]]), Rounded(torch.tensor([[3, 4]]), torch.ones(1),
    ...     torch.zeros(1, dtype=torch.long), Rounding()))
    0.0
    """
    whole = tensor.detach().double()
    norm = whole.norm()
    return float((whole - rounded.values.double()).norm() / norm) if norm else 0.0


def _along_channels(values: Tensor, like: Tensor) -> Tensor:
    """One value per output channel, or one for all, in a shape that multiplies a tensor like this one."""
    return values.reshape(-1, *[1] * (like.dim() - 1))
