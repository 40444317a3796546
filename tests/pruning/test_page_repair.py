"""The repair's page: what is measured on it is what the instrument brings, and controls ask for what can be."""

import json
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from explorer.checkpoints.evidence import StoredRows
from explorer.data import BUNDLED
from explorer.pruning import charts, page_repair, repair
from explorer.pruning.page_asked import DEFAULT
from explorer.pruning.repair import REPAIR, RepairRow
from explorer.pruning.repair_reading import beside_sweep, describe_beside
from explorer.pruning.sweep import SWEEP, SweepRow
from explorer.pruning.wall import KIND, WallState
from explorer.pruning.wall_reading import describe_recoveries
from explorer.workspace import Workspace, open_workspace
from tests.pruning.app import STUDENT, pruning

ROW = RepairRow("global-l1", "", 0.9, "none", 0, 1_000, 10_000, 59_026, 7_485, 8_648_194, 0, 0.0)
TUNED = replace(ROW, repair="fine-tuned", epochs=5, correct=8_786, trained_on=5_000, rate=0.02)
STORED = (
    ROW,
    replace(TUNED, epochs=1, correct=8_230),
    TUNED,
    replace(TUNED, plan="5 rounds", correct=8_900),
    replace(TUNED, plan="5 rounds, rewound", correct=9_000, rate=0.2),
)


def test_it_offers_to_run_and_asks_only_for_what_can_be() -> None:
    app = pruning("Repair", "student-5k")
    assert [each.label for each in app.selectbox if each.key == "shares"] == ["Shares of the layers"]
    app.selectbox(key="shares").set_value("sensitivity").run()
    app.multiselect(key="left_whole").set_value(["layer4.3"]).run()
    steps = next(each.value for each in app.caption if "networks, about" in each.value)
    # Without its largest layer this network cannot lose 80 % of its weights: only 50 % is left, in four states.
    assert steps.startswith("4 networks")
    app.multiselect(key="left_whole").set_value(["layer4.3", "layer3.3", "conv1"]).run()
    assert [each.value for each in app.error] == [
        "With these layers left whole 50% of the weights cannot go: leave fewer of them whole."
    ]
    app.multiselect(key="left_whole").set_value([]).run()
    app.selectbox(key="repaired").set_value("channels-bn").run()
    assert not [each for each in app.selectbox if each.key == "shares"], "channels have no layers' shares"
    app.selectbox(key="repaired").set_value("lamp").run()
    app.slider(key="rounds").set_value(2).run()
    assert not [each for each in app.selectbox if each.key == "shares"], "in rounds the method ranks"
    assert not app.exception


def test_the_epochs_of_a_run_are_those_of_all_rounds() -> None:
    app = pruning("Repair", "student-5k", rounds="2", epochs_each="3")
    (run,) = [each for each in app.button if REPAIR.key in (each.key or "")]
    assert "Trains for 6 epochs on the first 2,000 training images" in run.help


def test_what_is_measured_is_drawn_with_its_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_repair, "SHARD", 256)
    monkeypatch.setattr(page_repair, "RATIOS", {"mask": (0.5,), "removal": (0.5,)})
    app = pruning("Repair", "student-5k")
    next(each for each in app.button if REPAIR.key in (each.key or "")).click().run(timeout=120)
    assert not app.exception
    said = " ".join(each.value for each in [*app.caption, *app.markdown])
    assert "50% of the weights masked" in said
    assert "trained on the first 256 training images" in said


@pytest.mark.parametrize("repaired", [True, False], ids=["of stored repairs", "of the wall"])
def test_the_resting_curves_say_what_repair_brings_and_lead_to_it(
    monkeypatch: pytest.MonkeyPatch, repaired: bool
) -> None:
    workspace = open_workspace(BUNDLED)
    sweep = workspace.find_rows(SWEEP.key, SweepRow, "teacher")
    repairs = workspace.find_rows(repair.KIND, RepairRow, "teacher")
    wall = workspace.find_rows(KIND, WallState, "teacher")
    assert sweep is not None
    assert repairs is not None
    assert wall is not None
    if repaired:
        beside = beside_sweep(repairs.rows, DEFAULT, sweep.rows[0].total)
        said = describe_beside(repairs.rows, beside)
    else:
        real = Workspace.find_rows

        def without(self: Workspace, kind: str, *of: Any) -> Any:
            return None if kind == repair.KIND else real(self, kind, *of)

        monkeypatch.setattr(Workspace, "find_rows", without)
        said = describe_recoveries(wall.rows, "global-l1")
    app = pruning("Curves", "teacher")
    assert said
    assert said in [each.value for each in app.markdown]
    next(each for each in app.button if each.label == "Repair it, also in rounds").click().run()
    assert app.selectbox(key="repaired").value == "global-l1"


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A repair of the student under 60,000, stored."""
    real = Workspace.find_rows

    def find_rows(self: Workspace, kind: str, row: Any, name: str, use: Any = "test") -> Any:
        if kind != repair.KIND:
            return real(self, kind, row, name, use)
        key = self.data.key_of("test")
        written = {"seed": 0, "training": self.data.key_of("training")}
        source = self.source(name).card.sha256
        return StoredRows(
            STORED, kind, source, key, 10_000, written, name, "2026-11-26", "here", "2.14", "stratified"
        )

    monkeypatch.setattr(Workspace, "find_rows", find_rows)


def _said(app: AppTest) -> str:
    return " ".join(each.value for each in [*app.caption, *app.markdown])


def test_what_is_stored_stands_beside_networks_from_scratch_and_other_plans(stored: None) -> None:
    app = pruning("Repair")
    said = _said(app)
    assert "fine-tuned for 1 epoch 82.3%, fine-tuned for 5 epochs **87.9%**" in said
    assert "trained from scratch with 4,764 parameters (18 epochs on 55,000 images)" in said
    assert (
        "trained on the first 5,000 training images, 9.1% of the 55,000 that the network learned from" in said
    )
    assert (
        'in 5 rounds, rewound **90.0%**. What was done "in 5 rounds, rewound" is ahead of "in one go"' in said
    )
    assert app.dataframe[0].value["how"].tolist() == ["in one go", "in 5 rounds", "in 5 rounds, rewound"]
    assert not app.warning, "nothing is asked for but what is stored"


def test_the_stored_plan_is_the_one_that_the_controls_ask_for(stored: None) -> None:
    app = pruning("Repair", rounds="5", rewind="yes")
    assert (
        "90% of the weights masked in 5 rounds, rewound, 7,485 parameters not zero: fine-tuned for 5 epochs **90.0%**"
        in _said(app)
    )
    app = pruning("Repair", rounds="4")
    assert "Nobody has repaired this network so yet: run it here." in [each.value for each in app.info]


def test_what_is_left_is_drawn_across_as_chosen(stored: None) -> None:
    across = {}
    for field in charts.REPAIRED_ACROSS:
        app = pruning("Repair", repaired_across=field)
        assert app.segmented_control(key="repaired_across").value == field
        spec = json.loads(app.get("vega_lite_chart")[0].proto.spec)
        across[field] = {each["encoding"]["x"]["field"] for each in spec["layer"] if "x" in each["encoding"]}
    assert across == {"nonzero": {"nonzero"}, "ratio": {"ratio"}}


def test_a_short_run_asks_for_less_than_what_is_stored(stored: None) -> None:
    app = pruning("Repair")
    assert not [each for each in app.slider if each.key == "epochs_each"]
    app.toggle(key="short_run").set_value(True).run()
    app.slider(key="epochs_each").set_value(3).run()
    (warning,) = app.warning
    assert "epochs: shown 1, 5, asked 3; trained on: shown 5,000 images, asked 2,000 images" in warning.value
    assert "fine-tuned for 5 epochs **87.9%**" in _said(app), "what is stored stays to be seen"


def test_a_budget_is_dealt_out_from_the_map_and_leads_to_the_repair() -> None:
    app = pruning("Sensitive layers", STUDENT)
    assert "To mask 80% of all weights" in _said(app)
    app.multiselect(key="left_whole").set_value(["layer4.3"]).run()
    app.slider(key="budget").set_value(0.6).run()
    assert "To mask 60% of all weights" in _said(app)
    assert "layer4.3 stays whole." in _said(app)
    app.slider(key="budget").set_value(0.9).run()
    assert "With these layers left whole at most" in app.warning[-1].value
    next(each for each in app.button if each.label == "Repair with shares found so").click().run()
    assert app.selectbox(key="shares").value == "sensitivity"
    assert app.multiselect(key="left_whole").value == ["layer4.3"]
