"""Sensitivity: each layer pruned alone, by L1 within the layer, all others left dense.

Source: Han et al. 2015, arXiv 1506.02626. What comes before a layer does not change when that layer is
masked, so the images are passed through it once and each masked network only computes the rest; the
predictions are those of whole forward passes.
"""

import copy
from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from explorer.measure import BATCH, Accuracy
from explorer.networks import Piece, channel_groups, cost_model, maskable_weights, pieces
from explorer.pruning.masks import check_ratio
from explorer.work.identity import percentages, setting
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.progress import Update
from explorer.work.results import Shelf

RATIOS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class Cell:
    """One layer pruned alone at one ratio.

    Attributes:
        layer: its module name.
        ratio: share of its weights that is masked.
        weights: how many weights it has.
        correct: right answers.
        dense_correct: right answers of the dense network on the same images.
        total: images.
    """

    layer: str
    ratio: float
    weights: int
    correct: int
    dense_correct: int
    total: int

    @property
    def drop(self) -> float:
        """Accuracy lost, in percentage points; negative where the masked network is better."""
        return 100 * (self.dense_correct - self.correct) / self.total


@torch.inference_mode()
def scan(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    ratios: tuple[float, ...] = RATIOS,
    skip: Collection[tuple[str, float]] = (),
) -> Iterator[Cell]:
    """Mask each layer alone at each ratio, the lowest L1 first; a cell as soon as it is counted.

    Args:
        model: in eval mode; it is only read.
        inputs: images (N, 3, H, W).
        targets: labels (N,).
        ratios: shares of the layer's weights, 0 to below 1.
        skip: layers and ratios that are not counted again.
    """
    for ratio in ratios:
        check_ratio(ratio)
    network: nn.Module = copy.deepcopy(model).to(memory_format=torch.channels_last)
    sequence, weights = pieces(network), maskable_weights(network)
    batches = list(torch.split(inputs, BATCH))
    dense = _correct(sequence, batches, targets)
    for number, piece in enumerate(sequence):
        # A layer that is used again in a later piece is masked there too: it belongs to the first that holds it.
        for layer in (each for each in piece.layers if each in weights):
            weight = weights.pop(layer)
            wanted = tuple(ratio for ratio in ratios if (layer, ratio) not in skip)
            for ratio in _masked_in_turn(weight, wanted):
                correct = _correct(sequence[number:], batches, targets)
                yield Cell(layer, ratio, weight.numel(), correct, dense, len(targets))
        batches = [piece.run(batch) for batch in batches]


def _masked_in_turn(weight: Tensor, ratios: tuple[float, ...]) -> Iterator[float]:
    """Mask one layer in place at each ratio, and leave it dense."""
    dense = weight.detach().clone(memory_format=torch.contiguous_format)
    order = np.argsort(dense.abs().flatten().numpy(), kind="stable")
    for ratio in sorted(ratios):
        masked = dense.flatten().clone()
        masked[torch.from_numpy(order[: round(ratio * len(order))])] = 0
        weight.copy_(masked.reshape(dense.shape))
        yield ratio
    weight.copy_(dense)


def _correct(sequence: Sequence[Piece], batches: list[Tensor], targets: Tensor) -> int:
    predictions = []
    for batch in batches:
        x = batch
        for piece in sequence:
            x = piece.run(x)
        predictions.append(x.argmax(1))
    return int((torch.cat(predictions) == targets).sum())


@dataclass(frozen=True)
class SensitivitySettings:
    """How many of the images are counted, each class by its share, and at which ratios each layer is masked."""

    images: int = setting("images", "{:,}".format)
    ratios: tuple[float, ...] = setting("ratios", percentages, default=RATIOS)


class SensitivityMap(Instrument[SensitivitySettings, Cell]):
    """The sensitivity of every layer, cell by cell."""

    key = "sensitivity"
    title = "the sensitivity of each layer"
    unit = "cells"
    resumes = True

    def steps(self, spec: InstrumentSpec[SensitivitySettings]) -> int:
        """A cell for each layer and ratio."""
        return len(_work_behind(spec)) * len(spec.settings.ratios)

    def work(self, spec: InstrumentSpec[SensitivitySettings]) -> float:
        """One pass of the dense network, then for each cell what comes from its layer on."""
        behind, settings = _work_behind(spec), spec.settings
        return settings.images * (max(behind) + len(settings.ratios) * sum(behind))

    def run(
        self, spec: InstrumentSpec[SensitivitySettings], done: Sequence[Cell] = ()
    ) -> Generator[Update | Cell, None, None]:
        """The cells that are not done yet."""
        images = (yield from spec.data.read(spec.use)).stratified(spec.settings.images)
        skip = {(cell.layer, cell.ratio) for cell in done}
        yield from scan(spec.network.load(), images.inputs(), images.targets(), spec.settings.ratios, skip)

    def describe(self, part: Cell) -> str:
        """What this cell costs."""
        return f"{part.layer} at {part.ratio:.0%}: {part.drop:.1f} points lost"


SENSITIVITY = SensitivityMap()

_counted: Shelf[tuple[str, int], tuple[int, ...]] = Shelf(32)


def _work_behind(spec: InstrumentSpec[Any]) -> tuple[int, ...]:
    """For each layer that is masked the multiply-adds of one image from its piece of the network to the end."""
    key = spec.network.card.sha256, spec.data.input_size
    counted = _counted.get(key)
    if counted is None:
        network = spec.network.load()
        weights, sequence = set(maskable_weights(network)), pieces(network)
        widths = [group.width for group in channel_groups(network)]
        layers = cost_model(network, spec.data.input_size).layer_costs(widths)
        costs = [sum(layers[each].mult_adds for each in piece.layers if each in layers) for piece in sequence]
        behind = []
        for number, piece in enumerate(sequence):
            for layer in (each for each in piece.layers if each in weights):
                weights.discard(layer)  # it is masked with the first piece that holds it
                behind.append(sum(costs[number:]))
        counted = tuple(behind)
        _counted.put(key, counted)
    return counted


def sensitivity_table(cells: Sequence[Cell]) -> pd.DataFrame:
    """The cells for people, one line each, accuracy with its 95% interval."""
    lines = []
    for cell in cells:
        low, high = Accuracy(cell.correct, cell.total).interval()
        lines.append(
            {
                "layer": cell.layer,
                "ratio": cell.ratio,
                "weights": cell.weights,
                "accuracy": cell.correct / cell.total,
                "accuracy_low": low,
                "accuracy_high": high,
                "lost_points": cell.drop,
                "images": cell.total,
            }
        )
    return pd.DataFrame(lines)


def describe_sensitivity(cells: Sequence[Cell]) -> str:
    """Which layer suffers most and which least at one ratio, with the numbers."""
    ratio = min((cell.ratio for cell in cells), key=lambda each: abs(each - 0.8))
    there = [cell for cell in cells if cell.ratio == ratio]
    worst, best = max(there, key=lambda cell: cell.drop), min(there, key=lambda cell: cell.drop)
    largest = max(there, key=lambda cell: cell.weights)
    return (
        f"With {ratio:.0%} of one layer masked, **{worst.layer}** ({worst.weights:,} weights) costs the most: "
        f"{worst.drop:.1f} points; **{best.layer}** ({best.weights:,}) costs {best.drop:.1f}. "
        f"The largest layer, **{largest.layer}** ({largest.weights:,}), costs {largest.drop:.1f}."
    )
