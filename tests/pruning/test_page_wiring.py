"""What the lesson's pages hand on: to the charts, to the ledger, to the session."""

import json
from dataclasses import replace
from typing import Any

import pytest

from explorer.checkpoints import load
from explorer.data import BUNDLED
from explorer.ledger import Finetune, Prune, Recalibrate, Refit, recipe_of
from explorer.measure import describe_machine, has_bfloat16, logits
from explorer.networks import channel_groups, describe, nonzero_count, parameter_count
from explorer.pruning import charts
from explorer.pruning.engine import prune_network
from explorer.pruning.methods import get_method
from explorer.pruning.page_controls import PRESETS
from explorer.pruning.page_pin import ledger_row, steps_of
from explorer.pruning.plan import SweepSettings
from explorer.pruning.recovery import finetune
from explorer.pruning.selection import PruningSelection
from explorer.pruning.sweep import SweepRow
from explorer.workspace import open_workspace
from tests.app import press, said
from tests.charts import fields, spec_of
from tests.conftest import PageOutput
from tests.pruning.app import STUDENT, pruning
from tests.pruning.test_pages_identity import FIRST

ROW = SweepRow(
    *("channels-l1", 0.35, 61, 90, 1001, 902, 80_003),
    *(7.5, 7.0, 8.0, 15.0, 32, 1, False, 4005, 3006),
    recovery="recalibrated",
    precision="bfloat16",
    seed=3,
)
ONE: dict[str, Any] = {"methods": "global-l1", "ratios": "chosen", "chosen_ratios": "0.5"}


def test_the_pinned_row_is_the_chosen_network_of_the_sweep() -> None:
    workspace = open_workspace(BUNDLED)
    source, images = workspace.source(STUDENT), BUNDLED.load("test").stratified(90)
    selection = PruningSelection(source, STUDENT, load(STUDENT), workspace.data, images)
    settings = SweepSettings(seed=3, recalibrate=2, finetune=9, refit=64)
    row = ledger_row(selection, ROW, settings, "measured", "here")
    named = {
        name: getattr(ROW, name)
        for name in (
            *("params", "nonzero", "mult_adds", "file_bytes", "zipped_bytes", "correct", "total"),
            *("ms", "ms_low", "ms_high", "batch"),
        )
    }
    assert {name: getattr(row, name) for name in named} == named
    assert len(set(named.values())) == len(named), "or a swap would not be seen"
    assert (row.weights, row.images_key, row.input_size) == (source.card.sha256, images.whole, 64)
    key, prune = BUNDLED.key_of("training"), Prune("channels-l1", 0.35, 3)
    assert row.recipe == recipe_of(key, prune, Recalibrate(2), precision="bfloat16").to_dict()
    assert (row.lesson, row.origin, row.where) == ("pruning", "measured", "here")
    assert row.network == describe(load(STUDENT))
    assert row.timed_on == describe_machine("cpu", 1), "as many threads as the row says"
    assert ledger_row(selection, replace(ROW, ms=None), settings, "measured", "here").timed_on == ""
    plain = ledger_row(
        selection, replace(ROW, recovery="none", precision="float32"), settings, "measured", "here"
    )
    assert plain.recipe == recipe_of("", prune).to_dict()
    (lucky,) = steps_of(replace(ROW, method="random", recovery="none", seed=7), settings)
    assert (lucky.method, lucky.seed) == ("random", 7), (
        "the network of its own seed, not of the sweep's first"
    )
    for recovery, both, steps in (
        ("re-fitted", settings, (Refit(64),)),
        ("fine-tuned", settings, (Recalibrate(2), Finetune(9, 3))),
        ("fine-tuned", replace(settings, recalibrate=0), (Finetune(9, 3),)),
    ):
        assert steps_of(replace(ROW, recovery=recovery), both) == (prune, *steps)


@pytest.mark.parametrize("against", list(charts.ACROSS))
def test_the_curve_is_drawn_against_what_was_chosen(against: str, output: PageOutput) -> None:
    app = pruning(checkpoint="teacher", images="1000", against=against)
    curve = spec_of(output.figures[-2])["layer"][1]
    assert (fields(curve)["x"], fields(curve)["y"]) == (against, "accuracy")
    assert fields(spec_of(output.figures[-1])["layer"][1])["y"] == "speed_up"
    assert said(app, "Not to be told from chance (10.0% for 10 classes)")


@pytest.mark.skipif(not has_bfloat16(), reason="this CPU has no bfloat16")
def test_the_precision_of_the_link_is_measured_with(output: PageOutput) -> None:
    press(pruning(checkpoint=FIRST.card.name, trained=(FIRST,), precision="bfloat16", **ONE), "Run it here")
    assert set(output.tables["sweep.csv"]["precision"]) == {"bfloat16"}
    assert output.tables["sweep.csv"]["agreement"].notna().all()


def test_as_many_steps_are_fine_tuned_as_the_link_says(output: PageOutput) -> None:
    link = ONE | {"chosen_ratios": "0.9", "finetune": "25"}
    press(pruning(checkpoint=FIRST.card.name, trained=(FIRST,), **link), "Run it here")
    table = output.tables["sweep.csv"]
    assert set(table["recovery"]) == {"none", "fine-tuned"}
    network, test = prune_network(FIRST.load(), get_method("global-l1"), 0.9), BUNDLED.load("test")
    for _ in finetune(network, BUNDLED.load("training"), 25):
        pass
    test = test.stratified(100)
    right = int((logits(network, test.inputs()).argmax(1) == test.targets()).sum())
    tuned = table[(table["recovery"] == "fine-tuned") & (table["method"] == get_method("global-l1").title)]
    assert abs(round(100 * tuned.iloc[0]["accuracy"]) - right) <= 1


def test_a_preset_runs_what_it_promises() -> None:
    app = pruning(checkpoint=FIRST.card.name, trained=(FIRST,))
    name, purpose = "Global or layer by layer", "Where the ranking is done."
    assert said(app, f"{purpose} 30 networks, about ")
    press(app, name)
    assert app.multiselect(key="methods").value == ["global-l1", "layer-l1"]
    assert said(app, "measured here")
    assert len(app.dataframe[0].value) == 30, "ten ratios, and the random baseline at each"
    assert not said(app, "other settings than the controls")
    assert said(app.run(), f"{purpose} Shown at once.")


def test_a_preset_whose_result_is_stored_shows_it_and_measures_nothing() -> None:
    app = pruning(checkpoint="teacher", images="1000", methods="layer-l1")
    press(app, "L1, L2 or at random")
    assert said(app, "precomputed")
    assert not said(app, "measured here")


def test_question_3_1_is_the_homeworks_own_curve(output: PageOutput) -> None:
    """Layer by layer, 0 to 95 percent in steps of 5, on validation images, whatever the controls of the sweep say."""
    app = pruning(images="250", methods="lamp")
    press(app, "Question 3-1")
    assert app.session_state["curve"] == "homework"
    assert said(app, "precomputed")
    assert said(app, "all 5,000 validation images")
    assert not said(app, "other settings than the controls")
    assert not [box for box in app.selectbox if box.key == "images"], "it takes all validation images"
    table = output.tables["homework.csv"]
    assert set(table["method"]) == {get_method("homework").title}
    assert table["ratio"].tolist() == pytest.approx([0.05 * step for step in range(20)])
    assert set(table["images"]) == {5000}


def test_the_homeworks_curve_is_hidden_as_long_as_a_guess_is_asked_for(output: PageOutput) -> None:
    app = pruning(curve="homework", predict="curve")
    assert not output.figures
    assert next(each for each in app.button if each.label == "Run it here").disabled


def test_every_preset_fills_all_its_controls() -> None:
    for name, preset in PRESETS.items():
        # As long as a guess is asked for, nothing runs.
        app = pruning(
            finetune="75",
            recalibrate="3",
            methods="lamp",
            highest_ratio="0.4",
            ratio_step="0.05",
            predict="curve",
        )
        press(app, name)
        for key in ("methods", "highest_ratio", "ratio_step", "recalibrate", "finetune", "seeds"):
            asked = getattr(preset, key)
            assert app.session_state[key] == (list(asked) if isinstance(asked, tuple) else asked), (name, key)


@pytest.mark.parametrize(("method", "ratio"), [("global-l1", "0.6"), ("channels-l1", "0.4")])
def test_what_is_kept_is_the_pruned_network(method: str, ratio: str) -> None:
    app = pruning("Take it along", method=method, ratio=ratio, recalibrate_one="2")
    stored, nonzero = (app.metric[number].value for number in (0, 1))
    press(app, "Keep it in this session")
    (kept,) = app.session_state["session"].trained.values()
    network, dense = kept.load(), load(STUDENT)
    assert f"{parameter_count(network):,}" == stored
    assert f"{nonzero_count(network):,}" == nonzero
    assert nonzero_count(network) < nonzero_count(dense)
    assert 'recalibrate(pruned, BUNDLED.load("training"), 2)' in app.code[0].value


def test_the_map_frames_the_links_channel_and_names_the_weakest() -> None:
    app = pruning("Coupled channels", group="layer3.3", channel="5")
    spec = json.loads(app.get("vega_lite_chart")[0].proto.spec)
    assert spec["layer"][1]["transform"] == [{"filter": "datum.channel === 5"}]
    model = load(STUDENT)
    (group,) = (group for group in channel_groups(model) if group.title == "layer3.3")
    assert group.producers == ("layer3.3",)
    weakest = int(model.get_parameter("layer3.3.weight").detach().abs().flatten(1).sum(1).argmin())
    assert weakest != 5
    assert said(app, f"**{weakest}** is the first that")
    # A filter with its two BatchNorms, the depthwise filter, and an input channel of the next pointwise convolution.
    next_width = len(model.get_parameter("layer4.3.weight"))
    params = model.get_parameter("layer3.3.weight")[0].numel() + 2 + 9 + 2 + next_width
    assert said(app, f"**{params:,} parameters**, {params / parameter_count(model):.2%} of the network")


def test_the_sensitivity_is_measured_on_as_many_images_as_are_chosen() -> None:
    app = pruning("Sensitive layers", FIRST.card.name, (FIRST,), images="250")
    press(app, "Run it here")
    assert said(app, "250 test images, each class by its share")
