"""The repair's page: what is measured on it is what the instrument brings, and controls ask for what can be."""

import pytest

from explorer.data import BUNDLED
from explorer.pruning import page_repair
from explorer.pruning.repair import REPAIR
from explorer.pruning.wall import KIND, WallState
from explorer.pruning.wall_reading import describe_recoveries
from explorer.workspace import open_workspace
from tests.pruning.app import pruning


def test_it_offers_to_run_and_asks_only_for_what_can_be() -> None:
    app = pruning("Repair", "student-5k")
    assert [each.label for each in app.selectbox if each.key == "shares"] == ["Shares of the layers"]
    app.selectbox(key="repaired").set_value("channels-bn").run()
    assert not [each for each in app.selectbox if each.key == "shares"], "channels have no layers' shares"
    app.selectbox(key="repaired").set_value("lamp").run()
    app.slider(key="rounds").set_value(2).run()
    assert not [each for each in app.selectbox if each.key == "shares"], "in rounds the method ranks"
    assert not app.exception


def test_what_is_measured_is_drawn_with_its_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_repair, "SHARD", 256)
    monkeypatch.setattr(page_repair, "RATIOS", {"mask": (0.5,), "removal": (0.5,)})
    app = pruning("Repair", "student-5k")
    next(each for each in app.button if REPAIR.key in (each.key or "")).click().run(timeout=120)
    assert not app.exception
    said = " ".join(each.value for each in [*app.caption, *app.markdown])
    assert "50% of the weights masked" in said
    assert "trained on the first 256 training images" in said


def test_the_resting_curves_say_what_repair_brings_and_lead_to_it() -> None:
    app = pruning("Curves", "teacher")
    stored = open_workspace(BUNDLED).find_rows(KIND, WallState, "teacher")
    assert stored is not None
    said = describe_recoveries(stored.rows, "global-l1")
    assert said
    assert said in [each.value for each in app.markdown]
    next(each for each in app.button if each.label == "Repair it, also in rounds").click().run()
    assert app.selectbox(key="repaired").value == "global-l1"
