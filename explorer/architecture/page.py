"""Architecture: the widths of StudentNet against a parameter budget, live."""

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from explorer import ui
from explorer.architecture import charts, page_detail
from explorer.architecture.budget import LIMITS, Budget, blocks, budget
from explorer.architecture.fit import cost, fit, largest_of_shape, spend
from explorer.architecture.page_detail import Design
from explorer.models import MAX_WIDTH, StudentSpec

REPORT = StudentSpec()
TINY = StudentSpec(8, (8, 16, 32, 18))
KERNELS = (3, 5, 7)
OWN = "own"
MIN_LIMIT = 2_500  # below it not every number of classes has a network at all

TABS: dict[str, Callable[[Design], None]] = {
    "Layers": page_detail.layers,
    "8 channels more or less": page_detail.steps,
    "Against standard convolutions": page_detail.standard,
    "The trained family": page_detail.trained,
    "Code": page_detail.code,
    "The report's answer": page_detail.report,
}


def main() -> None:
    """Draw the lesson."""
    st.title("Architecture")
    st.markdown(
        "How many parameters does a network have, where do they sit, and does it fit the homework's limit? "
        "Edit the widths of **StudentNet**; it opens with the report's own network."
    )
    view, controls = st.columns([2, 1], gap="large")
    with controls:
        spec, size, limit = _controls()
    found = budget(spec, size)
    # The distillation lesson trains this network, on images of its own classes.
    st.session_state["architecture_spec"] = replace(spec, classes=len(ui.workspace().classes))
    with view:
        _verdict(found, limit)
        _ways_out(spec, limit, found)
    design = Design(spec, size, found)
    tabs = st.tabs(list(TABS), key="a_tab", on_change="rerun", bind="query-params")
    for name, tab in zip(TABS, tabs, strict=True):
        if tab.open:
            with tab:
                TABS[name](design)


def _controls() -> tuple[StudentSpec, int, int]:
    limit = _limit()
    with st.popover("Presets", icon=":material/apps:", width="stretch"):
        for title, spec in _presets(limit).items():
            listed = ", ".join(map(str, spec.widths))
            st.button(
                title,
                on_click=_take,
                args=(spec,),
                width="stretch",
                help=f"({spec.stem}; {listed}), {spec.classes} classes, {cost(spec).params:,} parameters.",
            )
    stem = _number("Stem channels", REPORT.stem, 1, MAX_WIDTH, "a_stem", "Output of the 7x7 convolution.")
    widths = []
    for row in (0, 2):
        for offset, column in enumerate(st.columns(2)):
            number = row + offset
            with column:
                widths.append(
                    _number(
                        f"Block {number + 1} channels",
                        REPORT.widths[number],
                        1,
                        MAX_WIDTH,
                        f"a_w{number + 1}",
                        "Output of this block's pointwise convolution.",
                    )
                )
    left, right = st.columns(2)
    with left:
        kernel = st.selectbox(
            "Depthwise kernel", list(KERNELS), key="a_k", bind="query-params", help="Side in pixels."
        )
    with right:
        classes = _number("Classes", REPORT.classes, 2, 1000, "a_cls", "Food-11 has 11.")
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        size = _number("Input size", 224, 32, 512, "a_size", "Side of the square image, in pixels.")
    with right:
        bias = st.toggle(
            "Conv bias",
            key="a_bias",
            bind="query-params",
            help="A BatchNorm follows each convolution, so a bias there adds parameters and nothing else.",
        )
    return StudentSpec(stem, tuple(widths), classes, kernel, bias), size, limit


def _limit() -> int:
    terms = {f"{term}: {value:,}": value for term, value in LIMITS.items()}
    term = st.segmented_control(
        "Limit, parameters",
        [*terms, OWN],
        default=next(iter(terms)),
        required=True,
        key="a_term",
        bind="query-params",
        help="What the homework allowed in that term, or a limit of your own.",
    )
    if term in terms:
        return terms[term]
    return _number("Own limit, parameters", LIMITS["Spring 2023"], MIN_LIMIT, 10_000_000, "a_lim", "At most.")


def _number(label: str, value: int, low: int, high: int, key: str, text: str) -> int:
    return int(st.number_input(label, low, high, value, key=key, bind="query-params", help=text))


def _presets(limit: int) -> dict[str, StudentSpec]:
    shipped = ui.cards()["student-60k-kd"]
    return {
        "The report's StudentNet": REPORT,
        f"The largest of its shape under {limit:,}": largest_of_shape(REPORT, limit),
        f"Shipped: {shipped.title}": StudentSpec.from_dict(shipped.spec),
        "Tiny": TINY,
    }


def _take(spec: StudentSpec) -> None:
    """Put a network into the controls."""
    st.session_state["a_stem"] = spec.stem
    for number, width in enumerate(spec.widths, start=1):
        st.session_state[f"a_w{number}"] = width
    st.session_state["a_k"], st.session_state["a_cls"] = spec.kernel, spec.classes
    st.session_state["a_bias"] = spec.conv_bias


def _verdict(found: Budget, limit: int) -> None:
    over = found.total_params - limit
    total, against, adds = st.columns(3)
    total.metric("Parameters", f"{found.total_params:,}", border=True)
    against.metric(
        f"{'Over' if over > 0 else 'Under'} {limit:,} by",
        f"{abs(over):,}",
        border=True,
        help=f"{found.total_params / limit:.0%} of the limit.",
    )
    adds.metric(
        "Multiply-adds", f"{found.mult_adds / 1e6:.1f} M", border=True, help="For one image, by torchinfo."
    )
    heavy = found.heaviest
    share = heavy.params / found.total_params
    blame = f"The heaviest layer is **{heavy.name}** ({heavy.kind}): {heavy.params:,}, {share:.0%} of all."
    if found.within(limit):
        st.success(f"**Within the limit**, {-over:,} parameters to spare. {blame}", icon=":material/check:")
    else:
        st.error(f"**Over the limit** by {over:,} parameters. {blame}", icon=":material/block:")
    parts = blocks(found)
    ui.chart(
        charts.budget_bar(parts, limit),
        f"{found.total_params:,} parameters stacked by part, limit {limit:,}. "
        + ", ".join(f"{row.part} {row.parameters:,}" for row in parts.itertuples()),
        f"The total, part by part, against the limit of {limit:,} (red line).",
    )


def _ways_out(spec: StudentSpec, limit: int, found: Budget) -> None:
    nearest, fuller = fit(spec, limit), spend(spec, limit)
    left, right = st.columns(2)
    left.button(
        f"Fit to {limit:,}",
        on_click=_take,
        args=(nearest,),
        disabled=found.within(limit),
        type="primary",
        icon=":material/compress:",
        width="stretch",
        help=f"The largest network of these proportions within the limit: {_described(nearest)}",
    )
    right.button(
        "Spend what is left",
        on_click=_take,
        args=(fuller,),
        disabled=fuller == spec or not found.within(limit),
        icon=":material/expand:",
        width="stretch",
        help=f"Widens it until no single channel more fits: {_described(fuller)}",
    )
    ui.provenance("computed", "by torchinfo, from a network built with these widths.")


def _described(spec: StudentSpec) -> str:
    return f"({spec.stem}; {', '.join(map(str, spec.widths))}), {cost(spec).params:,} parameters."


with ui.page():
    main()
