"""The first tab of the pruning lesson: the wall, what the hand tells, and a wall that is made on the page."""

from functools import partial
from typing import Any
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

from explorer.data import BUNDLED
from explorer.pruning import page_wall
from explorer.pruning.methods import METHODS
from explorer.pruning.wall import KIND, WallState, photographs, wall_settings
from explorer.workspace import open_workspace
from tests.app import arrive, component, guess, press, said
from tests.own import own_network
from tests.pruning.app import pruning

NAME = "wall"


def is_there(app: AppTest) -> bool:
    return any(each.proto.component_name == NAME for each in app.get("bidi_component"))


def wish(app: AppTest) -> tuple[Any, ...]:
    asked = component(app, NAME)["wish"]
    return asked["method"], asked["ratio"], asked["rescue"]


def test_the_page_opens_with_the_wall_of_the_teacher_on_a_class_that_it_forgets() -> None:
    app = arrive("pruning")
    data = component(app, NAME)
    assert wish(app) == ("global-l1", 0.9, "none")
    state = data["methods"][0]["states"]["none"][data["ratios"].index(0.9)]
    assert state["said"].startswith("At 90% Trouser is forgotten: 0 of 40")
    assert BUNDLED.classes[state["forgotten"][0]] == "Trouser"
    assert said(app, "precomputed")
    assert not app.warning


def test_what_the_browser_is_sent_is_what_is_stored() -> None:
    data = component(pruning("The wall"), NAME)
    found = open_workspace(BUNDLED).find_rows(KIND, WallState, "student-60k-kd")
    assert found is not None
    test = BUNDLED.load("test").stratified(found.images)
    assert data["labels"] == test.labels[photographs(test)].tolist()
    assert [each["key"] for each in data["methods"]] == [
        key for key in METHODS if any(row.method == key for row in found.rows)
    ]
    for row in found.rows:
        method = next(each for each in data["methods"] if each["key"] == row.method)
        sent = method["states"][row.recovery][data["ratios"].index(row.ratio)]
        assert sent["shown"] == list(row.shown)
        assert sent["right"] == list(row.right)


def test_a_link_opens_a_state_and_the_address_keeps_it() -> None:
    link = {"method": "channels-l1", "ratio": "0.3", "rescue": "re-fitted"}
    app = pruning("The wall", **link)
    assert wish(app) == ("channels-l1", 0.3, "re-fitted")
    written = parse_qs(app.session_state["session"].address.written)
    assert {key: written[key] for key in link} == {key: [text] for key, text in link.items()}
    app = pruning("The wall", rescue="magic")
    assert said(app, "(rescue) = magic, which is not possible here")


def test_while_only_the_hand_moves_the_browser_is_sent_nothing_new() -> None:
    app = pruning("The wall")
    before = component(app, NAME)

    def let_go(ratio: float) -> None:
        # As a component does it, which the test runner has no words for.
        app.session_state["session"].address.values["ratio"] = ratio
        heard.append(("global-l1", ratio, "none"))
        app.run()

    heard: list[tuple[str, float, str]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_wall, "_heard", lambda: heard[-1] if heard else None)
        let_go(0.5)
        assert component(app, NAME) == before, "the hand knows where it is"
        assert parse_qs(app.session_state["session"].address.written)["ratio"] == ["0.5"]
        let_go(0.9)
        assert component(app, NAME) == before
        app.session_state["session"].address.values["ratio"] = 0.2  # Back, or another tab
        app.run()
        assert wish(app) == ("global-l1", 0.2, "none")
        assert component(app, NAME)["wish"]["number"] == before["wish"]["number"] + 1
        again = component(app, NAME)
        app.run()
        assert component(app, NAME) == again, "a wish counts once"
        app.session_state["session"].address.values["ratio"] = 0.9  # where the hand had let go last
        app.run()
        assert wish(app) == ("global-l1", 0.9, "none")


def test_the_state_of_the_wall_is_the_one_that_is_looked_at_inside() -> None:
    app = pruning("The wall", method="lamp", ratio="0.75")
    app.session_state["pruning_tab"] = "Look inside"
    app.run()
    assert app.slider(key="ratio").value == 0.75
    assert app.selectbox(key="method").value == "lamp"


def test_the_wall_of_another_network_is_made_on_the_page() -> None:
    source = own_network("N13", narrow=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_wall, "IMAGES", 40)
        patch.setattr(page_wall, "wall_settings", partial(wall_settings, ratios=(0.0, 0.5)))
        app = pruning("The wall", source.card.name, [source])
        assert not is_there(app)
        press(app, "Make its wall")
    data = component(app, NAME)
    assert (data["total"], data["ratios"]) == (40, [0.0, 0.5])
    assert [each["key"] for each in data["methods"]] == list(page_wall.HERE)
    assert said(app, "measured here")


def test_a_locked_wall_waits_for_a_guess() -> None:
    app = pruning("The wall", "teacher", predict="wall")
    assert said(app, "0 of 40 images of Trouser are right")
    assert not is_there(app)
    guess(app, "wall", 20)
    assert component(app, NAME)
    assert said(app, "it is **39 images**: 19 images too low")
