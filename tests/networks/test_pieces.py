import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.networks import graph_of, maskable_weights, pieces
from tests.networks.examples import EVERY, ResidualStudent, images, trained_like


@pytest.mark.parametrize("name", EVERY)
@torch.inference_mode()
def test_piece_by_piece_is_the_whole_forward_to_the_last_bit(name: str) -> None:
    model = trained_like(EVERY[name])
    x = images()
    sequence = pieces(model)
    for piece in sequence:
        before = x.clone()
        after = piece.run(x)
        assert torch.equal(x, before), "a piece leaves its input as it is"
        assert torch.equal(after, piece.run(x)), "so it can run again"
        x = after
    assert torch.equal(x, model(images()))
    calls = [step.name for piece in sequence for step in piece.steps]
    assert calls == [step.name for step in graph_of(model).steps]
    weights = maskable_weights(model)
    assert all(set(piece.layers) & set(weights) for piece in sequence)


def test_a_student_comes_apart_at_every_convolution_and_a_resnet_at_its_blocks() -> None:
    student = [piece.layers for piece in pieces(trained_like(EVERY["StudentNet"]))]
    assert student[:3] == [
        ("conv1", "bn1", "relu", "maxpool"),
        ("layer1.0", "layer1.1", "layer1.2"),
        ("layer1.3", "layer1.4", "layer1.5"),
    ]
    assert len(student) == 10
    resnet = [piece.layers for piece in pieces(trained_like(EVERY["ResNet-18"]))]
    assert [layers[0] for layers in resnet] == [
        "conv1",
        *(f"layer{stage}.{block}.conv1" for stage in (1, 2, 3, 4) for block in (0, 1)),
        "fc",
    ]
    assert "layer2.0.downsample.0" in resnet[3]


def test_a_block_with_a_shortcut_is_one_piece() -> None:
    layers = [piece.layers for piece in pieces(ResidualStudent())]
    assert [each[0] for each in layers] == ["conv1", *(f"blocks.{number}.0" for number in range(4)), "fc"]
    assert "shortcuts.1.0" in layers[2]


def test_a_layer_that_works_in_place_leaves_the_input_of_its_piece() -> None:
    class InPlace(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.conv, self.head = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(functional.hardswish(x, inplace=True))
            y = functional.hardswish(x, inplace=True)
            x += self.conv(y)
            return self.head(x.mean((2, 3)))

    model = trained_like(InPlace)
    x = images(8)
    for piece in pieces(model):
        before = x.clone()
        after = piece.run(x)
        assert torch.equal(x, before)
        x = after
    assert torch.equal(x, model(images(8)))


def test_masking_a_weight_in_place_reaches_the_pieces() -> None:
    model = trained_like(EVERY["StudentNet"])
    sequence = pieces(model)
    before = sequence[0].run(images())
    with torch.no_grad():
        maskable_weights(model)["conv1"].zero_()
    assert not torch.equal(sequence[0].run(images()), before)
