"""What roundings say in words, and all that the picture of them is drawn from."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from explorer.bits.rounding import Per, describe_scheme
from explorer.bits.sweep import (
    ALL_BITS,
    SCHEMES,
    BitsRow,
    LayerBits,
    describe_activations,
)
from explorer.classroom import Question
from explorer.errors import ExplorerError

Place = tuple[int, Per, bool, int]
"""Bits of the weights, a scale per what, whether symmetric, bits of activations."""
OPENS_AT: Place = (4, "tensor", True, 0)
"""Where a scale for each channel makes the most of a difference."""
TALLEST = 100  # of a bar, as pixels tell


class BitsReading:
    """The roundings of a network.

    Args:
        rows: as measured.
        dense: the weights before rounding by layer, as bars like those of the rows.
        classes: how many there are.
        noun: what one of the images is called.
    """

    def __init__(
        self, rows: Sequence[BitsRow], dense: Mapping[str, tuple[int, ...]], classes: int, noun: str
    ) -> None:
        if not rows:
            raise ExplorerError("There is no rounding to look at: measure one first.")
        self.rows, self.dense, self.classes, self.noun = tuple(rows), dense, classes, noun
        self.at: dict[Place, BitsRow] = {
            (row.bits, row.per, row.symmetric, row.activations): row for row in rows
        }

    def nearest(self, place: Place) -> BitsRow:
        """What was measured there; else with the nearest number of bits, rounded likewise if anything was.

        The picture does the same in the browser.
        """
        bits, *way = place
        likewise = [row for at, row in self.at.items() if list(at[1:]) == way]
        return min(likewise or self.rows, key=lambda row: abs(row.bits - bits))

    @cached_property
    def bits(self) -> tuple[int, ...]:
        """The bits that were tried, the most first."""
        return tuple(bits for bits in ALL_BITS if any(row.bits == bits for row in self.rows))

    @cached_property
    def schemes(self) -> tuple[tuple[Per, bool], ...]:
        """The ways to round that were tried."""
        return tuple(way for way in SCHEMES if any((row.per, row.symmetric) == way for row in self.rows))

    @cached_property
    def activations(self) -> tuple[int, ...]:
        """The bits of activations that were tried."""
        return tuple(dict.fromkeys(row.activations for row in self.rows))

    def tell(self, row: BitsRow) -> str:
        """What a rounding costs and saves, which layer suffers most, and what one scale more for each channel does."""
        lost = 100 * (row.dense_correct - row.correct) / row.total
        right, before = f"{row.accuracy.value:.1%}", f"{row.dense_correct / row.total:.1%}"
        if row.accuracy.interval()[0] <= 1 / self.classes:
            said = f"With {row.bits} bits it guesses: {right} right, {before} in float32."
        elif lost <= 1:
            said = f"{row.bits} bits are enough: {right} right, {before} in float32."
        else:
            said = f"{row.bits} bits cost {lost:.1f} points: {right} right, {before} in float32."
        return (
            f"{said} {_kilobytes(row.stored_bytes)} instead of {_kilobytes(row.float_bytes)}, "
            f"{row.float_bytes / row.stored_bytes:.1f} times smaller.{self._other_scale(row)}"
        )

    def _other_scale(self, row: BitsRow) -> str:
        """What the same bits do with a scale for each channel, or one for a tensor; empty where it is no matter."""
        per: Per = "channel" if row.per == "tensor" else "tensor"
        other = self.at.get((row.bits, per, row.symmetric, row.activations))
        if other is None or abs(other.correct - row.correct) <= row.total / 100:
            return ""
        return f" With a scale per {per}, {row.bits} bits get {other.accuracy.value:.1%} right."

    def explain(self, row: BitsRow) -> str:
        """How well a rounding fits, layer by layer, in a sentence."""
        worst = worst_layer(row)
        if worst is None:
            return ""
        return (
            f"Furthest off is {worst.layer}: its outputs by {worst.output_error:.0%}, its own weights by "
            f"{worst.weight_error:.0%}."
        )


def _kilobytes(count: int) -> str:
    return f"{count / 1e3:,.0f} kB"


def drawing(reading: BitsReading) -> dict[str, Any]:
    """All that the picture is drawn from, in plain values, the same for every visitor."""
    first = reading.rows[0]
    return {
        "bits": list(reading.bits),
        "schemes": [{"per": per, "symmetric": symmetric} for per, symmetric in reading.schemes],
        "activations": [{"bits": bits, "title": describe_activations(bits)} for bits in reading.activations],
        "total": first.total,
        "noun": reading.noun,
        "classes": reading.classes,
        "dense": first.dense_correct / first.total,
        "floatKb": first.float_bytes / 1e3,
        "layers": [
            {"name": each.layer, "weights": each.weights, "largest": each.largest, "bars": _tall(bars)}
            for each in first.layers
            if (bars := reading.dense.get(each.layer)) is not None
        ],
        "states": [_state(reading, row) for row in reading.rows],
    }


def _state(reading: BitsReading, row: BitsRow) -> dict[str, Any]:
    # A row whose activations are rounded has the weights of the one whose are not.
    drawn = reading.at.get((row.bits, row.per, row.symmetric, 0), row)
    return {
        "bits": row.bits,
        "per": row.per,
        "symmetric": row.symmetric,
        "activations": row.activations,
        "accuracy": round(row.accuracy.value, 4),
        "share": f"{row.accuracy.value:.1%}",
        "kb": row.stored_bytes / 1e3,
        "codes": row.rounding.codes[1] - row.rounding.codes[0] + 1,
        "way": describe_scheme(row.per, symmetric=row.symmetric),
        "said": reading.tell(row),
        "errors": [[each.output_error, each.weight_error] for each in row.layers],
        "explained": reading.explain(row),
        "bars": [_tall(each.bars) for each in drawn.layers] if not row.activations else None,
    }


def _tall(bars: Sequence[int]) -> list[int]:
    """Bars as tall as the tallest one; what is there at all is seen."""
    most = max(bars, default=0) or 1
    return [max(2, round(TALLEST * bar / most)) if bar else 0 for bar in bars]


def bits_question(title: str, weights: str, images: str, reading: BitsReading | None) -> Question | None:
    """What share a network rounded with one scale per tensor still gets right; None where that was not measured.

    Args:
        title: of the network.
        weights: sha256 of its weights.
        images: key of all the images.
        reading: its roundings.
    """
    row = reading.at.get(OPENS_AT) if reading is not None else None
    if reading is None or row is None:
        return None
    return Question(
        "bits",
        f"{title}, every weight rounded to {row.bits} bits, one scale for each layer: what share of the images does it "
        "still get right?",
        (weights, images),
        "%",
        digits=1,
        answer=100 * row.accuracy.value,
        because=reading.tell(row),
    )


def worst_layer(row: BitsRow) -> LayerBits | None:
    """The layer whose outputs are furthest off; None without layers."""
    return max(row.layers, key=lambda each: each.output_error, default=None)
