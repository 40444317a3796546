"""Questions 3-1 and 3-2: what pruning does to accuracy and to speed, from measured rows."""

from collections.abc import Sequence

import pandas as pd

from explorer.markup import escape_markup
from explorer.pruning.faster import Way, describe_ways, ways_table, ways_to_run
from explorer.pruning.forms import (
    BATCH,
    WHY,
    Form,
    describe_speed,
    explain_accuracies,
    form_table,
    told_apart,
)
from explorer.pruning.reading import at_chance, dense_accuracy, seed_table
from explorer.pruning.seeds import describe_spreads, fold_seeds, reach
from explorer.pruning.sweep import SweepRow, sweep_table
from explorer.report import quoted
from explorer.report.blocks import (
    Block,
    ChartBlock,
    ProseBlock,
    ReportAnswer,
    TableBlock,
    VerdictBlock,
)
from explorer.report.subject import MeasuredForms, MeasuredRuntimes, MeasuredSweep, ReportSubject

POINTS = 1.0
"""What a network may lose, in points of accuracy, and is still called as good."""

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
    "speed_up": "times as fast",
}
"""Columns as people read them."""


def _unmeasured(number: str, what: str) -> ReportAnswer:
    """An answer that has to wait, and where to get it."""
    return ReportAnswer(
        number,
        quoted.QUESTIONS[number],
        VerdictBlock(f"Not measured yet: run {what} in the pruning lesson."),
        (),
        (),
    )


def answer_curve(subject: ReportSubject) -> ReportAnswer:
    """Question 3-1: accuracy against the pruning ratio; the homework's curve, and a sweep of one's own beside it."""
    curves = [
        (name, measured)
        for name, measured in (("3-1-homework", subject.curve), ("3-1-sweep", subject.sweep))
        if measured is not None
    ]
    if not curves:
        return _unmeasured("3-1", "the homework's curve of this network")
    (_, first), *others = curves
    title = escape_markup(subject.pruned.title)
    answer = describe_curve(title, first, subject.classes)
    support: list[Block] = [_figure(subject, curves[0][0], first)]
    for name, own in others:
        support += [
            ProseBlock(f"A sweep of your own beside it. {describe_curve(title, own, subject.classes)}")
        ]
        support += [_figure(subject, name, own)]
    facts: dict[str, float] = {}
    for _, measured in curves:
        beside = "" if measured is first else f", {measured.noun}"
        for named in dict.fromkeys(_named(row.method, row) for row in measured.rows):
            # With the recovery in the name, or its rows would leave one number for a ratio, the last.
            line = [row for row in measured.rows if _named(row.method, row) == named]
            facts |= {
                f"accuracy, {named} at {point.ratio:g}{beside}": point.accuracy for point in fold_seeds(line)
            }
    return ReportAnswer(
        "3-1",
        quoted.QUESTIONS["3-1"],
        VerdictBlock(answer),
        tuple(support),
        tuple(measured.where for _, measured in curves),
        facts,
        tuple(_curve_table(subject, name, measured) for name, measured in curves),
    )


def describe_curve(title: str, measured: MeasuredSweep, classes: int) -> str:
    """What accuracy does as the ratio rises, in sentences with the markup of prose."""
    rows, dense = measured.rows, dense_accuracy(measured.rows)
    images = f"the {rows[0].total:,} {measured.noun}s counted"
    sentences = []
    if dense is None:
        lowest = min(row.ratio for row in rows)
        sentences.append(
            f"Of {images}; the lowest ratio here is {lowest:.0%}, so the dense network is not in it."
        )
    else:
        sentences.append(f"Dense, “{title}” gets **{dense:.1%}** of {images} right.")
    for method, recovery in dict.fromkeys((row.method, row.recovery) for row in rows):
        line = [row for row in rows if (row.method, row.recovery) == (method, recovery)]
        sentences.append(_describe_line(line, dense))
    guessing = at_chance(rows, classes)
    return " ".join([*sentences, guessing]).strip()


def _describe_line(line: Sequence[SweepRow], dense: float | None) -> str:
    """One method's rows: as far as it costs little, and where it ends; the mean where there are several seeds."""
    points = fold_seeds(line)
    named = _named(line[0].title, line[0])
    if (seeds := max(point.seeds for point in points)) > 1:
        named += f" (mean of {seeds} seeds)"
    last = max(points, key=lambda point: point.ratio)
    end = f"**{last.accuracy:.1%}** at {last.ratio:.0%}"
    if dense is None:
        return f"{_capital(named)}: {end}."
    cheap = reach(points, dense, POINTS)
    said = (
        f"within {POINTS:g} point up to **{cheap:.0%}**"
        if cheap
        else f"more than {POINTS:g} point lost at once"
    )
    return f"{_capital(named)}: {said}, {end}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _figure(subject: ReportSubject, name: str, measured: MeasuredSweep) -> ChartBlock:
    rows = measured.rows
    recovered = any(row.recovery != "none" for row in rows)
    return ChartBlock(
        name,
        seed_table(rows),
        f"Top-1 accuracy of {subject.pruned.title} against the pruning ratio. "
        f"{_plain(describe_curve(subject.pruned.title, measured, subject.classes))}",
        f"{subject.pruned.title}, {rows[0].total:,} {measured.noun}s, "
        f"{'broken lines after a recovery' if recovered else 'no retraining'}. {describe_spreads(fold_seeds(rows))}",
    )


def _plain(text: str) -> str:
    return text.replace("**", "")


def _curve_table(subject: ReportSubject, name: str, measured: MeasuredSweep) -> TableBlock:
    table = sweep_table(measured.rows)
    columns = [
        "method",
        "ratio",
        "recovery",
        "accuracy",
        "accuracy_low",
        "accuracy_high",
        "nonzero",
        "parameters",
        *(["seed"] if table["seed"].nunique() > 1 else []),
    ]
    return TableBlock(
        name,
        table[columns].rename(columns=NAMES),
        f"{subject.pruned.title} on {measured.rows[0].total:,} {measured.noun}s. The ratio is the share of the weights "
        "that the method may mask, or of each layer's channels that are removed; 95%: Wilson interval of the images.",
        {"ratio": ".0%", "not zero": ",", "parameters": ","}
        | dict.fromkeys(("accuracy", "95% from", "95% to"), ".1%"),
    )


def _named(method: str, row: SweepRow) -> str:
    """A method's name, with what was done to the row after the pruning."""
    return method if row.recovery == "none" else f"{method}, {row.recovery}"


def answer_speed(subject: ReportSubject) -> ReportAnswer:
    """Question 3-2: an unstructured, a masked and a removed network, another runtime and int8, timed."""
    if subject.forms is None:
        return _unmeasured("3-2", "“Masked, zeroed, sliced” on this network")
    rows, ratio = subject.forms.rows, subject.forms.ratio
    ways, beside = _ways(subject.forms, subject.runtimes)
    table = form_table(rows).rename(columns=NAMES | {"accuracy": f"{subject.forms.use} accuracy"})
    formats = {
        f"{subject.forms.use} accuracy": ".1%",
        "file, MB": ".2f",
        "compressed, MB": ".2f",
        "times as fast": ".2f",
    }
    formats |= dict.fromkeys(("parameters", "torchinfo says", "multiply-adds"), ",")
    formats |= dict.fromkeys(("ms, median", "ms, 1st quartile", "ms, 3rd quartile"), ".2f")
    title = subject.pruned.title
    support: list[Block] = [
        TableBlock(
            "3-2-faster",
            ways_table(ways).rename(columns=NAMES | {"accuracy": f"{subject.forms.use} accuracy"}),
            f"“{title}” {_describe_dense(subject.forms)} Each way is timed in turn with it, and counted on the same "
            "images, without a repair.",
            formats | {"points lost": ".1f"},
        )
    ]
    if said := explain_accuracies(rows, subject.classes):
        support.append(ProseBlock(said))
    return ReportAnswer(
        "3-2",
        quoted.QUESTIONS["3-2"],
        VerdictBlock(
            " ".join(filter(None, (_compare(rows), describe_speed(rows, ratio), WHY, describe_ways(ways))))
        ),
        tuple(support),
        (subject.forms.where, *([beside.where] if beside else [])),
        _speed_facts(subject.forms) | _ways_facts(ways),
        (
            TableBlock(
                "3-2-forms", table, f"{title} with {ratio:.0%} dropped; ms for a batch of {BATCH}.", formats
            ),
        ),
    )


def _ways(
    forms: MeasuredForms, runtimes: MeasuredRuntimes | None
) -> tuple[tuple[Way, ...], MeasuredRuntimes | None]:
    """The ways to make the network faster, and the runtimes as far as anything of them is among these."""
    alone = ways_to_run(forms.rows, forms.ratio)
    if runtimes is None:
        return alone, None
    ways = ways_to_run(forms.rows, forms.ratio, runtimes.rows)
    return ways, runtimes if len(ways) > len(alone) else None


def _describe_dense(forms: MeasuredForms) -> str:
    """What everything is compared with."""
    dense = forms.rows[0]
    right = f"gets {dense.correct / dense.total:.1%} of {dense.total:,} images right"
    if dense.ms is None:
        return f"as it is {right}; nothing could be timed."
    return f"as it is takes {dense.ms:.2f} ms for a batch of {BATCH} in torch and {right}."


def _ways_facts(ways: Sequence[Way]) -> dict[str, float]:
    return {f"points lost, {way.title}": way.lost for way in ways} | {
        f"times as fast, {way.title}": way.speed_up for way in ways if way.speed_up is not None
    }


def _compare(rows: Sequence[Form]) -> str:
    """Whether structured and unstructured pruning differ in speed, as far as the times tell."""
    named = {form.name: form for form in rows}
    if any(form.ms is None for form in rows):
        return "**Open**:"
    apart = [told_apart(named["sliced"], named[name]) for name in ("unstructured", "masked") if name in named]
    if apart and all(apart):
        faster = [
            name for name in ("unstructured", "masked") if name in named and told_apart(named[name], rows[0])
        ]
        masks = "masks, structured or not," if "unstructured" in named else "masks on whole filters"
        masks = "" if faster else f"; {masks} bring no speed"
        return f"**Yes, once channels are really removed**{masks}."
    if any(each is False for each in apart):
        return "**Not as one expects**: with the channels removed it is slower here."
    return "**Not here**: the times of the removed and of the masked network cannot be told apart."


def _speed_facts(forms: MeasuredForms) -> dict[str, float]:
    dense = forms.rows[0]
    return {
        f"{quantity}, {form.name}": value
        for form in forms.rows
        for quantity, value in (
            ("parameters", form.params),
            ("mult_adds", form.mult_adds),
            ("accuracy", form.correct / form.total),
            ("ms", form.ms),
            ("times as fast", None if form.ms is None or dense.ms is None else dense.ms / form.ms),
        )
        if value is not None and not pd.isna(value)
    }
