"""What a network costs, layer by layer, by torchinfo, and how that stands against a limit.

torchinfo hangs hooks on the network it reads, so every budget builds a private one, on the meta
device: shapes without numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import pandas as pd
import torch
from torch import nn
from torchinfo import ModelStatistics, summary

from explorer.errors import ExplorerError
from explorer.networks import (
    NetworkSpec,
    ShapesAlone,
    cost_model_of_spec,
    image_channels,
    parts_of,
    sides,
    wiring_of,
    without_numbers,
)
from explorer.networks.graph import CONTAINERS

MIN_SIZE, MAX_SIZE = 1, 1024


@dataclass(frozen=True)
class LayerRow:
    """One layer, or one row of torchinfo's table that holds layers.

    Attributes:
        label: what torchinfo calls it: ``Conv2d: 2-4``.
        name: of the module.
        kind: its class.
        output: shape (C, H, W) or (C,).
        part: of the network that it lies in (stem, block 1, ...); empty for a row that holds layers.
        params: parameters of its own; 0 where the layers inside have them, or an earlier row of the same layer.
        mult_adds: multiply-adds for one image, likewise.
    """

    label: str
    name: str
    kind: str
    part: str
    output: tuple[int, ...]
    params: int
    mult_adds: int


@dataclass(frozen=True)
class Verdict:
    """What a network costs altogether, and which of its layers costs most, in closed form.

    Attributes:
        params: parameters.
        mult_adds: multiply-adds for one image.
        heaviest: name of the layer with the most parameters.
        kind: class of that layer.
        most: its parameters.
    """

    params: int
    mult_adds: int
    heaviest: str
    kind: str
    most: int

    def within(self, limit: int) -> bool:
        """Whether the total is at most ``limit`` parameters."""
        return self.params <= limit


def verdict(spec: NetworkSpec, size: int = 224) -> Verdict:
    """The verdict on a network for one image of ``size`` x ``size`` pixels: arithmetic, nothing is built.

    Raises:
        ExplorerError: the image is too small for the network.

    >>> from explorer.networks import StudentSpec
    >>> verdict(StudentSpec())
    Verdict(params=99060, mult_adds=148073268, heaviest='layer4.3', kind='Conv2d', most=36096)
    """
    model, wiring = cost_model_of_spec(spec, size), wiring_of(spec)
    total, layers = model.cost(spec.channels), model.layer_costs(spec.channels)
    modules = dict(wiring.named_modules())  # a bare parameter is no layer
    heaviest = max((name for name in layers if name in modules), key=lambda name: layers[name].params)
    kind = type(modules[heaviest]).__name__
    return Verdict(total.params, total.mult_adds, heaviest, kind, layers[heaviest].params)


@dataclass(frozen=True)
class Budget:
    """The cost of a network at one input size.

    Attributes:
        image: shape (C, H, W) of what goes in.
        layers: every layer in the order of the forward pass.
        rows: every row of torchinfo's table: the layers, the network and what holds layers.
        finished: every row of torchsummary's table: layers and modules with a forward pass of their own, in the order
            in which they have finished.
        total_params: torchinfo's total; BatchNorm buffers are not counted, as in the homework.
        mult_adds: torchinfo's total of multiply-adds for one image.
        text: torchinfo's table.
    """

    image: tuple[int, int, int]
    layers: tuple[LayerRow, ...]
    rows: tuple[LayerRow, ...]
    finished: tuple[LayerRow, ...]
    total_params: int
    mult_adds: int
    text: str

    def within(self, limit: int) -> bool:
        """Whether the total is at most ``limit`` parameters."""
        return self.total_params <= limit

    @property
    def heaviest(self) -> LayerRow:
        """The layer with the most parameters."""
        return max(self.layers, key=lambda layer: layer.params)

    @property
    def busiest(self) -> LayerRow:
        """The layer with the most multiply-adds."""
        return max(self.layers, key=lambda layer: layer.mult_adds)

    def layer_table(self) -> pd.DataFrame:
        """One row per layer: columns layer, type, output, parameters, share, mult-adds."""
        return self._as_table(self.layers)

    def row_table(self) -> pd.DataFrame:
        """Every row of torchinfo's table: columns row, layer, output, parameters, share, mult-adds.

        Where torchinfo prints "--" (nothing of its own to count) the figure is missing.
        """
        rows = self._as_table(self.rows).drop(columns="type")
        rows.insert(0, "row", [row.label for row in self.rows])
        for column in ("parameters", "mult-adds"):
            rows[column] = rows[column].astype("Int64").mask(rows["parameters"] == 0)
        return rows

    def part_table(self) -> pd.DataFrame:
        """What each part of the network costs, in order: columns part, parameters, mult-adds."""
        totals = {layer.part: [0, 0] for layer in self.layers}
        for layer in self.layers:
            totals[layer.part][0] += layer.params
            totals[layer.part][1] += layer.mult_adds
        rows = [(part, *total) for part, total in totals.items()]
        return pd.DataFrame(rows, columns=["part", "parameters", "mult-adds"])

    def _as_table(self, rows: tuple[LayerRow, ...]) -> pd.DataFrame:
        return pd.DataFrame(
            [
                {
                    "layer": layer.name,
                    "type": layer.kind,
                    "output": " x ".join(map(str, layer.output)),
                    "parameters": layer.params,
                    "share": layer.params / self.total_params,
                    "mult-adds": layer.mult_adds,
                }
                for layer in rows
            ]
        )


def budget(network: NetworkSpec | nn.Module, size: int = 224) -> Budget:
    """The budget of a network for one image of ``size`` x ``size`` pixels.

    Raises:
        ExplorerError: the input size is not a whole number from 1 to 1024 pixels, or too small for the network.

    >>> from explorer.networks import StudentSpec
    >>> costs = budget(StudentSpec())
    >>> costs.total_params, costs.mult_adds, costs.heaviest.name
    (99060, 148073268, 'layer4.3')
    """
    if isinstance(size, bool) or not isinstance(size, int) or not MIN_SIZE <= size <= MAX_SIZE:
        raise ExplorerError(
            f"The input size must be a whole number from {MIN_SIZE} to {MAX_SIZE} pixels, not {size!r}."
        )
    if isinstance(network, nn.Module):
        sides(network, size)  # refuses an image that is too small in a sentence, as torch does not
        wiring, model = network, without_numbers(network)
    else:
        cost_model_of_spec(network, size)  # likewise, but read once for all widths
        wiring = wiring_of(network)
        with torch.device("meta"):
            model = network.build()
    return _read(model.eval(), parts_of(wiring), (image_channels(wiring), size, size))


def _read(model: nn.Module, parts: Mapping[str, str], image: tuple[int, int, int]) -> Budget:
    """The budget of a private network without numbers; it is changed."""
    names = {module: name for name, module in model.named_modules()}
    inputs = torch.empty(1, *image, device="meta")
    with ShapesAlone():
        statistics: ModelStatistics = summary(model, input_data=inputs, device="meta", verbose=0)
    rows, layers, finished = [], [], []
    running: list[tuple[int, LayerRow]] = []
    for info in statistics.summary_list:
        leaf, name = bool(info.is_leaf_layer), names[info.module]
        layer = LayerRow(
            f"{info.class_name}: {info.depth}-{info.depth_index}" if info.depth else info.class_name,
            name,
            info.class_name,
            parts.get(name, ""),
            tuple(info.output_size[1:]),
            max(info.num_params, 0) if leaf and not info.is_recursive else 0,
            info.macs if leaf else 0,
        )
        rows.append(layer)
        # torchinfo notes a module when it begins; what is not deeper than the next has finished by then.
        while running and running[-1][0] >= info.depth:
            finished.append(running.pop()[1])
        if leaf:
            layers.append(layer)
        if info.depth and info.output_size and not isinstance(info.module, CONTAINERS):
            running.append((info.depth, layer))
    finished += (layer for _, layer in reversed(running))
    return Budget(
        image,
        tuple(layers),
        tuple(rows),
        tuple(finished),
        statistics.total_params,
        statistics.total_mult_adds,
        str(statistics),
    )


def torchsummary_text(costs: Budget) -> str:
    """The budget in the layout of the torchsummary package, which the homework asks for.

    Sizes are those of torchsummary: 4 bytes a number, activations counted twice for training. A layer that is used
    twice has its parameters once, where torchsummary counts them again.
    """
    line, double = "-" * 64, "=" * 64
    rows = [line, f"{'Layer (type)':>20}  {'Output Shape':>25} {'Param #':>15}", double]
    outputs = 0
    for number, layer in enumerate(costs.finished, start=1):
        shape = str([-1, *layer.output])
        rows.append(f"{f'{layer.kind}-{number}':>20}  {shape:>25} {layer.params:>15,}")
        outputs += prod(layer.output)
    megabyte = 1024**2
    sizes = (
        prod(costs.image) * 4 / megabyte,
        2 * outputs * 4 / megabyte,
        costs.total_params * 4 / megabyte,
    )
    rows += [
        double,
        f"Total params: {costs.total_params:,}",
        f"Trainable params: {costs.total_params:,}",
        "Non-trainable params: 0",
        line,
        f"Input size (MB): {sizes[0]:0.2f}",
        f"Forward/backward pass size (MB): {sizes[1]:0.2f}",
        f"Params size (MB): {sizes[2]:0.2f}",
        f"Estimated Total Size (MB): {sum(sizes):0.2f}",
        line,
    ]
    return "\n".join(rows) + "\n"
