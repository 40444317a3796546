"""What a StudentNet costs, layer by layer, by torchinfo, and how that stands against a limit.

torchinfo hangs hooks on the network it reads, so every budget builds a private one, on the meta
device: shapes without numbers.
"""

from dataclasses import dataclass
from math import prod

import pandas as pd
import torch
from torch import Tensor, nn
from torchinfo import ModelStatistics, summary

from explorer.errors import ExplorerError
from explorer.networks import StudentNet, StudentSpec

LIMITS = {"Spring 2023": 60_000, "Spring 2022": 100_000}
MIN_SIZE, MAX_SIZE = 1, 1024


@dataclass(frozen=True)
class Layer:
    """One layer, or one row of torchinfo's table that holds layers.

    Attributes:
        label: what torchinfo calls it: ``Conv2d: 2-4``.
        name: of the module.
        kind: its class.
        output: shape (C, H, W) or (C,).
        params: parameters of its own; 0 where the layers inside have them.
        mult_adds: multiply-adds for one image, likewise.
    """

    label: str
    name: str
    kind: str
    output: tuple[int, ...]
    params: int
    mult_adds: int


@dataclass(frozen=True)
class Budget:
    """The cost of a network at one input size.

    Attributes:
        layers: every layer in the order of the forward pass.
        rows: every row of torchinfo's table: the layers, the network and its blocks.
        total_params: torchinfo's total; BatchNorm buffers are not counted, as in the homework.
        mult_adds: torchinfo's total of multiply-adds for one image.
        text: torchinfo's table.
    """

    layers: tuple[Layer, ...]
    rows: tuple[Layer, ...]
    total_params: int
    mult_adds: int
    text: str

    def within(self, limit: int) -> bool:
        """Whether the total is at most ``limit`` parameters."""
        return self.total_params <= limit

    @property
    def heaviest(self) -> Layer:
        """The layer with the most parameters."""
        return max(self.layers, key=lambda layer: layer.params)

    @property
    def busiest(self) -> Layer:
        """The layer with the most multiply-adds."""
        return max(self.layers, key=lambda layer: layer.mult_adds)

    def table(self) -> pd.DataFrame:
        """One row per layer: columns layer, type, output, parameters, share, mult-adds."""
        return self._table(self.layers)

    def every_row(self) -> pd.DataFrame:
        """Every row of torchinfo's table: columns row, layer, output, parameters, share, mult-adds.

        Where torchinfo prints "--" (nothing of its own to count) the figure is missing.
        """
        rows = self._table(self.rows).drop(columns="type")
        rows.insert(0, "row", [row.label for row in self.rows])
        for column in ("parameters", "mult-adds"):
            rows[column] = rows[column].astype("Int64").mask(rows["parameters"] == 0)
        return rows

    def _table(self, rows: tuple[Layer, ...]) -> pd.DataFrame:
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


def _same(features: Tensor) -> Tensor:
    return features


def budget(spec: StudentSpec, size: int = 224) -> Budget:
    """The budget of ``spec`` for one image (3, size, size).

    Raises:
        ExplorerError: the input size is not a whole number from 1 to 1024 pixels.

    >>> report = budget(StudentSpec())
    >>> report.total_params, report.mult_adds, report.heaviest.name
    (99060, 148073268, 'layer4.3')
    """
    if isinstance(size, bool) or not isinstance(size, int) or not MIN_SIZE <= size <= MAX_SIZE:
        raise ExplorerError(
            f"The input size must be a whole number from {MIN_SIZE} to {MAX_SIZE} pixels, not {size!r}."
        )
    with torch.device("meta"):
        network = StudentNet(spec).eval()
        image = torch.empty(1, 3, size, size)
    names = {}
    for name, module in network.named_modules():
        names[module] = name
        if isinstance(module, nn.BatchNorm2d):
            # It changes no shape, and on the meta device it takes longer than all other layers together.
            module.forward = _same  # type: ignore[method-assign, assignment]
    found: ModelStatistics = summary(network, input_data=image, device="meta", verbose=0)
    rows, layers = [], []
    for info in found.summary_list:
        leaf = bool(info.is_leaf_layer)
        label = f"{info.class_name}: {info.depth}-{info.depth_index}" if info.depth else info.class_name
        layer = Layer(
            label,
            names[info.module],
            info.class_name,
            tuple(info.output_size[1:]),
            max(info.num_params, 0) if leaf else 0,
            info.macs if leaf else 0,
        )
        rows.append(layer)
        if leaf:
            layers.append(layer)
    return Budget(tuple(layers), tuple(rows), found.total_params, found.total_mult_adds, str(found))


def torchsummary_text(found: Budget, size: int) -> str:
    """The budget in the layout of the torchsummary package, which the homework asks for.

    Sizes are those of torchsummary: 4 bytes a number, activations counted twice for training.
    """
    line, double = "-" * 64, "=" * 64
    rows = [line, f"{'Layer (type)':>20}  {'Output Shape':>25} {'Param #':>15}", double]
    outputs = 0
    for number, layer in enumerate(found.layers, start=1):
        shape = str([-1, *layer.output])
        rows.append(f"{f'{layer.kind}-{number}':>20}  {shape:>25} {layer.params:>15,}")
        outputs += prod(layer.output)
    megabyte = 1024**2
    sizes = (3 * size * size * 4 / megabyte, 2 * outputs * 4 / megabyte, found.total_params * 4 / megabyte)
    rows += [
        double,
        f"Total params: {found.total_params:,}",
        f"Trainable params: {found.total_params:,}",
        "Non-trainable params: 0",
        line,
        f"Input size (MB): {sizes[0]:0.2f}",
        f"Forward/backward pass size (MB): {sizes[1]:0.2f}",
        f"Params size (MB): {sizes[2]:0.2f}",
        f"Estimated Total Size (MB): {sum(sizes):0.2f}",
        line,
    ]
    return "\n".join(rows) + "\n"


def blocks(found: Budget) -> pd.DataFrame:
    """Parameters by part of the network: columns part (stem, block 1 to 4, head), parameters, mult-adds."""
    titles = {"conv1": "stem", "bn1": "stem", "fc": "head"}
    rows = found.table()
    parts = [
        titles.get(name, f"block {name[5]}" if name.startswith("layer") else "stem") for name in rows["layer"]
    ]
    parts = ["head" if name == "avgpool" else part for name, part in zip(rows["layer"], parts, strict=True)]
    return (
        rows.assign(part=parts).groupby("part", sort=False)[["parameters", "mult-adds"]].sum().reset_index()
    )
