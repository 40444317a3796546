"""The chart of a class board; a pure function of its arguments."""

import altair as alt
import pandas as pd

from explorer import palette
from explorer.classroom.question import Question


def guess_histogram(
    rows: pd.DataFrame, question: Question, mine: float | None, answer: float | None
) -> alt.LayerChart | alt.FacetChart:
    """How many guessed what, the truth as a line, the visitor's own guess as a diamond.

    Args:
        rows: ``Tally.histogram``.
        question: that was asked.
        mine: the visitor's guess; None for one who only looks.
        answer: the truth; None as long as it is not to be seen.
    """
    low, high = question.range
    scale = alt.Scale(
        domain=[rows["begin"].iloc[0], rows["end"].iloc[-1]] if question.options else [low, high], nice=False
    )
    if question.options:
        names = list(question.options)
        label = f"{names}[datum.value]".replace("'", '"')
        axis = alt.Axis(values=list(range(len(names))), labelExpr=label, labelAngle=0, labelOverlap=False)
    else:
        axis = alt.Axis(labelExpr='datum.label + "%"' if question.unit == "%" else "datum.label")
    title = None if question.options else f"guesses, {question.unit}".rstrip(", ")
    counts = alt.Axis(tickMinStep=1, format="d", tickCount=4)
    bars = (
        alt.Chart(rows)
        .mark_bar(color=palette.DENSE, binSpacing=1)
        .encode(
            x=alt.X("begin:Q", bin="binned", scale=scale, axis=axis, title=title),
            x2="end:Q",
            y=alt.Y("guesses:Q", title="guesses", axis=counts, scale=alt.Scale(domainMin=0)),
            tooltip=[alt.Tooltip("answer:N", title="Guessed"), alt.Tooltip("guesses:Q", title="Guesses")],
        )
    )
    layers: list[alt.Chart] = [bars]
    if answer is not None:
        truth = pd.DataFrame({"at": [answer], "said": [question.say(answer)]})
        layers.append(
            alt.Chart(truth)
            .mark_rule(color=palette.OVER, strokeWidth=3)
            .encode(x="at:Q", tooltip=[alt.Tooltip("said:N", title="It is")])
        )
    if mine is not None:
        own = pd.DataFrame({"at": [mine], "said": [question.say(mine)]})
        layers.append(
            alt.Chart(own)
            .mark_point(shape="diamond", size=120, filled=True, color=palette.STUDENT, opacity=1)
            .encode(x="at:Q", y=alt.value("height"), tooltip=[alt.Tooltip("said:N", title="You said")])
        )
    return alt.layer(*layers).properties(height=150)
