"""What all visitors share is kept by weights and images, never by a name or title."""

from pathlib import Path
from typing import Any

import torch
from streamlit.testing.v1 import AppTest

from explorer.data import open_data_set
from explorer.measure import logits
from explorer.networks import StudentNet, StudentSpec
from explorer.work.progress import follow
from explorer.workspace import NetworkSource, Workspace, trained_network
from tests.data.conftest import cache, dishes  # noqa: F401


def trained(seed: int) -> NetworkSource:
    torch.manual_seed(seed)
    model = StudentNet(StudentSpec(4, (4, 5, 6, 7), classes=3)).eval()
    return trained_network("one title", model, input_size=64, trained_on="nothing")


def visit(workspace: Workspace, *, network: bool = False) -> Any:
    """What a page gets in this workspace: the logits of its only network, or the network."""

    def script(within: object, network: bool) -> None:
        import streamlit as st

        from explorer import ui

        ui.session().workspace = within
        (name,) = within.sources
        st.session_state["got"] = ui.shared_model(name) if network else ui.validation_logits(name)

    app = AppTest.from_function(script, args=(workspace, network)).run()
    assert not app.exception
    return app.session_state["got"]


def test_logits_are_those_of_the_weights_on_the_images(dishes: Path) -> None:  # noqa: F811
    sources = trained(0), trained(1)
    sets = open_data_set(dishes, size=64), open_data_set(dishes, 3, size=64), open_data_set(dishes, size=96)
    for source in sources:
        for data in sets:
            images = follow(data.read("validation"), lambda update: None)
            expected = logits(source.load(), images.inputs())
            got = visit(Workspace(data, (source,)))
            assert got.shape == expected.shape
            assert torch.allclose(got, expected, atol=1e-5)


def test_a_shared_network_is_that_of_its_weights(dishes: Path) -> None:  # noqa: F811
    data = open_data_set(dishes, size=64)
    for source in (trained(0), trained(1)):
        model = visit(Workspace(data, (source,)), network=True)
        expected = source.load().state_dict()
        assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())
