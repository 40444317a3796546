"""The charts of the pruning lesson; each a pure function of a DataFrame."""

from typing import NamedTuple

import altair as alt
import pandas as pd

from explorer import palette
from explorer.pruning.methods import METHODS

COLORS = {method.title: method.color for method in METHODS.values()}
SHAPES = (
    "circle",
    "square",
    "triangle-up",
    "diamond",
    "cross",
    "triangle-down",
    "triangle-right",
    "triangle-left",
)
POINT = alt.OverlayMarkDef(filled=True, size=60, opacity=1)


# Rows stand close: without this, Vega-Lite writes every second name.
EVERY_LAYER = alt.Axis(labelLimit=140, labelOverlap=False)
LEGEND = alt.Legend(orient="top", title=None)


def _methods(rows: pd.DataFrame) -> list[str]:
    # From the rows, not from COLORS: what the scale's domain leaves out, Vega-Lite does not draw, without a word.
    return sorted(set(rows["method"]), key=list(COLORS).index)


def _color(rows: pd.DataFrame) -> alt.Color:
    names = _methods(rows)
    scale = alt.Scale(domain=names, range=[COLORS[name] for name in names])
    return alt.Color("method:N", sort=names, scale=scale, legend=LEGEND)


def _shape(rows: pd.DataFrame) -> alt.Shape:
    """A shape for each method: there are more of them than colours that everybody can tell apart."""
    names = _methods(rows)
    scale = alt.Scale(domain=names, range=[SHAPES[list(COLORS).index(name) % len(SHAPES)] for name in names])
    return alt.Shape("method:N", sort=names, scale=scale, legend=LEGEND)


class Axis(NamedTuple):
    """What accuracy can be drawn against: its name in the control, and the axis's title."""

    name: str
    title: str


ACROSS = {
    "ratio": Axis("Ratio asked for", "Pruning ratio"),
    "gone": Axis("Parameters gone", "Share of all parameters that is zero or removed"),
    "mult_adds": Axis("Multiply-adds", "Multiply-adds for one image"),
    "ms": Axis("Milliseconds", "Milliseconds for a batch, median"),
}
DASHES = {"none": [1, 0], "re-fitted": [8, 3, 2, 3], "recalibrated": [6, 3], "fine-tuned": [2, 2]}


def lines(rows: pd.DataFrame) -> str:
    """What the kinds of lines in ``accuracy_curve`` mean, for its caption; empty if there is one kind."""
    words = {
        "none": "Solid: as pruned",
        "re-fitted": "dash-dotted: re-fitted",
        "recalibrated": "dashed: recalibrated",
        "fine-tuned": "dotted: fine-tuned",
    }
    kinds = [words[name] for name in DASHES if name in set(rows["recovery"])]
    return "; ".join(kinds) + "." if len(kinds) > 1 else ""


def _across(field: str) -> alt.X:
    title = ACROSS[field].title
    if field in ("ratio", "gone"):
        return alt.X(f"{field}:Q", title=title, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".0%"))
    form = "~s" if field == "mult_adds" else "~g"
    return alt.X(f"{field}:Q", title=title, axis=alt.Axis(format=form, labelOverlap=True))


TOOLTIP = [
    alt.Tooltip("method:N", title="Method"),
    alt.Tooltip("ratio:Q", title="Ratio", format=".0%"),
    alt.Tooltip("recovery:N", title="Recovery"),
    alt.Tooltip("accuracy:Q", title="Accuracy", format=".4f"),
    alt.Tooltip("parameters:Q", title="Parameters stored", format=","),
    alt.Tooltip("nonzero:Q", title="Parameters not zero", format=","),
    alt.Tooltip("mult_adds:Q", title="Multiply-adds", format=","),
    alt.Tooltip("ms:Q", title="Milliseconds", format=".2f"),
    alt.Tooltip("speed_up:Q", title="Times faster than dense", format=".2f"),
]


def accuracy_curve(
    rows: pd.DataFrame, across: str = "ratio", guesses: pd.DataFrame | None = None
) -> alt.LayerChart | alt.FacetChart:
    """Accuracy against the ratio or a cost, a line per method, with the 95% interval.

    Recovered networks are dashed lines. ``guesses`` has columns method, ratio, guess and measured;
    each is a diamond with its error as a line down or up to what was counted.
    """
    recoveries = [name for name in DASHES if name in set(rows["recovery"])]
    base = alt.Chart(rows).encode(x=_across(across), color=_color(rows), detail=alt.Detail("recovery:N"))
    if across == "ratio":
        spread = base.mark_area(opacity=0.18).encode(y=alt.Y("accuracy_low:Q"), y2=alt.Y2("accuracy_high:Q"))
    else:
        spread = base.mark_rule(opacity=0.5).encode(y=alt.Y("accuracy_low:Q"), y2=alt.Y2("accuracy_high:Q"))
    line = base.mark_line(point=POINT).encode(
        shape=_shape(rows),
        y=alt.Y(
            "accuracy:Q",
            title="Top-1 accuracy",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(format=".0%"),
        ),
        order=alt.Order("ratio:Q"),
        strokeDash=alt.StrokeDash(
            "recovery:N",
            sort=recoveries,
            scale=alt.Scale(domain=recoveries, range=[DASHES[name] for name in recoveries]),
            legend=None,  # said by the caption, see lines()
        ),
        tooltip=TOOLTIP,
    )
    layers = [spread, line]
    if guesses is not None and len(guesses):
        layers += _guesses(guesses, rows, across)
    return alt.layer(*layers).properties(height=400)


def _guesses(guesses: pd.DataFrame, rows: pd.DataFrame, across: str) -> list[alt.Chart]:
    before = rows[rows["recovery"] == "none"]
    columns = list(dict.fromkeys(["method", "ratio", across]))
    marked = guesses[["method", "ratio", "guess", "measured"]].merge(before[columns], on=["method", "ratio"])
    base = alt.Chart(marked).encode(x=_across(across))
    error = base.mark_rule(color=palette.OVER, strokeWidth=2).encode(
        y=alt.Y("guess:Q"), y2=alt.Y2("measured:Q")
    )
    point = base.mark_point(shape="diamond", size=160, filled=True, color=palette.OVER, opacity=1).encode(
        y=alt.Y("guess:Q"),
        tooltip=[
            alt.Tooltip("method:N", title="Guess for"),
            alt.Tooltip("ratio:Q", title="Ratio", format=".0%"),
            alt.Tooltip("guess:Q", title="Guessed", format=".1%"),
            alt.Tooltip("measured:Q", title="Counted", format=".1%"),
        ],
    )
    return [error, point]


def speed_curve(rows: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Measured speed-up over the dense network against the ratio, a line per method."""
    timed = rows[rows["speed_up"].notna() & (rows["recovery"] == "none")]
    line = (
        alt.Chart(timed)
        .mark_line(point=POINT)
        .encode(
            shape=_shape(timed),
            x=_across("ratio"),
            y=alt.Y("speed_up:Q", title="Times faster than dense", scale=alt.Scale(zero=True)),
            color=_color(timed),
            tooltip=TOOLTIP,
        )
    )
    same = (
        alt.Chart(pd.DataFrame({"speed_up": [1.0]}))
        .mark_rule(strokeDash=[4, 4], color=palette.DENSE)
        .encode(y=alt.Y("speed_up:Q"))
    )
    return alt.layer(same, line).properties(height=400)


QUANTITIES = {
    "parameters": "parameters stored",
    "torchinfo says": "what torchinfo counts",
    "mult_adds": "multiply-adds",
    "file_mb": "file",
    "zipped_mb": "file, compressed",
    "ms": "milliseconds",
}


def form_bars(rows: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Each quantity of each form as a share of the dense network's, one panel of bars per quantity."""
    dense = rows[rows["form"] == "dense"].iloc[0]
    long = pd.DataFrame(
        [
            {"form": row["form"], "quantity": title, "share": row[name] / dense[name]}
            for name, title in QUANTITIES.items()
            for _, row in rows.iterrows()
            if pd.notna(row[name]) and pd.notna(dense[name])
        ]
    )
    names = list(rows["form"])
    colors = {
        "dense": palette.DENSE,
        "unstructured": palette.UNSTRUCTURED,
        "masked": palette.MASKED,
        "zeroed": palette.ZEROED,
        "sliced": palette.REMOVED,
        "onnxruntime": palette.RUNTIME,
        "int8": palette.INT8,
    }
    base = alt.Chart(long).encode(
        y=alt.Y("quantity:N", sort=list(QUANTITIES.values()), title=None, axis=alt.Axis(labelLimit=200)),
        yOffset=alt.YOffset("form:N", sort=names),
        x=alt.X("share:Q", title="Times the dense network's", scale=alt.Scale(zero=True)),
        tooltip=[
            alt.Tooltip("form:N", title="Form"),
            alt.Tooltip("quantity:N", title="Quantity"),
            alt.Tooltip("share:Q", title="Times dense", format=".3f"),
        ],
    )
    bars = base.mark_bar().encode(
        color=alt.Color(
            "form:N",
            sort=names,
            scale=alt.Scale(domain=names, range=[colors[name] for name in names]),
            legend=alt.Legend(orient="top", title=None),
        )
    )
    same = (
        alt.Chart(pd.DataFrame({"share": [1.0]}))
        .mark_rule(strokeDash=[4, 4], color=palette.DENSE)
        .encode(x=alt.X("share:Q"))
    )
    return alt.layer(bars, same).properties(height=420)


def sensitivity_map(rows: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Accuracy points lost when one layer alone is masked: layers down, ratios across."""
    layers = list(dict.fromkeys(rows["layer"]))
    base = alt.Chart(rows).encode(
        x=alt.X("ratio:O", title="Share masked", axis=alt.Axis(format=".0%", labelAngle=0)),
        y=alt.Y("layer:N", sort=layers, title="Layer, from input to output", axis=EVERY_LAYER),
        tooltip=[
            alt.Tooltip("layer:N", title="Layer"),
            alt.Tooltip("weights:Q", title="Weights", format=","),
            alt.Tooltip("ratio:O", title="Masked", format=".0%"),
            alt.Tooltip("accuracy:Q", title="Accuracy", format=".4f"),
            alt.Tooltip("lost_points:Q", title="Points lost", format=".1f"),
        ],
    )
    cells = base.mark_rect().encode(
        color=alt.Color(
            "lost_points:Q",
            scale=alt.Scale(domain=[0, 100], clamp=True, range=palette.LOSS),
            legend=None,
        )
    )
    numbers = base.mark_text().encode(
        text=alt.Text("lost_points:Q", format=".1f"),
        color=alt.condition(palette.ink_on("lost_points"), alt.value("white"), alt.value("black")),
    )
    return alt.layer(cells, numbers).properties(height=24 * len(layers) + 90)


def _pair(pruned: str, names: list[str]) -> alt.Color:
    return alt.Color(
        "network:N",
        sort=names,
        scale=alt.Scale(domain=names, range=[palette.DENSE, pruned]),
        legend=alt.Legend(orient="top", title=None),
    )


def class_points(rows: pd.DataFrame, pruned: str) -> alt.LayerChart | alt.FacetChart:
    """Accuracy of each class, dense and pruned (in that colour), with 95% intervals."""
    names = ["dense", "pruned"]
    base = alt.Chart(rows).encode(
        y=alt.Y("class:N", sort=None, title=None),
        yOffset=alt.YOffset("network:N", sort=names),
        tooltip=[
            alt.Tooltip("class:N", title="Class"),
            alt.Tooltip("network:N", title="Network"),
            alt.Tooltip("accuracy:Q", title="Accuracy", format=".1%"),
            alt.Tooltip("images:Q", title="Images"),
            alt.Tooltip("called:Q", title="Images it calls so"),
        ],
    )
    spread = base.mark_rule(strokeWidth=3, opacity=0.45).encode(
        x=alt.X(
            "accuracy_low:Q",
            title="Accuracy, with its 95% Wilson interval",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(format=".0%", labelOverlap=True),
        ),
        x2=alt.X2("accuracy_high:Q"),
        color=_pair(pruned, names),
    )
    points = base.mark_point(filled=True, size=80, opacity=1).encode(
        x=alt.X("accuracy:Q"), color=_pair(pruned, names)
    )
    return alt.layer(spread, points).properties(height=420)


def probability_bars(rows: pd.DataFrame, pruned: str) -> alt.Chart:
    """Both networks' probabilities for one image."""
    names = ["dense", "pruned"]
    figure: alt.Chart = (
        alt.Chart(rows)
        .mark_bar()
        .encode(
            y=alt.Y("class:N", sort=None, title=None),
            yOffset=alt.YOffset("network:N", sort=names),
            x=alt.X("probability:Q", title="Probability", scale=alt.Scale(domain=[0, 1])),
            color=_pair(pruned, names),
            tooltip=[
                alt.Tooltip("class:N", title="Class"),
                alt.Tooltip("network:N", title="Network"),
                alt.Tooltip("probability:Q", title="Probability", format=".4f"),
            ],
        )
        .properties(height=340)
    )
    return figure


def channel_map(rows: pd.DataFrame, chosen: int) -> alt.LayerChart | alt.FacetChart:
    """Every coupled weight as a line of channels, darker where stronger; the chosen channel is framed.

    A click reports its channel as the selection ``pick``.
    """
    layers = list(dict.fromkeys(rows["layer"]))
    pick = alt.selection_point(name="pick", fields=["channel"], on="click", toggle=False)
    base = alt.Chart(rows).encode(
        x=alt.X(
            "channel:O",
            title="Channel",
            axis=alt.Axis(labelAngle=0, labelOverlap=True, ticks=False),
            scale=alt.Scale(paddingInner=0.1),
        ),
        y=alt.Y("layer:N", sort=layers, title=None, axis=alt.Axis(labelLimit=150)),
        tooltip=[
            alt.Tooltip("layer:N", title="Layer"),
            alt.Tooltip("role:N", title="What the channel is to it"),
            alt.Tooltip("channel:O", title="Channel"),
            alt.Tooltip("norm:Q", title="L1 norm of its weights", format=".4f"),
        ],
    )
    cells = (
        base.mark_rect(cursor="pointer")
        .encode(
            color=alt.Color(
                "strength:Q",
                scale=alt.Scale(domain=[0, 1], range=palette.RAMP),
                legend=None,
            )
        )
        .add_params(pick)
    )
    frame = base.mark_rect(filled=False, stroke=palette.OVER, strokeWidth=3).transform_filter(
        f"datum.channel === {chosen}"
    )
    return alt.layer(cells, frame).properties(height=30 * len(layers) + 70)


REPAIRED_ACROSS = {
    "nonzero": Axis("Parameters left", "Parameters that are not zero"),
    "ratio": Axis("Ratio", "Pruning ratio"),
}


def repair_curve(
    rows: pd.DataFrame,
    scratch: pd.DataFrame,
    color: str,
    dense: float | None = None,
    across: str = "nonzero",
) -> alt.LayerChart | alt.FacetChart:
    """Accuracy against what is left, a line per repair; diamonds are networks trained from scratch.

    Args:
        rows: a line each, see ``repair_reading.repair_table``.
        scratch: with the column that is drawn across.
        color: of the method.
        dense: accuracy of the network before the pruning, drawn as a line; None if it is not known.
        across: a key of ``REPAIRED_ACROSS``.
    """
    ways = list(dict.fromkeys(rows["repair"]))
    legend = alt.Legend(orient="top", title=None, symbolStrokeColor=palette.INK)
    title = REPAIRED_ACROSS[across].title
    x = (
        alt.X("ratio:Q", title=title, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".0%"))
        if across == "ratio"
        else alt.X(
            "nonzero:Q",
            title=title,
            scale=alt.Scale(type="log", nice=False, padding=20),
            axis=alt.Axis(format="~s", labelOverlap=True),
        )
    )
    base = alt.Chart(rows).encode(x=x, detail=alt.Detail("repair:N"))
    spread = base.mark_rule(opacity=0.5, color=color).encode(
        y=alt.Y("accuracy_low:Q"), y2=alt.Y2("accuracy_high:Q")
    )
    line = base.mark_line(color=color).encode(
        y=_repaired_accuracy(),
        strokeDash=alt.StrokeDash(
            "repair:N",
            sort=ways,
            scale=alt.Scale(domain=ways, range=REPAIR_DASHES[: len(ways)]),
            legend=legend,
        ),
    )
    points = base.mark_point(filled=True, size=70, opacity=1, color=color).encode(
        y=_repaired_accuracy(),
        shape=alt.Shape(
            "repair:N",
            sort=ways,
            scale=alt.Scale(domain=ways, range=REPAIR_SHAPES[: len(ways)]),
            legend=legend,
        ),
        tooltip=[
            alt.Tooltip("repair:N", title="Repair"),
            alt.Tooltip("ratio:Q", title="Ratio", format=".0%"),
            alt.Tooltip("accuracy:Q", title="Accuracy", format=".4f"),
            alt.Tooltip("nonzero:Q", title="Parameters not zero", format=","),
        ],
    )
    layers: list[alt.Chart] = [spread, line, points]
    if dense is not None:
        layers.insert(
            0,
            alt.Chart(pd.DataFrame({"accuracy": [dense]}))
            .mark_rule(color=palette.DENSE, strokeWidth=2)
            .encode(
                y=_repaired_accuracy(),
                tooltip=[alt.Tooltip("accuracy:Q", title="Before the pruning", format=".4f")],
            ),
        )
    if len(scratch):
        layers.append(
            alt.Chart(scratch)
            .mark_point(shape="diamond", filled=True, size=130, opacity=1, color=palette.STUDENT)
            .encode(
                x=x,
                y=_repaired_accuracy(),
                tooltip=[
                    alt.Tooltip("network:N", title="Trained from scratch"),
                    alt.Tooltip("training:N", title="Training"),
                    alt.Tooltip("accuracy:Q", title="Accuracy", format=".4f"),
                    alt.Tooltip("nonzero:Q", title="Parameters", format=","),
                ],
            )
        )
    return alt.layer(*layers).properties(height=400)


def plans_chart(rows: pd.DataFrame, color: str) -> alt.LayerChart | alt.FacetChart:
    """Accuracy of networks that were trained for as long in different ways, beside each other at each ratio.

    Args:
        rows: a line each, see ``repair_reading.plan_table``.
        color: of the method.
    """
    ways = list(dict.fromkeys(rows["how"]))
    base = alt.Chart(rows).encode(
        x=alt.X("ratio:O", title="Pruning ratio", axis=alt.Axis(format=".0%", labelAngle=0)),
        xOffset=alt.XOffset("how:N", sort=ways),
        # The ways are near each other, so that the axis begins near them.
        y=alt.Y(
            "accuracy_low:Q",
            title="Top-1 accuracy",
            scale=alt.Scale(zero=False),
            axis=alt.Axis(format=".0%"),
        ),
    )
    spread = base.mark_rule(strokeWidth=2, color=color).encode(y2=alt.Y2("accuracy_high:Q"))
    points = base.mark_point(filled=True, size=110, opacity=1, color=color).encode(
        y=alt.Y("accuracy:Q"),
        shape=alt.Shape(
            "how:N",
            sort=ways,
            scale=alt.Scale(
                domain=ways, range=[REPAIR_SHAPES[each % len(REPAIR_SHAPES)] for each in range(len(ways))]
            ),
            legend=alt.Legend(orient="top", title=None, symbolStrokeColor=palette.INK),
        ),
        tooltip=[
            alt.Tooltip("how:N", title="How"),
            alt.Tooltip("repair:N", title="Repair"),
            alt.Tooltip("ratio:Q", title="Ratio", format=".0%"),
            alt.Tooltip("accuracy:Q", title="Accuracy", format=".4f"),
        ],
    )
    return alt.layer(spread, points).properties(height=300)


REPAIR_DASHES = [[1, 0], [6, 3], [8, 3, 2, 3], [2, 2], [10, 4], [4, 1]]
REPAIR_SHAPES = [each for each in SHAPES if each != "diamond"]  # that is a network trained from scratch


def _repaired_accuracy() -> alt.Y:
    return alt.Y(
        "accuracy:Q", title="Top-1 accuracy", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".0%")
    )


def shares_bars(rows: pd.DataFrame, color: str) -> alt.LayerChart | alt.FacetChart:
    """How much of each layer goes, from input to output, and how many weights stay; see ``shares.shares_table``."""
    layers = list(rows["layer"])
    base = alt.Chart(rows).encode(
        y=alt.Y("layer:N", sort=layers, title=None, axis=EVERY_LAYER),
        tooltip=[
            alt.Tooltip("layer:N", title="Layer"),
            alt.Tooltip("ratio:Q", title="Masked", format=".1%"),
            alt.Tooltip("weights:Q", title="Weights", format=","),
            alt.Tooltip("stay:Q", title="Weights that stay", format=","),
            alt.Tooltip("lost_points:Q", title="Points lost alone", format=".1f"),
        ],
    )
    bars = base.mark_bar(color=color).encode(
        x=alt.X(
            "ratio:Q",
            title="Share of the layer's weights that goes",
            scale=alt.Scale(domain=[0, 1.25]),
            axis=alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1]),
        )
    )
    stay = base.mark_text(align="left", dx=4).encode(x=alt.X("ratio:Q"), text="said:N")
    return (
        alt.layer(bars, stay)
        .transform_calculate(said="format(datum.ratio, '.0%') + ', ' + format(datum.stay, ',') + ' stay'")
        .properties(height=24 * len(layers) + 60)
    )
