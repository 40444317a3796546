"""The overflow trap: what is left of an int8 network on a CPU that adds pairs of products in 16 bits.

x86 CPUs without VNNI multiply codes of activations (0 to 255) by codes of weights and add two neighbouring products by
one instruction, vpmaddubsw, into 16 bits: what lies beyond -32,768 or 32,767 becomes that, without a word. Here the
same is done in whole numbers, so that every CPU can tell. Source: Intel, Software Developer's Manual, volume 2,
PMADDUBSW; what is added with what: onnxruntime lays the inputs of an output side by side pixel by pixel, channels
innermost.
"""

import copy
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.bits.network import input_ranges, round_network
from explorer.bits.rounding import Rounded, Rounding
from explorer.data import Inputs
from explorer.measure import Accuracy, accuracy, logits
from explorer.networks import channel_groups, cost_model
from explorer.runtime.compare import CALIBRATION, calibration_batches
from explorer.work.identity import setting
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.progress import Update

LEAST, MOST = -(2**15), 2**15 - 1
ACTIVATIONS = 2**8 - 1  # the highest code
BITS = (8, 7)
KIND = "overflow"
_AT_ONCE = 4_000_000  # sums of two products that are looked at together


@dataclass(frozen=True)
class LayerSums:
    """The sums of two products that one layer adds up.

    Attributes:
        layer: its module name.
        sums: how many there are for all images; 0 of a layer that does not add in pairs.
        cut: how many do not fit into 16 bits.
        largest: the pair with the largest sum that does not fit: an activation's code, a weight's, and the same of its
            neighbour; empty if all fit.
    """

    layer: str
    sums: int
    cut: int
    largest: tuple[int, ...] = ()


@dataclass(frozen=True)
class OverflowRow:
    """An int8 network, its sums as they are and as 16 bits hold them.

    Attributes:
        bits: of a weight's code.
        correct: right answers with whole sums.
        cut_correct: right answers where sums are cut off.
        turned: answers that this changes.
        total: images.
        layers: in the order of the network, for sums that are cut off.
    """

    bits: int
    correct: int
    cut_correct: int
    turned: int
    total: int
    layers: tuple[LayerSums, ...]

    @property
    def accuracy(self) -> Accuracy:
        """With whole sums."""
        return Accuracy(self.correct, self.total)

    @property
    def cut_accuracy(self) -> Accuracy:
        """With sums that are cut off."""
        return Accuracy(self.cut_correct, self.total)

    @property
    def share(self) -> float:
        """Of the sums of two products, how many are cut off."""
        return sum(each.cut for each in self.layers) / max(1, sum(each.sums for each in self.layers))

    def to_dict(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "OverflowRow":
        """From what ``to_dict`` gives."""
        layers = tuple(
            LayerSums(**{**each, "largest": tuple(each.get("largest", ()))}) for each in values["layers"]
        )
        return cls(**{**values, "layers": layers})


class WholeLayer(nn.Module):
    """A convolution or linear layer that multiplies codes, and adds them as they are or as 16 bits hold their pairs.

    Args:
        layer: of which bias, stride and padding are taken.
        weights: its rounded weights, symmetric.
        seen: the smallest and the largest number that enters it.
        cut: whether sums of two products are cut off.
    """

    def __init__(
        self, layer: nn.Conv2d | nn.Linear, weights: Rounded, seen: tuple[float, float], *, cut: bool
    ) -> None:
        super().__init__()
        self.layer, self.cut = layer, cut
        smallest, largest = min(0.0, seen[0]), max(0.0, seen[1])
        self.scale = (largest - smallest) / ACTIVATIONS or 1.0
        self.zero = min(ACTIVATIONS, max(0, round(-smallest / self.scale)))
        codes = weights.codes.float()
        self.codes = codes if codes.dim() == 4 else codes[:, :, None, None]
        self.steps = weights.scale.double() * self.scale
        self.sums = self.cut_off = 0
        self.largest: tuple[int, ...] = ()

    @property
    def pairs(self) -> bool:
        """Whether it adds in pairs: a depthwise layer is multiplied by other instructions, in 32 bits."""
        return not isinstance(self.layer, nn.Conv2d) or self.layer.groups == 1

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output, float32, shaped as it would give it."""
        if isinstance(self.layer, nn.Linear):
            flat = self._added(x.reshape(-1, x.shape[-1], 1, 1), (1, 1), (1, 1), 1)
            return self._read_back(flat).reshape(*x.shape[:-1], -1)
        layer = self.layer
        mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
        around = layer._reversed_padding_repeated_twice
        return self._read_back(self._added(x, layer.stride, layer.dilation, layer.groups, around, mode))

    def _added(
        self,
        x: Tensor,
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        groups: int,
        around: Sequence[int] = (0, 0, 0, 0),
        mode: str = "constant",
    ) -> Tensor:
        """The sums of all products (N, O, H, W), whole numbers in float64."""
        codes = (x / self.scale + self.zero).round().clamp(0, ACTIVATIONS)
        # Around the image is the number 0, whose code is the zero point.
        inner = functional.pad(codes - self.zero, tuple(around), mode)
        # In float32 sums above 2^24 would no longer be whole.
        exact = functional.conv2d(inner.double(), self.codes.double(), None, stride, 0, dilation, groups)
        if self.pairs:
            self._cut(inner + self.zero, exact, stride, dilation)
        return exact

    def _cut(self, codes: Tensor, exact: Tensor, stride: tuple[int, ...], dilation: tuple[int, ...]) -> None:
        """Take from the exact sums (N, O, H, W) what does not fit into 16 bits, and count it."""
        kernel = self.codes.shape[2:]
        columns = functional.unfold(codes, kernel, dilation, 0, stride)  # (N, C * k, L), the kernel innermost
        count, _, places = columns.shape
        columns = columns.reshape(count, codes.shape[1], -1, places).transpose(1, 2).flatten(1, 2)
        weights = self.codes.permute(0, 2, 3, 1).flatten(1)
        if weights.shape[1] % 2:
            columns, weights = functional.pad(columns, (0, 0, 0, 1)), functional.pad(weights, (0, 1))
        self.sums += count * places * weights.numel() // 2
        # With the largest code that enters at each place: what cannot overflow with that never does.
        bound = columns.amax((0, 2)) * weights
        high, low = (
            side.reshape(len(weights), -1, 2).sum(2) for side in (bound.clamp_min(0), bound.clamp_max(0))
        )
        suspects = ((high > MOST) | (low < LEAST)).nonzero()
        if not len(suspects):
            return
        for outputs, pairs in (
            each.unbind(1) for each in torch.split(suspects, max(1, _AT_ONCE // (count * places)))
        ):
            first, second = columns[:, 2 * pairs], columns[:, 2 * pairs + 1]
            one, other = (weights[outputs, 2 * pairs + side][:, None] for side in (0, 1))
            sums = first * one + second * other
            over = sums - sums.clamp(LEAST, MOST)
            self.cut_off += int(over.count_nonzero())
            self._remember(over, (first, one, second, other))
            if self.cut:
                exact.flatten(2).index_add_(1, outputs, -over.double())

    def _remember(self, over: Tensor, pair: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
        """Keep the pair that is furthest beyond 16 bits."""
        at = int(over.abs().argmax())
        if not over.flatten()[at]:
            return
        found = tuple(int(each.expand_as(over).flatten()[at]) for each in pair)
        if not self.largest or abs(_sum_of(found)) > abs(_sum_of(self.largest)):
            self.largest = found

    def _read_back(self, sums: Tensor) -> Tensor:
        """What the sums (N, O, H, W) stand for, with the bias."""
        numbers = sums * self.steps.reshape(1, -1, 1, 1)
        if self.layer.bias is not None:
            numbers = numbers + self.layer.bias.double().reshape(1, -1, 1, 1)
        return numbers.float()


def _sum_of(pair: Sequence[int]) -> int:
    one, first, other, second = pair
    return one * first + other * second


def whole_network(model: nn.Module, bits: int, calibration: Iterable[Tensor], *, cut: bool) -> nn.Module:
    """A copy of ``model`` that multiplies codes: weights of so many bits, a scale per channel, activations of 8 bits.

    Args:
        model: in eval mode; it is only read.
        bits: of a weight's code.
        calibration: batches of training images (B, 3, H, W).
        cut: whether sums of two products are cut off at 16 bits.
    """
    rounded = round_network(model, Rounding(bits))
    ranges = input_ranges(rounded.model, calibration)
    network = copy.deepcopy(rounded.model)
    for name, weights in rounded.weights.items():
        layer = cast("nn.Conv2d | nn.Linear", network.get_submodule(name))
        network.set_submodule(name, WholeLayer(layer, weights, ranges[name], cut=cut))
    return network.eval()


def overflows(
    model: nn.Module,
    inputs: Tensor | Inputs,
    targets: Tensor,
    calibration: Sequence[Tensor],
    skip: Collection[int] = (),
) -> Iterator[Update | OverflowRow]:
    """What 16 bits cut off of a network with weights of 8 and of 7 bits; a row each as soon as it is counted.

    Args:
        model: in eval mode; it is only read.
        inputs: images (N, 3, H, W).
        targets: labels (N,).
        calibration: batches of training images (B, 3, H, W).
        skip: bits that are not counted again.
    """
    for bits in (each for each in BITS if each not in skip):
        yield Update(f"{bits}-bit weights, whole sums", 0, 2)
        whole = logits(whole_network(model, bits, calibration, cut=False), inputs)
        yield Update(f"{bits}-bit weights, sums of 16 bits", 1, 2)
        network = whole_network(model, bits, calibration, cut=True)
        cut = logits(network, inputs)
        layers = tuple(
            LayerSums(name, part.sums, part.cut_off, part.largest)
            for name, part in network.named_modules()
            if isinstance(part, WholeLayer)
        )
        counted = accuracy(whole, targets)
        yield OverflowRow(
            bits,
            counted.correct,
            accuracy(cut, targets).correct,
            int((whole.argmax(1) != cut.argmax(1)).sum()),
            counted.total,
            layers,
        )


@dataclass(frozen=True)
class OverflowSettings:
    """On what it is counted.

    Attributes:
        images: how many of the images, each class by its share.
        training: key of the training images that ranges of activations are taken from.
        calibration: how many of them.
    """

    images: int = setting("images", "{:,}".format)
    training: str = setting("training images", lambda key: key[:6])
    calibration: int = setting("calibration images", default=CALIBRATION)


def written(settings: OverflowSettings) -> dict[str, Any]:
    """What of the settings stored rows do not tell themselves."""
    return {"training": settings.training, "calibration": settings.calibration}


class Overflow(Instrument[OverflowSettings, OverflowRow]):
    """The trap as an instrument: a row for 8-bit weights, one for 7-bit weights."""

    key, title, unit, resumes = KIND, "the overflow trap", "networks", True

    def steps(self, spec: InstrumentSpec[OverflowSettings]) -> int:
        """A row for each number of bits."""
        return len(BITS)

    def work(self, spec: InstrumentSpec[OverflowSettings]) -> float:
        """Every image through two networks for each number of bits, whose pairs are looked at one by one."""
        settings, network = spec.settings, spec.network.load()
        widths = [group.width for group in channel_groups(network)]
        layers = [
            each.mult_adds for each in cost_model(network, spec.data.input_size).layer_costs(widths).values()
        ]
        # The most and the largest pairs are those of the layer that sees the image.
        one = 2 * _SLOWER * sum(layers) + _PAIRS * layers[0]
        return float(len(BITS) * (one * settings.images + 2 * sum(layers) * settings.calibration))

    def run(
        self, spec: InstrumentSpec[OverflowSettings], done: Sequence[OverflowRow] = ()
    ) -> Generator[Update | OverflowRow, None, None]:
        """The rows that are not done yet."""
        settings = spec.settings
        images = (yield from spec.data.read(spec.use)).stratified(settings.images)
        batches = calibration_batches((yield from spec.data.read("training")), settings.calibration)
        yield from overflows(
            spec.network.load(), images.batches(), images.targets(), batches, [row.bits for row in done]
        )

    def describe(self, part: OverflowRow) -> str:
        """What is left."""
        return f"{part.bits}-bit weights: {part.cut_accuracy.value:.1%} right"


_SLOWER, _PAIRS = 3, 80  # what float64 takes, and looking at pairs, in passes in float32
OVERFLOW = Overflow()


def overflow_table(rows: Sequence[OverflowRow]) -> pd.DataFrame:
    """The sums of each layer that adds in pairs, for people: one line for each number of bits."""
    return pd.DataFrame(
        [
            {
                "weight_bits": row.bits,
                "layer": each.layer,
                "sums": each.sums,
                "cut_off": each.cut,
                "cut_share": each.cut / each.sums,
            }
            for row in rows
            for each in row.layers
            if each.sums
        ]
    )


def describe_cut(rows: Sequence[OverflowRow], noun: str) -> str:
    """What 16 bits cut off of this network, in sentences; empty without rows."""
    said = []
    for row in sorted(rows, key=lambda row: -row.bits):
        cut, sums = sum(each.cut for each in row.layers), sum(each.sums for each in row.layers)
        if not cut:
            said.append(f"With {row.bits}-bit weights all {sums:,} sums fit: {row.accuracy.value:.1%} right.")
            continue
        worst = max(row.layers, key=lambda each: (each.cut / max(1, each.sums), each.cut))
        furthest = max(row.layers, key=lambda each: abs(_sum_of(each.largest)) if each.largest else 0)
        code, weight, neighbour, other = furthest.largest
        whole = _sum_of(furthest.largest)
        said.append(
            f"With {row.bits}-bit weights {cut:,} of {sums:,} sums of two products are cut off, most often in "
            f"{worst.layer} ({worst.cut / worst.sums:.2%}): {row.cut_accuracy.value:.1%} of {row.total:,} {noun}s "
            f"right instead of {row.accuracy.value:.1%}; answers that turn: {row.turned:,}. The furthest off, in "
            f"{furthest.layer}: {code} x {weight} + {neighbour} x {other} = {whole:,} becomes "
            f"{max(LEAST, min(MOST, whole)):,}."
        )
    return " ".join(said)
