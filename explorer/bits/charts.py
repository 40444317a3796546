"""The charts of the lesson on fewer bits; each a pure function of a DataFrame."""

import altair as alt
import pandas as pd

from explorer import palette
from explorer.runtime.compare import HOW, INT8

COLORS = {
    runtime: palette.INT8
    if runtime in INT8
    else palette.RUNTIME
    if runtime == "onnxruntime"
    else palette.DENSE
    for runtime in HOW
}


def runtime_bars(rows: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Milliseconds of each runtime as bars with their quartiles.

    Args:
        rows: as ``runtime_table`` gives them, those that were timed at one batch size on one number of threads.
    """
    names = [runtime for runtime in HOW if runtime in set(rows["runtime"])]
    base = alt.Chart(rows.assign(label=[f"{ms:.3g}" for ms in rows["ms"]])).encode(
        y=alt.Y("runtime:N", sort=names, title=None, axis=alt.Axis(labelLimit=220)),
        x=alt.X("ms:Q", title="milliseconds", axis=alt.Axis(tickCount=3)),
        tooltip=[
            alt.Tooltip("runtime:N", title="Runtime"),
            alt.Tooltip("ms:Q", title="Milliseconds", format=".2f"),
            alt.Tooltip("speed_up:Q", title="Times faster than torch", format=".2f"),
            alt.Tooltip("accuracy:Q", title="Accuracy", format=".1%"),
        ],
    )
    bar = base.mark_bar(height={"band": 0.6}).encode(
        color=alt.Color(
            "runtime:N",
            sort=names,
            scale=alt.Scale(domain=names, range=[COLORS[name] for name in names]),
            legend=None,
        )
    )
    spread = base.mark_rule(strokeWidth=2, color=palette.INK).encode(
        x=alt.X("ms_low:Q"), x2=alt.X2("ms_high:Q")
    )
    label = base.mark_text(align="left", dx=6, color=palette.INK).encode(x="ms_high:Q", text="label:N")
    return alt.layer(bar, spread, label).properties(height={"step": 26})


def cut_bars(table: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """The share of sums that are cut off in each layer, with 8-bit and with 7-bit weights.

    Args:
        table: as ``overflow_table`` gives it.
    """
    layers, bits = list(table["layer"].unique()), sorted(table["weight_bits"].unique(), reverse=True)
    names = [f"{each}-bit weights" for each in bits]
    shares = zip(table["cut_share"], table["cut_off"], strict=True)
    rows = table.assign(
        weights=[f"{each}-bit weights" for each in table["weight_bits"]],
        # Of a share that would be told as 0.00% the number is.
        label=[f"{share:.2%}" if share >= 5e-5 else f"{cut:,}" for share, cut in shares],
    )
    base = alt.Chart(rows).encode(
        x=alt.X("layer:N", sort=layers, title=None, axis=alt.Axis(labelAngle=-40)),
        xOffset=alt.XOffset("weights:N", sort=names),
        y=alt.Y("cut_share:Q", title="cut off", axis=alt.Axis(format="%", tickCount=4)),
        tooltip=[
            alt.Tooltip("layer:N", title="Layer"),
            alt.Tooltip("weights:N", title="Weights"),
            alt.Tooltip("sums:Q", title="Sums of two products", format=","),
            alt.Tooltip("cut_off:Q", title="Cut off", format=","),
        ],
    )
    bar = base.mark_bar().encode(
        color=alt.Color(
            "weights:N",
            sort=names,
            scale=alt.Scale(domain=names, range=[palette.OVER, palette.INT8][: len(names)]),
            title=None,
        )
    )
    label = base.mark_text(dy=-6, color=palette.INK).encode(text="label:N")
    return alt.layer(bar, label.transform_filter("datum.cut_off > 0")).properties(height=220)
