"""The bar of a lesson by link and the dialog that makes one, through Streamlit's own test runner."""

from typing import Any
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

from explorer.walks.page_bar import query_of
from explorer.walks.walk import Step, Walk, find, own, shipped
from tests.app import ROOT, address

OWN = own("Own", (Step("architecture", "stem=32", "Half <b>the</b> stem.", "And now?"), Step("start")))


def opened(opens: Walk, **instead: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=300)
    app.run()
    for key, texts in (parse_qs(query_of(opens, 1)) | {key: [text] for key, text in instead.items()}).items():
        app.query_params[key] = texts
    return run(app, opens.steps[0].page)


def run(app: AppTest, page: str) -> AppTest:
    # Streamlit's test runner does not notice that the app itself has gone to another page.
    app.switch_page(f"explorer/{page.replace('-', '_')}/page.py").run()
    assert not app.exception
    return app


def press(app: AppTest, key: str, page: str = "") -> None:
    """Press a button of the bar, which leads to a page."""
    app.button(key=key).click().run()
    if page:
        run(app, page)
    assert not app.exception


def notices(app: AppTest) -> Any:
    return app.session_state["session"].address.notices


def words(app: AppTest) -> str:
    return next(html.proto.body for html in app.get("html") if 'role="status"' in html.proto.body)


@pytest.mark.parametrize("key", shipped())
def test_every_step_of_every_walk_opens_as_it_says_and_nothing_is_complained_about(key: str) -> None:
    walk = find(key)
    app = opened(walk)
    for number, step in enumerate(walk.steps, start=1):
        if number > 1:
            press(app, "walk_next", step.page)
        assert step.ask in words(app)
        assert notices(app) == ()
        assert not app.warning, [each.value for each in app.warning]
        # A state that names what is the default anyway, or no longer can be, would not come back like this.
        expected = parse_qs(query_of(walk, number)) | ({"step": [str(number)]} if number > 1 else {})
        assert address(app) == {
            name: texts for name, texts in expected.items() if (name, texts) != ("step", ["1"])
        }
    press(app, "walk_back", walk.steps[-2].page)
    assert walk.steps[-2].ask in words(app)


def test_a_fiddled_step_is_set_up_again_and_the_end_leaves_the_page_as_it_is() -> None:
    app = opened(OWN)
    assert "Half &lt;b&gt;the&lt;/b&gt; stem. <strong>And now?</strong>" in words(app)
    app.number_input(key="stem").set_value(48).run()
    app.number_input(key="block1").set_value(99).run()
    press(app, "walk_again")
    assert (app.session_state["stem"], app.session_state["block1"]) == (32, 64)
    assert app.button(key="walk_back").disabled
    app.number_input(key="stem").set_value(48).run()
    press(app, "walk_out")
    assert address(app) == {"stem": ["48"]}
    assert not any(button.key == "walk_next" for button in app.button)


def test_on_another_page_the_bar_leads_back_to_its_step() -> None:
    app = opened(OWN)
    del (
        app.query_params["stem"],
        app.query_params["walk"],
        app.query_params["step"],
    )  # a click in the navigation
    run(app, "report")
    assert "This step is on the page Architecture." in words(app)
    press(app, "walk_again", "architecture")
    assert "And now?" in words(app)
    assert address(app) == {"walk": [OWN.key], "stem": ["32"]}
    press(app, "walk_next", "start")
    assert app.button(key="walk_next").label == "Finish"
    press(app, "walk_next")
    assert address(app) == {}


def test_a_link_whose_lesson_or_step_is_not_there_says_so() -> None:
    app = opened(OWN, walk="nobody")
    assert any("copy the whole link again" in error.value for error in app.error)
    assert address(app) == {"stem": ["32"]}
    app = opened(OWN, step="7")
    assert notices(app) == (
        "The link asks for the step (step) = 7, which is not possible here; it opens with 1.",
    )
    assert "And now?" in words(app)


def test_the_dialog_makes_a_lesson_from_the_page_as_it_is() -> None:
    app = opened(OWN)
    app.number_input(key="block1").set_value(99).run()
    app.button(key="make_lesson").click().run()
    say, ask = (each for each in app.text_input if each.label.startswith("A "))
    say.input("Block 1 is narrower.")
    ask.input("Does it fit?")
    app.multiselect(key="step_locks").set_value(["verdict"])
    next(each for each in app.button if each.label == "Add this step").click().run()
    assert not app.exception
    app.button(key="make_lesson").click().run()
    link = next(code.value for code in app.code if "walk=" in code.value)
    page, _, query = link.partition("?")
    made = find(parse_qs(query)["walk"][0])
    assert page.endswith("/architecture")
    assert parse_qs(query)["block1"] == ["99"]
    assert made.steps == (
        Step("architecture", "predict=verdict&stem=32&block1=99", "Block 1 is narrower.", "Does it fit?"),
    )
    app.button(key="remove_step_1").click().run()
    app.button(key="make_lesson").click().run()
    next(each for each in app.button if each.label == "Begin with the steps of this lesson").click().run()
    app.button(key="make_lesson").click().run()
    link = next(code.value for code in app.code if "walk=" in code.value)
    assert find(parse_qs(link.partition("?")[2])["walk"][0]).steps == OWN.steps
