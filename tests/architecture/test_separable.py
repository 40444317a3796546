import pytest
import torch
import torchvision
from torch import nn

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
