"""Where the parts of the explorer that are no Python modules lie, in a checkout and in an installed wheel alike."""

from pathlib import Path

PACKAGE = Path(__file__).parent
# What lies beside the package in a checkout, a wheel keeps in it (pyproject.toml): site-packages belongs to all.
_INSTALLED = PACKAGE / "house"
HOUSE = _INSTALLED if _INSTALLED.is_dir() else PACKAGE.parent

ENTRY = HOUSE / "streamlit_app.py"
"""What Streamlit runs; its configuration lies beside it, in ``.streamlit``."""
CHECKPOINTS = HOUSE / "checkpoints"
ICON = PACKAGE / "start" / "icon.png"
STYLE = PACKAGE / "ui" / "house.css"
"""How every page uses its screen."""


def page(room: str) -> Path:
    """The script of the page of a room: where the entry lies differs, so no page is named relative to it."""
    return PACKAGE / room / "page.py"
