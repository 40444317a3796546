"""Convolutions as products of matrices: the same numbers, where it is worth it, and the weights are shared."""

import pytest
import torch
from torch import nn

from explorer.networks.products import ConvAsProduct, with_products
from tests.networks.examples import EVERY, images, trained_like


@pytest.mark.parametrize(
    ("conv", "sides"),
    [
        (nn.Conv2d(5, 4, 3, padding=1), (2, 2)),
        (nn.Conv2d(5, 4, 3, 2, 1, bias=False), (4, 4)),
        (nn.Conv2d(5, 4, (3, 1), padding="same"), (1, 3)),
        (nn.Conv2d(5, 4, 3, padding=2, dilation=2), (2, 2)),
        (nn.Conv2d(5, 4, 2), (3, 2)),
    ],
)
def test_a_convolution_of_a_few_pixels_is_one_product(conv: nn.Conv2d, sides: tuple[int, int]) -> None:
    product, batch = ConvAsProduct(conv), torch.randn(20, 5, *sides)
    with torch.inference_mode():
        assert torch.allclose(product(batch), conv(batch), atol=1e-5)
        assert product(batch).shape == conv(batch).shape
    assert product._written is not None, "it was a product"
    many = ConvAsProduct(conv)
    assert torch.equal(many(batch[:3]), conv(batch[:3]))
    assert many._written is None, "three images alone are no faster so"


def test_a_larger_image_runs_as_ever_and_another_side_gets_a_matrix_of_its_own() -> None:
    conv = nn.Conv2d(3, 4, 3, padding=1)
    product = ConvAsProduct(conv)
    for side in (2, 9, 1, 2):
        batch = torch.randn(16, 3, side, side)
        assert torch.allclose(product(batch), conv(batch), atol=1e-5)
    large = torch.randn(16, 3, 9, 9)
    assert torch.equal(product(large), conv(large))


@pytest.mark.parametrize("name", ["ResNet-18", "Grouped", "Flattened", "Twice", "Residual"])
def test_a_network_answers_as_before_and_its_weights_are_the_same_tensors(name: str) -> None:
    network = trained_like(EVERY[name])
    faster, batch = with_products(network), images(count=16)
    with torch.inference_mode():
        assert torch.allclose(faster(batch), network(batch), atol=1e-4)
    ours = {tensor.data_ptr() for tensor in network.parameters()}
    assert {tensor.data_ptr() for tensor in faster.parameters()} == ours
    assert not any(isinstance(module, ConvAsProduct) for module in network.modules())


def test_the_last_convolutions_of_a_resnet_at_64_pixels_become_products() -> None:
    faster = with_products(trained_like(EVERY["ResNet-18"]))
    with torch.inference_mode():
        faster(images(count=16))
    written = [
        name for name, each in faster.named_modules() if isinstance(each, ConvAsProduct) and each._written
    ]
    assert written == ["layer4.0.conv1", "layer4.0.conv2", "layer4.1.conv1", "layer4.1.conv2"]
