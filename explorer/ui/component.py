"""Parts of a page that follow the hand in the browser: HTML, CSS and JavaScript of ours beside the page."""

from pathlib import Path
from typing import Any

import streamlit as st


@st.cache_resource(show_spinner=False)
def component(page: str, name: str) -> Any:
    """The component that lies beside a page as ``name.html``, ``name.css`` and ``name.js``.

    It is described once for all visitors; what is returned is called with ``key``, ``data`` and ``on_..._change``, as
    Streamlit's components are.

    Args:
        page: the file of the page: ``__file__``.
        name: of the three files, and of the component; no two pages may have the same.
    """
    html, css, js = (
        Path(page).with_name(f"{name}.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
    )
    return st.components.v2.component(name, html=html, css=css, js=js)
