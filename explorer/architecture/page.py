"""Architecture: the widths of StudentNet against a parameter budget, live."""

import streamlit as st

from explorer import palette, ui
from explorer.architecture import charts
from explorer.architecture.budget import LIMITS, Budget, blocks, budget
from explorer.models import MAX_WIDTH, StudentSpec

REPORT = StudentSpec()


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
    st.session_state["architecture_spec"] = StudentSpec(
        spec.stem, spec.widths, len(ui.images("validation").classes), spec.kernel, spec.conv_bias
    )
    with view:
        _verdict(found, limit)
    _layers(found, size)


def _controls() -> tuple[StudentSpec, int, int]:
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
            "Depthwise kernel", [3, 5, 7], key="a_k", bind="query-params", help="Side in pixels."
        )
        size = _number("Input size", 224, 32, 512, "a_size", "Side of the square image, in pixels.")
    with right:
        classes = _number("Classes", REPORT.classes, 2, 1000, "a_cls", "Food-11 has 11.")
        limit = _number(
            "Limit, parameters",
            LIMITS["Spring 2023"],
            1,
            10_000_000,
            "a_lim",
            "60,000 in Spring 2023, 100,000 in Spring 2022.",
        )
    bias = st.toggle(
        "Bias in the convolutions",
        key="a_bias",
        bind="query-params",
        help="A BatchNorm follows each convolution, so a bias there adds parameters and nothing else.",
    )
    return StudentSpec(stem, tuple(widths), classes, kernel, bias), size, limit


def _number(label: str, value: int, low: int, high: int, key: str, text: str) -> int:
    return int(st.number_input(label, low, high, value, key=key, bind="query-params", help=text))


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
        "The total, part by part, against the limit (red line). The report's answer 1-2 says 38,000 for its "
        "network: its table stops before block 4 and the head.",
    )
    ui.provenance("computed", "by torchinfo, from a network built with these widths.")


def _layers(found: Budget, size: int) -> None:
    st.subheader("Layer by layer")
    rows = found.table()
    st.dataframe(
        rows,
        hide_index=True,
        height=420,
        column_config={
            "parameters": st.column_config.NumberColumn(format="localized"),
            "mult-adds": st.column_config.NumberColumn(format="localized"),
            "share": st.column_config.ProgressColumn(
                "share of parameters", format="percent", min_value=0, max_value=1
            ),
        },
    )
    table, text, show = st.columns([1, 1, 2])
    with table:
        ui.download("Table as CSV", rows, "student_net.csv")
    text.download_button(
        "torchinfo table", found.text, "torchinfo.txt", on_click="ignore", icon=":material/download:"
    )
    with show.expander("torchinfo's own table, ready to paste"):
        st.code(found.text, None)
    costly = rows[(rows["parameters"] > 0) | (rows["mult-adds"] > 0)]
    busy = found.busiest
    left, right = st.columns(2, gap="large")
    with left:
        ui.chart(
            charts.cost_bars(costly, "parameters", "Parameters", palette.TEACHER),
            f"Parameters of every layer; most in {found.heaviest.name}.",
            f"Parameters sit late: **{found.heaviest.name}** alone has {found.heaviest.params:,}.",
        )
    with right:
        ui.chart(
            charts.cost_bars(costly, "mult-adds", "Multiply-adds for one image", palette.STUDENT),
            f"Multiply-adds of every layer; most in {busy.name}.",
            f"Multiply-adds sit early, where images are large: **{busy.name}** alone takes "
            f"{busy.mult_adds / 1e6:.1f} million at {size} pixels.",
        )
    ui.provenance("computed", f"by torchinfo on the meta device, one image of 3 x {size} x {size}.")


with ui.page():
    main()
