"""The six answers on the page, drawn from the same blocks as the files that are downloaded."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st
import torch

from explorer import ui
from explorer.architecture import page_controls as architecture
from explorer.data import Use
from explorer.pruning.forms import FORMS, describe_forms_measurement
from explorer.pruning.homework import HOMEWORK, homework_settings
from explorer.pruning.homework import USE as HOMEWORK_USE
from explorer.pruning.page_asked import asked_count, asked_forms, asked_sweep
from explorer.pruning.selection import FormsShown, SweepShown
from explorer.pruning.sweep import SWEEP, SweepRow, describe_sweep_measurement
from explorer.report import charts, page_words
from explorer.report.answers import answer_questions
from explorer.report.audit import FIRST_LINE, audit_answers
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
from explorer.report.document import AUDIT_TITLE, TITLE, ReportDocument, write_cells
from explorer.report.pdf import NEEDED, can_make_pdf, describe_missing, rare_letters, to_pdf
from explorer.report.render import to_html, to_numbers, to_zip
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
from explorer.selection import USE
from explorer.ui import address
from explorer.ui.instrument import results
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.results import KeptResult
from explorer.workspace import Workspace

YOURS, AUDIT = "Your report", "The audit of the sample report"


def answers_tab() -> None:
    """Your report or the audit of the sample report: answer by answer, and as files."""
    shown = address.choice(
        "report_shows", "Show", (YOURS, AUDIT), draw=st.segmented_control, label_visibility="collapsed"
    )
    if shown == AUDIT:
        _audit()
    else:
        _yours()


def _yours() -> None:
    """Every answer with room for the student's own words beside it."""
    subject = _subject()
    answers, words = ui.kept(partial(answer_questions, subject)), page_words.words()
    st.markdown(f"{ui.escape_markup(subject.first_line)} This is what the lessons now show: change it there.")
    document = _document(TITLE, subject.first_line, answers, rows=tuple(ui.pinned()), words=words)
    _offer(document, "report", "Your report")
    for answer in answers:
        st.header(f"{answer.number}  {answer.question}")
        ours, own = st.columns([2, 1], gap="large")
        with ours:
            _draw_answer(answer)
        with own:
            page_words.box(answer.number)
    page_words.offer_file()


def _audit() -> None:
    """The audit: of what ships alone, so that it is the same for everybody."""
    st.markdown(FIRST_LINE)
    answers = ui.kept(partial(_audit_answers))
    _offer(_document(AUDIT_TITLE, FIRST_LINE, answers), "audit", "The audit")
    for answer in answers:
        st.header(f"{answer.number}  {answer.question}")
        _draw_answer(answer)


def _audit_answers() -> tuple[ReportAnswer, ...]:
    return audit_answers(report_subject())


def _document(title: str, first_line: str, answers: tuple[ReportAnswer, ...], **own: Any) -> ReportDocument:
    today = datetime.now(UTC).date().isoformat()
    return ReportDocument(title, first_line, answers, today, str(torch.__version__), **own)


@dataclass(frozen=True)
class _FileKind:
    """A kind of file that a document is saved as, and what is said of it."""

    name: str
    suffix: str
    mime: str
    icon: str
    render: Callable[[ReportDocument], str | bytes]
    help: str


_FILES = (
    _FileKind(
        "HTML", "html", "text/html", "download", to_html, "One file with everything in it; prints on A4."
    ),
    _FileKind(
        "PDF", "pdf", "application/pdf", "picture_as_pdf", to_pdf, "Typeset on A4, with its fonts in it."
    ),
    _FileKind(
        *("Markdown", "zip", "application/zip", "folder_zip", to_zip),
        "report.md with its figures, the listings, every table as CSV, the numbers.",
    ),
    _FileKind(
        *("JSON", "json", "application/json", "data_object", to_numbers),
        "Every number as the engine gave it, and your own words: opened again below.",
    ),
)


def _offer(document: ReportDocument, file: str, title: str) -> None:
    """A button for each kind of file."""
    for column, kind in zip(st.columns(len(_FILES)), _FILES, strict=True):
        missing = NEEDED if kind.render is to_pdf and not can_make_pdf() else ""
        # Built when pressed, once for all visitors: drawing the figures takes a second or two.
        column.download_button(
            f"{title} as {kind.name}",
            partial(ui.kept, partial(ui.make_file, kind.render, document)),
            f"{file}.{kind.suffix}",
            kind.mime,
            on_click="ignore",
            icon=f":material/{kind.icon}:",
            type="primary" if kind is _FILES[0] else "secondary",
            width="stretch",
            disabled=bool(missing),
            help=missing or kind.help,
        )
    if can_make_pdf() and (lacking := ui.kept(partial(describe_missing, rare_letters(document)))):
        st.warning(ui.escape_markup(lacking), icon=":material/translate:")


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
    return PruningSubject(
        name, _curve_of(name, workspace), _sweep_of(name, workspace), _forms_of(name, workspace)
    )


def _curve_of(name: str, workspace: Workspace) -> MeasuredSweep | None:
    """The homework's curve of this network if it was measured in this process, by whomever: its settings are fixed."""
    data, use = workspace.data, HOMEWORK_USE
    settings = homework_settings(data.sizes[use])
    kept = _kept(HOMEWORK, settings, name, data.key_of(use), workspace, use)
    if kept is None:
        return None
    counted = data.counted(use, kept.settings.images)
    where = describe_sweep_measurement(counted, workspace.source(name).card.title, kept.settings, kept.parts)
    return MeasuredSweep(kept.parts, Provenance("measured", kept.measured(where)), data.noun(use))


def _sweep_of(name: str, workspace: Workspace) -> MeasuredSweep | None:
    """The sweep that the lesson shows of this network: in this session, or as the address asks for it."""
    shown = ui.session().last(SweepShown)
    if shown is not None and shown.measured.name == name and shown.measured.is_in(workspace):
        return _measured_sweep(shown.rows, Provenance(shown.origin, shown.where), workspace)
    whole = ui.images(USE, workspace)
    settings = asked_sweep(asked_count(len(whole)), workspace.data.key_of("training"))
    kept = None if settings is None else _kept(SWEEP, settings, name, whole.whole, workspace)
    if kept is None:
        return None
    images, title = workspace.data.counted(USE, kept.settings.images), workspace.source(name).card.title
    where = describe_sweep_measurement(images, title, kept.settings, kept.parts)
    return _measured_sweep(kept.parts, Provenance("measured", kept.measured(where)), workspace)


def _measured_sweep(rows: tuple[SweepRow, ...], where: Provenance, workspace: Workspace) -> MeasuredSweep:
    return MeasuredSweep(rows, where, workspace.data.noun(USE))


def _forms_of(name: str, workspace: Workspace) -> MeasuredForms | None:
    """The forms, likewise."""
    shown = ui.session().last(FormsShown)
    if shown is not None and shown.measured.name == name and shown.measured.is_in(workspace):
        return MeasuredForms(shown.rows, shown.ratio, Provenance(shown.origin, shown.where))
    whole = ui.images(USE, workspace)
    kept = _kept(
        FORMS,
        asked_forms(asked_count(len(whole)), workspace.data.key_of("training")),
        name,
        whole.whole,
        workspace,
    )
    if kept is None:
        return None
    images = workspace.data.counted(USE, kept.settings.images)
    where = describe_forms_measurement(images, workspace.source(name).card.title)
    return MeasuredForms(kept.parts, kept.settings.ratio, Provenance("measured", kept.measured(where)))


def _kept(
    instrument: Instrument[Any, Any],
    settings: Any,
    name: str,
    images: str,
    workspace: Workspace,
    use: Use = USE,
) -> KeptResult | None:
    """A finished run with just these settings that was measured in this process, by whomever."""
    spec = InstrumentSpec(workspace.source(name), workspace.data, use, images, settings)
    kept = results().get(instrument.identity(spec))
    return kept if kept is not None and kept.finished else None


def _draw_answer(answer: ReportAnswer) -> None:
    _draw_block(answer.answer)
    for block in answer.support:
        _draw_block(block)
    for where in answer.where:
        ui.provenance(where.origin, where.text)
    if answer.appendix:
        with st.expander("Every number"):
            for table in answer.appendix:
                _draw_table(table)


def _draw_block(block: Block) -> None:
    match block:
        case ProseBlock():
            st.markdown(block.text)
        case VerdictBlock():
            {True: st.success, False: st.error, None: st.info}[block.holds](block.text)
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
