"""The tabs of the architecture lesson: what one network looks like from every side."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import pandas as pd
import streamlit as st

from explorer import ui
from explorer.architecture import asked, charts, page_summary
from explorer.architecture.audit import CLAIM, CLAIMED, LAST_ROW, audit, explain_claim
from explorer.architecture.budget import Budget, LayerRow, torchsummary_text
from explorer.architecture.family import (
    best_two,
    best_within,
    compared,
    equal_size,
    family,
    helped,
    in_sight,
    neighbours,
    side_by_side,
    told,
    twins,
)
from explorer.architecture.page_controls import asked_course, limit
from explorer.architecture.separable import against_standard
from explorer.architecture.state import ArchitectureState
from explorer.checkpoints import Card
from explorer.data import BUNDLED
from explorer.networks import builder_of, describe, source_of_spec
from explorer.ui import address


@dataclass(frozen=True)
class Design:
    """The edited network at its input size, against its limit, and what it costs."""

    state: ArchitectureState
    costs: Budget

    def tell(self) -> None:
        """Say which network it is, where its controls are not on the screen."""
        state, params = self.state, self.costs.total_params
        over = params - state.limit
        st.caption(
            f"{ui.escape_markup(describe(state.spec))}, {state.spec.classes} classes, {state.size} pixels: {params:,} "
            f"parameters, {abs(over):,} {'over' if over > 0 else 'under'} the limit of {state.limit:,}. Its widths are "
            "dragged in the first tab."
        )


def layers(design: Design) -> None:
    """The network layer by layer, from four sides."""
    sides = {
        "What each costs": _costs,
        "Against standard convolutions": _standard,
        "As code": _code,
        "After torchsummary": _summarised,
    }
    side = address.choice(
        "layers_as",
        "Layer by layer",
        tuple(sides),
        draw=st.segmented_control,
        required=True,
        label_visibility="collapsed",
    )
    sides[side](design)


def _summarised(design: Design) -> None:
    """What torchsummary does to a trained network, which the edited one is not."""
    del design
    page_summary.main()


def _costs(design: Design) -> None:
    """The two costs on one layer axis, the torchinfo table, and the same as text."""
    design.tell()
    if not ui.predict(ui.kept(partial(asked.busiest_question))):
        return
    costs, rows = design.costs, design.costs.layer_table()
    heavy, busy = costs.heaviest, costs.busiest
    ui.chart(
        partial(charts.shares, rows),
        f"Share of parameters and of multiply-adds by layer; most parameters in {heavy.name}, "
        f"{heavy.params / costs.total_params:.0%} of them, most multiply-adds in {busy.name}, "
        f"{busy.mult_adds / costs.mult_adds:.0%}.",
        f"Most parameters are in **{heavy.name}**{_where(heavy)}, {heavy.params / costs.total_params:.0%} of them; "
        f"most multiply-adds in **{busy.name}**{_where(busy)}, {busy.mult_adds / costs.mult_adds:.0%} of them.",
    )
    table = costs.row_table()
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        placeholder="--",
        column_config={
            "parameters": st.column_config.NumberColumn(format="localized"),
            "mult-adds": st.column_config.NumberColumn(format="localized"),
            "share": st.column_config.ProgressColumn(
                "share of parameters", format="percent", min_value=0, max_value=1
            ),
        },
    )
    st.caption("Every row of torchinfo's table; a click on a column's title sorts it.")
    ui.provenance(
        "computed", f"by torchinfo on the meta device, one image of {' x '.join(map(str, costs.image))}."
    )
    ui.download("Table as CSV", table, "student_net.csv")
    texts = {"torchinfo": costs.text, "torchsummary": torchsummary_text(costs)}
    for name, text in texts.items():
        with st.expander(f"As {name} prints it, ready to paste"):
            st.code(text, None)
            st.download_button(
                f"{name}.txt", text, f"{name}.txt", on_click="ignore", icon=":material/download:"
            )


def _where(layer: LayerRow) -> str:
    """The shape of what a layer gives, in words."""
    channels, *sides = layer.output
    return (
        f" ({channels:,} channels of {' x '.join(map(str, sides))})" if sides else f" ({channels:,} numbers)"
    )


def _standard(design: Design) -> None:
    """Depthwise + pointwise against the standard convolutions they stand in for."""
    design.tell()
    rows = against_standard(design.state.spec)
    if rows.empty:
        st.markdown(
            "No depthwise convolution of this network is read by a pointwise one: there is nothing to hold against "
            "standard convolutions."
        )
        return
    factor = rows["standard"].sum() / rows["separable"].sum()
    ui.chart(
        partial(charts.standard_bars, rows),
        f"Weights of each depthwise plus pointwise pair and of the standard convolution in its place; {factor:.1f} "
        "times fewer together.",
        f"Built from standard convolutions with the same kernels, these {len(rows)} pairs would have "
        f"**{factor:.2f} times** the weights.",
    )
    ui.provenance("computed", "weights of the convolutions of this network, without biases and BatchNorm.")
    ui.download("Comparison as CSV", rows, "against_standard.csv")


def trained(design: Design) -> None:
    """Where the edited network stands among those that were really trained."""
    design.tell()
    cards = ui.shipped().cards
    rows, params, most = family(cards.values()), design.costs.total_params, design.state.limit
    kind, course = builder_of(design.state.spec.kind).title, asked_course()
    floor = course.floor if course else None
    near = in_sight(rows, most)
    best = f" {best_within(rows, most)}".rstrip()
    limit()
    ui.chart(
        partial(charts.family_curve, rows, params, most if near else None, floor),
        f"Test accuracy against parameters of {len(rows)} trained networks, from {rows['accuracy'].min():.1%} at "
        f"{rows['parameters'].min():,} parameters to {rows['accuracy'].max():.1%}.{best} The edited one has "
        f"{params:,}.",
        f"The dashed line is the edited network, **{params:,}** parameters, which is not trained"
        f"{'; the red one the limit' if near else ''}. {neighbours(rows, params, kind)}{best}"
        + (f" The dotted line is at {floor:.1%}, what the course asks for." if floor else ""),
    )
    ui.provenance(
        "precomputed",
        f"{BUNDLED.describe('test')}, one seed each, 95% Wilson intervals of the images, from the cards.",
    )
    both = {
        params: ui.kept(partial(compared, cards[plain], cards[taught]))
        for params, (plain, taught) in twins(rows).items()
    }
    if said := helped({params: pair for params, pair in both.items() if pair is not None}):
        st.caption(said)
        ui.provenance("precomputed", f"logits on {BUNDLED.describe('validation')}, one seed each.")
    equal = equal_size(rows)
    if len(equal):
        _equal(equal, cards)
    ui.download("Family as CSV", rows, "family.csv")


def _equal(equal: pd.DataFrame, cards: Mapping[str, Card]) -> None:
    """Networks of several kinds with equal parameters."""
    low, high = equal["parameters"].min(), equal["parameters"].max()
    ui.chart(
        partial(charts.equal_size, equal),
        f"Test accuracy of {len(equal)} networks of {low:,} to {high:,} parameters, with their 95% Wilson intervals: "
        f"{told(equal)}.",
        f"At equal parameters, {low:,} to {high:,}: {told(equal)}.",
    )
    if (two := best_two(equal)) is None:
        return
    pair = ui.kept(partial(compared, cards[two[0]], cards[two[1]]))
    if pair is not None:
        st.caption(side_by_side(cards[two[0]].title, cards[two[1]].title, pair))
        ui.provenance("precomputed", f"logits on {BUNDLED.describe('validation')}.")


def _code(design: Design) -> None:
    """The network as one self-contained file."""
    design.tell()
    text = source_of_spec(design.state.spec)
    st.download_button(
        "student_net.py",
        text,
        "student_net.py",
        "text/x-python",
        on_click="ignore",
        icon=":material/download:",
    )
    st.code(text, "python")


def report(design: Design) -> None:
    """The audit of the sample report's answer 1-2."""
    result = audit()
    missing = int(result.missing["parameters"].sum())
    st.markdown(
        f"The sample report gives its total as \u201c{CLAIM}\u201d. Its table stops at {LAST_ROW}. The rows it shows "
        f"are {'right and ' if result.agrees else ''}sum to **{result.shown:,}**, already more than {CLAIMED:,}. "
        f"The rows it does not show hold **{missing:,}**; together they are **{result.total:,}**. "
        f"{explain_claim(result.total)}"
    )
    st.dataframe(
        result.missing,
        hide_index=True,
        column_config={"parameters": st.column_config.NumberColumn(format="localized")},
    )
    st.caption("The missing rows.")
    ui.provenance(
        "computed", "by torchinfo, from the network whose code the sample report shows; the claim is quoted."
    )
