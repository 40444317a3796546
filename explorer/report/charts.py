"""The charts of the report, and a chart as SVG without a browser."""

from typing import Any

import altair as alt
import pandas as pd
import vl_convert

from explorer import palette
from explorer.architecture.charts import budget_bar
from explorer.ledger import LedgerAxis
from explorer.pruning.charts import accuracy_curve

WIDTH = 620
NARROW = 480  # pixels of a chart in which two titles do not fit beside each other


def answer_chart(kind: str, rows: pd.DataFrame, limit: int = 0) -> Any:
    """The chart of an answer by its kind, ``budget`` or a curve: the very ones of the lessons."""
    return budget_bar(rows, limit) if kind == "budget" else accuracy_curve(rows)


def to_svg(chart: Any, height: int) -> str:
    """A chart as SVG text, drawn in this process, of so many pixels; it refers to no other file."""
    spec = chart.properties(width=WIDTH, height=height, background="white").to_dict()
    return str(
        vl_convert.vegalite_to_svg(spec, vl_version=alt.SCHEMA_VERSION.removeprefix("v").rsplit(".", 1)[0])
    )


def pareto_chart(rows: pd.DataFrame, x: LedgerAxis, y: LedgerAxis) -> alt.LayerChart | alt.FacetChart:
    """The ledger's states on two axes; those that nothing beats are joined by a line.

    Another, growing thicker, leads from each state to what was made of it. ``rows`` is a ``drawn_table``: the titles of
    those ``named`` are written, or on a narrow screen, where they would lie on each other, their numbers.
    """

    def position(channel: type[alt.X] | type[alt.Y], axis: LedgerAxis) -> Any:
        title = f"{axis.title}, {axis.unit}" if axis.unit else axis.title
        share = axis.column == "accuracy"
        return channel(
            f"{axis.column}:Q",
            title=title,
            scale=alt.Scale(zero=False, type="linear" if share else "log"),
            axis=alt.Axis(format=".1%" if share else "~s"),
        )

    known = rows.dropna(subset=[x.column, y.column])
    base = alt.Chart(known).encode(x=position(alt.X, x), y=position(alt.Y, y))
    line = (
        base.transform_filter("datum.front")
        .mark_line(color=palette.DENSE, strokeDash=[4, 4])
        .encode(order=alt.Order(f"{x.column}:Q"))
    )
    points = base.mark_point(size=90, filled=True, opacity=1).encode(
        color=alt.Color(
            "lesson:N",
            title=None,
            scale=alt.Scale(
                domain=["architecture", "distillation", "pruning"],
                range=[palette.ARCHITECTURE, palette.DISTILLATION, palette.PRUNING],
            ),
            legend=alt.Legend(orient="top"),
        ),
        shape=alt.Shape(
            "origin:N",
            title=None,
            # Below, since on a narrow screen two legends do not fit side by side.
            legend=alt.Legend(orient="bottom", symbolStrokeColor=palette.INK)
            if known["origin"].nunique() > 1
            else None,
        ),
        tooltip=[
            alt.Tooltip("title:N", title="State"),
            alt.Tooltip("network:N", title="Network"),
            alt.Tooltip("parameters:Q", title="Parameters stored", format=","),
            alt.Tooltip("nonzero:Q", title="Parameters not zero", format=","),
            alt.Tooltip("mult_adds:Q", title="Multiply-adds", format=","),
            alt.Tooltip("ms_per_image:Q", title="ms per image", format=".3f"),
            alt.Tooltip("accuracy:Q", title="Accuracy", format=".4f"),
            alt.Tooltip("origin:N", title="Figures"),
        ],
    )
    names = base.transform_filter("datum.named").mark_text(
        align="right",
        dx=-9,
        dy=-6,
        limit=160,
        color=palette.INK,
        text=alt.ExprRef(f"width < {NARROW} ? datum.number : datum.label"),
    )
    made = _made_from(known)
    trail = alt.Chart(made).mark_trail(color=palette.DENSE, opacity=0.6)
    grown = alt.Size("end:Q", scale=alt.Scale(domain=[0, 1], range=[1, 7]), legend=None)
    path = trail.encode(
        x=position(alt.X, x), y=position(alt.Y, y), detail="path:N", order="end:Q", size=grown
    )
    layers = (line, points, names) if made.empty else (path, line, points, names)
    return alt.layer(*layers).properties(height=420)


def _made_from(rows: pd.DataFrame) -> pd.DataFrame:
    """Each state that was made from another beside that one: ``end`` 0 for where it came from, 1 for itself."""
    children = rows[rows["made_from"].isin(rows.index)]
    parents = rows.loc[children["made_from"]].assign(path=children.index, end=0)
    return pd.concat([parents, children.assign(path=children.index, end=1)])
