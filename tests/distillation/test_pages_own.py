"""The distillation lesson with networks of the user's own, as teacher and as student."""

import pytest

from explorer.data import BUNDLED
from explorer.measure import logits
from explorer.ui.instrument import results
from tests.app import address, arrive, charts, component, press, said
from tests.distillation.places import PLACES
from tests.own import own_network, own_spec

TEACHER, STUDENT = own_network("N13", "my teacher", narrow=4), own_network("N2", "my student", narrow=8)
LINK = {"teacher": TEACHER.card.name, "student": STUDENT.card.name, "image_by": "by index", "image_rank": "3"}


@pytest.mark.parametrize("place", PLACES)
def test_every_tab_draws_with_two_networks_of_ones_own(place: str) -> None:
    app = arrive("distillation", [TEACHER, STUDENT], **(LINK | PLACES[place]))
    assert not app.error, [error.value for error in app.error]


def test_the_bars_are_those_of_two_networks_of_ones_own() -> None:
    app = arrive("distillation", [TEACHER, STUDENT], **LINK)
    badges = [text.value for text in app.markdown if "badge" in text.value]
    assert "computed here" in badges[0]
    assert "my teacher and my student on" in badges[0]
    image = BUNDLED.load("validation").select(slice(3, 4)).inputs()
    for sent, source in zip(component(app, "softening")["networks"], (TEACHER, STUDENT), strict=True):
        assert sent["logits"] == pytest.approx(logits(source.load(), image)[0].tolist(), abs=1e-4)


def test_any_of_ones_own_is_offered_as_teacher_and_as_student_and_none_as_its_own() -> None:
    app = arrive("distillation", [TEACHER, STUDENT])
    assert app.selectbox(key="teacher").value == "teacher", "what ships stays the default"
    assert app.selectbox(key="teacher").options == ["Teacher, ResNet-18", "my teacher", "my student"]
    assert {"my teacher", "my student"} <= set(app.selectbox(key="student").options)
    app.selectbox(key="teacher").set_value(STUDENT.card.name).run()
    assert not app.exception
    assert "my student" not in app.selectbox(key="student").options


def test_a_network_of_ones_own_is_distilled_from_fresh_weights() -> None:
    results().clear()
    link = PLACES["Distil it now"] | {"epochs": "2", "seconds": "300", "distil": STUDENT.card.name}
    app = arrive("distillation", [STUDENT], **link)
    assert app.selectbox(key="distil").value == STUDENT.card.name
    spec = own_spec("N2", narrow=8)
    assert said(app, f"{STUDENT.card.params:,} parameters, trained on ")
    press(app, "Distil it now")
    assert said(app, "measured here")
    assert charts(app)
    made = [each for each in app.session_state["session"].trained.values() if each.card.title != "my student"]
    assert [each.card.title for each in made] == ["Trained here, labels alone", "Trained here, distilled"]
    assert {each.card.network_spec() for each in made} == {spec}
    assert len({each.card.sha256 for each in (*made, STUDENT)}) == 3
    assert address(app)["distil"] == [STUDENT.card.name]
