"""The six answers on the page, drawn from the same blocks as the files that are downloaded."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st
import torch

from explorer import ui
from explorer.architecture import page_controls as architecture
from explorer.pruning.forms import FORMS, describe_forms_measurement
from explorer.pruning.page_asked import asked_count, asked_forms, asked_sweep
from explorer.pruning.selection import USE, FormsShown, SweepShown
from explorer.pruning.sweep import SWEEP, describe_sweep_measurement
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
from explorer.ui.instrument import results
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.results import KeptResult
from explorer.workspace import Workspace


def answers_tab() -> None:
    """Every answer with the audit of the sample report's beside it, and your report as files."""
    subject = _subject()
    answers = ui.kept(partial(answer_questions, subject))
    st.markdown(f"{ui.escape_markup(subject.first_line)} This is what the lessons now show: change it there.")
    today = datetime.now(UTC).date().isoformat()
    document = ReportDocument(subject.first_line, answers, today, str(torch.__version__), tuple(ui.pinned()))
    page, text, values = st.columns(3)
    # Built when pressed, once for all visitors: drawing the figures takes a second or two.
    page.download_button(
        "Your report as HTML",
        partial(ui.kept, partial(ui.make_file, to_html, document)),
        "report.html",
        "text/html",
        on_click="ignore",
        icon=":material/download:",
        type="primary",
        width="stretch",
        help="One file with everything in it; prints on A4.",
    )
    text.download_button(
        "Your report as Markdown",
        partial(ui.kept, partial(ui.make_file, to_zip, document)),
        "report.zip",
        "application/zip",
        on_click="ignore",
        icon=":material/folder_zip:",
        width="stretch",
        help="report.md with its figures, the listings, the numbers.",
    )
    values.download_button(
        "Numbers as JSON",
        partial(ui.make_file, to_numbers, document),
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
    student, students = None, workspace.students_of(teacher)
    if students:
        student = address.value("student", options=students, default=workspace.default_student_of(teacher))
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
    return PruningSubject(name, _sweep_of(name, workspace), _forms_of(name, workspace))


def _sweep_of(name: str, workspace: Workspace) -> MeasuredSweep | None:
    """The sweep that the lesson shows of this network: in this session, or as the address asks for it."""
    shown = ui.session().last(SweepShown)
    if shown is not None and shown.measured.name == name and shown.measured.is_in(workspace):
        return MeasuredSweep(shown.rows, Provenance(shown.origin, shown.where))
    whole = ui.images(USE, workspace)
    settings = asked_sweep(asked_count(len(whole)), workspace.data.key_of("training"))
    kept = None if settings is None else _kept(SWEEP, settings, name, whole.whole, workspace)
    if kept is None:
        return None
    source, noun = workspace.source(name), workspace.data.noun(USE)
    where = describe_sweep_measurement(noun, source.card.title, kept.settings, kept.parts)
    return MeasuredSweep(kept.parts, Provenance("measured", where))


def _forms_of(name: str, workspace: Workspace) -> MeasuredForms | None:
    """The three forms, likewise."""
    shown = ui.session().last(FormsShown)
    if shown is not None and shown.measured.name == name and shown.measured.is_in(workspace):
        return MeasuredForms(shown.rows, shown.ratio, Provenance(shown.origin, shown.where))
    whole = ui.images(USE, workspace)
    kept = _kept(FORMS, asked_forms(asked_count(len(whole))), name, whole.whole, workspace)
    if kept is None:
        return None
    title, noun = workspace.source(name).card.title, workspace.data.noun(USE)
    where = describe_forms_measurement(noun, title, kept.parts)
    return MeasuredForms(kept.parts, kept.settings.ratio, Provenance("measured", where))


def _kept(
    instrument: Instrument[Any, Any], settings: Any, name: str, images: str, workspace: Workspace
) -> KeptResult | None:
    """A finished run with just these settings that was measured in this process, by whomever."""
    spec = InstrumentSpec(workspace.source(name), workspace.data, USE, images, settings)
    kept = results().get(instrument.identity(spec))
    return kept if kept is not None and kept.finished else None


def _draw_answer(answer: ReportAnswer) -> None:
    st.header(f"{answer.number}  {answer.question}")
    ours, theirs = st.columns([2, 1], gap="large")
    with ours:
        for block in answer.blocks:
            _draw_block(block)
        if answer.facts:
            ui.provenance(answer.where.origin, answer.where.text)
    with theirs, st.container(border=True):
        st.markdown("**The audit of the sample report**")
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
            figure = partial(charts.answer_chart, block.kind, block.frame, block.limit)
            ui.chart(figure, block.alt, ui.escape_markup(block.caption))
        case TableBlock():
            _draw_table(block)


def _draw_table(table: TableBlock) -> None:
    st.dataframe(ui.kept(partial(_as_text, table)), hide_index=True)
    st.caption(ui.escape_markup(table.caption))


def _as_text(table: TableBlock) -> pd.DataFrame:
    """As text, the way the report prints it; alignment and sorting are the lessons' business."""
    return pd.DataFrame(write_cells(table), columns=[str(column) for column in table.frame.columns])
