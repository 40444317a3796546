from dataclasses import dataclass, replace

import pytest
import torch
import torchvision
from torch import Tensor, nn

from explorer.architecture.separable import against_standard, separable_pairs
from explorer.networks import ResNetSpec, StudentSpec
from tests.networks.nets import built


@pytest.mark.parametrize(
    "spec", [StudentSpec(5, (6, 7, 8, 9), kernel=5), StudentSpec(1, (3, 1, 1, 2), kernel=3)]
)
def test_the_standard_convolution_is_counted_as_torch_builds_it(spec: StudentSpec) -> None:
    rows, network = against_standard(spec), spec.build()
    for number, (inputs, outputs, _) in enumerate(spec.blocks, start=1):
        block = network.get_submodule(f"layer{number}")
        separable = sum(module.weight.numel() for module in block.children() if isinstance(module, nn.Conv2d))
        standard = nn.Conv2d(inputs, outputs, spec.kernel, bias=False).weight.numel()
        row = rows.iloc[number - 1]
        assert (row["part"], row["separable"], row["standard"]) == (f"block {number}", separable, standard)
        area = spec.kernel**2
        assert row["factor"] == pytest.approx(area * outputs / (area + outputs))


class Doubled(nn.Module):
    """A depthwise convolution that makes two channels of each, then a pointwise one."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, inputs, 1)
        self.depthwise = nn.Conv2d(inputs, 2 * inputs, (3, 5), groups=inputs)
        self.pointwise = nn.Conv2d(2 * inputs, outputs, 1)
        self.fc = nn.Linear(outputs, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.pointwise(torch.relu(self.depthwise(self.stem(x)))).mean((2, 3)))


@dataclass(frozen=True)
class DoubledSpec:
    channels: tuple[int, ...]
    kind: str = "doubled"
    classes: int = 2

    def with_channels(self, channels: tuple[int, ...]) -> "DoubledSpec":
        return replace(self, channels=channels)

    def build(self) -> nn.Module:
        return Doubled(*self.channels)

    def to_dict(self) -> dict[str, object]:
        return {}


def test_a_multiplier_does_not_multiply_what_the_standard_convolution_would_read() -> None:
    (row,) = against_standard(DoubledSpec((4, 6))).to_dict("records")
    assert row["separable"] == 8 * 15 + 8 * 6
    assert row["standard"] == nn.Conv2d(4, 6, (3, 5), bias=False).weight.numel()


def test_a_network_of_standard_convolutions_has_none() -> None:
    assert against_standard(ResNetSpec()).empty


def test_pairs_are_found_along_any_graph() -> None:
    with torch.device("meta"):
        model = torchvision.models.mobilenet_v2(weights=None)
    pairs = separable_pairs(model)
    assert len(pairs) == 17
    assert pairs[0] == ("features.1.conv.0.0", "features.1.conv.1")
    assert pairs[-1] == ("features.17.conv.1.0", "features.17.conv.2")
    assert separable_pairs(built("Excited")) == (("body.0.0", "body.0.1"),)
    assert separable_pairs(built("Settings")) == (), "the convolution after it is not pointwise"
