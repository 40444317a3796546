"""The controls of the architecture lesson; each is bound to the address."""

import streamlit as st

from explorer import ui
from explorer.architecture.budget import LIMITS
from explorer.architecture.fit import cost, largest_of_shape
from explorer.networks import MAX_WIDTH, StudentSpec, widths_text

REPORT = StudentSpec()
TINY = StudentSpec(8, (8, 16, 32, 18))
KERNELS = (3, 5, 7)
LIMIT = LIMITS["Spring 2023"]
OWN = "own"
MIN_LIMIT = 2_500  # below it not every number of classes has a network at all


def controls() -> tuple[StudentSpec, int, int]:
    """Draw the controls: the network, its input size in pixels, and the limit."""
    limit = _limit()
    with st.popover("Presets", icon=":material/apps:", width="stretch"):
        for title, spec in _presets().items():
            st.button(
                title,
                on_click=take,
                args=(spec,),
                width="stretch",
                help=f"{widths_text(spec.channels)}, {spec.classes} classes, {cost(spec).params:,} parameters.",
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
    term = st.pills(
        "Limit of",
        [*LIMITS, OWN],
        default=next(iter(LIMITS)),
        required=True,
        key="a_term",
        bind="query-params",
        help="Parameters allowed by the homework: "
        + ", ".join(f"{value:,} in {name}" for name, value in LIMITS.items())
        + "; or a limit of your own.",
    )
    if term in LIMITS:
        return LIMITS[term]
    return _number("Own limit, parameters", LIMIT, MIN_LIMIT, 10_000_000, "a_lim", "At most so many.")


def _number(label: str, value: int, low: int, high: int, key: str, text: str) -> int:
    return int(st.number_input(label, low, high, value, key=key, bind="query-params", help=text))


def _presets() -> dict[str, StudentSpec]:
    shipped = ui.cards()["student-60k-kd"]
    return {
        "The report's StudentNet": REPORT,
        f"The largest of its shape under {LIMIT:,}": largest_of_shape(REPORT, LIMIT),
        f"Shipped: {shipped.title}": StudentSpec.from_dict(shipped.spec),
        "Tiny": TINY,
    }


def take(spec: StudentSpec) -> None:
    """Put a network into the controls."""
    st.session_state["a_stem"] = spec.stem
    for number, width in enumerate(spec.widths, start=1):
        st.session_state[f"a_w{number}"] = width
    st.session_state["a_k"], st.session_state["a_cls"] = spec.kernel, spec.classes
    st.session_state["a_bias"] = spec.conv_bias
