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
    """The share of sums that are cut off with weights of one number of bits, in each layer where some are.

    Args:
        table: as ``overflow_table`` gives it, of that number of bits.
    """
    rows = table[table["cut_off"] > 0]
    # Of a share that would be told as 0.00% the number is.
    shares = zip(rows["cut_share"], rows["cut_off"], rows["sums"], strict=True)
    labels = [f"{share:.2%}" if share >= 5e-5 else f"{cut:,} of {sums:,}" for share, cut, sums in shares]
    base = alt.Chart(rows.assign(label=labels)).encode(
        y=alt.Y("layer:N", sort=list(rows["layer"]), title=None, axis=alt.Axis(labelLimit=160)),
        x=alt.X("cut_share:Q", title="share of the sums", axis=alt.Axis(format="%", tickCount=3)),
        tooltip=[
            alt.Tooltip("layer:N", title="Layer"),
            alt.Tooltip("sums:Q", title="Sums of two products", format=","),
            alt.Tooltip("cut_off:Q", title="Cut off", format=","),
        ],
    )
    bar = base.mark_bar(height={"band": 0.6}, color=palette.OVER)
    label = base.mark_text(align="left", dx=6, color=palette.INK).encode(text="label:N")
    return alt.layer(bar, label).properties(height={"step": 24})
