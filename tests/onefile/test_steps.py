"""The forward pass as steps for a page: every operator is written, and what a page cannot compute is said."""

import operator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.errors import ExplorerError
from explorer.networks.graph import graph_of
from explorer.networks.operators import OPERATORS
from explorer.onefile.steps import separable, written
from explorer.onefile.tensors import TensorStore
from tests.networks.examples import trained_like
from tests.onefile.nets import EVERY, InPlace

# In a graph that was read off code these have other names: `a += b` is a sum, functional.tanh the tensor's method.
NEVER_READ = {operator.iadd, operator.isub, operator.imul, functional.tanh, functional.sigmoid}


def test_the_networks_that_are_run_in_the_browser_use_every_operator_there_is() -> None:
    used = {step.target for build in EVERY.values() for step in graph_of(build()).steps}
    assert set(OPERATORS) - used == NEVER_READ


def test_writing_a_network_leaves_it_as_it_was() -> None:
    network = trained_like(EVERY["Excited"])
    before = {name: value.clone() for name, value in network.state_dict().items()}
    written(network, 32, TensorStore())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_layer_that_is_used_twice_is_stored_once() -> None:
    network, store = trained_like(EVERY["Twice"]), TensorStore()
    convolutions = [step for step in written(network, 32, store).steps if step["kind"] == "convolution"]
    assert [step["weight"] for step in convolutions[1:]] == [convolutions[1]["weight"]] * 2
    assert convolutions[0]["weight"] != convolutions[1]["weight"]


class Statistics(nn.Sequential):
    def __init__(self) -> None:
        norm = nn.BatchNorm2d(4, track_running_stats=False)
        super().__init__(nn.Conv2d(3, 4, 3), norm, nn.AdaptiveAvgPool2d(1), nn.Flatten())


class Overwritten(InPlace):
    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        one, other = x.chunk(2, 1)
        one = self.act(one)
        return torch.cat([one, other, x], 1).mean((2, 3))


@pytest.mark.parametrize(
    ("build", "said"),
    [(Statistics, "1 has no running statistics"), (Overwritten, "changes where .* is changed in place")],
)
def test_what_a_page_cannot_compute_is_refused_in_a_sentence(build: type[nn.Module], said: str) -> None:
    with pytest.raises(ExplorerError, match=said):
        written(build().eval(), 32, TensorStore())


def test_a_window_is_found_by_its_rows_and_columns_also_where_all_of_it_is_at_an_edge() -> None:
    def pool(image: Tensor) -> Tensor:
        return functional.avg_pool2d(image, 3, 2, 1)

    found, image = separable(pool, (2, 3)), torch.randn(1, 1, 2, 3)
    for y, row in enumerate(found.rows):
        for x, column in enumerate(found.columns):
            value = sum(
                down * across * float(image[0, 0, int(i), int(j)])
                for i, down in zip(row[::2], row[1::2], strict=True)
                for j, across in zip(column[::2], column[1::2], strict=True)
            )
            assert value == pytest.approx(float(pool(image)[0, 0, y, x]), abs=1e-6)
