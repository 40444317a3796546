"""What the page says of torchsummary, compared with the evidence and with a count of its own."""

from functools import cache

import pytest
from streamlit.testing.v1 import AppTest

from explorer.architecture import page_summary
from explorer.architecture.torchsummary import KIND, SideEffect, describe_side_effect, miscounts, why
from explorer.checkpoints import card, load
from explorer.checkpoints.evidence import StoredRows, find_rows
from explorer.data import BUNDLED
from explorer.measure import accuracy, logits
from tests.app import arrive, chart_rows, charts, press, said

LINK = {
    "architecture_tab": "Layers",
    "layers_as": "After torchsummary",
    "summarised": "student-60k-kd",
}


@cache
def stored() -> StoredRows[SideEffect]:
    found = find_rows(KIND, SideEffect, card("student-60k-kd").sha256, BUNDLED.key_of("validation"))
    assert found is not None
    return found


@cache
def page() -> AppTest:
    return arrive("architecture", **LINK)


def test_the_chart_is_of_the_evidence_and_the_sentences_say_what_is_in_it() -> None:
    (figure,) = charts(page())
    drawn = chart_rows(figure)
    assert sorted(zip(drawn["summaries"], drawn["right"], strict=True)) == sorted(
        (row.passes, row.correct) for row in stored().rows
    )
    assert describe_side_effect(stored().rows).replace("**", "") in figure.alt
    assert said(page(), why(stored().rows))
    assert said(page(), f"{stored().where}; all 5,000 validation images; {card('student-60k-kd').title}.")


def test_it_is_called_on_the_network_that_the_link_names_and_nothing_of_it_moves() -> None:
    assert page().selectbox(key="summarised").value == "student-60k-kd"
    assert stored().weights == card("student-60k-kd").sha256
    assert stored().rows[0].accuracy.value == card("student-60k-kd").validation_accuracy


def test_copies_are_made_sooner_on_fewer_images_with_each_class_by_its_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page_summary, "QUICK", 50)
    app = arrive("architecture", **LINK, summarised_images="50")
    press(app, "Call it on copies, here")
    assert said(app, "50 validation images, each class by its share, noise of 3 seeds")
    own = chart_rows(charts(app)[0])
    few = BUNDLED.load("validation").stratified(50)
    right = accuracy(logits(load("student-60k-kd"), few.inputs()), few.targets()).correct
    assert own[own["summaries"] == 0]["right"].tolist() == [right]


def test_the_four_miscounts_are_shown() -> None:
    table = page().dataframe[0].value
    assert list(table["torchsummary"]) == list(miscounts()["torchsummary"])
    assert list(table["parameters"]) == list(miscounts()["parameters"])
    assert len(table) == 4


def test_the_edited_network_is_not_told_of_where_it_is_not_meant() -> None:
    assert not said(page(), "Its widths are dragged in the first tab")
