import torch
import torchvision
from torch import Tensor, nn

from explorer.networks import ResNetSpec, StudentSpec, group_titles, parts_of
from tests.networks.nets import built


def in_order(model: nn.Module) -> list[str]:
    return list(dict.fromkeys(parts_of(model).values()))


def test_the_modules_with_convolutions_are_the_blocks() -> None:
    six = ["stem", "block 1", "block 2", "block 3", "block 4", "head"]
    for spec in (StudentSpec(), ResNetSpec()):
        model = spec.build()
        assert in_order(model) == six
        parts = parts_of(model)
        assert parts["conv1"] == parts["maxpool"] == "stem"
        assert parts["avgpool"] == parts["fc"] == "head"
        for layer, part in parts.items():
            if layer.startswith("layer"):
                assert part == f"block {layer[5]}"


def test_a_module_that_holds_most_layers_is_looked_into() -> None:
    with torch.device("meta"):
        model = torchvision.models.squeezenet1_1(weights=None)
    assert in_order(model) == ["stem", *(f"block {number}" for number in range(1, 9)), "head"]
    parts = parts_of(model)
    assert parts["features.0"] == "stem"
    assert parts["features.3.squeeze"] == "block 1"
    assert parts["features.5"] == "block 2", "a pooling between two blocks is of the one before"
    assert parts["classifier.1"] == "head"


def test_a_chain_without_blocks_has_its_layers_for_parts() -> None:
    model = built("Chain")
    assert in_order(model) == ["cnn.0", "cnn.4", "cnn.8", "fc.0", "fc.2"]
    assert parts_of(model)["cnn.5"] == "cnn.4"


def test_a_module_that_holds_less_than_half_of_the_layers_is_a_block() -> None:
    inner = nn.Sequential(*(nn.Sequential(nn.Conv2d(4, 4, 1)) for _ in range(2)))
    model = nn.Sequential(
        nn.Conv2d(3, 4, 1), inner, nn.Sequential(nn.Conv2d(4, 4, 1)), nn.Flatten(), nn.Linear(4 * 9, 2)
    )
    assert in_order(model) == ["stem", "block 1", "block 2", "head"]
    assert parts_of(model)["1.1.0"] == "block 1"


class SideBySide(nn.Module):
    """Blocks with shortcuts that are modules beside them; the second shortcut is run before its block."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.block1, self.shortcut1 = (
            nn.Sequential(nn.Conv2d(4, 6, 1), nn.ReLU()),
            nn.Sequential(nn.Conv2d(4, 6, 1)),
        )
        self.block2, self.shortcut2 = nn.Sequential(nn.Conv2d(6, 5, 1)), nn.Sequential(nn.Conv2d(6, 5, 1))
        self.block3, self.fc = nn.Sequential(nn.Conv2d(5, 5, 1)), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = self.block1(x) + self.shortcut1(x)
        beside = self.shortcut2(x)
        return self.fc(self.block3(self.block2(x) + beside).mean((2, 3)))


def test_modules_that_run_side_by_side_are_one_block() -> None:
    parts = parts_of(SideBySide())
    assert parts == {
        "conv": "stem",
        **dict.fromkeys(("block1.0", "block1.1", "shortcut1.0"), "block 1"),
        **dict.fromkeys(("shortcut2.0", "block2.0"), "block 2"),
        "block3.0": "block 3",
        "fc": "head",
    }
    assert list(group_titles(SideBySide()).values()) == ["stem", "block 1", "block 2", "block 3"]


def test_groups_are_told_by_their_part_and_by_their_layer_where_it_makes_several() -> None:
    titles = group_titles(StudentSpec(1, (1, 2, 1, 3)).build())
    assert list(titles.values()) == ["stem", "block 1", "block 2", "block 3", "block 4"]
    titles = group_titles(ResNetSpec().build())
    assert titles["conv1"] == "stem"
    assert titles["layer2.0.conv1"] == "block 2, layer2.0.conv1"
    assert len(set(titles.values())) == len(titles) == 12
