import json
from dataclasses import replace

import pytest

from explorer.architecture.budget import budget
from explorer.checkpoints import SHIPPED
from explorer.distillation.loss import loss_fn_kd
from explorer.distillation.soften import entropy
from explorer.errors import ExplorerError
from explorer.networks import StudentSpec
from explorer.report import quoted
from explorer.report.answers import answer_questions, checked_values
from explorer.report.blocks import ChartBlock, CodeBlock, ProseBlock, TableBlock, VerdictBlock, list_facts
from explorer.report.subject import PruningSubject, ReportSubject, report_subject
from tests.stored import stored_logits


def test_six_answers_whose_numbers_are_the_engines(state: ReportSubject) -> None:
    found = {answer.number: answer for answer in answer_questions(state)}
    assert list(found) == list(quoted.QUESTIONS)
    engine = budget(state.spec, state.size)
    assert found["1-1"].facts == {"total_params": engine.total_params}
    assert found["1-2"].facts["mult_adds"] == engine.mult_adds
    teacher, student = stored_logits("teacher")[:8].double(), stored_logits("student-60k-kd")[:8].double()
    expected = loss_fn_kd(student, state.batch.labels[:8], teacher, 0.9, 3.0).item()
    assert found["2-1"].facts["loss"] == pytest.approx(expected, abs=1e-12)
    assert found["2-2"].facts["entropy"] == pytest.approx(
        entropy(stored_logits("teacher"), 3.0).mean().item()
    )
    assert state.sweep is not None
    for row in state.sweep.rows:
        assert found["3-1"].facts[f"accuracy, {row.method} at {row.ratio:g}"] == row.correct / row.total
    assert state.forms is not None
    for form in state.forms.rows:
        assert found["3-2"].facts[f"parameters, {form.name}"] == form.params
    assert len(list_facts(list(found.values()))) == sum(len(answer.facts) for answer in found.values())


def test_a_sweep_with_recoveries_keeps_every_number_and_calls_only_the_dense_network_dense(
    state: ReportSubject,
) -> None:
    assert state.sweep is not None
    pruned = state.sweep.rows[1]
    assert (pruned.ratio, pruned.recovery) == (0.5, "none")
    rows = (
        pruned,
        replace(pruned, recovery="recalibrated", correct=31),
        replace(pruned, recovery="fine-tuned", correct=37),
    )
    answer = answer_questions(replace(state, sweep=replace(state.sweep, rows=rows)))[4]
    assert list(answer.facts.values()) == [pruned.accuracy.value, 31 / 40, 37 / 40]
    assert answer.facts["accuracy, global-l1, fine-tuned at 0.5"] == 37 / 40
    figure, text, table = answer.blocks
    assert isinstance(figure, ChartBlock)
    assert isinstance(text, ProseBlock)
    assert isinstance(table, TableBlock)
    assert table.frame["recovery"].tolist() == ["none", "recalibrated", "fine-tuned"]
    assert "no retraining" not in figure.caption
    assert "Dense" not in text.text, "no row is at ratio 0"
    assert "masked, global L1, recalibrated: 77.5% at 50%" in text.text
    dense = answer_questions(state)[4].blocks
    assert f"Dense **{state.sweep.rows[0].accuracy.value:.1%}**" in dense[1].text
    assert "no retraining" in dense[0].caption
    assert "recovery" not in dense[2].frame


def test_the_report_network_is_over_the_limit_and_its_answers_are_audited(state: ReportSubject) -> None:
    found = {answer.number: answer for answer in answer_questions(replace(state, spec=StudentSpec()))}
    verdict = next(block for block in found["1-2"].blocks if isinstance(block, VerdictBlock))
    assert not verdict.holds
    assert "39,060 over" in verdict.text
    assert {number: answer.audit.holds for number, answer in found.items() if number < "3"} == {
        "1-1": True,
        "1-2": False,
        "2-1": True,
        "2-2": True,
    }
    assert "40,756" in found["1-2"].audit.text


def test_a_loss_with_a_mistake_fails_the_audit(state: ReportSubject, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report's function is really run: with its reduction changed, the audit does not hold."""
    monkeypatch.setattr(quoted, "LOSS", quoted.LOSS.replace("batchmean", "sum"))
    assert not answer_questions(state)[2].audit.holds


def test_the_shown_loss_is_the_checked_one(state: ReportSubject) -> None:
    answer = answer_questions(state)[2]
    text = next(block.text for block in answer.blocks if isinstance(block, CodeBlock))
    assert "alpha=0.9, temperature=3" in text
    assert checked_values(text, state)["difference"].max() < 1e-12


def test_what_was_not_measured_says_where_to_measure_it(bare: ReportSubject) -> None:
    found = answer_questions(bare)
    for answer in found[4:]:
        assert not answer.facts
        assert "Not measured yet" in answer.blocks[0].text


def test_a_session_that_measured_nothing_gets_the_shipped_evidence() -> None:
    state = report_subject(pruning=PruningSubject("teacher"))
    assert state.sweep is not None
    assert state.sweep.where.origin == "precomputed"
    assert report_subject(pruning=PruningSubject("student-5k")).sweep is None, "nothing of it is stored"
    with pytest.raises(ExplorerError, match="no network 'one of mine'"):
        report_subject(pruning=PruningSubject("one of mine"))
    with pytest.raises(ExplorerError, match="alpha"):
        replace(state, alpha=2.0)


def test_a_network_of_just_the_limit_is_within_it(bare: ReportSubject) -> None:
    params = budget(bare.spec, bare.size).total_params
    for limit, holds in ((params, True), (params - 1, False)):
        verdict = answer_questions(replace(bare, limit=limit))[1].blocks[0]
        assert isinstance(verdict, VerdictBlock)
        assert verdict.holds is holds


def test_the_shipped_forms_are_told_with_the_share_they_were_stored_with() -> None:
    path = next(path for path in (SHIPPED / "evidence").glob("forms-*.json"))
    stored = json.loads(path.read_text(encoding="utf-8"))
    subject = report_subject(pruning=PruningSubject(stored["checkpoint"]))
    assert subject.forms is not None
    assert subject.forms.ratio == stored["settings"]["ratio"]
    assert [form.correct for form in subject.forms.rows] == [row["correct"] for row in stored["rows"]]
