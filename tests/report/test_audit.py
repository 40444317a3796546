"""The audit of the sample report: every verdict is found, not stated."""

import pytest

from explorer.report import quoted
from explorer.report.audit import audit_answers, audit_speed
from explorer.report.blocks import VerdictBlock
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
        ((70, 75, 76, 20), True, "that network takes 20.0 ms for a batch, the dense one 70.0 ms"),
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
