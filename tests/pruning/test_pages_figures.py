"""What the pages show, compared with a plain loop over what their link says."""

import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from explorer.checkpoints import load
from explorer.data import BUNDLED, ImageSet
from explorer.measure import logits, state_bytes
from explorer.networks import channel_groups, parameter_count, remove
from explorer.pruning.methods import METHODS
from explorer.pruning.recovery import recalibrate
from tests.app import press, said
from tests.conftest import PageOutput
from tests.networks.test_cost import counted as counted_by_torchinfo
from tests.pruning.app import STUDENT, pruning

TITLES = {method.title: key for key, method in METHODS.items()}


@pytest.fixture
def saved(output: PageOutput) -> dict[str, pd.DataFrame]:
    """The tables that the page offers as CSV, by file name."""
    return output.tables


def images_counted(count: int) -> ImageSet:
    return BUNDLED.load("test").stratified(count)


def masked(ratio: float) -> nn.Module:
    """By torch's own global pruning."""
    model = load(STUDENT)
    weights = [(module, "weight") for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    prune.global_unstructured(weights, prune.L1Unstructured, amount=ratio)
    for module, name in weights:
        prune.remove(module, name)
    # Torch's pruning puts the weights last in their layers and makes negative zeros: both compress otherwise.
    plain = load(STUDENT)
    plain.load_state_dict({name: each + 0 for name, each in model.state_dict().items()})
    return plain


def cut(ratio: float) -> nn.Module:
    """The filters of least L1 norm, the depthwise ones counted with those that make their channels, taken out."""
    model, kept = load(STUDENT), {}
    for group in channel_groups(model):
        norm = sum(
            model.get_submodule(name).weight.detach().abs().flatten(1).sum(1) for name in group.producers
        )
        stay = group.width - round(ratio * group.width)
        kept[group] = norm.argsort(descending=True, stable=True)[:stay].sort().values
    return remove(model, kept)


def test_every_cell_of_the_sweep_is_that_of_a_plain_loop(saved: dict[str, pd.DataFrame]) -> None:
    """Methods, ratios, images and recalibration come out of the link; nothing else is known here."""
    app = pruning(
        images="250",
        methods=["global-l1", "channels-l1"],
        ratios="chosen",
        chosen_ratios=["0.3", "0.6"],
        recalibrate="1",
    )
    press(app, "Run it here")
    table, test, dense = saved["sweep.csv"], images_counted(250), parameter_count(load(STUDENT))
    assert len(table) == 4 * 2 * 2, "with the two random baselines"
    assert set(table["images"]) == {250}
    right = []
    for method, by_hand in (("global-l1", masked), ("channels-l1", cut)):
        for ratio in (0.3, 0.6):
            for recovery in ("none", "recalibrated"):
                network = by_hand(ratio)
                if recovery == "recalibrated":
                    recalibrate(network, BUNDLED.load("training"), 1)
                mine = table[
                    (table["method"] == METHODS[method].title)
                    & (table["ratio"] == ratio)
                    & (table["recovery"] == recovery)
                ]
                (row,) = mine.to_dict("records")
                counted = int((logits(network, test.inputs()).argmax(1) == test.targets()).sum())
                right.append(counted)
                assert abs(round(row["accuracy"] * 250) - counted) <= 1
                assert row["accuracy_low"] < row["accuracy"] < row["accuracy_high"]
                assert row["parameters"] == parameter_count(network)
                nonzero = sum(int((each != 0).sum()) for each in network.parameters())
                assert row["nonzero"] == nonzero
                assert row["gone"] == pytest.approx(1 - nonzero / dense)
                assert row["mult_adds"] == counted_by_torchinfo(network, 64).mult_adds
                file_bytes, zipped_bytes = state_bytes(network.state_dict())
                assert row["file_mb"] == pytest.approx(file_bytes / 1e6)
                assert row["zipped_mb"] == pytest.approx(zipped_bytes / 1e6)
                assert row["pruned"].startswith(f"{ratio:.0%} of the")
    assert len(set(right)) >= 7, "or the comparison tells nothing"
    shown = app.dataframe[-1].value  # the first one is of what is stored
    assert shown["accuracy"].tolist() == table["accuracy"].tolist()


def test_the_flips_and_the_classes_are_those_of_the_link(saved: dict[str, pd.DataFrame]) -> None:
    app = pruning(
        "Classes and images", images="250", method="channels-l1", ratio="0.3", turned="won", flip="2"
    )
    test = images_counted(250)
    dense, pruned = logits(load(STUDENT), test.inputs()), logits(cut(0.3), test.inputs())
    labels = test.targets()
    was, now = dense.argmax(1) == labels, pruned.argmax(1) == labels
    table = saved["flipped.csv"]
    for turned, mask in (("right, now wrong", was & ~now), ("wrong, now right", ~was & now)):
        places = {test.place(position) for position in torch.nonzero(mask)[:, 0].tolist()}
        assert set(table[table["turned"] == turned]["image"]) == places
    assert table["turned"].nunique() == 2, "or the comparison tells nothing"
    classes = saved["classes.csv"]
    for number, name in enumerate(test.classes):
        for network, answers in (("dense", was), ("pruned", now)):
            (row,) = classes[(classes["class"] == name) & (classes["network"] == network)].to_dict("records")
            assert row["accuracy"] == pytest.approx(float(answers[labels == number].float().mean()), abs=0.03)
    second = table[table["turned"] == "wrong, now right"].iloc[1]
    position = [test.place(each) for each in range(len(test))].index(second["image"])
    label = test.labels[position]
    p = [float(scores[position].softmax(0)[label]) for scores in (dense, pruned)]
    assert said(app, f"**{test.classes[label]}** had {p[0]:.1%} and has {p[1]:.1%}")
    large = app.get("image")[-1].proto.imgs[0]
    assert large.caption == f"Test image {second['image']}, labelled {test.classes[label]}"


def test_the_forms_are_those_of_the_link(saved: dict[str, pd.DataFrame]) -> None:
    app = pruning("Masked, zeroed, sliced", images="250", dropped="0.3")
    press(app, "Measure here")
    rows = {row["form"]: row for row in saved["forms.csv"].to_dict("records")}
    test, sliced = images_counted(250), cut(0.3)
    counted = int((logits(sliced, test.inputs()).argmax(1) == test.targets()).sum())
    assert abs(round(rows["sliced"]["accuracy"] * 250) - counted) <= 1
    assert rows["sliced"]["parameters"] == parameter_count(sliced)
    assert rows["sliced"]["mult_adds"] == counted_by_torchinfo(sliced, 64).mult_adds
    file_bytes, zipped_bytes = state_bytes(sliced.state_dict())
    assert rows["sliced"]["file_mb"] == pytest.approx(file_bytes / 1e6)
    assert rows["sliced"]["zipped_mb"] == pytest.approx(zipped_bytes / 1e6)
    dense = load(STUDENT)
    assert rows["dense"]["parameters"] == parameter_count(dense)
    right = int((logits(dense, test.inputs()).argmax(1) == test.targets()).sum())
    assert round(rows["dense"]["accuracy"] * 250) == right


def test_the_network_to_take_along_is_that_of_the_link() -> None:
    app = pruning("Take it along", method="global-l1", ratio="0.65", recalibrate_one="2")
    network, test = masked(0.65), images_counted(100)
    recalibrate(network, BUNDLED.load("training"), 2)
    params = sum(each.numel() for each in network.parameters())
    nonzero = sum(int((each != 0).sum()) for each in network.parameters())
    right = int((logits(network, test.inputs()).argmax(1) == test.targets()).sum())
    assert [metric.value for metric in app.metric] == [f"{params:,}", f"{nonzero:,}", f"{right / 100:.1%}"]
