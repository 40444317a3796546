"""The charts of the distillation lesson; each a pure function of a DataFrame."""

from collections.abc import Mapping

import altair as alt
import pandas as pd

from explorer import palette
from explorer.measure import LEVEL


def ladder_map(rows: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """One image's teacher distribution at every T of the ladder, classes down, T across."""
    classes = list(dict.fromkeys(rows["class"]))
    steps = list(dict.fromkeys(rows["temperature"]))
    base = alt.Chart(rows).encode(
        x=alt.X("temperature:O", sort=steps, title="Temperature T", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("class:N", sort=classes, title="Class"),
        tooltip=[
            alt.Tooltip("class:N", title="Class"),
            alt.Tooltip("temperature:O", title="T"),
            alt.Tooltip("probability:Q", title="Probability", format=".4f"),
        ],
    )
    cells = base.mark_rect().encode(
        color=alt.Color(
            "probability:Q",
            scale=alt.Scale(domain=[0, 1], range=palette.RAMP),
            legend=None,
        )
    )
    numbers = base.mark_text().encode(
        text=alt.Text("probability:Q", format=".2f"),
        color=alt.condition(palette.ink_on("probability"), alt.value("white"), alt.value("black")),
    )
    return alt.layer(cells, numbers).properties(height=360)


def loss_bars(rows: pd.DataFrame) -> alt.Chart:
    """The weighted parts of the loss, stacked: the chosen image and the mean over all images."""
    parts = list(dict.fromkeys(rows["part"]))
    figure: alt.Chart = (
        alt.Chart(rows)
        .mark_bar()
        .encode(
            y=alt.Y("images:N", sort=None, title=None),
            x=alt.X("value:Q", title="Loss (nats)", axis=alt.Axis(tickCount=8)),
            color=alt.Color(
                "part:N",
                sort=parts,
                scale=alt.Scale(domain=parts, range=[palette.SOFT, palette.HARD]),
                legend=alt.Legend(orient="top", title=None),
            ),
            tooltip=[
                alt.Tooltip("images:N", title="Of"),
                alt.Tooltip("part:N", title="Part"),
                alt.Tooltip("value:Q", title="Nats", format=".4f"),
            ],
        )
        .properties(height=220)
    )
    return figure


def _temperature_axis(title: str = "Temperature T (log scale)") -> alt.X:
    return alt.X(
        "temperature:Q",
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(values=[0.5, 1, 2, 4, 8, 16], format="~g"),
        title=title,
    )


def gradient_norm_lines(rows: pd.DataFrame, temperature: float) -> alt.LayerChart | alt.FacetChart:
    """Mean gradient norm of each term against T, the chosen T marked."""
    terms = ["soft, with T²", "soft, without T²", "hard"]
    lines = (
        alt.Chart(rows)
        .mark_line(point=True)
        .encode(
            x=_temperature_axis(),
            y=alt.Y("norm:Q", title="Mean gradient norm (nats)"),
            color=alt.Color(
                "term:N",
                sort=terms,
                scale=alt.Scale(domain=terms, range=[palette.SOFT, palette.DENSE, palette.HARD]),
                legend=alt.Legend(orient="top", title=None, symbolType="stroke"),
            ),
            strokeDash=alt.StrokeDash(
                "term:N", scale=alt.Scale(domain=terms, range=[[1, 0], [6, 3], [2, 2]]), legend=None
            ),
            tooltip=[
                alt.Tooltip("term:N", title="Term"),
                alt.Tooltip("temperature:Q", title="T"),
                alt.Tooltip("norm:Q", title="Mean norm", format=".4f"),
            ],
        )
    )
    return alt.layer(lines, _chosen_temperature_rule(temperature)).properties(height=400)


def _chosen_temperature_rule(temperature: float) -> alt.Chart:
    rule: alt.Chart = (
        alt.Chart(pd.DataFrame({"temperature": [temperature]}))
        .mark_rule(strokeDash=[4, 4], color=palette.DENSE)
        .encode(x=alt.X("temperature:Q"), tooltip=[alt.Tooltip("temperature:Q", title="Chosen T")])
    )
    return rule


def logit_gradient_bars(rows: pd.DataFrame) -> alt.Chart:
    """Signed bars: the weighted gradient of one image on each logit, soft, hard and their sum."""
    terms = ["soft", "hard", "sum"]
    figure: alt.Chart = (
        alt.Chart(rows)
        .mark_bar()
        .encode(
            y=alt.Y("class:N", sort=None, title="Class"),
            yOffset=alt.YOffset("term:N", sort=terms),
            x=alt.X("gradient:Q", title="Gradient on the logit (nats)", axis=alt.Axis(tickCount=5)),
            color=alt.Color(
                "term:N",
                sort=terms,
                scale=alt.Scale(domain=terms, range=[palette.SOFT, palette.HARD, palette.DENSE]),
                legend=alt.Legend(orient="top", title=None),
            ),
            tooltip=[
                alt.Tooltip("class:N", title="Class"),
                alt.Tooltip("term:N", title="Term"),
                alt.Tooltip("gradient:Q", title="Gradient", format="+.4f"),
            ],
        )
        .properties(height=400)
    )
    return figure


def decoupled_kl_areas(
    rows: pd.DataFrame, limit: float, temperature: float
) -> alt.LayerChart | alt.FacetChart:
    """T^2 KL against T as the stacked parts TCKD and (1 - p_t) NCKD, and the limit of high T."""
    parts = ["TCKD", "(1 - p_t) NCKD"]
    areas = (
        alt.Chart(rows)
        .mark_area(opacity=0.85)
        .encode(
            x=_temperature_axis(),
            y=alt.Y("value:Q", stack="zero", title="T² KL (nats)"),
            color=alt.Color(
                "part:N",
                sort=parts,
                scale=alt.Scale(domain=parts, range=[palette.TCKD, palette.NCKD]),
                legend=alt.Legend(orient="top", title=None),
            ),
            tooltip=[
                alt.Tooltip("part:N", title="Part"),
                alt.Tooltip("temperature:Q", title="T"),
                alt.Tooltip("value:Q", title="T² times it, nats", format=".4f"),
            ],
        )
    )
    rule = alt.Chart(pd.DataFrame({"limit": [limit]})).encode(y=alt.Y("limit:Q"))
    # A rim of the page's colour, so that the line can be seen on the areas.
    rim = rule.mark_rule(strokeWidth=4, color=palette.PAPER, opacity=0.8)
    line = rule.mark_rule(strokeDash=[6, 4], strokeWidth=2, color=palette.INK).encode(
        tooltip=[alt.Tooltip("limit:Q", title="1/2 Var(z - v)", format=".4f")]
    )
    return alt.layer(areas, rim, line, _chosen_temperature_rule(temperature)).properties(height=340)


def soft_label_matrix(rows: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """The mean soft label per true class in %, the diagonal left out; hovering shows example images."""
    order = list(dict.fromkeys(rows["true"]))
    base = alt.Chart(rows).encode(
        x=alt.X(
            "other:N",
            sort=order,
            title="Class the teacher also sees",
            axis=alt.Axis(labelAngle=-55, labelOverlap=False),
        ),
        y=alt.Y("true:N", sort=order, title="True class"),
        tooltip=[
            alt.Tooltip("true:N", title="True class"),
            alt.Tooltip("other:N", title="Also sees"),
            alt.Tooltip("probability:Q", title="Mean probability", format=".4f"),
            alt.Tooltip("example:N", title="image"),
        ],
    )
    top = float(rows["probability"].max())
    # Said in words: of itself a cell would be read with the picture that hovering shows, letter by letter.
    words = (
        "datum.true + ', also seen as ' + datum.other + ': ' + format(100 * datum.probability, '.1f') + ' %'"
    )
    cells = (
        base.transform_calculate(said=words)
        .mark_rect()
        .encode(
            description=alt.Description("said:N"),
            color=alt.Color(
                "probability:Q",
                scale=alt.Scale(domain=[0, top], range=palette.RAMP),
                legend=None,
            ),
        )
    )
    percent = base.transform_calculate(percent="100 * datum.probability")
    numbers = percent.mark_text(aria=False).encode(
        text=alt.Text("percent:Q", format=".0f"),
        color=alt.condition(palette.ink_on("probability"), alt.value("white"), alt.value("black")),
    )
    return alt.layer(cells, numbers).properties(height=460)


def grid_map(rows: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Mean validation accuracy over alpha and T, coloured by the difference from labels alone.

    Cells that Dunnett's test tells apart from labels alone, at ``LEVEL``, carry a triangle.
    """
    signs = {True: " ▲", False: " ▼"}
    data = rows.assign(
        shown=[
            f"{100 * mean:.2f}" + (signs[difference > 0] if chance < LEVEL else "")
            for mean, difference, chance in zip(rows["mean"], rows["difference"], rows["chance"], strict=True)
        ],
        spread=[
            f"{100 * low:.2f} to {100 * high:.2f}"
            for low, high in zip(rows["low"], rows["high"], strict=True)
        ],
    )
    span = max(float(rows["difference"].abs().max()), 0.5)
    base = alt.Chart(data).encode(
        x=alt.X("temperature:O", title="Temperature T", axis=alt.Axis(labelAngle=0, format="~g")),
        y=alt.Y("alpha:O", sort="descending", title="alpha (0: labels alone)", axis=alt.Axis(format="~g")),
        tooltip=[
            alt.Tooltip("alpha:Q", title="alpha"),
            alt.Tooltip("temperature:Q", title="T"),
            alt.Tooltip("shown:N", title="Mean validation accuracy, %"),
            alt.Tooltip("spread:N", title="Lowest to highest seed, %"),
            alt.Tooltip("difference:Q", title="From labels alone, points", format="+.2f"),
            alt.Tooltip("seeds:Q", title="Seeds"),
            alt.Tooltip("chance:Q", title="p, Dunnett", format=".2g"),
        ],
    )
    cells = base.mark_rect().encode(
        color=alt.Color(
            "difference:Q",
            scale=alt.Scale(domain=[-span, 0, span], range=palette.CHANGE),
            legend=None,
        )
    )
    ink = alt.condition(palette.ink_on("difference"), alt.value("white"), alt.value("black"))
    numbers = base.mark_text(dy={"expr": "-0.01 * height - 5"}, fontWeight="bold").encode(
        text=alt.Text("shown:N"), color=ink
    )
    # Where cells are narrow in two lines: on a phone the words of one would run into the next one's.
    spreads = (
        base.transform_calculate(lines="width < 450 ? replace(datum.spread, ' to ', ' to\\n') : datum.spread")
        .mark_text(dy={"expr": "0.01 * height + (width < 450 ? 4 : 7)"}, lineBreak="\n")
        .encode(text=alt.Text("lines:N"), color=ink)
    )
    return alt.layer(cells, numbers, spreads).properties(height=400)


def reliability_lines(rows: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Accuracy against confidence, a line per network; on the diagonal they are the same."""
    names = list(dict.fromkeys(rows["network"]))
    colors = [palette.TEACHER, palette.HARD, palette.SOFT]
    diagonal = (
        alt.Chart(pd.DataFrame({"confidence": [0, 1], "accuracy": [0, 1]}))
        .mark_line(strokeDash=[4, 4], color=palette.DENSE)
        .encode(x=alt.X("confidence:Q"), y=alt.Y("accuracy:Q"))
    )
    base = alt.Chart(rows).encode(
        x=alt.X("confidence:Q", title="Mean confidence in the bin", scale=alt.Scale(domain=[0, 1])),
        y=alt.Y("accuracy:Q", title="Accuracy in the bin", scale=alt.Scale(domain=[0, 1])),
        color=alt.Color(
            "network:N",
            sort=names,
            scale=alt.Scale(domain=names, range=colors[: len(names)]),
            legend=alt.Legend(orient="top", title=None),
        ),
    )
    points = base.mark_circle(opacity=0.8).encode(
        size=alt.Size("count:Q", scale=alt.Scale(range=[20, 300]), legend=None),
        tooltip=[
            alt.Tooltip("network:N", title="Network"),
            alt.Tooltip("confidence:Q", title="Confidence", format=".3f"),
            alt.Tooltip("accuracy:Q", title="Accuracy", format=".3f"),
            alt.Tooltip("count:Q", title="Images"),
        ],
    )
    return alt.layer(diagonal, base.mark_line(strokeWidth=1.5), points).properties(height=440)


def live_training_lines(rows: pd.DataFrame, epochs: int) -> alt.Chart:
    """Validation accuracy after each epoch of the two networks that are being trained."""
    ways = ["labels alone", "distilled"]
    figure: alt.Chart = (
        alt.Chart(rows)
        .mark_line(point=True)
        .encode(
            x=alt.X(
                "epoch:Q",
                title="Epoch",
                scale=alt.Scale(domain=[0, epochs]),
                axis=alt.Axis(tickMinStep=1, format="d"),
            ),
            y=alt.Y(
                "accuracy:Q",
                title="Validation accuracy",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format=".0%"),
            ),
            color=alt.Color(
                "way:N",
                sort=ways,
                scale=alt.Scale(domain=ways, range=[palette.HARD, palette.SOFT]),
                legend=alt.Legend(orient="top", title=None),
            ),
            tooltip=[
                alt.Tooltip("way:N", title="Trained with"),
                alt.Tooltip("epoch:Q", title="Epoch"),
                alt.Tooltip("accuracy:Q", title="Validation accuracy", format=".4f"),
                alt.Tooltip("seconds:Q", title="Seconds", format=".1f"),
            ],
        )
        .properties(height=320)
    )
    return figure


def gain_intervals(
    rows: pd.DataFrame, across: str, series: str, *, titles: tuple[str, str, str], colors: Mapping[str, str]
) -> alt.LayerChart | alt.FacetChart:
    """Changes in points with their intervals, side by side over steps of one quantity, and the line of no change.

    Args:
        rows: columns change, low, high (NaN where there is no interval), tells (whether one can tell it from 0),
            and the two that are named; with image_low and image_high a second interval, drawn thin.
        across: the column of the steps, which come in the order of the rows.
        series: the column that tells the points of a step apart.
        titles: of the steps, of the change, of the series.
        colors: of each of the series, in their order.
    """
    steps, names = list(dict.fromkeys(rows[across])), [name for name in colors if name in set(rows[series])]
    scale = alt.Scale(domain=names, range=[colors[name] for name in names])
    # As many beside each other as fit: a line for each would leave little of the chart on a phone.
    columns = f"max(1, floor(width / {40 + 12 * max(map(len, names))}))"
    base = alt.Chart(rows).encode(
        x=alt.X(f"{across}:N", sort=steps, title=titles[0], axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset(f"{series}:N", sort=names),
        color=alt.Color(
            f"{series}:N",
            sort=names,
            scale=scale,
            legend=alt.Legend(orient="top", title=titles[2], columns=alt.ExprRef(columns)),
        ),
        tooltip=[
            alt.Tooltip(f"{across}:N", title=titles[0]),
            alt.Tooltip(f"{series}:N", title=titles[2]),
            alt.Tooltip("change:Q", title=titles[1], format="+.2f"),
            alt.Tooltip("low:Q", title="95% from", format="+.2f"),
            alt.Tooltip("high:Q", title="95% to", format="+.2f"),
            *([alt.Tooltip("pairs:Q", title="pairs")] if "pairs" in rows else []),
        ],
    )
    # Not read aloud: the points say the same, and where no interval is drawn there would be nothing to read.
    intervals = [
        base.mark_rule(strokeWidth=width, aria=False).encode(
            y=alt.Y(f"{low}:Q", title=titles[1]), y2=alt.Y2(f"{high}:Q")
        )
        for low, high, width in (("low", "high", 3), ("image_low", "image_high", 1))
        if low in rows
    ]
    # Hollow where one cannot tell, so that it is not only read off the line of 0.
    points = base.mark_point(size=70, strokeWidth=2).encode(
        y=alt.Y("change:Q"),
        fill=alt.Fill(f"{series}:N", scale=scale, legend=None),
        fillOpacity=alt.condition("datum.tells", alt.value(1), alt.value(0)),
    )
    zero = alt.Chart(pd.DataFrame({"change": [0]})).mark_rule(strokeDash=[6, 4], color=palette.DENSE)
    return alt.layer(zero.encode(y=alt.Y("change:Q")), *intervals, points).properties(height=340)
