"""The pruning lesson on a network of the user's own: branches laid after each other, squeeze-and-excitation, a view."""

import pytest
import torch
from torch import nn
from torchvision.models.convnext import CNBlockConfig, ConvNeXt

from explorer.measure import logits
from explorer.networks import channel_groups, cost_of, parameter_count
from explorer.pruning import coupling, export
from explorer.pruning.engine import prune_network
from explorer.pruning.methods import METHODS
from explorer.pruning.removal import describe_unsliceable, kept_channels
from explorer.workspace import trained_network
from tests.app import charts, press, said
from tests.networks.examples import images
from tests.own import own_network
from tests.pruning.app import pruning

OWN = own_network("N13", narrow=4)
NAME = OWN.card.name


def normed() -> nn.Module:
    """LayerNorm weighs each channel against all others, so that in front of it none can go."""
    torch.manual_seed(0)
    blocks = [CNBlockConfig(8, 16, 1), CNBlockConfig(16, None, 1)]
    return ConvNeXt(blocks, num_classes=10).eval()


def open_tab(tab: str, **link: str):
    return pruning(tab, NAME, [OWN], **link)


def test_a_sweep_of_an_own_network_runs_and_is_pinned() -> None:
    app = open_tab("Curves", methods="channels-l1", ratios="chosen", chosen_ratios="0.5")
    press(app, "Run it here")
    rows = app.dataframe[0].value
    pruned = prune_network(OWN.load(), METHODS["channels-l1"], 0.5)
    assert rows["parameters"].iloc[0] == parameter_count(pruned) < OWN.card.params
    press(app, "Pin to the ledger")
    (row,) = app.session_state["session"].pinned
    assert row.network.startswith("TwoBranches")
    assert row.weights == OWN.card.sha256


@pytest.mark.parametrize(
    ("tab", "button"), [("Masked, zeroed, sliced", "Measure here"), ("Sensitive layers", "Run it here")]
)
def test_the_forms_and_the_sensitivity_of_an_own_network_are_measured(tab: str, button: str) -> None:
    app = open_tab(tab)
    labels = [each.label for each in app.button]
    press(app, button if button in labels else next(label for label in labels if "ere" in label))
    assert said(app, "measured here")
    assert charts(app)


def test_the_channels_of_an_own_network_are_drawn_with_what_they_are_tied_to() -> None:
    app = open_tab("Coupled channels")
    assert not app.error
    groups = app.selectbox(key="group").options
    assert groups == [group.title for group in channel_groups(OWN.load())]
    assert app.dataframe[0].value["parameters"].iloc[-1] > 0


def test_an_own_network_that_was_sliced_is_kept_and_pruned_further() -> None:
    app = open_tab("Take it along", method="channels-l1", ratio="0.5", recalibrate_one="1")
    assert said(app, "just opened again: TwoBranches")
    assert said(app, "There is no script")
    press(app, "Keep it in this session")
    trained = app.session_state["session"].trained
    (kept,) = (source for name, source in trained.items() if name != NAME)
    assert kept.card.network == "graph"
    spec = kept.card.network_spec()
    assert cost_of(spec).params == kept.card.params == parameter_count(kept.load()) < OWN.card.params
    app.run()
    app.selectbox(key="checkpoint").set_value(kept.card.name).run()
    assert not app.exception
    assert said(app, "just opened again: TwoBranches")


def test_flipped_images_of_an_own_network_are_shown() -> None:
    app = open_tab("Classes and images", ratio="0.9")
    assert len(charts(app)) == 2
    assert not app.error


def test_channels_that_cannot_go_alone_are_said_and_the_rest_goes_on() -> None:
    model = normed()
    said_of_it = describe_unsliceable(model)
    assert said_of_it.startswith(
        "Where channels are removed, 2 groups of them lose some; 2 stay whole. `features.0.0"
    )
    assert "weighs each channel against all" in said_of_it
    assert describe_unsliceable(OWN.load()) == ""
    kept = kept_channels(model, 0.5, METHODS["channels-l1"])
    assert (
        [group.title for group in kept]
        == list(coupling.by_title(model))
        == [
            "features.1.0.block.3",
            "features.3.0.block.3",
        ]
    )
    pruned = prune_network(model, METHODS["channels-l1"], 0.5)
    assert parameter_count(pruned) < parameter_count(model)
    assert torch.equal(logits(export.reopened(export.to_file(pruned)), images()), logits(pruned, images()))
    source = trained_network("normed", model, input_size=64, trained_on="nothing")
    app = pruning("Coupled channels", source.card.name, [source])
    assert any(info.value.startswith("Where channels are removed, 2 groups") for info in app.info)
    assert app.selectbox(key="group").options == list(coupling.by_title(model))


def test_a_bare_parameter_goes_with_its_channels() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.scale = nn.Conv2d(3, 4, 3), nn.Parameter(torch.ones(4, 1, 1))
            self.fc = nn.Linear(4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc((self.conv(x) * self.scale).mean((2, 3)))

    model = Scaled().eval()
    (group,) = channel_groups(model)
    slices = coupling.coupled(model, group, (1,))
    assert [each.tensor for each in slices] == ["conv.weight", "conv.bias", "scale", "fc.weight"]
    assert "parameter 1x1" in coupling.chain_text(coupling.chain(model, group), slices)
