import pytest
import torch
from torch import nn

from explorer.checkpoints import load
from explorer.errors import ExplorerError
from explorer.networks import StudentNet, StudentSpec, parameter_count, resnet18_teacher
from explorer.pruning import channels, coupling
from explorer.pruning.methods import METHODS

BUILDS = {
    "student": lambda: load("student-60k"),
    "student with bias": lambda: StudentNet(StudentSpec(5, (6, 7, 8, 9), 4, conv_bias=True)).eval(),
    "resnet18": lambda: resnet18_teacher(10).eval(),
}


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("chosen", [(1,), (0, 2, 4)])
def test_the_slices_are_what_removing_the_channels_takes(name: str, chosen: tuple[int, ...]) -> None:
    model = BUILDS[name]()
    for group in channels.groups(model):
        kept = {
            each: torch.tensor(
                [n for n in range(coupling.size(model, each)) if each != group or n not in chosen]
            )
            for each in channels.groups(model)
        }
        gone = parameter_count(model) - parameter_count(channels.remove(model, kept))
        slices = coupling.coupled(model, group, chosen)
        assert sum(each.params for each in slices) == gone
        assert coupling.slice_table(slices)["parameters"].iloc[-1] == gone


def test_a_pointwise_channel_takes_the_next_depthwise_filter_along() -> None:
    model = load("student-60k")
    group = coupling.by_title(model)["layer1.3"]
    slices = coupling.coupled(model, group, (0,))
    assert [(each.layer, each.role) for each in slices if each.tensor.endswith("weight")] == [
        ("layer1.3", "filter"),
        ("layer1.4", "BatchNorm"),
        ("layer2.0", "depthwise filter"),
        ("layer2.1", "BatchNorm"),
        ("layer2.3", "input channel"),
    ]
    assert slices[0].shape == (48, 1, 1)


def test_the_map_has_a_line_per_layer_and_channel() -> None:
    model = load("student-60k")
    group = coupling.by_title(model)["conv1"]
    rows = coupling.strengths(model, group)
    assert rows.groupby("layer").size().tolist() == [48] * 5
    first = rows[rows["role"] == "filter"].sort_values("channel")["norm"]
    assert coupling.weakest(model, group, METHODS["channels-l1"]) == first.reset_index(drop=True).idxmin()
    assert rows["strength"].between(0, 1).all()


def test_a_channel_that_is_not_there_is_refused() -> None:
    model = load("student-60k")
    with pytest.raises(ExplorerError, match="channels 0 to 47, not 48"):
        coupling.coupled(model, coupling.by_title(model)["conv1"], (48,))
    with pytest.raises(ExplorerError, match="not Linear"):
        coupling.by_title(nn.Linear(2, 2))
