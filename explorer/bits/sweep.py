"""Accuracy and bytes of one network, its weights rounded to 8 down to 2 bits in four ways."""

from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
from torch import Tensor, nn

from explorer.bits.network import input_ranges, round_activations, round_network
from explorer.bits.rounding import LEAST, MOST, Per, Rounding
from explorer.errors import ExplorerError
from explorer.measure import Accuracy, accuracy, logits
from explorer.networks import cost_of, spec_of
from explorer.runtime.compare import CALIBRATION, calibration_batches
from explorer.work.identity import setting
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.progress import Update

ALL_BITS = tuple(range(MOST, LEAST - 1, -1))
SCHEMES: tuple[tuple[Per, bool], ...] = tuple(
    (per, symmetric) for per in ("channel", "tensor") for symmetric in (True, False)
)
"""A scale per channel or per tensor, symmetric or affine: every way to round weights."""


@dataclass(frozen=True)
class BitsPlan:
    """Which roundings are tried.

    Attributes:
        bits: of the weights' codes.
        schemes: scale per what, and whether symmetric.
        activations: bits of what enters each layer; 0 leaves activations in float32.
        calibration: training images that the ranges of activations are taken from, evenly spread over the set.
    """

    bits: tuple[int, ...] = setting("bits", lambda bits: ", ".join(map(str, bits)), default=ALL_BITS)
    schemes: tuple[tuple[Per, bool], ...] = setting(
        "ways to round", lambda ways: str(len(ways)), default=SCHEMES
    )
    activations: int = setting("activations", lambda bits: f"{bits} bits" if bits else "float32", default=0)
    calibration: int = setting("calibration images", default=CALIBRATION)

    def __post_init__(self) -> None:
        _ = self.roundings  # refuses what cannot be
        if not self.roundings:
            raise ExplorerError("Name at least one number of bits and one way to round.")
        if self.activations:
            Rounding(self.activations)
            if self.calibration < 1:
                raise ExplorerError("Activations are calibrated on at least one training image.")

    @property
    def roundings(self) -> tuple[Rounding, ...]:
        """The roundings in order: every number of bits of the first scheme, then of the next."""
        return tuple(Rounding(bits, *scheme) for scheme in self.schemes for bits in self.bits)


@dataclass(frozen=True)
class BitsSettings(BitsPlan):
    """A plan together with the images it is measured on.

    Attributes:
        images: how many of the images are counted, the first so many.
        training: key of the training images for calibration; empty without rounded activations.
    """

    images: int = setting("images", "{:,}".format, default=500)
    training: str = setting("training images", lambda key: key[:6] or "none", default="")


@dataclass(frozen=True)
class BitsRow:
    """One rounded network, measured.

    Attributes:
        bits: of the weights' codes.
        per: what has a scale of its own.
        symmetric: whether the codes lie symmetrically around zero.
        activations: bits of activations; 0 for float32.
        correct: right answers.
        agreeing: answers that equal the network's before rounding.
        total: images.
        stored_bytes: codes, scales and zero points, and float32 for what was not rounded.
        float_bytes: the same network, BatchNorm folded, in float32.
    """

    bits: int
    per: Per
    symmetric: bool
    activations: int
    correct: int
    agreeing: int
    total: int
    stored_bytes: int
    float_bytes: int

    @property
    def rounding(self) -> Rounding:
        """How its weights were rounded."""
        return Rounding(self.bits, self.per, self.symmetric)

    @property
    def scheme(self) -> str:
        """The way its weights were rounded, for people.

        >>> BitsRow(8, "channel", True, 0, 1, 1, 1, 1, 1).scheme
        'a scale per channel, symmetric'
        """
        return describe_scheme(self.per, symmetric=self.symmetric)

    @property
    def accuracy(self) -> Accuracy:
        """The right answers as an accuracy."""
        return Accuracy(self.correct, self.total)


def describe_scheme(per: Per, *, symmetric: bool) -> str:
    """A way to round, for people.

    >>> describe_scheme("tensor", symmetric=False)
    'a scale per tensor, affine'
    """
    return f"a scale per {per}, {'symmetric' if symmetric else 'affine'}"


def round_at_all(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    plan: BitsPlan,
    *,
    calibration: Sequence[Tensor] = (),
    skip: Collection[Rounding] = (),
) -> Iterator[BitsRow]:
    """Round ``model`` in every way of the plan; a row as soon as one is measured.

    Args:
        model: in eval mode; it is only read.
        inputs: images (N, 3, H, W).
        targets: labels (N,).
        plan: the roundings.
        calibration: batches of training images (B, 3, H, W), where activations are rounded.
        skip: roundings that are not measured again.
    """
    before = logits(model, inputs).argmax(1)
    for rounding in plan.roundings:
        if rounding in skip:
            continue
        rounded = round_network(model, rounding)
        if plan.activations:
            # Of the rounded network: its activations are what is rounded, not those of the dense one.
            ranges = input_ranges(rounded.model, calibration)
            round_activations(rounded.model, ranges, plan.activations)
        scores = logits(rounded.model, inputs)
        counted = accuracy(scores, targets)
        yield BitsRow(
            rounding.bits,
            rounding.per,
            rounding.symmetric,
            plan.activations,
            counted.correct,
            int((scores.argmax(1) == before).sum()),
            counted.total,
            rounded.stored_bytes,
            rounded.float_bytes,
        )


class BitsSweep(Instrument[BitsSettings, BitsRow]):
    """The roundings as an instrument: a row for each."""

    key = "bits"
    title = "the roundings"
    unit = "roundings"
    resumes = True

    def steps(self, spec: InstrumentSpec[BitsSettings]) -> int:
        """A row for each rounding."""
        return len(spec.settings.roundings)

    def work(self, spec: InstrumentSpec[BitsSettings]) -> float:
        """Every image, and those of the calibration, through every rounded network."""
        settings = spec.settings
        one = cost_of(spec_of(spec.network.load()), spec.data.input_size).mult_adds
        calibrating = settings.calibration if settings.activations else 0
        return one * (settings.images + len(settings.roundings) * (settings.images + calibrating))

    def run(
        self, spec: InstrumentSpec[BitsSettings], done: Sequence[BitsRow] = ()
    ) -> Generator[Update | BitsRow, None, None]:
        """The rows that are not done yet."""
        settings = spec.settings
        images = (yield from spec.data.read(spec.use)).select(slice(settings.images))
        batches: Sequence[Tensor] = ()
        if settings.activations:
            batches = calibration_batches((yield from spec.data.read("training")), settings.calibration)
        yield from round_at_all(
            spec.network.load(),
            images.inputs(),
            images.targets(),
            settings,
            calibration=batches,
            skip={row.rounding for row in done},
        )

    def describe(self, part: BitsRow) -> str:
        """What this network still gets right."""
        return f"{part.bits} bits, {part.scheme}: {part.accuracy.value:.1%} right"


BITS = BitsSweep()


def bits_table(rows: Sequence[BitsRow]) -> pd.DataFrame:
    """The rows for people: one line each, accuracy with its 95% interval; bytes in kilobytes of 1,000."""
    lines = []
    for row in rows:
        low, high = row.accuracy.interval()
        lines.append(
            {
                "bits": row.bits,
                "way": row.scheme,
                "activations": f"{row.activations} bits" if row.activations else "float32",
                "accuracy": row.accuracy.value,
                "accuracy_low": low,
                "accuracy_high": high,
                "images": row.total,
                "agreement": row.agreeing / row.total,
                "stored_kb": row.stored_bytes / 1e3,
                "times_smaller": row.float_bytes / row.stored_bytes,
            }
        )
    return pd.DataFrame(lines)


def describe_bits(rows: Sequence[BitsRow]) -> str:
    """What the rounding costs, in sentences: the fewest bits of each scheme that lose no more than a point.

    Against the most bits of the same scheme that were tried, on the same images.
    """
    said = []
    for per, symmetric in SCHEMES:
        own = sorted(
            (row for row in rows if (row.per, row.symmetric) == (per, symmetric)), key=lambda row: -row.bits
        )
        if not own:
            continue
        most = own[0]
        fine = [row for row in own if 100 * (most.correct - row.correct) <= most.total]
        fewest = min(fine, key=lambda row: row.bits)
        said.append(
            f"With {fewest.scheme}, {fewest.bits} bits keep {fewest.accuracy.value:.1%} right in "
            f"{fewest.stored_bytes / 1e3:.0f} kB"
        )
    return ". ".join(said) + "." if said else ""
