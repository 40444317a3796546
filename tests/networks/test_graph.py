import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, fx, nn
from torch.nn import functional

from explorer.errors import ExplorerError
from explorer.networks import StudentNet, StudentSpec, channel_groups, graph_of, image_channels, sides
from tests.networks.examples import EVERY, images, trained_like


class Net(nn.Module):
    """Layers to choose from, and a forward pass that is given."""

    def __init__(self, forward: Callable[[Any, Tensor], Any]) -> None:
        super().__init__()
        self.conv, self.again, self.norm = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.pool, self.flatten, self.fc = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
        self.softmax, self.scale = nn.Softmax(1), nn.Parameter(torch.ones(4, 1, 1))
        self.given = forward

    def forward(self, x: Tensor) -> Any:
        return self.given(self, x)


def refuse(net: nn.Module, x: Tensor) -> Tensor:
    raise ValueError("wrong here.\nAnd more about it\nand more")


class Two(nn.Module):
    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        return image * mask


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (
            Net(lambda self, x: self.softmax(self.fc(self.conv(x).mean((2, 3))))),
            "Net uses Softmax (softmax), which the",
        ),
        (
            Net(lambda self, x: self.fc(self.conv(x).mean((2, 3))).cos()),
            "Net uses cos, which the explorer does not know",
        ),
        (Net(lambda self, x: self.fc(torch.cumsum(self.conv(x), 1))), "Net uses cumsum, which"),
        (Net(lambda self, x: self.conv(x) if x.sum() > 0 else x), "forward pass depends on the image"),
        (Net(lambda self, x: self.conv(x) if len(x) > 1 else x), "forward pass depends on the image"),
        (Net(lambda self, x: functional.conv2d(x, self.conv.weight)), "uses weights outside of layers"),
        (Net(lambda self, x: self.fc(x * torch.ones(3, 1, 1))), "mul uses weights outside of layers"),
        (
            Net(lambda self, x: functional.conv2d(x, self.scale)),
            "uses conv2d with weights of its own, which the",
        ),
        (Net(lambda self, x: self.fc(self.scale * self.scale)), "mul adds or multiplies bare parameters"),
        (Net(lambda self, x: self.conv(x) / self.conv(x)), "truediv divides by a value that it computed"),
        (Net(lambda self, x: self.conv(x) * x.size(2)), "mul computes with the length of an axis"),
        (Net(lambda self, x: self.conv(x).view(1, -1)), "view must leave the images of a batch apart"),
        (
            Net(lambda self, x: self.conv(x).transpose(0, 1)),
            "transpose must name every axis, and leave images on",
        ),
        (Net(lambda self, x: self.conv(x).chunk(2, 2)[0]), "chunk takes apart something else than channels"),
        (Net(lambda self, x: self.conv(x).chunk(2, 1)), "Net must give one tensor of logits"),
        (Net(lambda self, x: self.conv(x).squeeze()), "squeeze must name the one axis that it takes away"),
        (Net(lambda self, x: self.conv(x)[:, 0]), "getitem takes single images or channels"),
        (Net(lambda self, x: self.conv(x).log_softmax(1)), "log_softmax must be taken over the classes"),
        (Net(lambda self, x: (self.conv(x), x)), "Net must give one tensor of logits"),
        (Net(lambda self, x: None), "Net must give one tensor of logits"),
        (Two(), "Two must take one batch of images, not 2 inputs"),
        (nn.Linear(2, 2), "Linear is a single layer, not a network"),
        (Net(lambda self, x: self.fc(self.conv(x).mean(1))), "must be taken over height and width"),
        (Net(lambda self, x: self.fc(self.conv(x).mean())), "must be taken over height and width"),
        (
            Net(lambda self, x: self.fc(self.conv(x).mean((2, 3)).mean((2, 3)))),
            "mean_1 names axis 2 of 2",
        ),
        (
            Net(lambda self, x: self.fc(torch.flatten(self.pool(self.conv(x))))),
            "must flatten from axis 1 on",
        ),
        (
            Net(lambda self, x: self.fc(self.conv(x).flatten(2))),
            "fc reads an image, which has to be flattened",
        ),
        (
            Net(lambda self, x: self.fc(self.conv(x).flatten(1, 2))),
            "fc reads an image, which has to be flattened",
        ),
        (Net(lambda self, x: self.fc(self.conv(x))), "fc reads an image, which has to be flattened first"),
        (Net(lambda self, x: self.again(self.conv(x).mean((2, 3)))), "again reads a vector"),
        (Net(lambda self, x: self.fc(self.norm(self.conv(x).mean((2, 3))))), "norm reads a vector"),
        (Net(refuse), "uses weights outside of layers (wrong here)."),
        (
            Net(lambda self, x: torch.cat([self.conv(x), self.conv(x)], 2)),
            "concatenates something else than channels",
        ),
        (
            Net(lambda self, x: torch.cat([self.conv(x), self.conv(x)], 3)),
            "concatenates something else than channels",
        ),
        (
            Net(lambda self, x: torch.cat([self.conv(x), self.conv(x)])),
            "concatenates something else than channels",
        ),
        (
            Net(lambda self, x: torch.cat([self.conv(x).flatten(1), x.flatten(1)], 1)),
            "concatenates something else than channels",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(model: nn.Module, sentence: str) -> None:
    with pytest.raises(ExplorerError) as caught:
        graph_of(model)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(f"{type(model).__name__} ")
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_functions_and_methods_read_as_the_layers_do() -> None:
    def functions(self: Any, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.norm(self.conv(x))), 2)
        return self.fc(
            functional.adaptive_avg_pool2d(functional.avg_pool2d(x, 2, ceil_mode=True), 1).flatten(1)
        )

    def means(self: Any, x: Tensor) -> Tensor:
        return self.fc(torch.max_pool2d(self.norm(self.conv(x)).relu(), 3, 1).mean([2, 3]))

    def layers(self: Any, x: Tensor) -> Tensor:
        return self.fc(self.flatten(self.pool(self.norm(self.conv(x)))))

    expected = channel_groups(Net(layers))
    assert [(group.key, group.width, group.consumers) for group in expected] == [("conv", 4, ("fc",))]
    assert channel_groups(Net(functions)) == channel_groups(Net(means)) == expected


def test_a_value_that_is_read_twice_and_a_layer_used_twice_are_there_twice() -> None:
    def twice(self: Any, x: Tensor) -> Tensor:
        x = self.again(self.again(self.conv(x)))
        return torch.cat([x, x], 1).mean((2, 3))

    steps = graph_of(Net(twice)).steps
    assert [step.layer for step in steps] == ["conv", "again", "again", "", ""]
    assert steps[3].inputs == ("again_1", "again_1")


def test_an_axis_may_be_counted_from_the_end() -> None:
    def counted(self: Any, x: Tensor) -> Tensor:
        x = torch.cat([self.conv(x), self.conv(x)], -3).mean((-1, -2)).flatten(1, 1)
        return torch.flatten(x, 1, -1)

    def whole(self: Any, x: Tensor) -> Tensor:
        return self.fc(self.pool(self.conv(x)).flatten(1, 3))

    assert [step.name for step in graph_of(Net(counted)).steps[2:]] == ["cat", "mean", "flatten", "flatten_1"]
    assert len(graph_of(Net(whole)).steps) == 4


def test_the_colours_are_those_that_the_first_convolution_reads() -> None:
    def pooled(self: Any, x: Tensor) -> Tensor:
        return self.fc(self.conv(functional.max_pool2d(x, 2)).mean((2, 3)))

    graph = graph_of(Net(pooled))
    assert [step.name for step in graph.readers("image")] == ["max_pool2d"]
    assert [step.name for step in graph.readers("conv")] == ["mean"]
    assert image_channels(Net(pooled)) == 3, "unless a convolution reads the image itself"
    assert image_channels(nn.Sequential(nn.Conv2d(2, 4, 1), nn.Conv2d(4, 1, 1))) == 2


def test_a_graph_is_read_once_and_in_eval_mode_and_changes_nothing() -> None:
    def dropping(self: Any, x: Tensor) -> Tensor:
        x = functional.dropout(self.conv(x), training=self.training)
        return self.fc((self.again(x) if self.training else x).mean((2, 3)))

    model = Net(dropping).train()
    children, values = dict(model._modules), dict(model.__dict__)
    graph = graph_of(model)
    assert graph_of(model) is graph
    assert dict(model._modules) == children
    assert model.__dict__ == values
    assert model.training
    assert [step.layer for step in graph.steps] == ["conv", "", "", "fc"]
    assert graph.steps[1].node.kwargs["training"] is False


def test_lists_and_dictionaries_of_modules_are_followed() -> None:
    class Lists(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convs = nn.ModuleList([nn.Conv2d(3, 4, 1), nn.Conv2d(4, 5, 1)])
            self.heads = nn.ModuleDict({"only": nn.Sequential(nn.Flatten(), nn.Linear(5, 2))})

        def forward(self, x: Tensor) -> Tensor:
            for conv in self.convs:
                x = conv(x)
            return self.heads["only"](functional.adaptive_avg_pool2d(x, 1))

    names = [step.layer for step in graph_of(Lists()).steps if step.layer]
    assert names == ["convs.0", "convs.1", "heads.only.0", "heads.only.1"]


def test_reading_a_graph_disturbs_no_forward_pass_in_another_thread() -> None:
    """torch.fx.symbolic_trace changes ``nn.Module`` itself while it runs: what others compute meanwhile fails."""
    model, x = trained_like(EVERY["StudentNet"]), images(32)
    expected, stop = model(x), threading.Event()
    outputs: list[Tensor] = []
    errors: list[Exception] = []

    def forward_all_the_time() -> None:
        while not stop.is_set():
            try:
                outputs.append(model(x))
            except Exception as error:
                errors.append(error)

    thread = threading.Thread(target=forward_all_the_time)
    thread.start()
    try:
        for _ in range(50):
            graph_of(StudentNet(StudentSpec(3, (2, 3, 4, 5))))
        graph_of(trained_like(EVERY["ResNet-18"]))
    finally:
        stop.set()
        thread.join()
    assert not errors
    assert len(outputs) > 5
    assert all(torch.equal(output, expected) for output in outputs)


class Shapes(fx.Interpreter):
    """Runs a graph and notes the sides of every value."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(fx.GraphModule(model, graph_of(model).graph))
        self.sides: dict[str, tuple[int, ...]] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if n.op != "output":
            self.sides[n.name] = tuple(value.shape[2:]) or (1, 1)
        return value


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("size", [33, 64])
@torch.inference_mode()
def test_the_sides_are_those_of_a_forward_pass(name: str, size: int) -> None:
    model = trained_like(EVERY[name])
    shapes = Shapes(model)
    shapes.run(images(size, 1))
    assert sides(model, size) == shapes.sides


numbers = st.integers(1, 4)
several = st.one_of(numbers, st.tuples(numbers, numbers))
paddings = st.one_of(st.integers(0, 2), st.tuples(st.integers(0, 2), st.integers(0, 2)))


@st.composite
def windows(draw: st.DrawFn) -> Callable[[Net, Tensor], Tensor]:
    """A convolution or pooling, as a layer or as a function, with any settings."""
    kernel, stride, padding, dilation, up = (
        draw(several),
        draw(several),
        draw(paddings),
        draw(several),
        draw(st.booleans()),
    )
    maximum = {
        "kernel_size": kernel,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "ceil_mode": up,
    }
    average = {
        "kernel_size": kernel,
        "stride": draw(st.none() | several),
        "padding": padding,
        "ceil_mode": up,
    }
    conv_padding = draw(st.just(padding) | st.just("valid"))
    wanted = draw(st.one_of(numbers, st.tuples(st.none() | numbers, numbers)))
    return draw(
        st.sampled_from(
            [
                nn.Conv2d(3, 2, kernel, stride, conv_padding, dilation),
                nn.Conv2d(3, 2, kernel, 1, "same", dilation),
                nn.MaxPool2d(**maximum),
                nn.AvgPool2d(**average),
                nn.AdaptiveAvgPool2d(wanted),
                lambda x: functional.max_pool2d(x, **maximum),
                lambda x: functional.max_pool2d(x, kernel, stride, padding, dilation, up),
                lambda x: functional.max_pool2d(x, kernel),
                lambda x: functional.avg_pool2d(x, **average),
                lambda x: functional.avg_pool2d(x, kernel, stride, padding, up),
                lambda x: functional.adaptive_avg_pool2d(x, wanted),
            ]
        )
    )


@settings(max_examples=300, deadline=None)
@given(window=windows(), size=st.integers(1, 20))
def test_the_sides_of_any_window_are_torchs(window: Callable[[Tensor], Tensor], size: int) -> None:
    class Windowed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.window = window

        def forward(self, x: Tensor) -> Tensor:
            return self.window(x) + 0

    model = Windowed()
    try:
        expected = tuple(model(torch.zeros(1, 3, size, size)).shape[2:])
    except RuntimeError as error:
        if "half of" in str(error):  # more padding than a pooling takes, whatever the image
            return
        with pytest.raises(
            ExplorerError, match=f"An image of {size} pixels is too small: nothing is left of it"
        ):
            sides(model, size)
        return
    assert sides(model, size)["add"] == expected
