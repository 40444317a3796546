"""The charts of the pruning lesson; each a pure function of a DataFrame."""

import altair as alt
import pandas as pd

from explorer import palette
from explorer.pruning.sweep import TITLES

COLORS = {
    TITLES["global-l1"]: palette.MASKED,
    TITLES["layer-l1"]: "#7d5fb2",
    TITLES["random"]: palette.RANDOM,
    TITLES["channels-l1"]: palette.REMOVED,
    TITLES["channels-l2"]: palette.SOFT,
    TITLES["channels-random"]: palette.HARD,
}


def _color(rows: pd.DataFrame) -> alt.Color:
    names = [name for name in COLORS if name in set(rows["method"])]
    return alt.Color(
        "method:N",
        sort=names,
        scale=alt.Scale(domain=names, range=[COLORS[name] for name in names]),
        legend=alt.Legend(
            orient="top",
            title=None,
            direction="vertical",
            labelLimit=300,
            symbolOpacity=1,
            symbolType="square",
        ),
    )


def _ratio() -> alt.X:
    return alt.X(
        "ratio:Q",
        title="Pruning ratio",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(format=".0%"),
    )


TOOLTIP = [
    alt.Tooltip("method:N", title="Method"),
    alt.Tooltip("ratio:Q", title="Ratio", format=".0%"),
    alt.Tooltip("accuracy:Q", title="Accuracy", format=".4f"),
    alt.Tooltip("parameters:Q", title="Parameters stored", format=","),
    alt.Tooltip("nonzero:Q", title="Parameters not zero", format=","),
    alt.Tooltip("ms:Q", title="Milliseconds", format=".2f"),
    alt.Tooltip("speed_up:Q", title="Times faster than dense", format=".2f"),
]


def accuracy_curve(rows: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Accuracy against the ratio, a line per method, with the 95 % interval as a band."""
    base = alt.Chart(rows).encode(x=_ratio(), color=_color(rows))
    band = base.mark_area(opacity=0.18).encode(y="accuracy_low:Q", y2="accuracy_high:Q")
    line = base.mark_line(point=True).encode(
        y=alt.Y(
            "accuracy:Q",
            title="Top-1 accuracy",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(format=".0%"),
        ),
        tooltip=TOOLTIP,
    )
    return alt.layer(band, line).properties(height=360)


def speed_curve(rows: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Measured speed-up over the dense network against the ratio, a line per method."""
    line = (
        alt.Chart(rows)
        .mark_line(point=True)
        .encode(
            x=_ratio(),
            y=alt.Y("speed_up:Q", title="Times faster than dense, measured", scale=alt.Scale(zero=True)),
            color=_color(rows),
            tooltip=TOOLTIP,
        )
    )
    same = (
        alt.Chart(pd.DataFrame({"speed_up": [1.0]}))
        .mark_rule(strokeDash=[4, 4], color=palette.DENSE)
        .encode(y="speed_up:Q")
    )
    return alt.layer(same, line).properties(height=360)
