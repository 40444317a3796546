"""The six answers on the page, drawn from the same blocks as the files that are downloaded."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import streamlit as st
import torch

from explorer import ui
from explorer.architecture import page_controls as architecture
from explorer.pruning.selection import FormsShown, MeasuredNetwork, SweepShown
from explorer.report import charts
from explorer.report.answers import answer_questions
from explorer.report.blocks import (
    Block,
    ChartBlock,
    CodeBlock,
    ProseBlock,
    Provenance,
    ReportAnswer,
    TableBlock,
    VerdictBlock,
)
from explorer.report.render import ReportDocument, to_html, to_numbers, to_zip, write_cells
from explorer.report.subject import (
    DistillationSubject,
    LogitsBatch,
    MeasuredForms,
    MeasuredSweep,
    NetworkRole,
    PruningSubject,
    ReportSubject,
    report_subject,
)
from explorer.ui import address
from explorer.workspace import Workspace


def answers_tab() -> None:
    """Every answer with the seed report's beside it, and the report as files."""
    subject = _subject()
    answers = answer_questions(subject)
    st.markdown(f"{ui.escape_markup(subject.first_line)} This is what the lessons now show: change it there.")
    today = datetime.now(UTC).date().isoformat()
    document = ReportDocument(subject.first_line, answers, today, str(torch.__version__), tuple(ui.pinned()))
    page, text, values = st.columns(3)
    # Built when pressed: drawing the figures takes a second or two.
    page.download_button(
        "Report as HTML",
        lambda: to_html(document),
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
        lambda: to_zip(document),
        "report.zip",
        "application/zip",
        on_click="ignore",
        icon=":material/folder_zip:",
        width="stretch",
        help="report.md with its figures, the listings, the numbers.",
    )
    values.download_button(
        "Numbers as JSON",
        lambda: to_numbers(document),
        "numbers.json",
        "application/json",
        on_click="ignore",
        icon=":material/data_object:",
        width="stretch",
        help="Every number of the answers, as the engine gave it.",
    )
    for answer in answers:
        _draw_answer(answer)


def _subject() -> ReportSubject:
    """What the address says of every lesson, and what was measured of it in this session; else the shipped state."""
    # Without a teacher of the user's the report is about what ships, all of it: no mixture of both.
    workspace = ui.workspace() if ui.workspace().teachers else ui.shipped()
    return report_subject(
        architecture.current(), _distillation_subject(workspace), _pruning_subject(workspace), workspace
    )


def _distillation_subject(workspace: Workspace) -> DistillationSubject:
    teacher = address.value("teacher", options=workspace.teachers)
    student = None
    if workspace.students:
        student = address.value("student", options=workspace.students, default=workspace.default_student)
    names = tuple(name for name in (teacher, student) if name is not None)
    images, alpha = ui.images("validation", workspace), address.value("alpha")
    batch = LogitsBatch(
        ui.validation_logits(names[0], workspace),
        ui.validation_logits(names[-1], workspace),
        images.targets(),
        f"the {len(images):,} {images.noun}s of {workspace.data.name}",
        tuple(NetworkRole.of(workspace.source(name)) for name in names),
        ui.origin_of_logits(*names, within=workspace)[0],
    )
    temperature = address.value("temperature")
    return DistillationSubject(
        1 - alpha if address.value("hard_alpha") else alpha,
        # The homework asks at T = 1; only a T that was chosen, and so stands in the address, is another.
        temperature if address.is_set("temperature") else DistillationSubject.temperature,
        batch,
    )


def _pruning_subject(workspace: Workspace) -> PruningSubject:
    name = address.value("checkpoint", options=tuple(workspace.cards))
    subject = PruningSubject(name)

    def is_of_it(measured: MeasuredNetwork) -> bool:
        return measured.name == name and measured.is_in(workspace)

    swept, formed = ui.session().last(SweepShown), ui.session().last(FormsShown)
    if swept is not None and is_of_it(swept.measured):
        sweep = MeasuredSweep(swept.rows, Provenance(swept.origin, swept.where))
        subject = replace(subject, sweep=sweep)
    if formed is not None and is_of_it(formed.measured):
        forms = MeasuredForms(formed.rows, formed.ratio, Provenance(formed.origin, formed.where))
        subject = replace(subject, forms=forms)
    return subject


def _draw_answer(answer: ReportAnswer) -> None:
    st.subheader(f"{answer.number}  {answer.question}")
    ours, theirs = st.columns([2, 1], gap="large")
    with ours:
        for block in answer.blocks:
            _draw_block(block)
        if answer.facts:
            ui.provenance(answer.where.origin, answer.where.text)
    with theirs, st.container(border=True):
        st.markdown("**The seed report, audited**")
        (st.success if answer.audit.holds else st.warning)(
            answer.audit.text, icon=":material/check:" if answer.audit.holds else ":material/priority_high:"
        )


def _draw_block(block: Block) -> None:
    match block:
        case ProseBlock():
            st.markdown(block.text)
        case VerdictBlock():
            (st.success if block.holds else st.error)(block.text)
        case CodeBlock():
            with st.expander(block.file, expanded=len(block.text) < 800):
                st.code(block.text, "python" if block.file.endswith(".py") else None)
        case ChartBlock():
            figure = charts.answer_chart(block.kind, block.frame, block.limit)
            ui.chart(figure, block.alt, ui.escape_markup(block.caption))
        case TableBlock():
            _draw_table(block)


def _draw_table(table: TableBlock) -> None:
    # As text, the way the report prints it; alignment and sorting are the lessons' business.
    columns: dict[str, Any] = dict(
        zip(map(str, table.frame.columns), zip(*write_cells(table), strict=True), strict=True)
    )
    st.dataframe(columns, hide_index=True)
    st.caption(ui.escape_markup(table.caption))
