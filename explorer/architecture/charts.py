"""The charts of the architecture lesson; each a pure function of a DataFrame."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from explorer import palette
from explorer.architecture.family import WAYS

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross")


def budget_bar(parts: pd.DataFrame, limit: int) -> alt.LayerChart | alt.FacetChart:
    """The total as one bar, stacked by part of the network, with the limit as a line."""
    order = list(parts["part"])
    data = parts.assign(position=range(len(parts)))
    bar = (
        alt.Chart(data)
        .mark_bar(size=40, stroke=palette.PAPER, strokeWidth=1)
        .encode(
            x=alt.X("parameters:Q", stack="zero", title="Parameters"),
            color=alt.Color(
                "part:N",
                sort=order,
                scale=alt.Scale(domain=order, range=_shades(order)),
                legend=alt.Legend(orient="top", title=None, columns={"expr": "max(3, floor(width / 90))"}),
            ),
            order=alt.Order("position:Q"),
            tooltip=[
                alt.Tooltip("part:N", title="Part"),
                alt.Tooltip("parameters:Q", title="Parameters", format=","),
            ],
        )
    )
    rule = alt.Chart(pd.DataFrame({"limit": [limit], "text": [f"limit {limit:,}"]})).encode(
        x=alt.X("limit:Q")
    )
    # A rim of the page's colour, so that the line can be seen on a bar of any shade.
    rim = rule.mark_rule(color=palette.PAPER, strokeWidth=7)
    line = rule.mark_rule(color=palette.OVER, strokeWidth=3).encode(
        tooltip=[alt.Tooltip("limit:Q", title="Limit, parameters", format=",")]
    )
    text = rule.mark_text(color=palette.INK, fontWeight="bold", baseline="bottom", y=-4).encode(
        text=alt.Text("text:N")
    )
    return alt.layer(bar, rim, line, text).properties(height=220)


def _shades(parts: Sequence[str]) -> list[str]:
    """A colour for each part, from pale to dark, and grey for the head."""
    body = sum(part != "head" for part in parts)
    return palette.steps(body) + [palette.DENSE] * (len(parts) - body)


def shares(rows: pd.DataFrame) -> alt.Chart:
    """Each layer's share of all parameters and of all multiply-adds, side by side on one layer axis."""
    costly = rows[(rows["parameters"] > 0) | (rows["mult-adds"] > 0)]
    names = {"parameters": "parameters", "mult-adds": "multiply-adds"}
    data = pd.concat(
        [
            costly.assign(quantity=name, amount=costly[column], part=costly[column] / rows[column].sum())
            for column, name in names.items()
        ]
    )
    figure: alt.Chart = (
        alt.Chart(data)
        .mark_bar()
        .encode(
            y=alt.Y("layer:N", sort=None, title="Layer"),
            yOffset=alt.YOffset("quantity:N", sort=list(names.values())),
            x=alt.X("part:Q", title="Share of the network's total", axis=alt.Axis(format=".0%")),
            color=alt.Color(
                "quantity:N",
                sort=list(names.values()),
                scale=alt.Scale(domain=list(names.values()), range=[palette.PARAMETERS, palette.MULT_ADDS]),
                legend=alt.Legend(orient="top", title=None),
            ),
            tooltip=[
                alt.Tooltip("layer:N", title="Layer"),
                alt.Tooltip("type:N", title="Type"),
                alt.Tooltip("quantity:N", title="Quantity"),
                alt.Tooltip("amount:Q", title="Amount", format=","),
                alt.Tooltip("part:Q", title="Share", format=".1%"),
            ],
        )
        .properties(height=max(360, 20 * len(costly)))
    )
    return figure


def standard_bars(rows: pd.DataFrame) -> alt.Chart:
    """Weights of each block beside those of the standard convolution it stands in for."""
    names = {"separable": "depthwise + pointwise", "standard": "standard convolution"}
    data = pd.concat([rows.assign(kind=name, weights=rows[column]) for column, name in names.items()])
    figure: alt.Chart = (
        alt.Chart(data)
        .mark_bar()
        .encode(
            y=alt.Y("part:N", sort=None, title=None),
            yOffset=alt.YOffset("kind:N", sort=list(names.values())),
            x=alt.X("weights:Q", title="Weights", axis=alt.Axis(format="~s")),
            color=alt.Color(
                "kind:N",
                sort=list(names.values()),
                scale=alt.Scale(domain=list(names.values()), range=[palette.STUDENT, palette.DENSE]),
                legend=alt.Legend(orient="top", title=None),
            ),
            tooltip=[
                alt.Tooltip("part:N", title="Part"),
                alt.Tooltip("kind:N", title="Built as"),
                alt.Tooltip("weights:Q", title="Weights", format=","),
                alt.Tooltip("factor:Q", title="Times fewer", format=".2f"),
            ],
        )
        .properties(height=max(320, 40 * len(rows)))
    )
    return figure


def side_effect(rows: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Accuracy against the number of summaries, a point for each noise; the network as loaded as a line."""
    base = alt.Chart(rows)
    axis = alt.Axis(format=".1%", tickCount=5)
    points = base.mark_point(filled=True, size=90, opacity=0.9, color=palette.TEACHER).encode(
        x=alt.X("summaries:O", title="torchsummary called so many times", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("accuracy:Q", title="Right answers", scale=alt.Scale(zero=False, padding=12), axis=axis),
        tooltip=[
            alt.Tooltip("summaries:O", title="Summaries"),
            alt.Tooltip("noise:O", title="Noise, by seed"),
            alt.Tooltip("accuracy:Q", title="Right", format=".2%"),
            alt.Tooltip("images:Q", title="Images", format=","),
            alt.Tooltip("moved:Q", title="BatchNorm's means moved", format=".2f"),
            alt.Tooltip("variance:Q", title="its variances, times", format=".2f"),
        ],
    )
    loaded = alt.Chart(rows[rows["summaries"] == 0]).mark_rule(color=palette.DENSE, strokeWidth=2)
    return alt.layer(loaded.encode(y="accuracy:Q"), points).properties(height=240)


def family_curve(
    rows: pd.DataFrame, params: int, limit: int | None = None, floor: float | None = None
) -> alt.LayerChart | alt.FacetChart:
    """Test accuracy against parameters of the trained family, the edited network's place and the limit marked.

    Colour says how a network was trained, shape its kind; ``floor`` is the accuracy that a course asks for. A line
    joins networks of one kind that were trained for the same number of epochs.
    """
    kinds = list(dict.fromkeys(rows["kind"]))
    base = alt.Chart(rows).encode(
        x=alt.X(
            "parameters:Q",
            title="Parameters (log scale)",
            scale=alt.Scale(type="log", nice=False, padding=20),
            axis=alt.Axis(format="~s"),
        ),
        color=_way_color(),
    )
    y = alt.Y("accuracy:Q", title="Test accuracy", scale=alt.Scale(zero=False), axis=alt.Axis(format=".1%"))
    alike = [alt.Detail("kind:N"), alt.Detail("epochs:O")]
    line = base.mark_line().encode(y=y, detail=alike, tooltip=_family_tooltip())
    spread = base.mark_rule(strokeWidth=2, opacity=0.5).encode(y=alt.Y("low:Q"), y2=alt.Y2("high:Q"))
    here = (
        alt.Chart(pd.DataFrame({"parameters": [params]}))
        .mark_rule(strokeDash=[6, 4], strokeWidth=2, color=palette.DENSE)
        .encode(
            x=alt.X("parameters:Q"), tooltip=[alt.Tooltip("parameters:Q", title="This network", format=",")]
        )
    )
    points = base.mark_point(size=80, filled=True, opacity=1).encode(
        y=y,
        shape=alt.Shape(
            "kind:N",
            scale=alt.Scale(domain=kinds, range=[SHAPES[at % len(SHAPES)] for at in range(len(kinds))]),
            legend=alt.Legend(orient="bottom", title=None, symbolStrokeColor=palette.INK),
        ),
        tooltip=_family_tooltip(),
    )
    asked = [] if floor is None else [_floor(floor)]
    most = [] if limit is None else [_limit(limit)]
    return alt.layer(spread, line, here, points, *most, *asked).properties(height=440)


def equal_size(rows: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Test accuracy with its interval of networks of equal size, a line for each kind."""
    base = alt.Chart(rows).encode(
        y=alt.Y("kind:N", sort=list(dict.fromkeys(rows["kind"])), title=None, axis=alt.Axis(labelLimit=200)),
        yOffset=alt.YOffset("way:N", sort=list(WAYS)),
        color=_way_color(),
        tooltip=_family_tooltip(),
    )
    axis = alt.Axis(format=".1%", tickCount=5, labelOverlap=True)
    x = alt.X("accuracy:Q", title="Test accuracy", scale=alt.Scale(zero=False), axis=axis)
    spread = base.mark_rule(strokeWidth=2, opacity=0.5).encode(x=alt.X("low:Q"), x2=alt.X2("high:Q"))
    points = base.mark_point(size=80, filled=True, opacity=1).encode(x=x)
    return alt.layer(spread, points).properties(height=70 + 45 * rows["kind"].nunique())


def _way_color() -> alt.Color:
    return alt.Color(
        "way:N",
        sort=list(WAYS),
        scale=alt.Scale(domain=list(WAYS), range=[palette.HARD, palette.SOFT]),
        legend=alt.Legend(orient="top", title=None),
    )


def _family_tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("network:N", title="Network"),
        alt.Tooltip("parameters:Q", title="Parameters", format=","),
        alt.Tooltip("accuracy:Q", title="Test accuracy", format=".4f"),
        alt.Tooltip("low:Q", title="95% Wilson from", format=".4f"),
        alt.Tooltip("high:Q", title="95% Wilson to", format=".4f"),
    ]


def _limit(limit: int) -> alt.Chart:
    """The most parameters allowed, as a line upwards."""
    rule: alt.Chart = (
        alt.Chart(pd.DataFrame({"limit": [limit]}))
        .mark_rule(strokeWidth=2, color=palette.OVER)
        .encode(x=alt.X("limit:Q"), tooltip=[alt.Tooltip("limit:Q", title="Limit, parameters", format=",")])
    )
    return rule


def _floor(floor: float) -> alt.Chart:
    """The accuracy that a course asks for, as a line across."""
    rule: alt.Chart = (
        alt.Chart(pd.DataFrame({"floor": [floor]}))
        .mark_rule(strokeDash=[2, 3], strokeWidth=2, color=palette.OVER)
        .encode(y=alt.Y("floor:Q"), tooltip=[alt.Tooltip("floor:Q", title="Asked for", format=".1%")])
    )
    return rule
