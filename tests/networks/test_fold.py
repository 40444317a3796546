import copy

import pytest
import torch
from torch import nn

from explorer.networks import fold_batchnorm
from tests.networks.examples import EVERY, Preactivated, Twice, Unordered, images, trained_like


def norms(model: nn.Module) -> list[str]:
    return [name for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)]


@pytest.mark.parametrize("name", EVERY)
@torch.no_grad()
def test_a_folded_network_computes_the_same(name: str) -> None:
    model = trained_like(EVERY[name]).train()
    before = copy.deepcopy(model.state_dict())
    folded = fold_batchnorm(model)
    assert model.training
    assert not folded.training
    model.eval()
    output = model(images())
    assert torch.allclose(folded(images()), output, atol=1e-5 * float(output.abs().max().clamp_min(1)))
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())


@pytest.mark.parametrize("name", ["StudentNet", "ResNet-18", "ResidualStudent", "mobilenet_v2", "Sigmoid"])
def test_behind_convolutions_no_batch_norm_is_left(name: str) -> None:
    assert not norms(fold_batchnorm(trained_like(EVERY[name])))


def test_what_no_convolution_can_take_over_stays() -> None:
    """Not the registration order decides, but which layer reads which."""
    assert sorted(norms(fold_batchnorm(trained_like(Unordered)))) == ["norm0", "norm3"]
    assert norms(fold_batchnorm(trained_like(Preactivated))) == ["norms.0", "norms.1"]
    assert norms(fold_batchnorm(trained_like(Twice))) == ["norm"], "the ReLU before it cannot take it over"


def test_a_convolution_used_twice_takes_nothing_over() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm, self.head = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.norm(self.conv(torch.relu(self.conv(x)))).mean((2, 3)))

    model = trained_like(Shared)
    folded = fold_batchnorm(model)
    assert norms(folded) == ["norm"]
    assert torch.equal(folded(images()), model(images()))


def test_a_convolution_that_is_the_output_as_well_takes_nothing_over() -> None:
    class Unread(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.conv(x)
            self.norm(x)
            return x

    model = trained_like(Unread)
    assert torch.equal(fold_batchnorm(model)(images()), model(images()))
