"""The chart of a class board; a pure function of its arguments."""

from typing import Any

import altair as alt
import pandas as pd

from explorer import palette
from explorer.classroom.question import Question

HEIGHT, ROW = 150, 24
COUNTED: dict[str, Any] = {
    "title": "guesses",
    "axis": alt.Axis(tickMinStep=1, format="d", tickCount=4),
    "scale": alt.Scale(domainMin=0),
}


def guess_histogram(
    rows: pd.DataFrame, question: Question, mine: float | None, answer: float | None
) -> alt.LayerChart | alt.FacetChart:
    """How many guessed what; the truth is a line, or a word at its option, and the visitor's own guess a diamond.

    Args:
        rows: ``Tally.histogram``.
        question: that was asked.
        mine: the visitor's guess; None for one who only looks.
        answer: the truth; None as long as it is not to be seen.
    """
    draw = _options if question.options else _numbers
    height = ROW * len(rows) + 20 if question.options else HEIGHT
    return alt.layer(*draw(rows, question, mine, answer)).properties(height=height)


def _numbers(
    rows: pd.DataFrame, question: Question, mine: float | None, answer: float | None
) -> list[alt.Chart]:
    axis = alt.Axis(labelExpr='datum.label + "%"' if question.unit == "%" else "datum.label", tickCount=6)
    x = alt.X(
        "begin:Q",
        bin="binned",
        scale=alt.Scale(domain=list(question.range), nice=False),
        axis=axis,
        title=None if question.unit == "%" else question.unit,
    )
    bars = _bars(rows).encode(x=x, x2="end:Q", y=alt.Y("guesses:Q", **COUNTED))
    return [bars, *_truth(question, answer), *_own(question, mine)]


def _truth(question: Question, answer: float | None) -> list[alt.Chart]:
    if answer is None:
        return []
    truth = alt.Chart(pd.DataFrame({"at": [answer], "said": [f"it is {question.say(answer)}"]})).encode(
        x="at:Q"
    )
    middle = sum(question.range) / 2
    return [
        truth.mark_rule(color=palette.INK, strokeWidth=3),
        truth.mark_text(
            color=palette.INK,
            fontWeight="bold",
            baseline="bottom",
            align="left" if answer < middle else "right",
        ).encode(text="said:N", y=alt.value(-4)),
    ]


def _own(question: Question, mine: float | None) -> list[alt.Chart]:
    if mine is None:
        return []
    own = pd.DataFrame({"at": [mine], "said": [question.say(mine)]})
    return [_diamond(own).encode(x="at:Q", y=alt.value("height"))]


def _options(
    rows: pd.DataFrame, question: Question, mine: float | None, answer: float | None
) -> list[alt.Chart]:
    y = alt.Y("answer:N", sort=None, title=None, axis=alt.Axis(labelLimit=320))
    layers = [_bars(rows).encode(y=y, x=alt.X("guesses:Q", **COUNTED))]
    if answer is not None:
        right = alt.Chart(rows.iloc[[int(answer)]].assign(said="it is this"))
        layers.append(
            right.mark_text(color=palette.INK, fontWeight="bold", align="left", dx=8).encode(
                y=y, x="guesses:Q", text="said:N"
            )
        )
    if mine is not None:
        own = rows.iloc[[int(mine)]].assign(said=question.say(mine))
        layers.append(_diamond(own).encode(y=y, x=alt.value(0)))
    return layers


def _bars(rows: pd.DataFrame) -> alt.Chart:
    tooltip = [alt.Tooltip("answer:N", title="Guessed"), alt.Tooltip("guesses:Q", title="Guesses")]
    bars: alt.Chart = alt.Chart(rows).mark_bar(color=palette.DENSE, binSpacing=1).encode(tooltip=tooltip)
    return bars


def _diamond(own: pd.DataFrame) -> alt.Chart:
    # As on the curves of pruning, where a guess is a diamond too.
    point: alt.Chart = (
        alt.Chart(own)
        .mark_point(shape="diamond", size=160, filled=True, color=palette.OVER, opacity=1)
        .encode(tooltip=[alt.Tooltip("said:N", title="You said")])
    )
    return point
