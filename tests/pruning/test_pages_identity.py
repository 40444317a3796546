"""Figures are those of the very weights and images that are chosen, whatever they are called."""

from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest

from explorer.data import BUNDLED
from explorer.measure import accuracy, logits
from explorer.networks import StudentNet, StudentSpec, parameter_count
from explorer.pruning.engine import prune_network
from explorer.pruning.methods import get_method
from explorer.pruning.sweep import SweepRow
from explorer.workspace import NetworkSource, open_workspace, trained_network
from tests.app import arrive, charts, guess, press, said
from tests.pruning.app import pruning

TITLE = "Trained here, distilled"
SWEEP: dict[str, str | list[str]] = {
    "methods": "global-l1",
    "ratios": "chosen",
    "chosen_ratios": ["0", "0.5"],
}


def trained(width: int, title: str = TITLE) -> NetworkSource:
    torch.manual_seed(width)
    model = StudentNet(StudentSpec(4, (6, 8, width, 6), classes=10)).eval()
    return trained_network(title, model, input_size=64, trained_on="a test")


FIRST, SECOND = trained(8), trained(20)
BOTH = (FIRST, SECOND)
ALONE = (FIRST,)
PARAMS = {source.card.name: parameter_count(source.load()) for source in BOTH}


def change_network(app: AppTest, source: NetworkSource) -> None:
    """Another network takes the place of the first under the very same title, as when it is trained again."""
    app.session_state["session"].trained[source.card.name] = source
    app.run()
    app.selectbox(key="checkpoint").set_value(source.card.name).run()
    assert not app.exception


def sweep_params(app: AppTest) -> int:
    rows = app.dataframe[0].value
    return int(rows[rows["ratio"] == 0].iloc[0]["parameters"])


def test_a_second_network_of_the_same_title_is_not_shown_the_firsts_sweep_nor_is_the_report_or_the_ledger() -> (
    None
):
    assert FIRST.card.title == SECOND.card.title
    app = pruning(checkpoint=FIRST.card.name, trained=ALONE, **SWEEP)
    press(app, "Run it here")
    assert sweep_params(app) == PARAMS[FIRST.card.name]
    change_network(app, SECOND)
    assert not app.dataframe
    assert said(app, "Nobody has measured the sweep of this network yet")
    press(app, "Run it here")
    assert sweep_params(app) == PARAMS[SECOND.card.name]
    press(app, "Pin to the ledger")
    (row,) = app.session_state["session"].pinned
    assert (row.weights, row.images_key) == (SECOND.card.sha256, BUNDLED.key_of("test"))
    # The row's masked half of the second network, counted again.
    masked = prune_network(SECOND.load(), get_method("global-l1"), row.recipe["steps"][0]["ratio"])
    test = BUNDLED.load("test").stratified(100)
    counted = accuracy(logits(masked, test.inputs()), test.targets()).correct
    assert abs(row.correct - counted) <= 1
    app.query_params["checkpoint"] = SECOND.card.name  # as a browser's address, which AppTest cannot follow
    app.query_params["report_tab"] = "The six answers"
    app.switch_page("explorer/report/page.py").run()
    assert not app.exception
    stored = next(frame.value for frame in app.dataframe if "parameters" in frame.value)
    assert f"{PARAMS[SECOND.card.name]:,}" in set(stored["parameters"])
    assert f"{PARAMS[FIRST.card.name]:,}" not in set(stored["parameters"])


def test_two_networks_of_one_title_can_be_told_apart_in_the_list() -> None:
    options = pruning(trained=BOTH).selectbox(key="checkpoint").options
    assert sum(option.startswith(TITLE) for option in options) == 2
    assert len(set(options)) == len(options)


def test_the_report_is_about_the_sweep_of_a_network_that_is_still_there() -> None:
    app = pruning(checkpoint=FIRST.card.name, trained=ALONE, **SWEEP)
    press(app, "Run it here")
    app.session_state["session"].trained.clear()
    app.query_params["report_tab"] = "The six answers"
    app.switch_page("explorer/report/page.py").run()
    assert not app.exception
    assert any("“Teacher, ResNet-18”, pruned." in text.value for text in app.markdown)


def test_the_same_for_the_forms() -> None:
    app = pruning("Masked, zeroed, sliced", FIRST.card.name, ALONE)
    press(app, "Measure here")
    assert app.dataframe[0].value["parameters"].iloc[0] == PARAMS[FIRST.card.name]
    change_network(app, SECOND)
    assert not app.dataframe
    press(app, "Measure here")
    assert app.dataframe[0].value["parameters"].iloc[0] == PARAMS[SECOND.card.name]
    change_network(app, FIRST)
    assert app.dataframe[0].value["parameters"].iloc[0] == PARAMS[FIRST.card.name], "kept"


def test_the_same_for_the_sensitive_layers() -> None:
    app = pruning("Sensitive layers", FIRST.card.name, ALONE)
    press(app, "Run it here")
    assert app.get("vega_lite_chart")
    change_network(app, SECOND)
    assert not app.get("vega_lite_chart")


def test_the_same_for_the_network_to_take_along() -> None:
    app = pruning("Take it along", FIRST.card.name, ALONE, method="global-l1")
    stored = {}
    for source in BOTH:
        change_network(app, source)
        stored[source.card.name] = app.metric[0].value
    assert stored == {name: f"{params:,}" for name, params in PARAMS.items()}


def test_a_guess_about_the_first_is_no_guess_about_the_second() -> None:
    app = pruning(checkpoint=FIRST.card.name, trained=ALONE, predict="curve", guess_ratio="0.5", **SWEEP)
    guess(app, "curve", 50.0)
    press(app, "Run it here")
    assert said(app, "You said **50.0%**")
    change_network(app, SECOND)
    assert not charts(app)
    assert not said(app, "You said **50.0%**")


@pytest.mark.parametrize("tab", ["Curves", "Masked, zeroed, sliced", "Sensitive layers"])
def test_what_is_stored_of_the_teacher_is_shown_for_its_weights_alone(tab: str) -> None:
    app = pruning(tab, "teacher", images="1000")
    assert said(app, "precomputed")
    assert not said(app, "other settings"), "the page opens at what is stored"
    impostor = trained(8, "Teacher, ResNet-18")
    app = pruning(tab, impostor.card.name, (impostor,))
    assert not said(app, "precomputed")
    assert not app.get("vega_lite_chart")
    for checkpoint in ("student-60k", "report-kd"):
        app = pruning(tab, checkpoint)
        assert not said(app, "precomputed")


def test_a_result_outlives_the_session_and_is_found_by_what_it_is_of() -> None:
    app = pruning(checkpoint=FIRST.card.name, trained=BOTH, **SWEEP)
    press(app, "Run it here")
    rows = app.dataframe[0].value
    again = pruning(checkpoint=FIRST.card.name, trained=(FIRST,), **SWEEP)
    assert again.dataframe[0].value.equals(rows)
    other: dict[str, Any] = SWEEP | {"images": "250"}
    again = pruning(checkpoint=FIRST.card.name, trained=(FIRST,), **other)
    assert said(again, "This run has other settings than the controls (images: shown 100, asked 250)")


def test_the_curves_count_as_many_images_as_is_stored_of_the_network_until_the_hand_says_otherwise() -> None:
    workspace = open_workspace(BUNDLED)
    stored = {
        name: found.images
        for name in ("teacher", "student-60k-kd")
        if (found := workspace.find_rows("sweep", SweepRow, name))
    }
    assert len(set(stored.values())) == 2, "of each another number"
    app = arrive("pruning", pruning_tab="Curves")
    for name in ("teacher", "student-60k-kd", "teacher"):
        app.selectbox(key="checkpoint").select(name).run()
        assert app.selectbox(key="images").value == stored[name]
        assert not app.warning, "the controls ask for what is stored"
    app.selectbox(key="images").select(500).run()
    app.selectbox(key="checkpoint").select("student-60k-kd").run()
    assert app.selectbox(key="images").value == 500
