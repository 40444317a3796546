"""Distillation: what a teacher knows beyond the label, live under the hand, in four tabs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import streamlit as st

from explorer import places, ui
from explorer.distillation import (
    page_bugs,
    page_evidence,
    page_live,
    page_loss,
    page_soften,
    page_unseen,
    page_when,
)
from explorer.distillation.page_controls import Places, choose
from explorer.distillation.selection import DistillationSelection
from explorer.ui import address

Show = Callable[[DistillationSelection], None]


@dataclass(frozen=True)
class Part:
    """One of several things that a tab can show.

    Attributes:
        show: draws it.
        uses: the controls that it depends on, by their names in ``Places``.
    """

    show: Show
    uses: frozenset[str]

    @property
    def needs_a_student(self) -> bool:
        """Whether there is nothing to show with the teacher alone."""
        return "student" in self.uses


WHY = {
    "Dark knowledge": Part(page_evidence.show_dark_knowledge, frozenset({"teacher", "temperature"})),
    "Why T²": Part(page_loss.show_why_t_squared, frozenset({"teacher", "student", "alpha", "temperature"})),
    "Spot the bug": Part(page_bugs.show_mistakes, frozenset({"teacher", "student", "alpha", "temperature"})),
}
HELP = {
    "When it helps": Part(page_when.show_when, frozenset()),
    "Whose mistakes": Part(page_when.show_whose, frozenset()),
    "Alpha and T": Part(page_evidence.show_grid, frozenset()),
    "Distil it now": Part(page_live.show_live_training, frozenset({"teacher", "alpha", "temperature"})),
    "Calibration": Part(page_evidence.show_calibration, frozenset({"teacher", "student"})),
}
WIDTH = 6.8
WIDTHS = {"student": 1.7, "alpha": 1.3, "temperature": 0.9}
"""Of the columns of the controls, of ``WIDTH`` together with the choice."""
USES_COLUMN = {"teacher": "student"}
"""The teacher's control is above the student's: it is drawn only where there are several."""


def main() -> None:
    """Draw the lesson."""
    if not ui.workspace().teachers:
        st.info(
            f"{ui.escape_markup(ui.workspace().data.title)} has no teacher yet: add a network with "
            f"{len(ui.workspace().data.classes)} classes.",
            icon=":material/school:",
        )
        st.page_link(places.page("your_data"), label="Add a checkpoint", icon=":material/folder_open:")
        return
    tabs: dict[str, Callable[[], None]] = {
        "Soften": page_soften.show_softening,
        "The class it never saw": page_unseen.show_unseen,
        "Why it works": partial(_show_one_of, "why", "What explains it", WHY),
        "Does it help?": partial(_show_one_of, "help", "What to compare", HELP),
    }
    for name, tab in address.tabs("distillation_tab", tuple(tabs)):
        with tab:
            tabs[name]()


def _show_one_of(key: str, label: str, parts: dict[str, Part]) -> None:
    """One of several things that a tab can show, and beside the choice the controls that it depends on."""
    workspace = ui.workspace()
    alone = not workspace.students_of(address.value("teacher", options=workspace.teachers))
    names = tuple(name for name, part in parts.items() if not (alone and part.needs_a_student))
    # The choice has the width that the controls of what is chosen leave it.
    uses = {USES_COLUMN.get(use, use) for use in parts[address.peek(key, options=names)].uses}
    widths = {use: width for use, width in WIDTHS.items() if use in uses}
    row = st.columns(
        [WIDTH - sum(widths.values()), *widths.values()], gap="medium", vertical_alignment="bottom"
    )
    columns = dict(zip(widths, row[1:], strict=True))
    name = address.choice(key, label, names, draw=row[0].segmented_control, required=True)
    parts[name].show(choose(Places(**{use: columns[USES_COLUMN.get(use, use)] for use in parts[name].uses})))


main()
