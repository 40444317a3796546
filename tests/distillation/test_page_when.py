"""What the Evidence tab says of the study and of shared errors, computed once more here."""

import pytest
from streamlit.testing.v1 import AppTest

from explorer.checkpoints.evidence import StoredRows
from explorer.data import ImageSet
from explorer.distillation import gains, study, whose
from explorer.workspace import Workspace
from tests.app import arrive, chart_rows, charts, downloads, layers, said
from tests.distillation.places import PLACES
from tests.distillation.test_gains import arms, pair
from tests.stored import stored_logits


def opened(monkeypatch: pytest.MonkeyPatch, results: list[study.CellResult] | None, **link: str) -> AppTest:
    """The Evidence tab with these cells as the stored study; None for no study at all."""
    stored = None
    if results is not None:
        stored = StoredRows(tuple(results), "study", "", "", 5_000, {}, "teacher", "2026-01-01", "", "")
    real = Workspace.find_rows
    monkeypatch.setattr(
        Workspace,
        "find_rows",
        lambda self, kind, *rest: stored if kind == "study" else real(self, kind, *rest),
    )
    app = arrive("distillation", **(PLACES["Evidence"] | link))
    assert not app.error
    return app


def titles(app: AppTest) -> list[str]:
    return [each.value for each in app.header]


def test_the_gains_are_drawn_with_their_intervals_and_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    results = [each for seed in (1, 2, 3) for each in pair(0.8, 0.9 + 0.01 * seed, seed=seed)]
    results += pair(0.9, 0.85, student="student-5k", images=2_000)
    results += arms((0.02, 0.03, 0.04), (0.05, 0.07, 0.06))
    app = opened(monkeypatch, results)
    assert "When does distillation help?" in titles(app)
    rows = gains.summarise(results)
    over_sizes, over_images = charts(app)[1:3]
    assert layers(over_sizes)[1] == {"x": "size", "y": "low", "y2": "high", "xOffset": "set", "color": "set"}
    assert layers(over_images)[1] == {
        "x": "set",
        "y": "low",
        "y2": "high",
        "xOffset": "size",
        "color": "size",
    }
    main = rows[rows["arm"] == "training"].set_index("parameters")
    drawn = chart_rows(over_sizes).set_index("parameters")
    assert len(drawn) == 2, "the arms that measure the caveat are no points of the chart"
    for name in ("low", "high", "labels alone"):
        assert drawn[name].to_dict() == pytest.approx(main[name].to_dict(), nan_ok=True)
    assert drawn["change"].to_dict() == pytest.approx(main["gain"].to_dict())
    assert drawn["tells"].to_dict() == {98_918: True, 4_764: False}
    assert said(app, gains.verdict(rows))
    assert said(app, gains.caveat_verdict(gains.caveat(results)))
    assert said(app, f"{len(results)} cells trained, of 180")
    assert said(app, "500 images 600")
    assert {"Gains as CSV", "Seen against unseen as CSV"} <= set(downloads(app))


def test_what_has_not_been_trained_is_not_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "When does distillation help?" not in titles(opened(monkeypatch, None))
    app = opened(monkeypatch, pair(0.8, 0.9))
    assert said(
        app, "Of one seed, so that nothing tells what another would give: with 500 images at 98,918 (+10.00)."
    )
    assert said(app, "has not been measured yet")
    assert "Seen against unseen as CSV" not in downloads(app)
    assert len(charts(app)) == 3, "of one number of images there is no chart over these"


@pytest.mark.parametrize("kind", list(whose.KINDS))
def test_the_shared_errors_are_those_of_the_shipped_networks(
    kind: str, monkeypatch: pytest.MonkeyPatch, validation: ImageSet
) -> None:
    app = opened(monkeypatch, None, shared=kind)
    assert "Whose mistakes are these?" in titles(app)
    figure = charts(app)[1]
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
    assert "Shared errors as CSV" in downloads(app)
    numbers = drawn.reset_index().assign(parameters=[study.parameters_of(name) for name, _ in drawn.index])
    verdict = whose.whose_verdict(numbers, kind)
    assert any(text.value.endswith(verdict) for text in app.caption)
