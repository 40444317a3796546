"""The class it never saw, as the page shows it: what ships, what is asked first, and a training on the page."""

import pytest
import torch

from explorer.checkpoints import card
from explorer.data import BUNDLED, ImageSet
from explorer.distillation import unseen
from explorer.distillation.live import TRAINING_WITHOUT, EpochEnd, pack_logits
from explorer.ui.instrument import results
from tests.app import address, arrive, component, downloads, guess, press, said
from tests.distillation.places import PLACES

PLACE = PLACES["The class it never saw"]


def stored(label: int, validation: ImageSet) -> unseen.RaisedPair:
    found = unseen.find_pair(
        unseen.settings_for(BUNDLED, label), card("teacher").sha256, BUNDLED.key_of("training"), validation
    )
    assert found is not None
    return unseen.raise_bias({end.way: end.logits for end in found[0]}, validation, label)


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    results().clear()


@pytest.mark.parametrize("name", ["Sneaker", "Bag"])
def test_the_students_of_the_chosen_class_are_shown_at_the_links_raise(
    name: str, validation: ImageSet
) -> None:
    app = arrive("distillation", **PLACE, left_out=name, raised="3.5")
    assert not app.error
    label = BUNDLED.classes.index(name)
    pair, sent = stored(label, validation), component(app, "unseen")
    assert (sent["name"], sent["label"], sent["raised"]) == (name, label, 3.5)
    assert sent["raises"] == list(pair.raises)
    for student, shown in zip(pair.students, sent["students"], strict=True):
        assert shown["way"] == student.way
        for counts in ("found", "right", "taken", "margins", "others"):
            assert shown[counts] == pytest.approx(list(getattr(student, counts)))
    assert sent["photographs"].startswith("data:image/png;base64,")
    assert said(app, unseen.verdict(pair))
    assert said(app, "precomputed")
    assert "Every raise as CSV" in downloads(app)
    assert address(app) == {"distillation_tab": [PLACE["distillation_tab"]], "raised": ["3.5"]} | (
        {} if name == "Sneaker" else {"left_out": [name]}
    )


def test_where_the_link_locks_it_nothing_is_told_before_the_guess(validation: ImageSet) -> None:
    app = arrive("distillation", **PLACE, predict="unseen")
    pair = stored(7, validation)
    found = pair.distilled.found[pair.distilled.usual]
    assert "unseen" not in {each.proto.component_name for each in app.get("bidi_component")}
    assert not said(app, f"**{found} of 500**")
    guess(app, "unseen", 100)
    assert component(app, "unseen")["name"] == "Sneaker"
    assert said(app, f"**{found} of 500**")


@pytest.mark.usefixtures("work_here")
def test_a_pair_that_is_trained_here_takes_the_place_of_the_stored_one(
    monkeypatch: pytest.MonkeyPatch, validation: ImageSet
) -> None:
    scores = torch.randn(len(validation), 10, generator=torch.Generator().manual_seed(1))
    ends = [
        EpochEnd(way, 8, 0.1, 5.0, 0.1, b"", pack_logits(scores)) for way in ("labels alone", "distilled")
    ]
    monkeypatch.setattr(type(TRAINING_WITHOUT), "run", lambda *_: (end for end in ends))
    app = arrive("distillation", **PLACE, left_out="Coat")
    press(app, "Train both here")
    pair = unseen.raise_bias({end.way: end.logits for end in ends}, validation, 4)
    assert component(app, "unseen")["students"][1]["found"] == list(pair.distilled.found)
    assert said(app, "measured here")
    assert said(app, unseen.in_short(stored(4, validation))), "what ships stands beside it"
    app.pills(key="left_out").set_value("Sneaker").run()
    assert component(app, "unseen")["students"][1]["found"] == list(stored(7, validation).distilled.found)
    assert said(app, "precomputed")
    assert not app.warning, "another class is no other setting of the same run"
