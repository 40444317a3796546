"""The chart of a class board: a figure without data, to which the guesses are sent as they come."""

from typing import Any

import altair as alt

from explorer import palette

HEIGHT, ROW = 150, 30
COUNTED: dict[str, Any] = {
    "title": "guesses",
    "axis": alt.Axis(tickMinStep=1, format="d", tickCount=4),
    "scale": alt.Scale(domainMin=0),
}


def guess_histogram(between: tuple[float, float], unit: str, options: int) -> alt.LayerChart | alt.FacetChart:
    """How many guessed what; the truth is a line, or words at its option, and the visitor's own guess a diamond.

    It draws the rows of ``Tally.rows``.

    Args:
        between: the smallest and the largest answer.
        unit: of a number.
        options: how many there are to choose from; 0 where the answer is a number.
    """
    layers = _options() if options else _numbers(between, unit)
    return alt.layer(*layers).properties(height=ROW * options + 40 if options else HEIGHT)


def _numbers(between: tuple[float, float], unit: str) -> list[alt.Chart]:
    x = alt.X(
        "begin:Q",
        bin="binned",
        scale=alt.Scale(domain=list(between), nice=False),
        axis=alt.Axis(labelExpr='datum.label + "%"' if unit == "%" else "datum.label", tickCount=6),
        title=None if unit == "%" else unit,
    )
    bars = _bars().encode(x=x, x2="end:Q", y=alt.Y("guesses:Q", **COUNTED))
    truth = _kind("truth").encode(x="at:Q")
    # Its words stand on the side where there is more room.
    words = truth.mark_text(
        # Without rows a mark has a role and no name; what it says the whole figure says.
        aria=False,
        color=palette.INK,
        fontWeight="bold",
        baseline="bottom",
        align=alt.ExprRef(f"datum.at < {sum(between) / 2} ? 'left' : 'right'"),
    )
    return [
        bars,
        truth.mark_rule(color=palette.INK, strokeWidth=3, aria=False),
        words.encode(text="said:N", y=alt.value(-4)),
        _mine().encode(x="at:Q", y=alt.value("height")),
    ]


def _options() -> list[alt.Chart]:
    y = alt.Y("answer:N", sort=None, title=None, axis=alt.Axis(labelLimit=320, labelOverlap=False))
    words = _kind("truth").mark_text(aria=False, color=palette.INK, fontWeight="bold", align="left", dx=8)
    return [
        _bars().encode(y=y, x=alt.X("guesses:Q", **COUNTED)),
        words.encode(y=y, x="guesses:Q", text=alt.value("it is this")),
        _mine().encode(y=y, x=alt.value(0)),
    ]


def _kind(kind: str) -> alt.Chart:
    chart: alt.Chart = alt.Chart(alt.NamedData("rows")).transform_filter(f"datum.kind == '{kind}'")
    return chart


def _bars() -> alt.Chart:
    tooltip = [alt.Tooltip("answer:N", title="Guessed"), alt.Tooltip("guesses:Q", title="Guesses")]
    bars: alt.Chart = _kind("guesses").mark_bar(color=palette.DENSE, binSpacing=1).encode(tooltip=tooltip)
    return bars


def _mine() -> alt.Chart:
    # As on the curves of pruning, where a guess is a diamond too.
    point: alt.Chart = (
        _kind("mine")
        .mark_point(aria=False, shape="diamond", size=160, filled=True, color=palette.OVER, opacity=1)
        .encode(tooltip=[alt.Tooltip("said:N", title="You said")])
    )
    return point
