"""The projector: type that the last row of a class can read, and nothing on the page that a talk can spare."""

from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer.ui import address

LARGER = 1.4
"""How much larger type is than on a desk; projector.css has the same number."""


def draw_switch(at: DeltaGenerator) -> None:
    """Draw the switch, and make the type of the page larger where it is on."""
    address.toggle(
        "projector",
        "Projector",
        at=at,
        help="Larger type in text and charts, and only what a talk needs. A link keeps it.",
    )
    if projector():
        st.html(Path(__file__).with_name("projector.css"))


def projector() -> bool:
    """Whether the page is on a wall: leave out what a talk can spare."""
    return bool(address.value("projector"))


def enlarged(spec: Any) -> Any:
    """A Vega-Lite chart, or a part of one, with larger letters and taller by as much; its width is that of the page."""
    if isinstance(spec, list):
        return [enlarged(each) for each in spec]
    if not isinstance(spec, dict):
        return spec
    return {name: _scaled(each) if _is_size(name, each) else enlarged(each) for name, each in spec.items()}


def _is_size(name: str, value: Any) -> bool:
    # A field of the data may have one of these names; its value is then no number but what it is drawn as.
    return isinstance(value, int | float) and (
        name in ("height", "step", "limit", "labelLimit", "titleLimit", "dy", "symbolSize")
        or name.endswith(("fontSize", "FontSize"))
    )


def _scaled(size: float) -> int:
    return round(size * LARGER)
