import io
import json
from contextlib import redirect_stdout

import pytest
import torchinfo
import torchsummary
from streamlit.testing.v1 import AppTest
from torch import nn

from explorer.__main__ import main
from explorer.architecture.audit import audit
from explorer.architecture.budget import budget, torchsummary_text
from explorer.architecture.fit import scale_to_limit
from explorer.networks import NetworkSpec, ResNetSpec, StudentNet, StudentSpec, cost_of
from tests.app import arrive, component, said
from tests.networks.examples import ResidualStudent, trained_like
from tests.networks.nets import built

ODD = StudentSpec(7, (9, 16, 33, 20), 5, kernel=5, conv_bias=True)


@pytest.mark.parametrize("spec", [StudentSpec(), ODD], ids=["report", "odd"])
@pytest.mark.parametrize("size", [64, 224])
def test_the_texts_are_those_of_torchinfo_and_torchsummary(spec: StudentSpec, size: int) -> None:
    found, network = budget(spec, size), StudentNet(spec).eval()
    theirs = torchinfo.summary(network, (1, 3, size, size), verbose=0, device="cpu")
    assert found.text == str(theirs)
    printed = io.StringIO()
    with redirect_stdout(printed):
        torchsummary.summary(network, (3, size, size), device="cpu")
    assert torchsummary_text(found) == printed.getvalue()


@pytest.mark.parametrize("network", [ResNetSpec(), trained_like(ResidualStudent), built("Excited")])
def test_the_text_of_torchsummary_is_that_of_any_network(network: NetworkSpec | nn.Module) -> None:
    model = network if isinstance(network, nn.Module) else network.build().eval()
    printed, report = io.StringIO(), budget(network, 64)
    with redirect_stdout(printed):
        torchsummary.summary(model, report.image, device="cpu")
    assert torchsummary_text(report) == printed.getvalue()


def test_the_audit_is_of_the_reports_own_rows() -> None:
    found = audit()
    assert found.agrees
    assert found.total == found.shown + found.missing["parameters"].sum() == 99_060
    assert found.missing["layer"].iloc[0] == "layer4.0"
    assert found.missing["layer"].iloc[-1] == "fc"


def test_the_terminal_guards_a_repository(capsys: pytest.CaptureFixture[str]) -> None:
    report = ["budget", "--stem", "64", "--widths", "64,128,256,141", "--classes", "11", "--size", "224"]
    assert main([*report, "--limit", "60000", "--json", "--fit"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["total_params"], found["mult_adds"], found["limit"]) == (99_060, 148_073_268, 60_000)
    assert found["within_limit"] is False
    assert sum(layer["params"] for layer in found["layers"]) == 99_060
    assert found["fit"]["total_params"] <= 60_000
    fitted = ["--stem", str(found["fit"]["stem"]), "--widths", ",".join(map(str, found["fit"]["widths"]))]
    assert main(["budget", *fitted, "--limit", "60000", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total_params"] == found["fit"]["total_params"]
    assert main([*report, "--limit", "100000"]) == 0
    assert "within the limit of 100,000 by 940" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--widths", "64,128"], "needs 4 widths, not 2"),
        (["--widths", "a,b,c,d"], "whole numbers like"),
        (["--stem", "0"], "between 1 and 1024 channels"),
        (["--size", "0"], "input size"),
        (["--limit", "0"], "at least 1 parameter"),
        (["--limit", "10", "--fit"], "the smallest has"),
        (["--kernel", "4"], "odd number"),
    ],
)
def test_bad_input_is_told_in_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["budget", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def opened(**link: str) -> AppTest:
    return arrive("architecture", **link)


def over(app: AppTest) -> int:
    """Parameters over the limit, as the drawing is told."""
    sent = component(app, "drawing")
    return int(sent["said"]["params"] - sent["limit"])


@pytest.mark.parametrize(
    ("tab", "side", "things"),
    [
        ("Layers", "What each costs", 4),
        ("Layers", "Against standard convolutions", 1),
        ("Layers", "As code", 1),
        ("The trained family", "What each costs", 2),
        ("The audit", "What each costs", 1),
    ],
)
def test_every_tab_draws(tab: str, side: str, things: int) -> None:
    app = opened(architecture_tab=tab, layers_as=side)
    assert said(app, "99,060 parameters, 39,060 over the limit of 60,000") or tab == "The audit"
    assert all(chart.proto.alt.strip() for chart in app.get("vega_lite_chart"))
    assert len(app.dataframe) + len(app.get("vega_lite_chart")) + len(app.code) >= things


def test_widths_that_were_dragged_go_into_the_controls_and_what_cannot_be_changes_nothing() -> None:
    app = AppTest.from_function(dragged).run()
    for widths, stem in (
        ((65, 2, 3, 4, 5), 65),
        ((0, 2, 3, 4, 5), 65),
        ((7, 8), 65),
        ((1.5, 2, 3, 4, 5), 65),
    ):
        app.session_state["dragged"] = list(widths)
        app.run()
        assert not app.exception
        assert app.number_input(key="stem").value == stem
    assert [app.number_input(key=f"block{number}").value for number in range(1, 5)] == [2, 3, 4, 5]


def dragged() -> None:
    import streamlit as st

    from explorer.architecture.page_controls import controls, take_widths

    if widths := st.session_state.pop("dragged", None):
        take_widths(widths)
    controls()


def test_every_edit_says_what_8_channels_cost_in_every_place() -> None:
    app = opened()
    rows = app.dataframe[0].value
    assert list(rows["part"]) == ["stem", "block 1", "block 2", "block 3", "block 4"]
    app.number_input(key="block4").set_value(149).run()
    wider = app.dataframe[0].value
    assert wider["-8: parameters"].iloc[4] == -rows["+8: parameters"].iloc[4]
    assert wider["-8: mult-adds"].iloc[4] == -rows["+8: mult-adds"].iloc[4]


def test_a_network_too_small_to_lose_8_channels_anywhere_draws() -> None:
    app = press(opened(), "Tiny")
    for number in range(1, 5):
        app.number_input(key=f"block{number}").set_value(5)
    app.run()
    assert not app.exception
    assert app.dataframe[0].value["-8: parameters"].isna().all()


def test_the_scaled_preset_fits_60000_whatever_the_limit() -> None:
    app = opened()
    app.get_by_key("limit").set_value("Spring 2022").run()
    app = press(app, "scaled by one factor to fit 60,000")
    assert (
        component(app, "drawing")["said"]["params"] == cost_of(scale_to_limit(StudentSpec(), 60_000)).params
    )


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if label in button.label).click().run()
    assert not app.exception
    return app


def test_the_way_out_is_one_click_and_then_nothing_is_left_to_spend() -> None:
    app = press(opened(), "Fit to 60,000")
    assert over(app) <= 0
    assert app.number_input(key="block4").value < 141
    assert next(button for button in app.button if "Fit to" in button.label).disabled
    app = press(app, "Spend what is left")
    assert next(button for button in app.button if "Spend" in button.label).disabled
    assert over(app) <= 0


def test_the_limit_is_a_terms_or_ones_own() -> None:
    app = opened()
    app.get_by_key("limit").set_value("Spring 2022").run()
    assert over(app) == -940
    app.get_by_key("limit").set_value("own").run()
    app.number_input(key="own_limit").set_value(99_059).run()
    assert over(app) == 1


@pytest.mark.parametrize(
    ("preset", "stem"),
    [
        ("Tiny", 8),
        ("StudentNet under 60,000", 48),
        ("scaled by one factor", 48),
        ("The sample's StudentNet", 64),
    ],
)
def test_a_preset_fills_the_controls(preset: str, stem: int) -> None:
    app = opened()
    app.number_input(key="stem").set_value(5).run()
    app = press(app, preset)
    assert app.number_input(key="stem").value == stem
