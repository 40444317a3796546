"""Every figure that asks: hidden by its link, shown after a guess, its answer told only then."""

from dataclasses import dataclass

import pytest
from streamlit.testing.v1 import AppTest

from explorer.ui.address import EVERYTHING, PREDICTED
from tests.app import arrive, charts, guess, said

EVIDENCE = {"distillation_tab": "Does it help?", "help": "When it helps"}
INSIDE, SMALL = {"pruning_tab": "Look inside"}, {"checkpoint": "student-60k-kd", "images": "100"}
WHY = {"distillation_tab": "Why it works"}


@dataclass(frozen=True)
class Figure:
    """Where a figure is, and a guess that is wrong."""

    page: str
    link: dict[str, str]
    wrong: float


FIGURES = {
    "verdict": Figure("architecture", {}, 99),
    "layers": Figure("architecture", {"architecture_tab": "Layers"}, 3),
    "summary": Figure(
        "architecture",
        {
            "architecture_tab": "Layers",
            "layers_as": "After torchsummary",
            "summarised": "student-60k-kd",
        },
        99,
    ),
    "softening": Figure("distillation", {}, 99),
    "loss": Figure("distillation", WHY | {"why": "Why T²"}, 0),
    "dark": Figure("distillation", WHY | {"why": "Dark knowledge"}, 8),
    "gains": Figure("distillation", EVIDENCE, -20),
    "wall": Figure("pruning", {}, 0),
    "race": Figure("pruning", {"pruning_tab": "Masked, zeroed, sliced"}, 1),
    "unseen": Figure("distillation", {"distillation_tab": "The class it never saw"}, 1),
    "curve": Figure("pruning", {"pruning_tab": "Curves"}, 99),
    "sensitivity": Figure("pruning", INSIDE | {"look": "Sensitive layers"}, 0),
    "bits": Figure("bits", {}, 99.9),
    "coupling": Figure("pruning", INSIDE | {"look": "Coupled channels"} | SMALL, 0),
}
# Tested in their lesson: a run brings their answer, or there is no figure beside the answer.
ELSEWHERE = {"distil", "quiz", "flips"}


def figures(app: AppTest) -> int:
    """How many there are: charts, and components of ours but the one that writes the address."""
    ours = [each for each in app.get("bidi_component") if each.proto.component_name != "address"]
    return len(charts(app)) + len(ours)


def test_no_figure_that_asks_is_left_out() -> None:
    assert set(FIGURES) | ELSEWHERE | {EVERYTHING} == set(PREDICTED)


@pytest.mark.parametrize("key", FIGURES)
def test_a_link_hides_a_figure_until_a_guess_is_committed(key: str) -> None:
    figure = FIGURES[key]
    app = arrive(figure.page, **figure.link, predict=key)
    before = figures(app)
    assert not said(app, "You said")
    guess(app, key, figure.wrong)
    assert said(app, "You said")
    assert said(app, "it is **"), "the truth, which is known without a run"
    assert figures(app) > before
