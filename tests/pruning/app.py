"""The pruning lesson through Streamlit's own test runner: a small network, few images."""

from collections.abc import Iterable

from streamlit.testing.v1 import AppTest

from explorer.workspace import NetworkSource
from tests.app import arrive

STUDENT = "student-60k-kd"
TABS = ("The wall", "Curves", "Masked, zeroed, sliced", "Look inside")


def pruning(
    tab: str = "Curves",
    checkpoint: str = STUDENT,
    trained: Iterable[NetworkSource] = (),
    **link: str | list[str],
) -> AppTest:
    """A tab, or a look inside, on the first 100 images."""
    asked = {"pruning_tab": tab} if tab in TABS else {"pruning_tab": "Look inside", "look": tab}
    asked = asked | {"checkpoint": checkpoint, "images": "100"} | link
    app = arrive("pruning", trained, **asked)
    assert not app.error, [error.value for error in app.error]
    return app
