"""The charts of the architecture lesson; each a pure function of a DataFrame."""

import altair as alt
import pandas as pd

from explorer import palette


def budget_bar(parts: pd.DataFrame, limit: int) -> alt.LayerChart | alt.FacetChart:
    """The total as one bar, stacked by part of the network, with the limit as a line."""
    order = list(parts["part"])
    data = parts.assign(position=range(len(parts)))
    bar = (
        alt.Chart(data)
        .mark_bar(size=36, stroke="white", strokeWidth=1)
        .encode(
            x=alt.X("parameters:Q", stack="zero", title="Parameters"),
            color=alt.Color(
                "part:N",
                sort=order,
                scale=alt.Scale(
                    domain=order,
                    range=["#9ec5ec", "#6aa5de", palette.TEACHER, "#1f5f9c", "#123a63", palette.DENSE],
                ),
                legend=alt.Legend(orient="top", title=None, columns=3),
            ),
            order="position:Q",
            tooltip=[
                alt.Tooltip("part:N", title="Part"),
                alt.Tooltip("parameters:Q", title="Parameters", format=","),
            ],
        )
    )
    line = (
        alt.Chart(pd.DataFrame({"limit": [limit]}))
        .mark_rule(color=palette.OVER, strokeWidth=3)
        .encode(x="limit:Q", tooltip=[alt.Tooltip("limit:Q", title="Limit, parameters", format=",")])
    )
    return alt.layer(bar, line).properties(height=190)


def cost_bars(rows: pd.DataFrame, quantity: str, title: str, color: str) -> alt.Chart:
    """One bar per layer that has a cost; ``quantity`` is a column of the budget's table."""
    figure: alt.Chart = (
        alt.Chart(rows)
        .mark_bar(color=color)
        .encode(
            y=alt.Y("layer:N", sort=None, title="Layer"),
            x=alt.X(f"{quantity}:Q", title=title, axis=alt.Axis(format="~s")),
            tooltip=[
                alt.Tooltip("layer:N", title="Layer"),
                alt.Tooltip("type:N", title="Type"),
                alt.Tooltip(f"{quantity}:Q", title=title, format=","),
            ],
        )
        .properties(height=460)
    )
    return figure
