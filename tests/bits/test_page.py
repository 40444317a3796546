"""Bits under the hand through Streamlit's own test runner: stored, measured on the page, opened by a link."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from explorer.bits import page_round
from explorer.bits.rounding import Rounding
from explorer.bits.sweep import KIND, BitsRow, BitsSettings
from explorer.data import BUNDLED
from explorer.ui import hand
from explorer.workspace import open_workspace
from tests.app import address, arrive, component, downloads, guess, press, said
from tests.own import own_network

STUDENT = "student-60k-kd"


def bits(**link: str) -> AppTest:
    app = arrive("bits", **{"checkpoint": STUDENT} | link)
    assert not app.error, [error.value for error in app.error]
    return app


def wish(app: AppTest) -> tuple[Any, ...]:
    sent = component(app, "bits")["wish"]
    return tuple(sent[key] for key in page_round.KEYS)


def test_what_the_browser_is_sent_is_what_is_stored() -> None:
    app = bits()
    data = component(app, "bits")
    found = open_workspace(BUNDLED).find_rows(KIND, BitsRow, STUDENT)
    assert found is not None
    assert [each["share"] for each in data["states"]] == [f"{row.accuracy.value:.1%}" for row in found.rows]
    assert (data["total"], data["noun"]) == (found.images, "test image")
    assert said(app, "precomputed")
    assert "All roundings as CSV" in downloads(app)
    assert wish(app) == (4, "tensor", "symmetric", 0, "conv1")


def test_a_link_opens_a_state_and_the_address_keeps_it() -> None:
    link = {"bits": "3", "scale": "channel", "codes": "affine", "activations": "8", "layer": "layer2.0"}
    app = bits(**link)
    assert wish(app) == (3, "channel", "affine", 8, "layer2.0")
    assert {key: address(app)[key] for key in link} == {key: [text] for key, text in link.items()}
    assert said(bits(bits="9"), "(bits) = 9, which is not possible here")
    assert said(bits(layer="nowhere"), "(layer) = nowhere")


def test_while_only_the_hand_moves_the_browser_is_sent_nothing_new() -> None:
    app = bits()
    before = component(app, "bits")
    told = {"bits": 6, "scale": "tensor", "codes": "symmetric", "activations": 0, "layer": "conv1"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hand, "told", lambda board: told)
        app.session_state["session"].address.values["bits"] = 6
        app.run()
        assert component(app, "bits") == before, "the hand knows where it is"
        assert address(app)["bits"] == ["6"]
        app.session_state["session"].address.values["bits"] = 2  # Back, or a link
        app.run()
        assert wish(app)[0] == 2
        assert component(app, "bits")["wish"]["number"] == before["wish"]["number"] + 1


def test_another_network_is_rounded_on_the_page() -> None:
    source = own_network("N13", narrow=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            page_round, "BitsSettings", lambda **given: BitsSettings((8, 2), activations=(0,), **given)
        )
        patch.setattr(page_round, "IMAGES", 40)
        app = arrive("bits", [source], checkpoint=source.card.name)
        press(app, "Round it")
    data = component(app, "bits")
    assert (data["total"], data["bits"]) == (40, [8, 2])
    assert len(data["layers"]) == len(data["states"][0]["errors"])
    assert said(app, "measured here")
    assert said(app, "40 test images, each class by its share")


def test_a_locked_figure_waits_for_a_guess() -> None:
    app = bits(predict="bits")
    assert not any(each.proto.component_name == "bits" for each in app.get("bidi_component"))
    guess(app, "bits", 99.9)
    assert component(app, "bits")


def test_what_the_hand_has_chosen_is_pinned_with_a_link_to_it() -> None:
    app = bits(bits="3", scale="channel", codes="affine", activations="8")
    press(app, "Pin to the ledger")
    (row,) = app.session_state["session"].pinned
    found = open_workspace(BUNDLED).find_rows(KIND, BitsRow, STUDENT)
    assert found is not None
    (stored,) = [each for each in found.rows if each.state == (Rounding(3, "channel", symmetric=False), 8)]
    assert (row.correct, row.total) == (stored.correct, stored.total)
    assert row.lesson == "bits"
    assert "3 bits, a scale per channel, affine, activations of 8 bits" in row.title
    assert row.link.startswith("bits?")
    assert "codes=affine" in row.link


def test_files_of_the_rounding_are_offered_and_ways_to_what_was_pruned() -> None:
    app = bits(bits="3", codes="affine", bits_tab="Take it along")
    assert "One page, 3 bits" in downloads(app)
    assert {link.proto.label for link in app.get("page_link")} >= {"Prune this network", "Step by step"}
