"""The table of the address, walked: every key opens what it says and is written back; nonsense is told."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

from explorer import ui
from explorer.data import BUNDLED
from explorer.measure import has_bfloat16
from explorer.ui.address import EVERYWHERE, TABLE, Key
from explorer.ui.session import AddressState
from tests.data.conftest import cache, dishes  # noqa: F401

SMALL = {"checkpoint": "student-60k-kd", "images": "100"}  # quick to count
# For each page the keys whose controls are drawn together, and what must be set for them to be drawn.
CURVES = {"pruning_tab": "Curves"}
REPAIRED = {"images": "100", "checkpoint": "student-5k", "pruning_tab": "Look inside", "look": "Repair"}
GROUPS: tuple[tuple[str, dict[str, str], tuple[str, ...]], ...] = (
    (
        "architecture",
        {"limit": "own"},
        (
            *("own_limit", "stem", "block1", "block2", "block3", "block4", "kernel", "classes", "size"),
            "bias",
        ),
    ),
    ("architecture", {}, ("architecture_tab",)),
    ("architecture", {"architecture_tab": "Layers"}, ("layers_as",)),
    ("architecture", {}, ("limit", "net")),
    (
        "distillation",
        {},
        (
            *("student", "image_by", "image_rank", "alpha", "temperature", "reverse", "hard_alpha"),
            "log_scale",
        ),
    ),
    ("distillation", {}, ("distillation_tab",)),
    ("distillation", {"distillation_tab": "The class it never saw"}, ("left_out",)),
    ("distillation", {"distillation_tab": "Why it works"}, ("why",)),
    ("distillation", {"distillation_tab": "Why it works"}, ("pair",)),
    ("distillation", {"distillation_tab": "Does it help?"}, ("help",)),
    (
        "distillation",
        {"distillation_tab": "Does it help?", "help": "Distil it now"},
        ("distil", "epochs", "seconds"),
    ),
    ("distillation", {"distillation_tab": "Does it help?", "help": "Whose mistakes"}, ("shared",)),
    ("report", {}, ("across", "up", "shipped")),
    (
        "report",
        {"report_tab": "Step by step"},
        ("path_of", "path_method", "path_ratio", "repair", "rounded_to", "exported_as", "path_images"),
    ),
    ("report", {"report_tab": "Step by step"}, ("path_across",)),
    ("report", {}, ("report_tab",)),
    ("report", {"board": "room-1", "report_tab": "Class board"}, ("board_shows",)),
    ("report", {"board": "room-1", "report_tab": "Class board", "board_shows": "Designs"}, ("floor",)),
    (
        "pruning",
        CURVES,
        (
            *(
                "images",
                "methods",
                "highest_ratio",
                "ratio_step",
                "precision",
                "recalibrate",
                "finetune",
                "refit",
                "seeds",
            ),
            *("against", "guess_method", "guess_ratio"),
        ),
    ),
    ("pruning", CURVES, ("ratios",)),
    ("pruning", CURVES, ("curve",)),
    ("pruning", CURVES | {"ratios": "chosen"}, ("chosen_ratios",)),
    ("pruning", CURVES, ("checkpoint",)),
    ("pruning", SMALL, ("pruning_tab",)),
    # Of this one no forms are stored, so that the other runtime is not there by itself.
    (
        "pruning",
        SMALL | {"checkpoint": "student-20k", "pruning_tab": "Masked, zeroed, sliced"},
        ("dropped", "runtimes"),
    ),
    (
        "pruning",
        SMALL | {"images": "500", "pruning_tab": "Look inside"},
        ("method", "ratio", "recalibrate_one", "turned", "flip"),
    ),
    ("pruning", SMALL | {"pruning_tab": "Look inside"}, ("look",)),
    ("pruning", SMALL | {"pruning_tab": "Look inside", "look": "Coupled channels"}, ("group", "channel")),
    ("pruning", REPAIRED, ("repaired", "rounds", "rewind")),
    ("pruning", REPAIRED, ("shares", "epochs_each")),
    ("pruning", SMALL | {"pruning_tab": "Look inside", "look": "Sensitive layers"}, ("budget",)),
    ("pruning", REPAIRED | {"shares": "sensitivity"}, ("left_whole",)),
    ("bits", {}, ("bits_tab",)),
    ("bits", {"bits_tab": "int8 and runtimes"}, ("compile",)),
)
# Drawn on every page, where the app was started with a folder.
HEAD = ("images_of", "validation_images", "training_images", "side")
# The ledger is no control, and what it holds is tested with it, like the lesson by link; the widths are several
# controls; what blocks are drawn by, and a rescue, are chosen in a component; most machines have one device, and the
# bundled images one teacher.
ELSEWHERE = {
    ("architecture", "drawn_by"),
    ("architecture", "summarised_images"),  # likewise
    ("architecture", "summarised"),  # of another part of its tab: tests/architecture/test_page_summary.py
    # No controls either, and tested with what they do: tests/ui/test_predict.py.
    (EVERYWHERE, "predict"),
    ("start", "shown"),  # tests/start/test_page_figures.py
    ("start", "photograph"),
    (EVERYWHERE, "board"),
    (EVERYWHERE, "walk"),
    (EVERYWHERE, "step"),
    ("pruning", "rescue"),
    ("report", "ledger"),
    ("report", "words"),  # of boxes: tests/report/test_lesson.py
    ("report", "report_shows"),  # there, too
    ("architecture", "widths"),
    ("pruning", "device"),
    # Of a repair that is stored: tests/pruning/test_page_repair.py.
    ("pruning", "short_run"),
    ("pruning", "repaired_across"),
    ("distillation", "teacher"),
    ("report", "on"),  # of states that cannot be compared: tests/report/test_lesson.py
    # Of a component: tests/bits/test_page.py.
    *(("bits", key) for key in ("bits", "scale", "codes", "activations", "layer")),
    ("distillation", "raised"),  # of a component: tests/distillation/test_page_unseen.py
}
# What can be chosen where the page says so, not the table.
OTHER: dict[str, Any] = {
    "limit": "Spring 2022",
    "net": "student-60k",
    "architecture_tab": "Layers",
    "layers_as": "As code",
    "student": "student-5k",
    "image_by": "by index",
    "distillation_tab": "Does it help?",
    "left_out": "Bag",
    "why": "Spot the bug",
    "help": "Calibration",
    "pair": "Coat, also seen as Pullover",
    "distil": "student-5k",
    "shared": "class",
    "report_tab": "The six answers",
    "board_shows": "Designs",
    "floor": 0.55,
    "across": "accuracy",
    "up": "mult_adds",
    "shipped": False,
    "path_of": "student-5k",
    "path_method": "lamp",
    "path_ratio": 0.35,
    "repair": "recalibrated",
    "rounded_to": "6 bits",
    "exported_as": "none",
    "path_images": 500,
    "path_across": "file_bytes",
    "checkpoint": "student-60k-kd",
    "images": 500,
    "pruning_tab": "Curves",
    "look": "Coupled channels",
    "repaired": "lamp",
    "shares": "sensitivity",
    "left_whole": ["fc"],
    "budget": 0.5,
    "rescue": "re-fitted",
    "methods": ["lamp", "channels-l2"],
    "ratios": "chosen",
    "highest_ratio": 0.7,
    "ratio_step": 0.05,
    "chosen_ratios": [0.0, 0.95],
    "precision": "bfloat16" if has_bfloat16() else None,
    "against": "mult_adds",
    "curve": "homework",
    "guess_method": "channels-l1",
    "guess_ratio": 0.5,
    "dropped": 0.35,
    "method": "random",
    "ratio": 0.15,
    "turned": "won",
    "group": "layer4.3",
    "bits_tab": "Take it along",
}


def another(entry: Key) -> Any:
    """An allowed value that is not the default."""
    if entry.key in OTHER:
        return OTHER[entry.key]
    if entry.kind == "switch":
        return not entry.default
    if entry.options:
        return next(option for option in entry.options if option != entry.default)
    step = 1 if entry.kind == "whole number" else 0.25
    return entry.default - step if entry.default == entry.high else entry.default + step


def texts(setting: Any) -> list[str]:
    if isinstance(setting, list):
        return [text for each in setting for text in texts(each)]
    if isinstance(setting, bool):
        return ["yes" if setting else "no"]
    return [f"{setting:g}" if isinstance(setting, float) else str(setting)]


def opened(page: str, asked: Mapping[str, str | list[str]]) -> AppTest:
    app = AppTest.from_file("../../streamlit_app.py", default_timeout=120)
    app.run()
    for key, value in asked.items():
        app.query_params[key] = value
    app.switch_page(f"explorer/{page}/page.py").run()
    assert not app.exception
    return app


def address(app: AppTest) -> AddressState:
    state: AddressState = app.session_state["session"].address
    return state


def test_the_walk_leaves_no_key_out() -> None:
    walked = {(page, key) for page, _, keys in GROUPS for key in keys} | ELSEWHERE
    walked |= {(EVERYWHERE, key) for key in (*HEAD, "projector")}
    assert walked == {(entry.page, entry.key) for entry in TABLE.values()}


@pytest.mark.parametrize(("page", "beside", "keys"), GROUPS)
def test_a_link_opens_what_it_says_and_the_address_keeps_it(
    page: str, beside: dict[str, str], keys: tuple[str, ...]
) -> None:
    asked = {key: setting for key in keys if (setting := another(TABLE[key])) is not None}
    link = {key: [text] for key, text in beside.items()} | {key: texts(asked[key]) for key in asked}
    app = opened(page, link)
    assert {key: app.session_state[key] for key in asked} == asked, "every control is drawn, and as asked for"
    assert parse_qs(address(app).written or "") == link
    assert not address(app).notices


@pytest.mark.parametrize(("page", "beside", "keys"), GROUPS)
def test_nonsense_in_a_link_falls_back_and_is_told(
    page: str, beside: dict[str, str], keys: tuple[str, ...]
) -> None:
    plain, app = opened(page, beside), opened(page, beside | dict.fromkeys(keys, "nonsense"))
    for key in keys:
        assert app.session_state[key] == plain.session_state[key]
        assert any(
            f"The link asks for {TABLE[key].name} ({key}) = nonsense, which is not possible here"
            in each.value
            for each in app.warning
        )
    assert address(app).written == address(plain).written, "nonsense does not stay in the address"
    assert len(app.warning) == len(plain.warning) + len(keys)


@pytest.mark.parametrize(
    ("key", "outside"), [("stem", "0"), ("stem", "1025"), ("size", "27"), ("kernel", "4")]
)
def test_a_value_out_of_bounds_falls_back(key: str, outside: str) -> None:
    app = opened("architecture", {key: outside})
    assert app.session_state[key] == TABLE[key].default
    assert any(f"({key}) = {outside}" in each.value for each in app.warning)


def test_a_key_that_the_page_does_not_know_is_told() -> None:
    app = opened("architecture", {"a_stem": "32"})
    assert any("a a_stem, which this page does not know" in each.value for each in app.warning)
    assert address(app).written == ""


def test_an_edit_is_written_and_one_back_to_the_default_is_not() -> None:
    app = opened("architecture", {"block3": "200"})
    app.number_input(key="stem").set_value(7).run()
    assert address(app).written == "stem=7&block3=200"
    app.number_input(key="block3").set_value(256).run()
    assert address(app).written == "stem=7"
    next(button for button in app.button if button.label == "Tiny StudentNet").click().run()
    assert address(app).written == "stem=8&block1=8&block2=16&block3=32&block4=18"


def test_what_was_set_is_found_again_after_another_page_and_stands_in_the_reports_address() -> None:
    app = opened("architecture", {"stem": "32", "drawn_by": "multiply-adds"})
    app.number_input(key="block4").set_value(99).run()
    for key in ("stem", "drawn_by"):
        del app.query_params[key]  # a click in the navigation goes to a bare address
    app.switch_page("explorer/report/page.py").run()
    assert address(app).written == "stem=32&block4=99"
    app.switch_page("explorer/architecture/page.py").run()
    assert (app.session_state["stem"], app.session_state["block4"]) == (32, 99)
    assert address(app).written == "stem=32&block4=99&drawn_by=multiply-adds"


def test_a_control_that_disappears_keeps_its_value_for_when_it_comes_back() -> None:
    app = opened("architecture", {"limit": "own", "own_limit": "70000"})
    app.get_by_key("limit").set_value("Spring 2022").run()
    app.get_by_key("limit").set_value("own").run()
    assert app.session_state["own_limit"] == 70_000


def test_an_edit_that_a_process_left_unanswered_is_answered_by_the_next_one() -> None:
    """The browser brings the edit, and an address without it; the verdict is drawn from the address."""

    def script() -> None:
        import streamlit as st

        from explorer import ui
        from explorer.ui import address

        with ui.page("architecture", ["architecture"], st.container()):
            st.text(address.peek("stem"))
            address.integer_input("stem", "Stem")

    before, after = (AppTest.from_function(script, default_timeout=60) for _ in range(2))
    for app in (before, after):
        app.query_params["stem"] = "32"
    before.run()
    before.number_input(key="stem").set_value(40)
    after._run(before._tree.get_widget_states())
    assert not after.exception
    assert (after.text[0].value, after.number_input(key="stem").value) == ("40", 40)
    assert address(after).written == "stem=40"


def test_a_key_outside_the_table_is_an_error() -> None:
    def script() -> None:
        from explorer.ui import address

        address.toggle("nowhere", "Nowhere")

    app = AppTest.from_function(script).run()
    assert "nowhere" in app.exception[0].value


@pytest.fixture
def folder(dishes: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("EXPLORER_DATA", str(dishes))
    ui.forget_folder()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("page", ["start", "architecture"])
def test_the_choice_of_images_stands_in_the_address_of_every_page(page: str) -> None:
    asked = {"validation_images": "1000000", "training_images": "1000000", "side": "64"}
    app = AppTest.from_file("../../streamlit_app.py", default_timeout=120)
    for key, value in asked.items():
        app.query_params[key] = value
    app.run()
    if page != "start":
        app.switch_page(f"explorer/{page}/page.py").run()
    assert not app.exception
    assert app.session_state["side"] == 64
    written = parse_qs(address(app).written or "")
    assert written["side"] == ["64"]
    assert not app.warning
    app.segmented_control(key="images_of").set_value("bundled").run()
    assert parse_qs(address(app).written or "")["images_of"] == ["bundled"]
    assert app.session_state["session"].workspace.data.name == BUNDLED.name


@pytest.mark.usefixtures("folder")
def test_nonsense_about_the_images_is_told() -> None:
    app = AppTest.from_file("../../streamlit_app.py", default_timeout=120)
    for key in HEAD:
        app.query_params[key] = "nonsense"
    app.run()
    assert not app.exception
    for key in HEAD:
        assert any(f"({key}) = nonsense" in each.value for each in app.warning)
    assert address(app).written == ""


@pytest.mark.parametrize(
    ("key", "text"),
    [
        *(("alpha", text) for text in ("nan", "inf", "-inf", "1.01", "-0.01", "0,5", "")),
        *(("temperature", text) for text in ("nan", "inf", "0.49", "20.1")),
        *(("stem", text) for text in ("nan", "64.0", "1e2", "0x10")),
        *(("bias", text) for text in ("True", "1", "on")),
    ],
)
def test_what_is_no_value_of_its_key_is_its_default_and_is_told(key: str, text: str) -> None:
    def script(key: str, text: str) -> None:
        import streamlit as st

        from explorer.ui import address
        from explorer.ui.session import session

        session().address.asked = {key: (text,)}
        st.session_state["got"] = address.value(key)

    app = AppTest.from_function(script, args=(key, text)).run()
    assert not app.exception
    assert app.session_state["got"] == TABLE[key].default
    assert f"({key}) = {text}, which is not possible here" in address(app).notices[0]
