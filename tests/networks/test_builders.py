from pathlib import Path

import pytest
import torch
from torch import nn

from explorer.errors import ExplorerError
from explorer.networks import StudentNet, StudentSpec, parameter_count, resnet18_teacher


def dwpw(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride=stride, padding=1, bias=False, groups=inputs),
        nn.BatchNorm2d(inputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class ReportNet(nn.Module):
    """The network as the report writes it, independent of our class."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = dwpw(64, 64)
        self.layer2 = dwpw(64, 128, stride=2)
        self.layer3 = dwpw(128, 256, stride=2)
        self.layer4 = dwpw(256, 141, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(141, 11)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


def test_the_reports_state_dict_loads_and_computes_the_same() -> None:
    torch.manual_seed(0)
    theirs, ours = ReportNet().eval(), StudentNet(StudentSpec()).eval()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 224, 224)
    assert torch.equal(theirs(images), ours(images))


def test_the_reports_network_has_99_060_parameters() -> None:
    assert parameter_count(StudentNet(StudentSpec(64, (64, 128, 256, 141), 11))) == 99_060
    assert parameter_count(StudentNet(StudentSpec(classes=10))) == 98_918
    assert parameter_count(StudentNet(StudentSpec(conv_bias=True))) == 100_225


def test_the_teacher_has_the_parameters_of_the_courses_checkpoint() -> None:
    assert parameter_count(resnet18_teacher(11)) == 11_182_155
    assert parameter_count(resnet18_teacher(10)) == 11_181_642


@pytest.mark.parametrize("size", [1, 32, 64, 224])
def test_any_image_size_gives_logits(size: int) -> None:
    net = StudentNet(StudentSpec(3, (1, 2, 3, 4), classes=5, kernel=5, conv_bias=True)).eval()
    assert net(torch.randn(2, 3, size, size)).shape == (2, 5)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"stem": 0}, "stem must have between 1 and 1024 channels, not 0"),
        ({"stem": True}, "stem must have"),
        ({"stem": 8.5}, "not 8.5"),
        ({"widths": (64, 128, 256)}, "needs 4 widths, not 3"),
        ({"widths": (64, 128, -1, 141)}, "Block 3 must have"),
        ({"widths": (64, 128, 256, 5000)}, "Block 4 must have"),
        ({"widths": 64}, "whole numbers"),
        ({"widths": "abcd"}, "Block 1 must have"),
        ({"classes": 1}, "between 2 and 1000 classes"),
        ({"kernel": 4}, "odd number"),
        ({"kernel": 17}, "odd number"),
        ({"conv_bias": "yes"}, "true or false"),
    ],
)
def test_an_impossible_spec_is_refused_in_one_sentence(values: dict, sentence: str) -> None:
    with pytest.raises(ExplorerError, match=sentence) as caught:
        StudentSpec(**values)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_a_spec_survives_its_plain_values() -> None:
    spec = StudentSpec(5, [6, 7, 8, 9], 12, 5, True)  # type: ignore[arg-type]
    assert StudentSpec.from_dict(spec.to_dict()) == spec
    assert hash(spec) == hash(StudentSpec.from_dict(spec.to_dict()))


def test_the_courses_teacher_checkpoint_loads_as_it_is(tmp_path: Path) -> None:
    from torchvision.models import resnet18

    from explorer.checkpoints import read_state
    from explorer.networks import recognise

    torch.manual_seed(0)
    theirs = resnet18(weights=None, num_classes=11).eval()
    path = tmp_path / "resnet18_teacher.ckpt"
    torch.save(theirs.state_dict(), path)
    ours = recognise(read_state(path), path.name)
    images = torch.randn(1, 3, 64, 64)
    assert torch.equal(theirs(images), ours(images))


def test_a_fresh_resnet_is_torchvisions_weight_by_weight() -> None:
    from torchvision.models import resnet18

    from explorer.networks.resnet import ResNet18

    models = []
    for build in (resnet18, ResNet18):
        torch.manual_seed(0)
        models.append(build(**{"num_classes" if build is resnet18 else "classes": 7}))
    theirs, ours = (model.state_dict() for model in models)
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    images = torch.randn(2, 3, 64, 64)
    assert torch.equal(*(model(images) for model in models))  # in training, with the batch's own statistics
