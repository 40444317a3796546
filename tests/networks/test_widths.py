"""Networks one channel wide, layers with two names, and networks in a few words."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.networks import (
    NetworkSpec,
    ResNetSpec,
    StudentSpec,
    channel_groups,
    depthwise_layers,
    describe,
    graph_of,
    image_channels,
    recognise,
    remove,
    wiring_of,
    with_widths,
    zero,
)

NARROW = StudentSpec(4, (1, 3, 1, 2), 3)


@pytest.mark.parametrize(
    "spec", [NARROW, StudentSpec(1, (1, 1, 1, 1), 2, kernel=1), StudentSpec(3, (5, 2, 2, 9))]
)
def test_a_depthwise_convolution_of_one_channel_is_still_depthwise(spec: StudentSpec) -> None:
    groups = channel_groups(spec.build())
    assert tuple(group.width for group in groups) == spec.channels
    assert [group.key for group in groups] == ["conv1", "layer1.3", "layer2.3", "layer3.3", "layer4.3"]
    assert depthwise_layers(spec.build()) == {f"layer{number}.0" for number in range(1, 5)}


def test_all_channels_but_one_can_be_removed_and_any_number_put_there_again() -> None:
    model, images = StudentSpec(4, (4, 3, 4, 2), 3).build().eval(), torch.randn(2, 3, 32, 32)
    kept = {group: torch.tensor([group.width - 1]) for group in channel_groups(model)}
    small = remove(model, kept)
    assert small.spec == StudentSpec(1, (1, 1, 1, 1), 3)
    torch.testing.assert_close(small(images), zero(model, kept)(images), atol=1e-5, rtol=0)
    wide = with_widths(small, {"conv1": 6, "layer3.3": 5})
    assert wide.spec == StudentSpec(6, (1, 1, 5, 1), 3)
    assert wide(images).shape == (2, 3)


class Added(nn.Module):
    """Two branches of one channel, added."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.left, self.right = nn.Conv2d(1, width, 3), nn.Conv2d(1, width, 3)
        self.act = self.again = nn.ReLU()
        self.norm = nn.BatchNorm2d(width)
        self.twin = self.norm
        self.fc = nn.Linear(width, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.again(self.act(self.left(x) + self.right(x)))
        return self.fc(torch.flatten(torch.mean(self.twin(self.norm(x)), (2, 3)), 1))


@pytest.mark.parametrize("width", [1, 2, 7])
def test_added_branches_are_one_group_at_every_width(width: int) -> None:
    model = Added(width)
    (group,) = channel_groups(model)
    assert (group.width, group.producers, group.norms) == (width, ("left", "right"), ("norm",))
    assert image_channels(model) == 1
    assert [step.layer for step in graph_of(model).steps if step.layer.startswith("n")] == ["norm", "norm"]


def test_a_wiring_is_built_once_for_a_kind_whatever_the_widths() -> None:
    assert wiring_of(StudentSpec()) is wiring_of(replace(StudentSpec(), stem=5))
    assert wiring_of(StudentSpec()) is not wiring_of(replace(StudentSpec(), kernel=5))
    assert all(weight.is_meta for weight in wiring_of(ResNetSpec()).parameters())


def test_networks_in_a_few_words() -> None:
    assert describe(StudentSpec(8, (8, 16, 32, 18))) == "StudentNet (8; 8, 16, 32, 18)"
    assert describe(StudentSpec(8, (8, 16, 32, 18)).build()) == "StudentNet (8; 8, 16, 32, 18)"
    assert describe(ResNetSpec(10, (9,) * 12)) == "ResNet-18"
    assert describe(nn.Identity()) == "Identity"


def test_a_pruned_network_one_channel_wide_opens_again() -> None:
    model = NARROW.build()
    assert recognise(model.state_dict(), "it").spec == NARROW


@pytest.mark.parametrize("spec", [StudentSpec(8, (8, 16, 32, 18), kernel=5), ResNetSpec(11, (2, 3) * 6)])
def test_the_same_network_for_other_classes(spec: NetworkSpec) -> None:
    other = spec.with_classes(7)
    assert (other.classes, other.channels) == (7, spec.channels)
    assert other.with_classes(spec.classes) == spec
    with pytest.raises(ExplorerError, match="between 2 and"):
        spec.with_classes(1)
