"""The tab Step by step: what is asked for by the controls, what is stored, pinned, kept and taken along."""

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from explorer.checkpoints import card
from explorer.data import BUNDLED
from explorer.ledger import Export, LedgerRow, Prune, Recipe, Refit, Round, recipe_of
from explorer.steps.path import PathSettings, describe_path
from tests.app import said
from tests.conftest import PageOutput
from tests.report.test_lesson import STUDENT, opened

TAB = {"report_tab": "Step by step"}


def states(*rights: int, **change: object) -> list[LedgerRow]:
    steps = (Prune("global-l1", 0.9), Refit(), Round(8))
    return [
        replace(
            STUDENT,
            correct=right,
            recipe=recipe_of("images", *steps[:number]).to_dict(),
            zipped_bytes=1000 - number,
            ms=8.0 / (number + 1),
            **change,  # type: ignore[arg-type]
        )
        for number, right in enumerate(rights)
    ]


def test_a_path_is_told_by_its_dearest_step_and_by_what_brings_back_most() -> None:
    assert describe_path(states(30, 12, 24)) == (
        "From 100.0% right to 80.0%, from 1,000 compressed bytes to 998. The dearest step is masked, global L1 "
        "90%: -60.0 points. What brings back most is re-fitted on 128 images: +40.0 points. The last state runs 3.00 "
        "times as fast as the first."
    )
    assert "brings back" not in describe_path(states(30, 12))
    assert "dearest" not in describe_path(states(12, 12, 13))
    assert "as fast" not in describe_path([states(30)[0], states(30, 12, batch=1)[1]])
    assert describe_path(states(30)) == ""


@pytest.mark.parametrize(
    ("name", "link", "counted"),
    [
        ("teacher", {}, "1,000 test images, each class by its share"),
        ("student-60k-kd", {"path_of": "student-60k-kd"}, "all 10,000 test images"),
    ],
)
def test_with_zero_clicks_a_stored_path_is_drawn_state_by_state(
    output: PageOutput, name: str, link: dict[str, str], counted: str
) -> None:
    app = opened(**TAB, **link)
    assert said(app, "The dearest step is masked, global L1 90%")
    assert said(app, f"Fashion-MNIST, {counted}")
    assert not app.warning, "the controls ask for what is stored"
    frame = app.dataframe[0].value
    assert frame["state"].tolist()[:3] == [
        "1. as it is",
        "2. masked, global L1 90%",
        "3. re-fitted on 128 images",
    ]
    next(button for button in app.button if button.label.startswith("Pin every")).click().run()
    pinned = app.session_state["session"].pinned
    assert [len(Recipe.from_dict(row.recipe).steps) for row in pinned] == list(range(len(frame)))
    assert {row.weights for row in pinned} == {card(name).sha256}
    assert all(row.link.startswith("report?report_tab=Step") for row in pinned)
    next(button for button in app.button if button.label.startswith("Pin every")).click().run()
    assert len(app.session_state["session"].pinned) == len(pinned), "once"


def test_the_controls_are_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[PathSettings] = []

    class Watched:
        def __init__(self, instrument: object, spec: object, **settings: object) -> None:
            asked.append(spec.settings)  # type: ignore[attr-defined]

        def controls(self, label: str) -> None:
            pass

        def result(self, where: object) -> None:
            return None

    monkeypatch.setattr("explorer.report.page_steps.Panel", Watched)
    link = {
        "path_of": "student-5k",
        "path_method": "channels-l1",
        "path_ratio": "0.3",
        "repair": "fine-tuned",
        "rounded_to": "4 bits",
        "exported_as": "none",
        "path_images": "200",
    }
    app: AppTest = opened(**TAB, **link)
    last = asked[-1]
    assert [type(step).__name__ for step in last.steps] == ["Prune", "Finetune", "Round"]
    assert last.steps[0] == Prune("channels-l1", 0.3)
    assert (last.images, last.training) == (200, BUNDLED.key_of("training"))
    opened(**TAB, **link | {"path_ratio": "0", "repair": "re-fitted", "exported_as": "int8"})
    assert asked[-1].steps == (Round(4), Export("int8"))
    app = opened(**TAB, path_ratio="0")
    assert said(app, "Nothing is re-fitted, since nothing is pruned.")
