import pytest
import torch
from torch import Tensor, nn

from explorer.networks import ResNetSpec, StudentSpec, spec_of, why_not_fed


class Flat(nn.Module):
    """Its linear layer reads what 32 pixels leave of an image, or what it is told to."""

    def __init__(self, colours: int = 3) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(colours, 4, 3, stride=4, padding=1), nn.BatchNorm2d(4)
        self.fc = nn.Linear(4 * 8 * 8, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.flatten(self.norm(self.conv(x)), 1))


@pytest.mark.parametrize("size", [32, 64, 224])
def test_a_network_that_averages_at_the_end_takes_any_side(size: int) -> None:
    assert why_not_fed(StudentSpec(), size) == ""
    assert why_not_fed(ResNetSpec(), size) == ""


def test_a_network_that_flattens_takes_one_side_and_says_which() -> None:
    spec = spec_of(Flat())
    assert why_not_fed(spec, 32) == ""
    assert why_not_fed(spec, 64) == (
        "it cannot take images of 64 x 64 pixels; of the usual sides it takes 32"
    )
    assert why_not_fed(spec_of(Flat(1)), 32) == "it reads images of 1 channel, and these have 3"


def test_an_image_of_which_nothing_is_left_is_refused() -> None:
    deep = nn.Sequential(*(nn.Conv2d(3, 3, 3, stride=2) for _ in range(5)), nn.Flatten(), nn.LazyLinear(2))
    deep(torch.zeros(1, 3, 96, 96))
    assert "cannot take images of 32 x 32 pixels" in why_not_fed(spec_of(deep), 32)
