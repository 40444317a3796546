"""The verdict comes first and alone, and says what the controls will be set to and torchinfo will count."""

import dataclasses
from typing import Any

import pytest
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext
from streamlit.testing.v1 import AppTest

from explorer.architecture.budget import Budget, budget, verdict
from explorer.architecture.presets import presets
from explorer.networks import NetworkSpec, StudentSpec, params_of
from explorer.networks.resnet import ResNetSpec
from tests.app import arrive, component, said

SPECS = [preset.spec for preset in presets()] + [ResNetSpec()]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of all elements in the order in which they are sent."""
    kinds: list[str] = []
    enqueue = ScriptRunContext.enqueue

    def note(self: ScriptRunContext, message: Any) -> None:
        if message.WhichOneof("type") == "delta" and message.delta.WhichOneof("type") == "new_element":
            kinds.append(message.delta.new_element.WhichOneof("type"))
        enqueue(self, message)

    monkeypatch.setattr(ScriptRunContext, "enqueue", note)
    return kinds


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.kind)
@pytest.mark.parametrize("size", [224, 96])
def test_the_verdict_is_torchinfos(spec: NetworkSpec, size: int) -> None:
    costs = budget(spec, size)
    heavy = costs.heaviest
    assert dataclasses.astuple(verdict(spec, size)) == (
        *(costs.total_params, costs.mult_adds),
        *(heavy.name, heavy.kind, heavy.params),
    )


def test_it_is_sent_before_any_control_chart_or_table(sent: list[str]) -> None:
    app = arrive("architecture")
    sent.clear()
    app.number_input(key="stem").set_value(40).run()
    assert component(app, "drawing")["widths"][0] == 40
    for kind in ("number_input", "button_group", "dataframe"):
        assert sent.index("bidi_component") < sent.index(kind), kind


def page() -> None:
    import itertools

    import streamlit as st

    from explorer.architecture import page_verdict

    page_verdict._answered(
        lambda state: st.session_state.update(followed=state.spec.stem),
        itertools.count(1 if st.session_state.pop("alone", False) else 0),
    )


def test_a_moved_control_brings_the_verdict_alone_and_then_the_page(sent: list[str]) -> None:
    app = AppTest.from_function(page).run()
    before = component(app, "drawing")
    sent.clear()
    app.session_state["alone"] = True
    app.number_input(key="stem").set_value(41).run()
    drawn = [kind for kind in sent if kind != "empty"]
    assert drawn[:2] == ["bidi_component"] * 2
    assert sent.count("number_input") == 7
    assert app.session_state["followed"] == 41
    after = component(app, "drawing")
    assert after["said"]["params"] == params_of(StudentSpec(stem=41)) != before["said"]["params"]
    assert after["counted"]["params"] == after["said"]["params"]


def test_torchinfo_is_not_waited_for_while_a_control_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []

    def note(file: str, name: str) -> Any:
        return lambda **given: shown.append(given["data"]["counted"]) or type("Result", (), {})

    monkeypatch.setattr("explorer.ui.component", note)
    app = AppTest.from_function(page).run()
    app.session_state["alone"] = True
    app.number_input(key="stem").set_value(41).run()
    assert [each and each["params"] for each in shown] == [99_060, None, params_of(StudentSpec(stem=41))]


def test_a_design_that_cannot_be_built_leaves_its_controls_and_says_why() -> None:
    app = arrive("architecture", net="teacher", widths="-".join(["1024"] * 12))
    assert not app.get("bidi_component")[:-1], "only the address"
    assert any("at most 64,000,000 can be built here" in each.value for each in app.error)
    assert app.selectbox(key="net").value == "teacher"


def miscounted(spec: NetworkSpec, size: int = 224) -> Budget:
    return dataclasses.replace(budget(spec, size), mult_adds=7)


def test_where_torchinfo_counts_otherwise_the_page_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorer.architecture.budget.budget", miscounted)
    monkeypatch.setattr("explorer.architecture.page_verdict.budget", miscounted)
    app = arrive("architecture")
    assert any("99,060 parameters and 7 multiply-adds" in error.value for error in app.error)
    assert component(app, "drawing")["counted"] == {"params": 99_060, "mult_adds": 7}
    assert not said(app, "torchinfo counts the same")


def test_torchinfo_counts_the_same() -> None:
    assert said(arrive("architecture"), "torchinfo counts the same")
