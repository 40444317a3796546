import torch
import torchvision
from torch import nn

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


def test_groups_are_told_by_their_part_and_by_their_layer_where_it_makes_several() -> None:
    titles = group_titles(StudentSpec(1, (1, 2, 1, 3)).build())
    assert list(titles.values()) == ["stem", "block 1", "block 2", "block 3", "block 4"]
    titles = group_titles(ResNetSpec().build())
    assert titles["conv1"] == "stem"
    assert titles["layer2.0.conv1"] == "block 2, layer2.0.conv1"
    assert len(set(titles.values())) == len(titles) == 12
