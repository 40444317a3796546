"""When distillation helps and whose the mistakes are, as the page says it, computed once more here."""

from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explorer.checkpoints import card
from explorer.checkpoints.evidence import StoredRows
from explorer.data import BUNDLED, ImageSet
from explorer.distillation import gains, records, study, whose
from explorer.workspace import Workspace, open_workspace
from tests.app import arrive, chart_rows, chart_tables, charts, downloads, layers, said
from tests.distillation.places import PLACES
from tests.distillation.test_gains import arms, pair, result
from tests.stored import stored_logits


def opened(
    monkeypatch: pytest.MonkeyPatch,
    results: list[study.CellResult] | None,
    place: str = "When it helps",
    **link: str,
) -> AppTest:
    """A part of the tab with these cells as the stored study; None for no study at all."""
    stored = None
    if results is not None:
        stored = StoredRows(tuple(results), "study", "", "", 5_000, {}, "teacher", "2026-01-01", "", "")
    real = Workspace.find_rows
    monkeypatch.setattr(
        Workspace,
        "find_rows",
        lambda self, kind, *rest: stored if kind == "study" else real(self, kind, *rest),
    )
    app = arrive("distillation", **(PLACES[place] | link))
    assert not app.error
    return app


def titles(app: AppTest) -> list[str]:
    return [each.value for each in app.header]


def test_the_gains_are_drawn_with_their_intervals_and_said_in_words(
    monkeypatch: pytest.MonkeyPatch, validation: ImageSet
) -> None:
    results = [each for seed in (1, 2, 3) for each in pair(0.8, 0.9 + 0.01 * seed, seed=seed)]
    results += pair(0.9, 0.85, student="student-5k", images=2_000)
    results += arms((0.02, 0.03, 0.04), (0.05, 0.07, 0.06))
    app = opened(monkeypatch, results)
    assert "When does distillation help?" in titles(app)
    study_pairs = gains.pairs_of(results)
    rows = gains.drawn(gains.summarise([*study_pairs, *shipped(validation)]))
    over_sizes, over_images, over_arms = charts(app)
    assert layers(over_sizes)[1] == {"x": "size", "y": "low", "y2": "high", "xOffset": "set", "color": "set"}
    assert layers(over_sizes)[2]["y"] == "image_low"
    assert layers(over_images)[1] == {
        "x": "set",
        "y": "low",
        "y2": "high",
        "xOffset": "size",
        "color": "size",
    }
    drawn = chart_rows(over_sizes).set_index(["parameters", "set"])
    assert len(drawn) == 2 + 5, "the arms that measure the caveat are no points of this chart"
    expected = rows.set_index(["parameters", "set"])
    for name in ("low", "high", "image_low", "image_high", "labels alone"):
        assert drawn[name].to_dict() == pytest.approx(expected[name].to_dict(), nan_ok=True)
    assert drawn["change"].to_dict() == pytest.approx(expected["gain"].to_dict())
    assert drawn["tells"].to_dict() == {place: place == (98_918, "500") for place in drawn.index}
    arms_drawn = chart_rows(over_arms).set_index("by")["change"]
    assert arms_drawn.to_dict() == pytest.approx(
        {"the teacher was trained on them": 3.0, "the teacher has never seen them": 6.0}
    )
    assert said(app, gains.verdict(rows))
    assert said(app, gains.caveat_verdict(gains.caveat(study_pairs)))
    assert said(app, f"{len(results)} cells trained, of 180")
    assert said(app, "500 images 600")
    assert said(app, "(those of 2,500 images on the half that none of their seed learned from)")
    assert said(app, "thin: over the images' paired differences, of these very networks")
    assert {"Gains as CSV", "Seen against unseen as CSV"} <= set(downloads(app))


def shipped(validation: ImageSet) -> list[gains.Pair]:
    """The pairs that ship, by their stored logits."""
    names = [name for student in study.FAMILY for name in (student, f"{student}-kd")]
    logits = {name: stored_logits(name) for name in names}
    return gains.shipped_pairs(
        {name: card(name) for name in names}, logits, validation.targets(), validation.key
    )


def test_it_opens_on_when_it_helps_with_what_ships_and_the_best_under_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = opened(monkeypatch, None, help="When it helps")
    assert app.segmented_control(key="help").options[0] == "When it helps"
    assert titles(app) == ["When does distillation help?", "The shipped networks"]
    rows = chart_rows(charts(app)[0])
    assert rows["set"].unique().tolist() == ["55,000, as shipped"]
    for row in rows.itertuples():
        right = [
            (stored_logits(f"{row.student}{end}").argmax(1) == BUNDLED.load("validation").targets()).sum()
            for end in ("", "-kd")
        ]
        assert row.gain == pytest.approx(100 * (right[1] - right[0]).item() / 5_000)
    assert said(app, "of the study 0 of 180 cells are trained")
    assert said(app, records.record_verdict(open_workspace(BUNDLED).cards.values(), 60_000))
    assert {"epochs", "validation accuracy"} <= set(app.dataframe[0].value.columns)


def test_what_has_not_been_trained_is_not_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, pair(0.8, 0.9))
    assert said(app, "6 cells of one pair")
    assert said(app, "has not been measured yet")
    assert not said(app, "on the half")
    assert "Seen against unseen as CSV" not in downloads(app)
    assert len(charts(app)) == 2, "there is no chart of arms that are not there"


def test_arms_of_seeds_with_images_of_their_own_are_drawn_with_one_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    results = [replace(each, judged_on=f"{each.cell.seed}") for each in arms((0.1, 0.2), (0.2, 0.4))]
    app = opened(monkeypatch, results)
    assert said(app, "each seed judged on images of its own")
    assert np.isnan(chart_rows(charts(app)[-1])["image_low"].astype(float)).all()


@pytest.mark.parametrize("kind", list(whose.KINDS))
def test_the_shared_errors_are_those_of_the_shipped_networks(
    kind: str, monkeypatch: pytest.MonkeyPatch, validation: ImageSet
) -> None:
    app = opened(monkeypatch, None, "Whose mistakes", shared=kind)
    assert "Whose mistakes are these?" in titles(app)
    (figure,) = charts(app)
    assert layers(figure)[1] == {
        "x": "parameters",
        "y": "low",
        "y2": "high",
        "xOffset": "whose",
        "color": "whose",
    }
    drawn = chart_rows(figure).set_index(["student", "whose"])
    assert len(drawn) == 5 * 3
    truth = validation.targets()
    teacher = stored_logits("teacher").argmax(1)
    for student in study.FAMILY:
        shares = []
        for name in (student, f"{student}-kd"):
            own = stored_logits(name).argmax(1)
            errs = own != truth
            shared = errs & ((teacher != truth) if kind == "image" else (teacher == own))
            shares.append(100 * shared.sum().item() / errs.sum().item())
        row = drawn.loc[(student, "teacher")]
        assert row["change"] == pytest.approx(shares[1] - shares[0])
        assert row["low"] < row["change"] < row["high"]
        assert row["tells"] == (row["low"] > 0 or row["high"] < 0)
    assert said(app, "BCa bootstrap intervals over the images")
    assert said(
        app,
        "nearest in accuracy to the teacher, The sample's StudentNet, labels alone or ResNet-like student",
    )
    assert "Shared errors as CSV" in downloads(app)
    numbers = drawn.reset_index().assign(parameters=[study.parameters_of(name) for name, _ in drawn.index])
    verdict = whose.whose_verdict(numbers, kind)
    assert any(text.value.endswith(verdict) for text in app.caption)


def test_the_errors_of_the_study_are_shared_over_its_seeds(
    monkeypatch: pytest.MonkeyPatch, validation: ImageSet
) -> None:
    generator = np.random.default_rng(0)
    teacher = (stored_logits("teacher").argmax(1) == validation.targets()).numpy()
    results = [
        replace(result(each, distilled=way, seed=seed, student="student-5k"), judged_on=validation.key)
        for seed in (1, 2, 3)
        for way in (False, True)
        # The distilled one errs where the teacher does, the other anywhere.
        for each in [(teacher | (generator.random(5_000) < 0.1)) if way else generator.random(5_000) < 0.9]
    ]
    results += [replace(each, judged_on="other images") for each in pair(0.5, 0.6, student="report")]
    app = opened(monkeypatch, results, "Whose mistakes")
    (table,) = [each for each in chart_tables(charts(app)[1]) if "student" in each]
    (drawn,) = table.to_dict("records")
    assert (drawn["student"], drawn["seeds"], drawn["tells"]) == ("student-5k", 3, True)
    control = (stored_logits("report").argmax(1) == validation.targets()).numpy()
    rows = whose.shared_over_seeds(gains.pairs_of(results)[1:], teacher, {"student-5k": control})
    assert drawn["change"] == pytest.approx(rows["change"].item())
    assert said(app, whose.seeds_verdict(rows))
    assert said(app, "the 6 cells of the study")
    assert "Over seeds as CSV" in downloads(app)
