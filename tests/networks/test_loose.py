"""State_dicts that are of no kind, but of a family that their names and shapes tell."""

from collections import OrderedDict
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from explorer.errors import ExplorerError
from explorer.networks import assumed, channel_groups, parameter_count, recognise, remove
from explorer.networks.loose import loose_network
from tests.networks.examples import trained_like
from tests.networks.test_resize import any_channels


def block(inputs: int, outputs: int, stride: int, bias: tuple[bool, bool]) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=bias[0]),
        nn.BatchNorm2d(inputs),
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, 1, bias=bias[1]),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def student(
    stem: int, *widths: int, bias: tuple[bool, bool] = (True, True), head: nn.Module | None = None
) -> nn.Module:
    """The report's network with any number of blocks, biases in them and none in the stem."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(3, stem, 7, 2, 3, bias=False),
        bn1=nn.BatchNorm2d(stem),
        relu=nn.ReLU(),
        pool=nn.MaxPool2d(3, 2, 1),
    )
    for number, (inputs, outputs) in enumerate(zip((stem, *widths), widths, strict=False), start=1):
        layers[f"layer{number}"] = block(inputs, outputs, 1 if number == 1 else 2, bias)
    layers |= {
        "avgpool": nn.AdaptiveAvgPool2d(1),
        "flat": nn.Flatten(),
        "fc": head or nn.Linear(widths[-1], 11),
    }
    return nn.Sequential(layers)


def small_images(model: ResNet) -> ResNet:
    """A ResNet with the stem that small images get."""
    model.conv1, model.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()  # type: ignore[assignment]
    return model


def with_head(model: ResNet, *layers: nn.Module) -> ResNet:
    model.fc = nn.Sequential(*layers)  # type: ignore[assignment]
    return model


def tiny(deep: bool = False, **settings: int) -> ResNet:
    return ResNet(Bottleneck if deep else BasicBlock, [1, 1, 1, 2], num_classes=5, **settings)


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda: student(64, 64, 128, 256, 140), "StudentNet"),
        (lambda: student(48, 64, 128, 256), "StudentNet"),
        (lambda: student(8, 9, bias=(True, False)), "StudentNet"),
        (lambda: student(4, 5, 6, 7, 8, 9, bias=(False, False)), "StudentNet"),
        (lambda: student(4, 5, 6, 7, 8, head=nn.Sequential(nn.Dropout(), nn.Linear(8, 3))), "StudentNet"),
        (tiny, "ResNet12"),
        (lambda: tiny(deep=True), "ResNet17"),
        (lambda: tiny(deep=True, groups=4, width_per_group=4), "ResNeXt17_4x4d"),
        (lambda: small_images(tiny()), "ResNet12"),
        (lambda: with_head(tiny(), nn.Dropout(), nn.Linear(512, 5)), "ResNet12"),
        (
            lambda: with_head(tiny(), nn.Linear(512, 20), nn.ReLU(), nn.Dropout(), nn.Linear(20, 5)),
            "ResNet12",
        ),
        (lambda: small_images(models.resnet18(num_classes=5)), "ResNet18"),
        (lambda: models.squeezenet1_1(num_classes=5), "squeezenet1_1"),
    ],
)
def test_a_network_of_a_family_is_opened_exactly(build: Callable[[], nn.Module], name: str) -> None:
    model = trained_like(build)
    again = recognise(model.state_dict(), "mine.ckpt")
    assert again.spec.name == name
    assert parameter_count(again) == parameter_count(model)
    images = torch.randn(2, 3, 64, 64)
    assert torch.allclose(again(images), model(images), atol=1e-5)
    assert f"those of {name}. What they do not tell is assumed: activations: ReLU" in assumed(
        again, "mine.ckpt"
    )


@pytest.mark.parametrize(
    "name",
    ["resnet34", "resnet50", "resnext50_32x4d", "wide_resnet50_2", "densenet121", "mnasnet1_0", "googlenet"],
)
def test_torchvisions_networks_are_named(name: str) -> None:
    with torch.device("meta"):
        settings = {"aux_logits": False} if name == "googlenet" else {}
        state = models.get_model(name, num_classes=11, **settings).state_dict()
    loose = loose_network({key: tensor for key, tensor in state.items() if tensor.ndim})
    assert loose is not None
    assert loose.name.lower().partition("_")[0] in name.replace("wide_", "")
    shapes = {key: tensor.shape for key, tensor in state.items()}
    assert {key: tensor.shape for key, tensor in loose.model.state_dict().items()} == shapes


def test_another_head_on_a_torchvision_network_is_read() -> None:
    with torch.device("meta"):
        model = models.mobilenet_v2()
        model.classifier = nn.Sequential(nn.Dropout(), nn.Linear(1280, 40), nn.ReLU(), nn.Linear(40, 7))
        loose = loose_network(model.state_dict())
    assert loose is not None
    assert [type(layer).__name__ for layer in loose.model.classifier] == [
        "Dropout",
        "Linear",
        "ReLU",
        "Linear",
    ]


def test_a_network_of_a_family_with_channels_removed_is_opened() -> None:
    model = trained_like(lambda: student(8, 9, 10))
    small = remove(model, any_channels(model, 0.5))
    again = recognise(small.state_dict(), "mine.ckpt")
    assert [group.width for group in channel_groups(again)] == [
        group.width for group in channel_groups(small)
    ]
    images = torch.randn(2, 3, 32, 32)
    assert torch.allclose(again(images), small(images), atol=1e-5)


def test_a_named_network_that_cannot_be_opened_is_said() -> None:
    with torch.device("meta"):
        state = models.swin_t(num_classes=11).state_dict()
    with pytest.raises(ExplorerError, match=r"^mine\.ckpt holds a swin_t, which cannot be opened: "):
        recognise(state, "mine.ckpt")


def changed(**tensors: Tensor | None) -> dict[str, Tensor]:
    state = dict(student(4, 5, 6).state_dict())
    for key, tensor in tensors.items():
        name = key.replace("__", ".")
        state.pop(name, None)
        if tensor is not None:
            state[name] = tensor
    return state


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (changed(fc__weight=None), "has the names of none of"),
        (changed(fc__weight=torch.zeros(3, 6, 1, 1)), "has the names of none of"),
        (changed(layer2__4__bias=None), "mine.ckpt has no 'layer2.4.bias'"),
        (changed(layer2__3__weight=torch.zeros(6, 4, 1, 1)), "'layer2.3.weight' has shape"),
        (changed(layer2__6__weight=torch.zeros(2)), "mine.ckpt: this network has no 'layer2.6.weight'."),
        (changed(conv1__weight=torch.zeros(4, 3, 7)), "has the names of none of"),
    ],
)
def test_what_does_not_fit_a_family_is_said(state: dict[str, Tensor], sentence: str) -> None:
    with pytest.raises(ExplorerError) as caught:
        recognise(state, "mine.ckpt")
    assert sentence in str(caught.value)
