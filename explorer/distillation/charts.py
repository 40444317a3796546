"""The charts of the distillation lesson; each a pure function of a DataFrame."""

import altair as alt
import pandas as pd

from explorer import palette
from explorer.distillation.soften import PARTS

LOG_FLOOR = 1e-6


def distribution_bars(rows: pd.DataFrame, *, log: bool) -> alt.LayerChart | alt.FacetChart:
    """Teacher and student side by side per class; ``rows`` as ``soften.distributions`` makes them.

    On the log scale, probabilities below 1e-6 are drawn at 1e-6.
    """
    data = rows.assign(
        shown=rows["probability"].clip(lower=LOG_FLOOR) if log else rows["probability"],
        start=LOG_FLOOR if log else 0.0,
        tick=[
            f"▸ {name}" if true else name for name, true in zip(rows["class"], rows["is_label"], strict=True)
        ],
    )
    order = list(dict.fromkeys(data["tick"]))
    scale = alt.Scale(type="log", domain=[LOG_FLOOR, 1]) if log else alt.Scale(domain=[0, 1])
    base = alt.Chart(data).encode(
        y=alt.Y("tick:N", sort=order, title="Class (▸ true class)"),
        yOffset=alt.YOffset("network:N", sort=["teacher", "student"]),
        tooltip=[
            alt.Tooltip("network:N", title="Network"),
            alt.Tooltip("class:N", title="Class"),
            alt.Tooltip("probability:Q", title="Probability at T", format=".6f"),
            alt.Tooltip("logit:Q", title="Logit", format=".3f"),
        ],
    )
    bars = base.mark_bar().encode(
        x=alt.X(
            "shown:Q",
            scale=scale,
            title="Probability at T" + (", log scale" if log else ""),
            axis=alt.Axis(format="~g" if log else ".0%", labelOverlap=True),
        ),
        x2="start:Q",
        color=alt.Color(
            "network:N",
            sort=["teacher", "student"],
            scale=alt.Scale(domain=["teacher", "student"], range=[palette.TEACHER, palette.STUDENT]),
            legend=alt.Legend(orient="top", title=None),
        ),
    )
    return alt.layer(bars).properties(height=360)


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
            scale=alt.Scale(domain=[0, 1], range=["#eaf2fa", palette.TEACHER, "#123a63"]),
            legend=None,
        )
    )
    numbers = base.mark_text(fontSize=12).encode(
        text=alt.Text("probability:Q", format=".2f"),
        color=alt.condition("datum.probability > 0.35", alt.value("#ffffff"), alt.value("#18212c")),
    )
    return alt.layer(cells, numbers).properties(height=360)


def loss_bars(rows: pd.DataFrame) -> alt.Chart:
    """The weighted parts of the loss, stacked: the chosen image and the mean over all images."""
    figure: alt.Chart = (
        alt.Chart(rows)
        .mark_bar()
        .encode(
            y=alt.Y("images:N", sort=None, title=None),
            x=alt.X("value:Q", title="Loss (nats)"),
            color=alt.Color(
                "part:N",
                sort=list(PARTS),
                scale=alt.Scale(domain=list(PARTS), range=[palette.SOFT, palette.HARD]),
                legend=alt.Legend(orient="top", direction="vertical", title=None),
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
