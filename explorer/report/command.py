"""The report from a terminal: ``report``, without a browser."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from explorer.architecture.presets import LIMITS
from explorer.architecture.state import ArchitectureState
from explorer.data import DataSet, Use
from explorer.errors import ExplorerError
from explorer.files import write_file
from explorer.ledger import LedgerRow, from_json
from explorer.networks import NetworkSpec, StudentSpec, spec_of
from explorer.pruning.forms import FORMS, FormsSettings
from explorer.pruning.homework import HOMEWORK, RATIOS, homework_settings
from explorer.report.answers import answer_questions
from explorer.report.audit import FIRST_LINE, audit_answers
from explorer.report.blocks import Provenance, ReportAnswer
from explorer.report.document import AUDIT_TITLE, TITLE, ReportDocument
from explorer.report.pdf import describe_missing, pages_of, rare_letters, to_pdf
from explorer.report.render import to_html, to_numbers, to_zip
from explorer.report.subject import (
    DistillationSubject,
    MeasuredForms,
    MeasuredSweep,
    PruningSubject,
    default_logits,
    report_subject,
)
from explorer.report.words import words_in_file
from explorer.terminal import (
    Bars,
    counted_images,
    decimals,
    network_name,
    run_instrument,
    whole_numbers,
    workspace_of,
    workspace_options,
)
from explorer.work.instrument import InstrumentSpec
from explorer.work.progress import follow
from explorer.workspace import Workspace

REPORT = StudentSpec()
RENDERERS: dict[str, Callable[[ReportDocument], str | bytes]] = {
    ".html": to_html,
    ".pdf": to_pdf,
    ".zip": to_zip,
    ".json": to_numbers,
}
RATIO = 0.5


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``report`` to the terminal's commands."""
    parser = commands.add_parser(
        "report", help="answer the six questions; exit status 1 when the network is over the limit"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("report.html"), help="a .html, .pdf, .zip (Markdown) or .json file"
    )
    parser.add_argument("--stem", type=int, default=REPORT.stem, help="channels of the stem")
    parser.add_argument(
        "--widths", type=whole_numbers, default=REPORT.widths, help="channels of the four blocks"
    )
    parser.add_argument("--classes", type=int, default=REPORT.classes)
    parser.add_argument("--limit", type=int, default=LIMITS["Spring 2023"], help="parameters at most")
    parser.add_argument("--alpha", type=float, default=0.5, help="weight of the soft term")
    parser.add_argument("--temperature", type=float, default=1.0, help="T of the soft term")
    parser.add_argument(
        "--checkpoint",
        metavar="NAME",
        help="the network that is pruned, by default that of --network, else the teacher; of your folder, its "
        "file's name",
    )
    workspace_options(parser)
    parser.add_argument(
        "--measure",
        action="store_true",
        help="measure the homework's curve and the speeds here; without it the evidence that ships is shown",
    )
    parser.add_argument(
        "--ratios", type=decimals, default=RATIOS, help="0,0.5,0.8, of the curve, for --measure"
    )
    parser.add_argument("--words", type=Path, help="your own words: the .json of an earlier report")
    parser.add_argument(
        "--audit", action="store_true", help="write the audit of the sample report, of what ships, instead"
    )
    parser.add_argument("--ledger", type=Path, help="a ledger's JSON file to add")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    parser.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    render = RENDERERS.get(options.out.suffix)
    if render is None:
        raise ExplorerError(f"The report is a .html, .pdf, .zip or .json file, not {options.out.name!r}.")
    if options.audit:
        audited = audit_answers(report_subject())
        _write(options.out, render(_document(AUDIT_TITLE, FIRST_LINE, audited)))
        return 0
    workspace = workspace_of(options)
    spec: NetworkSpec = StudentSpec(options.stem, options.widths, options.classes)
    if options.network:
        spec = spec_of(workspace.network(network_name(workspace, options, None)))
    batch = follow(default_logits(workspace), Bars())
    name = workspace.teachers[0]
    if options.checkpoint or options.network:
        name = network_name(workspace, options, options.checkpoint)
    pruning = PruningSubject(name)
    if options.measure or workspace.evidence is None:
        pruning = _measured(workspace, name, options)
    rows: tuple[LedgerRow, ...] = ()
    if options.ledger is not None:
        if not options.ledger.is_file():
            raise ExplorerError(f"There is no ledger {options.ledger}.")
        rows = from_json(options.ledger.read_bytes())
    subject = report_subject(
        ArchitectureState(spec, options.size, options.limit),
        DistillationSubject(options.alpha, options.temperature, batch),
        pruning,
        workspace,
    )
    answers = answer_questions(subject)
    document = _document(TITLE, subject.first_line, answers, rows=rows, words=_words(options.words))
    content = render(document)
    _write(options.out, content)
    if options.json:
        print(to_numbers(document), end="")
    else:
        pages = f", {pages_of(content)} pages" if isinstance(content, bytes) and render is to_pdf else ""
        print(f"{options.out}: {options.out.stat().st_size:,} bytes, {len(answers)} answers{pages}")
        if pages and (missing := describe_missing(rare_letters(document))):
            print(missing)
    return 0 if answers[1].facts["total_params"] <= options.limit else 1


def _document(title: str, first_line: str, answers: tuple[ReportAnswer, ...], **own: Any) -> ReportDocument:
    today = datetime.now(UTC).date().isoformat()
    return ReportDocument(title, first_line, answers, today, str(torch.__version__), **own)


def _write(path: Path, content: str | bytes) -> None:
    write_file(path, content if isinstance(content, bytes) else content.encode())


def _words(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    if not path.is_file():
        raise ExplorerError(f"There is no file {path}.")
    return words_in_file(path.read_bytes())


def _measured(workspace: Workspace, name: str, options: argparse.Namespace) -> PruningSubject:
    """The homework's curve of the network on validation images, and its forms on test images."""
    source = workspace.source(name)
    test, there = counted_images(workspace, "test", options.images), workspace.data.sizes["validation"]
    validation = counted_images(workspace, "validation", min(options.images, there))
    settings = replace(homework_settings(len(validation)), ratios=options.ratios)
    rows = run_instrument(
        HOMEWORK, InstrumentSpec(source, workspace.data, "validation", validation.whole, settings)
    )
    forms = run_instrument(
        FORMS, InstrumentSpec(source, workspace.data, "test", test.whole, FormsSettings(len(test), RATIO))
    )
    return PruningSubject(
        name,
        MeasuredSweep(rows, _here(workspace.data, "validation", len(validation)), validation.noun),
        forms=MeasuredForms(forms, RATIO, _here(workspace.data, "test", len(test))),
    )


def _here(data: DataSet, use: Use, images: int) -> Provenance:
    """Measured in this very command, on so many images."""
    threads = torch.get_num_threads()
    said = f"{data.name}, {data.counted(use, images)}; {threads} CPU thread{'' if threads == 1 else 's'}."
    return Provenance("measured", said)
