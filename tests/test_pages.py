"""Every page through Streamlit's own test runner."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from explorer.networks import StudentSpec

PAGES = ("start", "architecture", "distillation", "pruning", "report", "own")


def opened(page: str, **link: str) -> AppTest:
    app = AppTest.from_file("../streamlit_app.py", default_timeout=120)
    for key, value in link.items():
        app.query_params[key] = value
    app.run()
    if page != "start":
        app.switch_page(f"explorer/{page}/page.py").run()
    assert not app.exception
    return app


def charts(app: AppTest) -> list[Any]:
    return [chart.proto for chart in app.get("vega_lite_chart")]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_something_with_zero_clicks(page: str) -> None:
    app = opened(page)
    assert len(app.title) == 1
    assert not app.error or page == "architecture", [error.value for error in app.error]
    found = charts(app)
    assert found
    for chart in found:
        assert chart.alt.strip()
    assert any("badge" in text.value for text in app.markdown), "no word on where the figures come from"


def test_the_architecture_opens_with_the_reports_verdict_and_follows_an_edit() -> None:
    app = opened("architecture")
    assert [metric.value for metric in app.metric] == ["99,060", "39,060", "148.1 M"]
    assert "Over the limit" in app.error[0].value
    app.number_input(key="block3").set_value(100).run()
    assert not app.error
    assert "Within the limit" in app.success[0].value


def test_a_link_opens_the_state_it_carries() -> None:
    app = AppTest.from_file("../streamlit_app.py", default_timeout=120)
    app.run()
    app.query_params["stem"] = "32"
    app.switch_page("explorer/architecture/page.py").run()
    assert app.number_input(key="stem").value == 32


@pytest.mark.parametrize(
    ("page", "key", "nonsense", "default"),
    [
        ("architecture", "stem", "0", 64),
        ("architecture", "block2", "wide", 128),
        ("distillation", "d_a", "7", 0.5),
        ("distillation", "d_t", "999", 4.0),
        ("distillation", "d_by", "nobody", "most ambiguous for the teacher"),
        ("pruning", "p_n", "3", 500),
    ],
)
def test_nonsense_in_a_link_opens_at_the_default_and_says_so(
    page: str, key: str, nonsense: str, default: object
) -> None:
    app = AppTest.from_file("../streamlit_app.py", default_timeout=120)
    app.run()
    app.query_params[key] = nonsense
    app.switch_page(f"explorer/{page}/page.py").run()
    assert not app.exception
    assert app.session_state[key] == default
    assert any(f"{key}" in warning.value and f"= {nonsense}" in warning.value for warning in app.warning)


@pytest.mark.parametrize(
    "tab", ["Loss", "Why T²", "Dark knowledge", "Spot the bug", "Evidence", "Distil it now", "Quiz"]
)
def test_every_tab_of_the_distillation_lesson_draws(tab: str) -> None:
    app = AppTest.from_file("../streamlit_app.py", default_timeout=120)
    app.run()
    app.query_params["d_tab"] = tab
    app.switch_page("explorer/distillation/page.py").run()
    assert not app.exception
    assert not app.error
    assert all(chart.alt.strip() for chart in charts(app))


def test_alpha_rewrites_the_formula_and_says_what_has_no_influence() -> None:
    app = opened("distillation")
    before = app.latex[0].value
    assert not app.number_input(key="d_t").disabled
    app.slider(key="d_a").set_value(1.0).run()
    assert app.latex[0].value != before
    assert any("labels have no influence" in info.value for info in app.info)
    assert not app.number_input(key="d_t").disabled
    app.toggle(key="d_conv").set_value(True).run()
    assert any("teacher and T have no influence" in info.value for info in app.info)
    assert app.number_input(key="d_t").disabled
    assert "hard term" in app.slider(key="d_a").label


def test_the_switches_rewrite_formula_labels_and_numbers() -> None:
    app = opened("distillation", d_t="1")
    table, gradients = app.dataframe[0].value, charts(app)[0].spec
    app.toggle(key="d_rev").set_value(True).run()
    assert r"\mathrm{KL}(q_{student} \| p_{teacher})" in app.latex[0].value
    assert "alpha T\\u00b2 KL(student || teacher)" in charts(app)[0].spec.replace("²", "\\u00b2")
    assert charts(app)[0].spec != gradients
    assert (app.dataframe[0].value["KL"] != table["KL"]).all()
    assert (app.dataframe[0].value["CE"] == table["CE"]).all()


def test_the_quiz_reveals_only_what_was_committed() -> None:
    app = AppTest.from_file("../streamlit_app.py", default_timeout=120)
    app.run()
    app.query_params["d_tab"] = "Quiz"
    app.switch_page("explorer/distillation/page.py").run()
    commit = next(button for button in app.button if "Commit" in button.label)
    assert commit.disabled
    app.radio(key="d_quiz").set_value(app.radio(key="d_quiz").options[1]).run()
    assert not app.error, "nothing is told before the answer is committed"
    next(button for button in app.button if "Commit" in button.label).click().run()
    assert "(a) is true" in app.error[0].value
    assert app.radio(key="d_quiz").disabled
    next(button for button in app.button if "again" in button.label).click().run()
    assert app.radio(key="d_quiz").value is None


def test_a_network_distilled_on_the_page_is_kept_for_the_other_lessons() -> None:
    app = AppTest.from_file("../streamlit_app.py", default_timeout=300)
    app.run()
    app.session_state["session"].design = StudentSpec(2, (2, 3, 4, 4), classes=10)
    app.query_params["d_tab"] = "Distil it now"
    app.query_params["d_ep"] = "2"
    app.switch_page("explorer/distillation/page.py").run()
    next(button for button in app.button if button.label == "Distil it now").click().run()
    assert not app.exception
    assert any("After epoch 2: labels alone" in text.value for text in app.caption)
    assert set(app.session_state["session"].trained) == {
        "Trained here, labels alone",
        "Trained here, distilled",
    }


STUDENT = "Student under 60,000, distilled"
PRUNING_TABS = (
    "Sweep",
    "Masked, zeroed, sliced",
    "Sensitive layers",
    "Classes and images",
    "Coupled channels",
    "Take it along",
)


def pruning(tab: str = "Sweep", checkpoint: str = STUDENT, **link: str) -> AppTest:
    app = opened("pruning", p_tab=tab, p_c=checkpoint, p_n="100", **link)
    assert not app.error, [error.value for error in app.error]
    return app


def press(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception


def said(app: AppTest, words: str) -> bool:
    texts = [*app.markdown, *app.caption, *app.info, *app.warning]
    return any(words in text.value for text in texts)


@pytest.mark.parametrize("tab", PRUNING_TABS)
def test_every_tab_of_the_pruning_lesson_draws_with_zero_clicks(tab: str) -> None:
    app = pruning(tab)
    assert all(chart.alt.strip() for chart in charts(app))
    assert charts(app) or app.info or app.get("download_button"), "an empty tab"


def test_the_three_forms_are_measured_on_the_page() -> None:
    app = pruning("Masked, zeroed, sliced")
    press(app, "Measure here")
    assert said(app, "measured here")
    assert said(app, "torchinfo counts only the weights")
    assert app.dataframe[0].value["form"].tolist() == ["dense", "masked", "zeroed", "sliced"]
    app.slider(key="p_f").set_value(0.8).run()
    assert said(app, "measured at 50% on 100 images, the controls ask for 80% on 100")


def test_a_small_sweep_runs_on_the_page_and_is_kept_with_its_settings() -> None:
    app = pruning(p_rw="chosen values")
    app.multiselect(key="p_r").set_value([0.0, 0.5]).run()
    press(app, "Run it here")
    rows = app.dataframe[0].value
    assert len(rows) == 8, "two methods and their random baselines at two ratios"
    removed = rows[(rows["method"] == "removed channels, L1") & (rows["ratio"] == 0.5)].iloc[0]
    assert 0.5 < removed["gone"] < 0.8, "half the channels are more than half of the parameters"
    assert said(app, "measured here")
    assert not said(app, "other settings than the controls")
    app.multiselect(key="p_r").set_value([0.0, 0.8]).run()
    assert said(app, "ratios: shown 0%, 50%, asked 0%, 80%")
    app.multiselect(key="p_m").set_value([]).run()
    assert "at least one method" in app.error[0].value
    assert len(app.dataframe[0].value) == 8, "what was measured stays"


def test_a_preset_sets_the_controls() -> None:
    app = pruning()
    press(app, "Question 3-1")
    assert app.multiselect(key="p_m").value == ["masked, global L1"]
    assert said(app, "20 networks on 100 images")


def test_the_curve_stays_hidden_until_a_guess_is_committed() -> None:
    app = pruning(checkpoint="Teacher, ResNet-18", p_hide="true")
    run = next(button for button in app.button if button.label == "Run it here")
    assert run.disabled
    assert not charts(app)
    assert not app.dataframe
    app.number_input(key="p_gv").set_value(60.0).run()
    press(app, "Commit")
    assert charts(app)
    verdict = next(text.value for text in app.markdown if "guessed 60.0%" in text.value)
    assert "points too" in verdict
    assert "Guesses as CSV" in [button.proto.label for button in app.get("download_button")]
    app.selectbox(key="p_gr").set_value(0.5).run()
    assert not charts(app), "another question hides it again"


def test_a_link_with_several_methods_and_a_ratio_is_taken_without_a_word() -> None:
    app = AppTest.from_file("../streamlit_app.py", default_timeout=120)
    app.run()
    for key, value in {"p_m": "masked, layer-wise L1", "p_gr": "50%", "p_st": "20%"}.items():
        app.query_params[key] = value
    app.switch_page("explorer/pruning/page.py").run()
    assert app.multiselect(key="p_m").value == ["masked, layer-wise L1"]
    assert app.selectbox(key="p_gr").value == 0.5
    assert not said(app, "The link asks for")


def test_a_guess_without_a_point_waits_for_the_run() -> None:
    app = pruning(p_rw="chosen values", p_gr="50%")
    press(app, "Commit")
    assert said(app, "Committed: 50.0% for masked, global L1 at 50%")
    app.multiselect(key="p_m").set_value(["masked, global L1"]).run()
    app.multiselect(key="p_r").set_value([0.5]).run()
    press(app, "Run it here")
    counted = app.dataframe[0].value.iloc[0]["accuracy"]
    assert said(app, f"guessed 50.0%, counted **{counted:.1%}** on 100 images")


def test_flipped_images_are_shown_with_probabilities_before_and_after() -> None:
    app = pruning("Classes and images", p_x="0.9")
    assert len(charts(app)) == 2
    assert said(app, "loses the most")
    assert said(app, "the dense network says")
    app.slider(key="p_x").set_value(0.0).run()
    assert said(app, "No image turned this way at this ratio")


def test_a_chosen_channel_is_counted_with_its_chain() -> None:
    app = pruning("Coupled channels")
    before = app.dataframe[0].value["parameters"].iloc[-1]
    app.selectbox(key="p_cg").set_value("layer4.3").run()
    assert app.dataframe[0].value["parameters"].iloc[-1] != before
    app.number_input(key="p_ch").set_value(999).run()
    assert said(app, "has channels 0 to 105")


def test_the_pruned_network_is_offered_as_a_file_and_a_script_and_can_be_kept() -> None:
    app = pruning("Take it along", p_x="0.5", p_xm="removed channels, L1")
    offered = [button.proto.label for button in app.get("download_button")]
    assert offered == [f"student-60k-kd-channels-l1-50.{ending}" for ending in ("safetensors", "py")]
    assert said(app, "opened again: recognised by its shapes as a StudentNet")
    press(app, "Keep it in this session")
    kept = f"{STUDENT}, removed channels, L1, 50%"
    assert kept in app.selectbox(key="p_c").options
    app.selectbox(key="p_c").set_value(kept).run()
    assert not app.exception
    assert said(app, "There is no script")
