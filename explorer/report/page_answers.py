"""The six answers on the page, drawn from the same blocks as the files that are downloaded."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import streamlit as st
import torch

from explorer import ui
from explorer.architecture import page_controls as architecture
from explorer.networks import describe
from explorer.pruning.selection import FormsShown, MeasuredNetwork, SweepShown
from explorer.report import charts
from explorer.report.answers import answers
from explorer.report.blocks import Answer, Block, Code, Figure, Prose, Rows, Verdict, Where
from explorer.report.current import Batch, Formed, Homework, Pruned, Swept, Taught, homework
from explorer.report.render import Document, archive, cells, html, numbers
from explorer.ui import address
from explorer.workspace import Workspace


def answers_tab() -> None:
    """Every answer with the seed report's beside it, and the report as files."""
    state = _state()
    found = answers(state)
    st.markdown(
        f"About {describe(state.spec)}, alpha {state.alpha:g}, "
        f"T {state.temperature:g} and the pruned {state.pruned}: what the lessons now show. Change it there."
    )
    document = Document(found, datetime.now(UTC).date().isoformat(), torch.__version__, tuple(ui.pinned()))
    page, text, values = st.columns(3)
    # Built when pressed: drawing the figures takes a second or two.
    page.download_button(
        "Report as HTML",
        lambda: html(document),
        "report.html",
        "text/html",
        on_click="ignore",
        icon=":material/download:",
        type="primary",
        width="stretch",
        help="One file with everything in it; prints on A4.",
    )
    text.download_button(
        "Report as Markdown",
        lambda: archive(document),
        "report.zip",
        "application/zip",
        on_click="ignore",
        icon=":material/folder_zip:",
        width="stretch",
        help="report.md with its figures, the listings, the numbers.",
    )
    values.download_button(
        "Numbers as JSON",
        lambda: numbers(document),
        "numbers.json",
        "application/json",
        on_click="ignore",
        icon=":material/data_object:",
        width="stretch",
        help="Every number of the answers, as the engine gave it.",
    )
    for answer in found:
        _draw(answer)


def _state() -> Homework:
    """What the address says of every lesson, and what was measured of it in this session; else the shipped state."""
    # Without a teacher of the user's the report is about what ships, all of it: no mixture of both.
    workspace = ui.workspace() if ui.workspace().teachers else ui.shipped()
    return homework(architecture.current(), _taught(workspace), _pruned(workspace), workspace)


def _taught(workspace: Workspace) -> Taught:
    teacher = address.value("teacher", options=workspace.teachers)
    student = (
        address.value("student", options=workspace.students, default=workspace.default_student)
        if workspace.students
        else teacher
    )
    images, alpha = ui.images("validation", workspace), address.value("alpha")
    batch = Batch(
        ui.validation_logits(teacher, workspace),
        ui.validation_logits(student, workspace),
        images.targets(),
        f"the {len(images):,} {images.noun}s of {workspace.data.name}",
        ui.origin_of_logits(teacher, student, within=workspace)[0],
    )
    temperature = address.value("temperature")
    return Taught(
        1 - alpha if address.value("hard_alpha") else alpha,
        # The homework asks at T = 1; only a T that was chosen, and so stands in the address, is another.
        temperature if address.is_set("temperature") else Taught.temperature,
        batch,
    )


def _pruned(workspace: Workspace) -> Pruned:
    name = address.value("checkpoint", options=tuple(workspace.cards))
    pruned = Pruned(name)

    def is_of_it(measured: MeasuredNetwork) -> bool:
        return measured.name == name and measured.is_in(workspace)

    swept, formed = ui.session().last(SweepShown), ui.session().last(FormsShown)
    if swept is not None and is_of_it(swept.measured):
        pruned = Pruned(name, swept.measured.title, Swept(swept.rows, Where(swept.origin, swept.where)))
    if formed is not None and is_of_it(formed.measured):
        forms = Formed(formed.rows, formed.ratio, Where(formed.origin, formed.where))
        pruned = replace(pruned, forms=forms)
    return pruned


def _draw(answer: Answer) -> None:
    st.subheader(f"{answer.number}  {answer.question}")
    ours, theirs = st.columns([2, 1], gap="large")
    with ours:
        for block in answer.blocks:
            _block(block)
        if answer.facts:
            ui.provenance(answer.where.origin, answer.where.text)
    with theirs, st.container(border=True):
        st.markdown("**The seed report, audited**")
        (st.success if answer.audit.holds else st.warning)(
            answer.audit.text, icon=":material/check:" if answer.audit.holds else ":material/priority_high:"
        )


def _block(block: Block) -> None:
    if isinstance(block, Prose):
        st.markdown(block.text)
    elif isinstance(block, Verdict):
        (st.success if block.holds else st.error)(block.text)
    elif isinstance(block, Code):
        with st.expander(block.file, expanded=len(block.text) < 800):
            st.code(block.text, "python" if block.file.endswith(".py") else None)
    elif isinstance(block, Figure):
        ui.chart(charts.figure(block.kind, block.frame, block.limit), block.alt, block.caption)
    else:
        _table(block)


def _table(rows: Rows) -> None:
    # As text, the way the report prints it; alignment and sorting are the lessons' business.
    shown: dict[str, Any] = dict(
        zip(map(str, rows.frame.columns), zip(*cells(rows), strict=True), strict=True)
    )
    st.dataframe(shown, hide_index=True)
    st.caption(rows.caption)
