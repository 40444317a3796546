"""The audit of the sample report: every verdict is found, not stated."""

from dataclasses import replace

import pytest

from explorer.pruning.forms import explain_accuracies
from explorer.report import quoted
from explorer.report.answers import answer_questions
from explorer.report.audit import audit_answers, audit_size, audit_speed
from explorer.report.blocks import ProseBlock, VerdictBlock
from explorer.report.subject import ReportSubject
from tests.report.test_answers import form


def audited(subject: ReportSubject) -> dict[str, VerdictBlock]:
    return {answer.number: answer.answer for answer in audit_answers(subject)}


def test_each_answer_of_the_sample_report_is_held_against_ours(state: ReportSubject) -> None:
    found = audited(state)
    assert {number: verdict.holds for number, verdict in found.items() if number < "3-2"} == {
        "1-1": True,
        "1-2": False,
        "2-1": True,
        "2-2": True,
        "3-1": False,
    }
    assert "40,756" in found["1-2"].text
    assert "The rows it shows are right and sum to 58,304" in found["1-2"].text
    assert "“Params size (MB): 0.38”, which is 99,060 parameters of 4 bytes" in found["1-2"].text
    assert "99,060" in found["1-1"].text


def test_a_loss_with_a_mistake_fails_the_audit(state: ReportSubject, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report's function is really run: with its reduction changed, the audit does not hold."""
    monkeypatch.setattr(quoted, "LOSS", quoted.LOSS.replace("batchmean", "sum"))
    verdict = audited(state)["2-1"]
    assert verdict.holds is False
    assert "KL(teacher" not in verdict.text


@pytest.mark.parametrize(
    ("times", "holds", "says"),
    [
        ((70, 75, 76, 20), True, "that network takes 20.0 ms for a batch of 32, the dense one 70.0 ms"),
        ((70, 75, 76, 69.5), None, "cannot be told apart"),
        ((70, 75, 76, 90), False, "with channels removed it is slower than dense"),
        ((70, 30, 76, 20), False, "unstructured it is faster than dense"),
        ((70, None, 76, 20), None, "no times here"),
    ],
)
def test_the_verdict_on_speed_is_as_the_times_are(
    times: tuple[float | None, ...], holds: bool | None, says: str
) -> None:
    names = ("dense", "unstructured", "masked", "sliced")
    verdict = audit_speed(tuple(form(name, ms) for name, ms in zip(names, times, strict=True)))
    assert verdict.holds is holds
    assert says in verdict.text
    assert audit_speed(()).holds is None


def test_what_it_says_of_an_unstructured_networks_size_is_held_against_its_file() -> None:
    dense, masks = form("dense", 70), form("unstructured", 75)
    masks = replace(masks, params=1000, torchinfo_params=600, file_bytes=9_000_000)
    said = audit_size((replace(dense, params=1000, file_bytes=4_500_000), masks))
    assert "“reduces the number of parameters”. With masks the network keeps 1,000 of 1,000, of which" in said
    assert "counts the 600 that the masks leave; its file takes 9.00 MB, the dense one's 4.50 MB." in said
    assert "torchinfo" not in audit_size((dense, replace(masks, torchinfo_params=1000)))
    assert audit_size((dense,)) == ""


def test_the_missing_plots_place_is_taken_by_what_was_measured(
    state: ReportSubject, bare: ReportSubject
) -> None:
    for subject, measured in ((state, True), (bare, False)):
        missing = next(answer for answer in audit_answers(subject) if answer.number == "3-1")
        ours = next(answer for answer in answer_questions(subject) if answer.number == "3-1")
        told = [block.text for block in missing.support if isinstance(block, ProseBlock)]
        assert told == ([f"Of what the explorer measured: {ours.answer.text}"] if measured else [])
        assert missing.where == ours.where


def test_what_speed_costs_in_accuracy_stands_beside_the_verdict(state: ReportSubject) -> None:
    support = {answer.number: answer.support for answer in audit_answers(state)}["3-2"]
    assert state.forms is not None
    assert [block.text for block in support if isinstance(block, ProseBlock)] == [
        audit_size(state.forms.rows),
        explain_accuracies(state.forms.rows, 10),
    ]
