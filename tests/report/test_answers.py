import json
from dataclasses import replace

import pytest

from explorer.architecture.budget import budget
from explorer.checkpoints import SHIPPED
from explorer.distillation.loss import loss_fn_kd
from explorer.distillation.soften import entropy
from explorer.errors import ExplorerError
from explorer.networks import StudentSpec
from explorer.pruning.forms import Form, explain_accuracies
from explorer.report import quoted
from explorer.report.answers import ANSWER_LOSS, answer_questions, checked_values
from explorer.report.blocks import (
    ChartBlock,
    CodeBlock,
    ProseBlock,
    Provenance,
    ReportAnswer,
    TableBlock,
    list_facts,
)
from explorer.report.subject import (
    MeasuredForms,
    MeasuredRuntimes,
    PruningSubject,
    ReportSubject,
    report_subject,
)
from explorer.runtime.compare import RuntimeRow
from tests.stored import stored_logits


def answers(subject: ReportSubject) -> dict[str, ReportAnswer]:
    return {answer.number: answer for answer in answer_questions(subject)}


def test_six_answers_whose_numbers_are_the_engines(state: ReportSubject) -> None:
    found = answers(state)
    assert list(found) == list(quoted.QUESTIONS)
    engine = budget(state.spec, state.size)
    assert found["1-1"].facts == {"total_params": engine.total_params}
    assert found["1-2"].facts["mult_adds"] == engine.mult_adds
    teacher, student = stored_logits("teacher").double(), stored_logits("student-60k-kd").double()
    for name, alpha, temperature in (("loss", 0.5, 1.0), ("own loss", 0.9, 3.0)):
        expected = loss_fn_kd(student, state.batch.labels, teacher, alpha, temperature).item()
        assert found["2-1"].facts[name] == pytest.approx(expected, abs=1e-12)
    assert found["2-2"].facts["entropy at T 3"] == pytest.approx(
        entropy(stored_logits("teacher"), 3.0).mean().item()
    )
    assert state.curve is not None
    for row in state.curve.rows:
        assert found["3-1"].facts[f"accuracy, homework at {row.ratio:g}"] == row.correct / row.total
    assert state.sweep is not None
    for row in state.sweep.rows:
        name = f"accuracy, {row.method} at {row.ratio:g}, test image"
        assert found["3-1"].facts[name] == row.correct / row.total
    assert state.forms is not None
    for form in state.forms.rows:
        assert found["3-2"].facts[f"parameters, {form.name}"] == form.params
    assert len(list_facts(list(found.values()))) == sum(len(answer.facts) for answer in found.values())


def test_the_loss_is_the_homeworks_and_the_states_own_stands_beside_it(state: ReportSubject) -> None:
    """Whatever alpha and T the lesson was left at: the question asks for 0.5 and 1.0."""
    own, homework = answers(state)["2-1"], answers(replace(state, alpha=0.5, temperature=1.0))["2-1"]
    for answer in (own, homework):
        listing = next(block.text for block in answer.support if isinstance(block, CodeBlock))
        assert "alpha=0.5, temperature=1.0)" in listing
        assert "homework's alpha 0.5 and T 1 " in answer.answer.text
    assert own.facts["loss"] == homework.facts["loss"]
    assert f"At your alpha 0.9 and T 3: **{own.facts['own loss']:.4f}**" in own.answer.text
    assert "your alpha" not in homework.answer.text
    assert checked_values(ANSWER_LOSS, state)["difference"].max() < 1e-12


def test_the_answer_to_the_limit_is_yes_or_no(bare: ReportSubject) -> None:
    params = budget(bare.spec, bare.size).total_params
    for limit, holds in ((params, True), (params - 1, False)):
        verdict = answers(replace(bare, limit=limit))["1-2"].answer
        assert verdict.holds is holds
        assert verdict.text.startswith("**Yes**" if holds else "**No**")
    assert "39,060 over" in answers(replace(bare, spec=StudentSpec()))["1-2"].answer.text


def test_a_curve_is_told_from_its_rows(state: ReportSubject) -> None:
    """Data that turn each sentence: within a point, more lost at once, no dense network, chance, a recovery."""
    assert state.curve is not None
    row = state.curve.rows[1]
    assert (row.ratio, row.recovery) == (0.3, "none")

    def told(*points: tuple[float, int], recovery: str = "none") -> str:
        rows = tuple(
            replace(
                row, ratio=ratio, correct=correct, total=1000, recovery="none" if ratio == 0 else recovery
            )
            for ratio, correct in points
        )
        curve = replace(state.curve, rows=rows)  # type: ignore[type-var]
        return answers(replace(state, curve=curve, sweep=None))["3-1"].answer.text

    text = told((0.0, 947), (0.1, 940), (0.2, 937), (0.3, 936), (0.4, 940), (0.95, 500))
    assert "gets **94.7%** of the 1,000 validation images counted right" in text
    assert "Masked, Conv2d layer by layer: within 1 point up to **20%**, **50.0%** at 95%." in text, (
        "also where a later ratio comes back within it by chance"
    )
    assert "chance" not in text
    assert "within 1 point up to **10%**" in told((0.0, 900), (0.1, 890), (0.2, 889))
    text = told((0.0, 947), (0.1, 800), (0.95, 101))
    assert "more than 1 point lost at once, **10.1%** at 95%" in text
    assert (
        "Not to be told from chance (10.0% for 10 classes): masked, Conv2d layer by layer from 95%." in text
    )
    text = told((0.5, 947), (0.95, 500))
    assert "the lowest ratio here is 50%, so the dense network is not in it" in text
    assert "Dense" not in text
    text = told((0.0, 947), (0.5, 900), (0.5, 800), (0.5, 700))
    assert "(mean of 3 seeds): more than 1 point lost at once, **80.0%** at 50%" in text
    text = told((0.0, 947), (0.5, 946), recovery="fine-tuned")
    assert "Masked, Conv2d layer by layer, fine-tuned: within 1 point up to **50%**" in text


def test_a_curve_with_recoveries_keeps_every_number_and_claims_no_want_of_retraining(
    state: ReportSubject,
) -> None:
    assert state.curve is not None
    pruned = state.curve.rows[1]
    rows = (
        pruned,
        replace(pruned, recovery="recalibrated", correct=31),
        replace(pruned, recovery="fine-tuned", correct=37),
    )
    answer = answers(replace(state, curve=replace(state.curve, rows=rows), sweep=None))["3-1"]
    assert list(answer.facts.values()) == [pruned.accuracy.value, 31 / 40, 37 / 40]
    assert answer.facts["accuracy, homework, fine-tuned at 0.3"] == 37 / 40
    (figure,), (table,) = answer.support, answer.appendix
    assert isinstance(figure, ChartBlock)
    assert table.frame["recovery"].tolist() == ["none", "recalibrated", "fine-tuned"]
    assert "no retraining" not in figure.caption
    plain = answers(state)["3-1"].support[0]
    assert isinstance(plain, ChartBlock)
    assert "no retraining" in plain.caption


def test_a_sweep_of_ones_own_stands_beside_the_homeworks_curve(state: ReportSubject) -> None:
    both = answers(state)["3-1"]
    assert [block.kind for block in both.support if isinstance(block, ChartBlock)] == [
        "3-1-homework",
        "3-1-sweep",
    ]
    assert [table.name for table in both.appendix] == ["3-1-homework", "3-1-sweep"]
    assert "validation image" in both.answer.text
    alone = answers(replace(state, curve=None))["3-1"]
    assert "40 test images counted" in alone.answer.text


def test_a_stored_sweep_that_the_lesson_only_showed_is_not_called_ones_own(state: ReportSubject) -> None:
    assert state.sweep is not None
    for origin, beside in (("measured", True), ("precomputed", False)):
        shown = replace(state.sweep, where=Provenance(origin, "somewhere"))  # type: ignore[arg-type]
        subject = report_subject(pruning=PruningSubject("student-60k", state.curve, shown))
        assert (subject.sweep is not None) is beside


def form(name: str, ms: float | None) -> Form:
    low, high = (None, None) if ms is None else (ms - 1, ms + 1)
    return Form(name, 90, 100, 10, 10, 10, 10, 10, ms, low, high, ms is None)


@pytest.mark.parametrize(
    ("times", "begins"),
    [
        (
            {"unstructured": 75, "masked": 76, "zeroed": 68, "sliced": 20},
            "**Yes, once channels are really removed**;",
        ),
        (
            {"unstructured": 50, "masked": 76, "zeroed": 68, "sliced": 20},
            "**Yes, once channels are really removed**. ",
        ),
        ({"unstructured": 75, "masked": 76, "zeroed": 68, "sliced": 74.5}, "**Not here**: the times"),
        ({"unstructured": 75, "masked": 76, "zeroed": 68, "sliced": 90}, "**Not as one expects**"),
        ({"masked": 76, "zeroed": 68, "sliced": 20}, "**Yes, once channels are really removed**;"),
        ({"unstructured": 75, "masked": 76, "zeroed": 68, "sliced": None}, "**Open**:"),
    ],
)
def test_the_answer_on_speed_is_as_the_times_are(
    state: ReportSubject, times: dict[str, float | None], begins: str
) -> None:
    assert state.forms is not None
    rows = (form("dense", 68.0), *(form(name, ms) for name, ms in times.items()))
    answer = answers(replace(state, forms=MeasuredForms(rows, 0.5, state.forms.where)))["3-2"]
    assert answer.answer.text.startswith(begins)
    (whole,), short = answer.appendix, answer.support[0]
    assert whole.frame["form"].tolist() == ["dense", *times]
    assert isinstance(short, TableBlock)
    names = {
        "unstructured": "50% of the weights masked",
        "masked": "50% of the channels masked",
        "sliced": "50% of the channels removed",
    }
    assert short.frame["what is done"].tolist() == [names[name] for name in times if name in names]
    assert "test accuracy" in short.frame
    assert ("ms, dense" in answer.facts) is True
    assert ("ms, sliced" in answer.facts) is (times["sliced"] is not None)


def test_what_was_not_measured_says_where_to_measure_it(bare: ReportSubject) -> None:
    for answer in answer_questions(bare)[4:]:
        assert not answer.facts
        assert answer.answer.text.startswith("Not measured yet: run ")


def test_a_session_that_measured_nothing_gets_the_shipped_evidence() -> None:
    state = report_subject(pruning=PruningSubject("teacher"))
    shown = state.curve or state.sweep
    assert shown is not None
    assert shown.where.origin == "precomputed"
    assert state.forms is not None
    assert "2026-11-" in state.forms.where.text, "the day of each figure is its own"
    assert report_subject(pruning=PruningSubject("mobile")).forms is None, "nothing of it is stored"
    with pytest.raises(ExplorerError, match="no network 'one of mine'"):
        report_subject(pruning=PruningSubject("one of mine"))
    with pytest.raises(ExplorerError, match="alpha"):
        replace(state, alpha=2.0)


def test_the_shipped_forms_are_told_with_the_share_they_were_stored_with() -> None:
    path = next(path for path in (SHIPPED / "evidence").glob("forms-*.json"))
    stored = json.loads(path.read_text(encoding="utf-8"))
    subject = report_subject(pruning=PruningSubject(stored["checkpoint"]))
    assert subject.forms is not None
    assert subject.forms.ratio == stored["settings"]["ratio"]
    assert [form.correct for form in subject.forms.rows] == [row["correct"] for row in stored["rows"]]


def runtime(name: str, ms: float, correct: int) -> RuntimeRow:
    return RuntimeRow(name, 32, 2, ms, ms - 1, ms + 1, 60.0, correct, 90, 100, 5_000_000, False)  # type: ignore[arg-type]


def test_masks_removal_another_runtime_and_int8_stand_in_one_table(state: ReportSubject) -> None:
    """Runtimes that were not timed among the forms join them, each against its own dense network."""
    assert state.forms is not None
    rows = tuple(
        form(name, ms) for name, ms in (("dense", 70), ("unstructured", 75), ("masked", 76), ("sliced", 20))
    )
    forms, there = replace(state.forms, rows=rows), Provenance("precomputed", "elsewhere")
    beside = (runtime("torch", 60, 90), runtime("onnxruntime", 40, 90), runtime("int8", 15, 89))
    alone = answers(replace(state, forms=forms, runtimes=None))["3-2"]
    assert alone.where == (forms.where,)
    assert "int8" not in alone.answer.text
    answer = answers(replace(state, forms=forms, runtimes=MeasuredRuntimes(beside, there)))["3-2"]
    assert answer.where == (forms.where, there)
    table = answer.support[0]
    assert isinstance(table, TableBlock)
    assert dict(zip(table.frame["what is done"], table.frame["times as fast"], strict=True)) == {
        "50% of the weights masked": pytest.approx(70 / 75),
        "50% of the channels masked": pytest.approx(70 / 76),
        "50% of the channels removed": 3.5,
        "the same weights in onnxruntime": 1.5,
        "int8 in onnxruntime": 4.0,
    }
    assert (
        "as it is takes 70.00 ms for a batch of 32 in torch and gets 90.0% of 100 images right"
        in table.caption
    )
    assert answer.answer.text.endswith("lost: **int8 in onnxruntime**, **4.00** times as fast.")
    assert answer.facts["times as fast, int8 in onnxruntime"] == 4.0
    assert answer.facts["points lost, int8 in onnxruntime"] == pytest.approx(1.0)
    timed = replace(forms, rows=(*rows, form("onnxruntime", 50.0), form("int8", 25.0)))
    answer = answers(replace(state, forms=timed, runtimes=MeasuredRuntimes(beside, there)))["3-2"]
    assert answer.where == (forms.where,), "nothing of the others was used"
    assert answer.facts["times as fast, int8 in onnxruntime"] == 70 / 25


def test_a_network_no_better_than_chance_is_called_so_whatever_its_speed(state: ReportSubject) -> None:
    assert state.forms is not None
    for correct, guesses in ((10, True), (90, False)):
        rows = tuple(
            replace(form(name, 20.0), correct=correct if name == "sliced" else 90)
            for name in ("dense", "masked", "zeroed", "sliced")
        )
        answer = answers(replace(state, forms=replace(state.forms, rows=rows)))["3-2"]
        (said,) = [block.text for block in answer.support if isinstance(block, ProseBlock)]
        assert said == explain_accuracies(rows, 10)
        assert ("Sliced cannot be told from chance, which is 10.0% for 10 classes" in said) is guesses
