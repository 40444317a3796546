"""The pruning lesson, page by page."""

from dataclasses import replace

import pytest

from explorer.pruning import examine
from explorer.pruning.answers import ANSWERS
from explorer.pruning.plan import MAX_FINETUNE, MAX_RECALIBRATE
from explorer.ui.address import TABLE
from tests.app import charts, component, downloads, guess, press, said
from tests.pruning.app import STUDENT, pruning

FORMS = ["dense", "unstructured", "masked", "zeroed", "sliced", "onnxruntime", "int8"]
PRUNING_TABS = (
    "Curves",
    "Masked, zeroed, sliced",
    "Sensitive layers",
    "Classes and images",
    "Coupled channels",
    "Take it along",
)


@pytest.mark.parametrize("tab", PRUNING_TABS)
def test_every_tab_of_the_pruning_lesson_draws_with_zero_clicks(tab: str) -> None:
    app = pruning(tab)
    assert all(chart.alt.strip() for chart in charts(app))
    assert charts(app) or app.info or app.get("download_button"), "an empty tab"


def test_the_forms_are_measured_on_the_page() -> None:
    app = pruning("Masked, zeroed, sliced")
    press(app, "Measure here")
    assert said(app, "measured here")
    assert said(app, "torchinfo counts only the weights")
    assert app.dataframe[0].value["form"].tolist() == FORMS
    app.slider(key="dropped").set_value(0.8).run()
    assert said(app, "This run has other settings than the controls (channels dropped: shown 50%, asked 80%)")
    press(app, "Set the controls to what is shown")
    assert app.slider(key="dropped").value == 0.5
    assert not said(app, "other settings than the controls")


def test_the_race_replays_the_stored_milliseconds_and_waits_for_a_guess_where_the_link_asks_for_one() -> None:
    tab = "Masked, zeroed, sliced"
    app = pruning(tab, checkpoint="teacher", images="1000")
    sent = component(app, "race")
    table = app.dataframe[0].value.set_index("form")
    for lane in sent["lanes"]:
        row = table.loc[lane["name"]]
        assert lane["ms"] == pytest.approx(row["ms"] * sent["images"] / sent["batch"])
        assert lane["right"] == f"{round(1000 * row['accuracy']):,} of 1,000 right"
    fastest = min(sent["lanes"], key=lambda lane: lane["ms"])["name"]
    assert sent["verdict"].startswith(f"192 photographs: {fastest} is through after ")
    assert sent["slowed"] in sent["speeds"]
    locked = pruning(tab, checkpoint="teacher", images="1000", predict="race")
    assert not charts(locked)
    assert not said(locked, "times as fast as the dense network, baked-in")
    guess(locked, "race", 1.5)
    assert component(locked, "race") == sent
    assert charts(locked)


def test_own_forms_stand_beside_the_stored_ones() -> None:
    app = pruning("Masked, zeroed, sliced", checkpoint=STUDENT, dropped="0.8")
    before, stored = charts(app), app.dataframe[0].value
    press(app, "Measure here")
    assert len(charts(app)) == 2 * len(before)
    own, beside = (table.value for table in app.dataframe)
    assert own["form"].tolist() == FORMS
    assert beside.equals(stored)
    assert said(app, "**Measured here**")
    assert said(app, "**Stored**")
    assert said(app, "80% dropped")
    assert said(app, "50% dropped")


def test_a_small_sweep_runs_on_the_page_and_is_kept_with_its_settings() -> None:
    app = pruning(ratios="chosen")
    app.multiselect(key="chosen_ratios").set_value([0.0, 0.5]).run()
    press(app, "Run it here")
    rows = app.dataframe[0].value
    assert len(rows) == 8, "two methods and their random baselines at two ratios"
    removed = rows[(rows["method"] == "removed channels, L1") & (rows["ratio"] == 0.5)].iloc[0]
    assert 0.5 < removed["gone"] < 0.8, "half the channels are more than half of the parameters"
    assert said(app, "measured here")
    assert not said(app, "other settings than the controls")
    app.multiselect(key="chosen_ratios").set_value([0.0, 0.8]).run()
    assert said(app, "ratios: shown 0%, 50%, asked 0%, 80%")
    press(app, "Set the controls to what is shown")
    assert app.multiselect(key="chosen_ratios").value == [0.0, 0.5]
    assert app.multiselect(key="methods").value == ["global-l1", "channels-l1"]
    assert not said(app, "other settings than the controls")
    app.multiselect(key="methods").set_value([]).run()
    assert "at least one method" in app.error[0].value
    assert len(app.dataframe[0].value) == 8, "what was measured stays"


def test_the_curve_stays_hidden_until_a_guess_is_committed() -> None:
    app = pruning(checkpoint="teacher", predict="curve")
    run = next(button for button in app.button if button.label == "Run it here")
    assert run.disabled
    assert not charts(app)
    assert not app.dataframe
    guess(app, "curve", 60.0)
    assert charts(app)
    verdict = next(text.value for text in app.markdown if "You said **60.0%**" in text.value)
    assert "points too" in verdict
    app.selectbox(key="guess_ratio").set_value(0.5).run()
    assert not charts(app), "another question hides it again"


def test_a_guess_without_a_point_waits_for_the_run() -> None:
    app = pruning(checkpoint="student-60k", ratios="chosen", guess_method="global-l1", guess_ratio="0.5")
    guess(app, "curve", 50.0)
    assert said(app, "You said **50.0%**. The answer comes with the run.")
    app.multiselect(key="methods").set_value(["global-l1"]).run()
    app.multiselect(key="chosen_ratios").set_value([0.5]).run()
    press(app, "Run it here")
    counted = app.dataframe[0].value.iloc[0]["accuracy"]
    assert said(app, f"You said **50.0%**; it is **{counted:.1%}**")
    assert said(app, "Counted on 100 images.")


def test_flipped_images_are_shown_with_probabilities_before_and_after() -> None:
    app = pruning("Classes and images", predict="flips")
    assert not charts(app), "asked first"
    guess(app, "flips", 77)
    assert said(app, "You said **77 images**; it is ")
    assert len(charts(app)) == 2
    app.slider(key="ratio").set_value(0.9).run()
    assert said(app, "loses the most")
    assert said(app, "the dense network says")
    app.slider(key="ratio").set_value(0.0).run()
    assert said(app, "No image turned this way at this ratio")


def test_a_chosen_channel_is_counted_with_its_chain() -> None:
    app = pruning("Coupled channels")
    before = app.dataframe[0].value["parameters"].iloc[-1]
    app.selectbox(key="group").set_value("layer4.3").run()
    assert app.dataframe[0].value["parameters"].iloc[-1] != before
    app.number_input(key="channel").set_value(999).run()
    assert said(app, "has channels 0 to 105")


def test_the_pruned_network_is_offered_as_a_file_and_a_script_and_can_be_kept() -> None:
    app = pruning("Take it along", ratio="0.5", method="channels-l1")
    name = "student-60k-kd-channels-l1-50"
    here = [f"{name}.safetensors", "pruned_net.py", "One page that runs it", f"{name}.py"]
    assert [each for each in downloads(app) if not each.endswith(".onnx")] == here
    assert said(app, "just opened again: StudentNet (24; 24, 48, 96, 53), ")
    press(app, "Keep it in this session")
    kept = "Student under 60,000, distilled, removed channels, L1, 50%"
    assert kept in app.selectbox(key="checkpoint").options
    app.selectbox(key="checkpoint").set_value(kept).run()
    assert not app.exception
    assert said(app, "There is no script")


def test_the_address_allows_what_a_sweep_allows() -> None:
    assert (TABLE["recalibrate"].high, TABLE["finetune"].high) == (MAX_RECALIBRATE, MAX_FINETUNE)
    assert TABLE["recalibrate_one"].high == MAX_RECALIBRATE
    assert TABLE["dropped"].default == examine.RATIO


def test_after_a_stop_the_figures_say_of_which_settings_they_are() -> None:
    app = pruning("Take it along", ratio="0.3")
    before = [metric.value for metric in app.metric]
    session = app.session_state["session"]
    (shown,) = (each for each in session.runs.values() if each.instrument == ANSWERS.key)
    session.stopped.add(replace(shown, settings=replace(shown.settings, ratio=0.6)))
    app.slider(key="ratio").set_value(0.6).run()
    assert said(app, "Stopped before the first of the batches of images")
    assert said(app, "other settings than the controls (ratio: shown 30%, asked 60%)")
    assert [metric.value for metric in app.metric] == before
    assert said(app, "masked, global L1, 30%.")
    press(app, "Go on")
    assert said(app, "masked, global L1, 60%.")
    assert [metric.value for metric in app.metric] != before
