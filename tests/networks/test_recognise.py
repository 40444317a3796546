"""Which network a state_dict belongs to."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from explorer import checkpoints
from explorer.errors import ExplorerError
from explorer.networks import (
    Builder,
    StudentNet,
    StudentSpec,
    builder_of,
    channel_groups,
    recognise,
    remove,
    resnet18_teacher,
)
from tests.networks.examples import KINDS, images, trained_like
from tests.networks.test_resize import any_channels

Change = Callable[[dict[str, Tensor]], object]


@pytest.mark.parametrize("name", checkpoints.catalogue())
def test_every_shipped_checkpoint_is_recognised(name: str) -> None:
    card, model = checkpoints.catalogue()[name], checkpoints.load(name)
    again = recognise(model.state_dict(), name)
    assert again.spec == model.spec
    assert (again.spec.kind, again.spec.classes) == (card.network, card.classes)
    assert not again.training
    assert torch.equal(again(images()), model(images()))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_pruned_network_is_recognised_with_its_widths(name: str, share: float) -> None:
    model = trained_like(KINDS[name])
    small = remove(model, any_channels(model, share))
    again = recognise(small.state_dict(), "pruned.ckpt")
    assert again.spec == small.spec
    assert torch.equal(again(images()), small(images()))
    assert [group.width for group in channel_groups(again)] == list(small.spec.channels)


@pytest.mark.parametrize(
    "spec",
    [
        StudentSpec(),
        StudentSpec(3, (2, 3, 4, 5), classes=4),
        StudentSpec(2, (1, 1, 1, 1), 2, kernel=5, conv_bias=True),
        StudentSpec(5, (6, 7, 8, 9), 12, kernel=1, conv_bias=True),
    ],
)
def test_a_student_is_recognised_by_its_shapes(spec: StudentSpec) -> None:
    again = recognise(StudentNet(spec).state_dict(), "net.ckpt")
    assert isinstance(again, StudentNet)
    assert again.spec == spec


@dataclass(frozen=True)
class LongerSpec(StudentSpec):
    """A StudentNet with one BatchNorm more: it has every name that a StudentNet has."""

    kind: ClassVar[str] = "longer"

    def with_channels(self, channels: tuple[int, ...]) -> "LongerSpec":
        return replace(self, stem=channels[0], widths=tuple(channels[1:]))

    def build(self) -> StudentNet:
        net = StudentNet(self)
        net.avgpool = nn.Sequential(OrderedDict(norm=nn.BatchNorm2d(self.widths[-1]), pool=net.avgpool))  # type: ignore[assignment]
        return net


@pytest.mark.parametrize("last", [True, False])
def test_a_kind_that_has_all_names_of_another_is_told_from_it(
    last: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def candidates(state: Mapping[str, Tensor]) -> Iterator[LongerSpec]:
        yield LongerSpec(classes=len(state["fc.weight"]))

    longer = Builder(LongerSpec.kind, "Longer", "student", lambda values, _: LongerSpec(**values), candidates)
    ours = {StudentSpec.kind: builder_of(StudentSpec.kind)}
    both = ours | {"longer": longer} if last else {"longer": longer} | ours
    monkeypatch.setattr(import_module("explorer.networks.recognise"), "all_builders", lambda: both)
    for spec in (LongerSpec(4, (5, 6, 7, 8), 3), StudentSpec(4, (5, 6, 7, 8), 3)):
        assert recognise(spec.build().state_dict(), "net.ckpt").spec == spec


def without(key: str) -> Change:
    return lambda state: state.pop(key)


def changed(key: str, tensor: Tensor) -> Change:
    return lambda state: state.update({key: tensor})


@pytest.mark.parametrize(
    ("build", "change", "sentence"),
    [
        ("StudentNet", lambda state: state.clear(), "it.ckpt has the names of none of"),
        ("StudentNet", without("fc.weight"), "it.ckpt has the names of none of"),
        ("StudentNet", without("conv1.weight"), "it.ckpt has the names of none of"),
        ("StudentNet", without("layer1.0.weight"), "it.ckpt has the names of none of"),
        (
            "StudentNet",
            changed("fc.weight", torch.tensor(1.0)),
            "it.ckpt has the names of none of",
        ),
        (
            "StudentNet",
            changed("layer1.0.weight", torch.tensor(1.0)),
            "it.ckpt has the names of none of",
        ),
        (
            "StudentNet",
            changed("conv1.weight", torch.tensor(1.0)),
            "it.ckpt has the names of none of",
        ),
        (
            "ResNet-18",
            without("layer3.0.downsample.0.weight"),
            "it.ckpt has no 'layer3.0.downsample.0.weight'",
        ),
        ("ResNet-18", without("layer3.0.conv1.weight"), "it.ckpt has the names of none of"),
        (
            "ResNet-18",
            changed("fc.weight", torch.tensor(1.0)),
            "it.ckpt has the names of none of",
        ),
        ("ResNet-18", changed("extra", torch.zeros(1)), "it.ckpt: this network has no 'extra'."),
        (
            "ResNet-18",
            changed("layer2.0.bn2.weight", torch.zeros(100)),
            "it.ckpt: 'layer2.0.bn2.weight' has shape (100,), this network needs (128,).",
        ),
        (
            "ResNet-18",
            changed("fc.weight", torch.zeros(1, 512)),
            "There must be between 2 and 1000 classes, not 1.",
        ),
        (
            "StudentNet",
            changed("conv1.weight", torch.zeros(0, 3, 7, 7)),
            "The stem must have between 1 and 1024",
        ),
        (
            "StudentNet",
            changed("layer2.3.weight", torch.zeros(2000, 8, 1, 1)),
            "Block 2 must have between 1 and 1024",
        ),
        (
            "StudentNet",
            changed("layer1.0.weight", torch.zeros(9, 1, 4, 4)),
            "The depthwise kernel must be an odd",
        ),
        (
            "StudentNet",
            changed("fc.bias", torch.zeros(6, dtype=torch.int8)),
            "it.ckpt: 'fc.bias' is int8, not",
        ),
        (
            "StudentNet",
            changed("fc.bias", torch.zeros(6).to_sparse()),
            "it.ckpt: 'fc.bias' is sparse, not dense.",
        ),
        (
            "StudentNet",
            changed("fc.bias", torch.zeros(6, device="meta")),
            "it.ckpt: 'fc.bias' is empty, not dense.",
        ),
    ],
)
def test_another_file_is_refused_in_one_sentence(build: str, change: Change, sentence: str) -> None:
    state = dict(KINDS[build]().state_dict())
    change(state)
    with pytest.raises(ExplorerError) as caught:
        recognise(state, "it.ckpt")
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_the_weights_are_copied_and_half_precision_becomes_float32() -> None:
    model = resnet18_teacher(4).half()
    state = model.state_dict()
    again = recognise(state, "half.ckpt")
    assert {tensor.dtype for tensor in again.parameters()} == {torch.float32}
    before = again.conv1.weight.clone()
    state["conv1.weight"].zero_()
    assert torch.equal(again.conv1.weight, before)
