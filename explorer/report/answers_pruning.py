"""Questions 3-1 and 3-2: what pruning does to accuracy and to speed, from measured rows."""

from explorer.pruning import forms as three_forms
from explorer.pruning.forms import Form
from explorer.pruning.reading import dense_accuracy
from explorer.pruning.sweep import SweepRow, sweep_table
from explorer.report import quoted
from explorer.report.blocks import ChartBlock, ProseBlock, Provenance, ReportAnswer, TableBlock, VerdictBlock
from explorer.report.subject import ReportSubject

NAMES = {
    "accuracy_low": "95% from",
    "accuracy_high": "95% to",
    "nonzero": "not zero",
    "mult_adds": "multiply-adds",
    "file_mb": "file, MB",
    "zipped_mb": "compressed, MB",
    "ms": "ms, median",
    "ms_low": "ms, 1st quartile",
    "ms_high": "ms, 3rd quartile",
    "speed_up": "times faster",
}
"""Columns as people read them."""


def _unmeasured(number: str, what: str) -> ReportAnswer:
    """An answer that has to wait, and where to get it."""
    return ReportAnswer(
        number,
        quoted.QUESTIONS[number],
        (VerdictBlock(f"Not measured yet: run {what} in the pruning lesson.", holds=False),),
        VerdictBlock("It can be held against a measurement once there is one.", holds=False),
        Provenance("computed", "nothing yet."),
    )


def answer_curve(subject: ReportSubject) -> ReportAnswer:
    """Question 3-1: accuracy against the pruning ratio."""
    if subject.sweep is None:
        return _unmeasured("3-1", "a sweep of this network")
    rows = subject.sweep.rows
    table = sweep_table(rows)
    recovered = any(row.recovery != "none" for row in rows)
    columns = ["method", "ratio", *(["recovery"] if recovered else [])]
    columns += ["accuracy", "accuracy_low", "accuracy_high", "nonzero", "parameters"]
    dense = dense_accuracy(rows)
    highest = {row.method: max(each.ratio for each in rows if each.method == row.method) for row in rows}
    last = [row for row in rows if row.ratio == highest[row.method]]
    text = "; ".join(f"{_named(row.title, row)}: {row.accuracy.value:.1%} at {row.ratio:.0%}" for row in last)
    return ReportAnswer(
        "3-1",
        quoted.QUESTIONS["3-1"],
        (
            ChartBlock(
                "sweep",
                table,
                f"Top-1 accuracy of {subject.pruned.title} against the pruning ratio, a line per method.",
                f"{subject.pruned.title}, {rows[0].total:,} images, "
                f"{'broken lines after a recovery' if recovered else 'no retraining'}; bands are 95% intervals.",
            ),
            ProseBlock(
                ("" if dense is None else f"Dense **{dense:.1%}**. ") + f"At the highest ratio, {text}."
            ),
            TableBlock(
                table[columns].rename(columns=NAMES),
                "Ratio means the share of all convolution and linear weights that is masked, or of each layer's "
                "channels that is removed.",
                {"ratio": ".0%", "not zero": ",", "parameters": ","}
                | dict.fromkeys(("accuracy", "95% from", "95% to"), ".4f"),
            ),
        ),
        VerdictBlock("The sample report's plot is missing.", holds=False),
        subject.sweep.where,
        # With the recovery in it, or the rows of one method and ratio would leave one number, the last.
        {f"accuracy, {_named(row.method, row)} at {row.ratio:g}": row.accuracy.value for row in rows},
    )


def _named(method: str, row: SweepRow) -> str:
    """A method's name, with what was done to the row after the pruning."""
    return method if row.recovery == "none" else f"{method}, {row.recovery}"


def answer_speed(subject: ReportSubject) -> ReportAnswer:
    """Question 3-2: masked, zeroed and sliced, timed."""
    if subject.forms is None:
        return _unmeasured("3-2", "“Masked, zeroed, sliced” on this network")
    forms, ratio = list(subject.forms.rows), subject.forms.ratio
    table = three_forms.form_table(forms).rename(columns=NAMES)
    named = {form.name: form for form in forms}
    sentence = three_forms.describe_speed(forms, ratio)
    return ReportAnswer(
        "3-2",
        quoted.QUESTIONS["3-2"],
        (
            ProseBlock(f"**{sentence}** {three_forms.WHY}"),
            TableBlock(
                table,
                f"{subject.pruned.title} with {ratio:.0%} of its channels dropped in three ways.",
                {"accuracy": ".4f", "file, MB": ".2f", "compressed, MB": ".2f", "times faster": ".2f"}
                | dict.fromkeys(("parameters", "torchinfo says", "multiply-adds"), ",")
                | dict.fromkeys(("ms, median", "ms, 1st quartile", "ms, 3rd quartile"), ".2f"),
            ),
        ),
        _audit_speed(named),
        subject.forms.where,
        {
            f"{quantity}, {form.name}": value
            for form in forms
            for quantity, value in (
                ("parameters", form.params),
                ("mult_adds", form.mult_adds),
                ("ms", form.ms),
            )
            if value is not None
        },
    )


def _audit_speed(named: dict[str, Form]) -> VerdictBlock:
    """The sample report's answer, held against the times, if there are any."""
    said = f"The sample report: “{quoted.SPEED}”"
    if any(form.ms is None for form in named.values()):
        return VerdictBlock(f"{said} No times could be measured here, so this stays open.", holds=False)
    holds = _faster(named, "sliced") and not _faster(named, "masked")
    return VerdictBlock(
        f"{said} Right where structured means that channels are physically removed; structured masks are not faster "
        f"than dense{', as measured above' if holds else '; the times above do not show it clearly'}.",
        holds,
    )


def _faster(named: dict[str, Form], name: str) -> bool:
    """Whether a form is clearly faster than the dense network: by a tenth."""
    dense, form = named["dense"].ms, named[name].ms
    return bool(dense and form and dense / form > 1.1)
