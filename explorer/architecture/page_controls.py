"""The controls of the architecture lesson, and the design that the address asks for."""

import streamlit as st

from explorer import ui
from explorer.architecture.fit import scale_to_limit
from explorer.architecture.presets import LIMITS
from explorer.architecture.state import ArchitectureState
from explorer.networks import NetworkSpec, StudentSpec, cost_of, widths_text
from explorer.ui import address

REPORT = StudentSpec()
TINY = StudentSpec(8, (8, 16, 32, 18))
LIMIT = LIMITS["Spring 2023"]
OTHER_LIMIT = "own"
TERMS = (*LIMITS, OTHER_LIMIT)


def current() -> ArchitectureState:
    """The design that the address asks for, whether its controls are drawn or not."""
    term = address.value("limit", options=TERMS)
    spec = StudentSpec(
        address.value("stem"),
        tuple(address.value(f"block{number}") for number in range(1, 5)),
        address.value("classes"),
        address.value("kernel"),
        address.value("bias"),
    )
    return ArchitectureState(spec, address.value("size"), LIMITS.get(term) or address.value("own_limit"))


def controls() -> ArchitectureState:
    """Draw the controls."""
    _limit()
    with st.popover("Presets", icon=":material/apps:", width="stretch"):
        for title, spec in _presets().items():
            st.button(
                title,
                on_click=take,
                args=(spec,),
                width="stretch",
                help=f"{widths_text(spec.channels)}, {spec.classes} classes, {cost_of(spec).params:,} parameters.",
            )
    address.integer_input("stem", "Stem channels", help="Output of the 7x7 convolution.")
    for row in (0, 2):
        for number, column in enumerate(st.columns(2), start=row + 1):
            address.integer_input(
                f"block{number}",
                f"Block {number} channels",
                at=column,
                help="Output of this block's pointwise convolution.",
            )
    left, right = st.columns(2)
    address.choice("kernel", "Depthwise kernel", draw=left.selectbox, help="Side in pixels.")
    address.integer_input("classes", "Classes", at=right, help="Food-11 has 11.")
    left, right = st.columns(2, vertical_alignment="bottom")
    address.integer_input("size", "Input size", at=left, help="Side of the square image, in pixels.")
    address.toggle(
        "bias",
        "Conv bias",
        at=right,
        help="A BatchNorm follows each convolution, so a bias there adds parameters and nothing else.",
    )
    return current()


def _limit() -> None:
    term = address.choice(
        "limit",
        "Limit of",
        TERMS,
        draw=st.pills,
        required=True,
        help="Parameters allowed by the homework: "
        + ", ".join(f"{value:,} in {name}" for name, value in LIMITS.items())
        + "; or a limit of your own.",
    )
    if term == OTHER_LIMIT:
        address.integer_input("own_limit", "Own limit, parameters", help="At most so many.")


def _presets() -> dict[str, StudentSpec]:
    shipped = ui.shipped().cards["student-60k-kd"]
    return {
        "The report's StudentNet": REPORT,
        f"Scaled by one factor to fit {LIMIT:,}": scale_to_limit(REPORT, LIMIT),
        f"Shipped: {shipped.title}": StudentSpec.from_dict(shipped.spec),
        "Tiny": TINY,
    }


def take(spec: NetworkSpec) -> None:
    """Put a network into the controls."""
    assert isinstance(spec, StudentSpec)
    address.put("stem", spec.stem)
    for number, width in enumerate(spec.widths, start=1):
        address.put(f"block{number}", width)
    address.put("kernel", spec.kernel)
    address.put("classes", spec.classes)
    address.put("bias", spec.conv_bias)
