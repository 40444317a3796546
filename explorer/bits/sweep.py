"""Accuracy and bytes of one network, its weights rounded to 8 down to 2 bits in four ways."""

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor, nn

from explorer.bits.network import RoundedNetwork, input_ranges, layer_errors, round_activations, round_network
from explorer.bits.rounding import LEAST, MOST, Per, Rounding, describe_scheme
from explorer.data import Inputs
from explorer.errors import ExplorerError
from explorer.measure import Accuracy, accuracy, at_once, logits
from explorer.networks import cost_of, fold_batchnorm, maskable_weights, spec_of
from explorer.runtime.compare import CALIBRATION, calibration_batches
from explorer.work.identity import setting
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.progress import Update

ALL_BITS = tuple(range(MOST, LEAST - 1, -1))
SCHEMES: tuple[tuple[Per, bool], ...] = tuple(
    (per, symmetric) for per in ("channel", "tensor") for symmetric in (True, False)
)
"""A scale per channel or per tensor, symmetric or affine: every way to round weights."""
ACTIVATIONS = (0, MOST)
BINS = 81  # odd, so that zero lies in the middle of one
ERROR_IMAGES = 100
KIND = "bits"

State = tuple[Rounding, int]
"""How weights are rounded, and to how many bits activations are; 0 for float32."""


@dataclass(frozen=True)
class BitsPlan:
    """Which roundings are tried.

    Attributes:
        bits: of the weights' codes.
        schemes: scale per what, and whether symmetric.
        activations: bits of what enters each layer, one after the other; 0 leaves activations in float32.
        calibration: training images that the ranges of activations are taken from, evenly spread over the set.
    """

    bits: tuple[int, ...] = setting("bits", lambda bits: ", ".join(map(str, bits)), default=ALL_BITS)
    schemes: tuple[tuple[Per, bool], ...] = setting(
        "ways to round", lambda ways: str(len(ways)), default=SCHEMES
    )
    activations: tuple[int, ...] = setting(
        "activations", lambda each: ", ".join(map(describe_activations, each)), default=ACTIVATIONS
    )
    calibration: int = setting("calibration images", default=CALIBRATION)

    def __post_init__(self) -> None:
        _ = self.roundings  # refuses what cannot be
        if not self.roundings:
            raise ExplorerError("Name at least one number of bits and one way to round.")
        if not self.activations:
            raise ExplorerError("Say to how many bits activations are rounded: 0 leaves them in float32.")
        for bits in filter(None, self.activations):
            Rounding(bits)
            if self.calibration < 1:
                raise ExplorerError("Activations are calibrated on at least one training image.")

    @property
    def roundings(self) -> tuple[Rounding, ...]:
        """The roundings in order: every number of bits of the first scheme, then of the next."""
        return tuple(Rounding(bits, *scheme) for scheme in self.schemes for bits in self.bits)

    @property
    def states(self) -> tuple[State, ...]:
        """Every rounding with the first choice of activations, then with the next."""
        return tuple((rounding, bits) for bits in self.activations for rounding in self.roundings)


@dataclass(frozen=True)
class BitsSettings(BitsPlan):
    """A plan together with the images it is measured on.

    Attributes:
        images: how many of the images are counted, each class by its share.
        training: key of the training images for calibration; empty without rounded activations.
    """

    images: int = setting("images", "{:,}".format, default=500)
    training: str = setting("training images", lambda key: key[:6] or "none", default="")


def written(settings: BitsSettings) -> dict[str, Any]:
    """What of the settings stored rows do not tell themselves."""
    return {"calibration": settings.calibration, "training": settings.training}


def settings_of_rows(rows: Sequence["BitsRow"], images: int, stored: Mapping[str, Any]) -> BitsSettings:
    """The settings with which stored rows were made: what they tell, and what was written beside them."""
    return BitsSettings(
        tuple(bits for bits in ALL_BITS if any(row.bits == bits for row in rows)),
        tuple(way for way in SCHEMES if any((row.per, row.symmetric) == way for row in rows)),
        tuple(dict.fromkeys(row.activations for row in rows)),
        images=images,
        **stored,
    )


@dataclass(frozen=True)
class LayerBits:
    """What a rounding did to one layer.

    Attributes:
        layer: its module name.
        weights: how many it has.
        largest: the largest magnitude among them before rounding; the histogram goes from minus that to that.
        weight_error: the norm of what was rounded away over the norm of the weights.
        output_error: likewise of its outputs on up to ``ERROR_IMAGES`` of the images, those of the layers before
            included.
        bars: how many rounded weights lie in each of ``BINS`` bins; empty where activations were rounded too, since
            the weights are those of the same rounding without.
    """

    layer: str
    weights: int
    largest: float
    weight_error: float
    output_error: float
    bars: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As it is stored: the bars as text, which takes a tenth of the lines."""
        return asdict(self) | {"bars": " ".join(map(str, self.bars))}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "LayerBits":
        """From what ``to_dict`` gives."""
        return cls(**{**values, "bars": tuple(map(int, values["bars"].split()))})


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
        dense_correct: right answers of the network before rounding.
        total: images.
        stored_bytes: codes, scales and zero points, and float32 for what was not rounded.
        float_bytes: the same network, BatchNorm folded, in float32.
        layers: what it did to each layer, in the order of the network.
    """

    bits: int
    per: Per
    symmetric: bool
    activations: int
    correct: int
    agreeing: int
    dense_correct: int
    total: int
    stored_bytes: int
    float_bytes: int
    layers: tuple[LayerBits, ...] = ()

    @property
    def state(self) -> State:
        """How its weights and its activations were rounded."""
        return self.rounding, self.activations

    @property
    def rounding(self) -> Rounding:
        """How its weights were rounded."""
        return Rounding(self.bits, self.per, self.symmetric)

    @property
    def scheme(self) -> str:
        """The way its weights were rounded, for people.

        >>> BitsRow(8, "channel", True, 0, 1, 1, 1, 1, 1, 1).scheme
        'a scale per channel, symmetric'
        """
        return describe_scheme(self.per, symmetric=self.symmetric)

    @property
    def accuracy(self) -> Accuracy:
        """The right answers as an accuracy."""
        return Accuracy(self.correct, self.total)

    def to_dict(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self) | {"layers": [each.to_dict() for each in self.layers]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "BitsRow":
        """From what ``to_dict`` gives."""
        return cls(**{**values, "layers": tuple(map(LayerBits.from_dict, values["layers"]))})


def describe_activations(bits: int) -> str:
    """What activations are kept in, for people.

    >>> describe_activations(8), describe_activations(0)
    ('8 bits', 'float32')
    """
    return f"{bits} bits" if bits else "float32"


def round_at_all(
    model: nn.Module,
    inputs: Tensor | Inputs,
    targets: Tensor,
    few: Tensor,
    plan: BitsPlan,
    *,
    calibration: Sequence[Tensor] = (),
    skip: Collection[State] = (),
) -> Iterator[BitsRow]:
    """Round ``model`` in every way of the plan; a row as soon as one is measured.

    Args:
        model: in eval mode; it is only read.
        inputs: images (N, 3, H, W).
        targets: labels (N,).
        few: those of the images (M, 3, H, W) that the errors of layers are taken from.
        plan: the roundings.
        calibration: batches of training images (B, 3, H, W), where activations are rounded.
        skip: states that are not measured again.
    """
    before = logits(model, inputs)
    dense, answers = accuracy(before, targets), before.argmax(1)
    for rounding, bits in plan.states:
        if (rounding, bits) in skip:
            continue
        rounded = round_network(model, rounding)
        if bits:
            # Of the rounded network: its activations are what is rounded, not those of the dense one.
            ranges = input_ranges(rounded.model, calibration)
            round_activations(rounded.model, ranges, bits)
        scores = logits(rounded.model, inputs)
        counted = accuracy(scores, targets)
        yield BitsRow(
            rounding.bits,
            rounding.per,
            rounding.symmetric,
            bits,
            counted.correct,
            int((scores.argmax(1) == answers).sum()),
            dense.correct,
            counted.total,
            rounded.stored_bytes,
            rounded.float_bytes,
            _layers(rounded, few, drawn=not bits),
        )


def histogram(values: Tensor, largest: float) -> tuple[int, ...]:
    """How many of the values lie in each of ``BINS`` bins from -largest to largest; what lies beyond in the outer ones.

    >>> import torch
    >>> bars = histogram(torch.tensor([-1.0, 0.0, 0.0, 1.5]), 1.0)
    >>> bars[0], bars[BINS // 2], bars[-1]
    (1, 2, 1)
    """
    reach = largest or 1.0
    counts = np.histogram(values.detach().flatten().clamp(-reach, reach).numpy(), BINS, (-reach, reach))[0]
    return tuple(counts.tolist())


def dense_histograms(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Likewise the weights before rounding, BatchNorm folded, by layer."""
    weights = maskable_weights(fold_batchnorm(model))
    return {layer: histogram(each, float(each.detach().abs().max())) for layer, each in weights.items()}


def _layers(rounded: RoundedNetwork, images: Tensor, *, drawn: bool) -> tuple[LayerBits, ...]:
    layers, dense = [], maskable_weights(rounded.dense)
    for error in layer_errors(rounded, images):
        largest = float(dense[error.layer].detach().abs().max())
        bars = histogram(rounded.weights[error.layer].values, largest) if drawn else ()
        layers.append(
            LayerBits(
                error.layer,
                error.weights,
                _four_digits(largest),
                _four_digits(error.weight_error),
                _four_digits(error.output_error),
                bars,
            )
        )
    return tuple(layers)


def _four_digits(number: float) -> float:
    """As many as are the same on another processor, which adds in another order."""
    return float(f"{number:.4g}")


class BitsSweep(Instrument[BitsSettings, BitsRow]):
    """The roundings as an instrument: a row for each."""

    key = "bits"
    title = "the roundings"
    unit = "roundings"
    resumes = True

    def steps(self, spec: InstrumentSpec[BitsSettings]) -> int:
        """A row for each rounding."""
        return len(spec.settings.states)

    def work(self, spec: InstrumentSpec[BitsSettings]) -> float:
        """Every image, and those of the calibration, through every rounded network."""
        settings = spec.settings
        one = cost_of(spec_of(spec.network.load()), spec.data.input_size).mult_adds
        calibrating = sum(settings.calibration for _, bits in settings.states if bits)
        return one * ((1 + len(settings.states)) * (settings.images + ERROR_IMAGES) + calibrating)

    def run(
        self, spec: InstrumentSpec[BitsSettings], done: Sequence[BitsRow] = ()
    ) -> Generator[Update | BitsRow, None, None]:
        """The rows that are not done yet."""
        settings = spec.settings
        images = (yield from spec.data.read(spec.use)).stratified(settings.images)
        few = images.stratified(min(len(images), at_once(images.input_size, ERROR_IMAGES)))
        batches: Sequence[Tensor] = ()
        if any(settings.activations):
            batches = calibration_batches((yield from spec.data.read("training")), settings.calibration)
        yield from round_at_all(
            spec.network.load(),
            images.batches(),
            images.targets(),
            few.inputs(),
            settings,
            calibration=batches,
            skip={row.state for row in done},
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
                "activations": describe_activations(row.activations),
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


def fewest(rows: Sequence[BitsRow], points: float = 1.0) -> list[BitsRow]:
    """Of each way to round the row with the fewest bits that loses at most so many points against float32."""
    ways: dict[tuple[Per, bool, int], BitsRow] = {}
    for row in sorted(rows, key=lambda row: -row.bits):
        if 100 * (row.dense_correct - row.correct) <= points * row.total:
            ways[row.per, row.symmetric, row.activations] = row
    return [row for row in rows if row in ways.values()]


def describe_bits(rows: Sequence[BitsRow]) -> str:
    """How few bits are enough, in sentences: the fewest of each way that lose no more than a point against float32."""
    if not rows:
        return ""
    said = [
        f"With {row.scheme}{', activations too' if row.activations else ''}, {row.bits} bits keep "
        f"{row.accuracy.value:.1%} right in {row.stored_bytes / 1e3:.0f} kB"
        for row in fewest(rows)
    ]
    return ". ".join(said or ["No rounding tried here stays within a point of float32"]) + "."
