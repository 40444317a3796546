"""The pruning lesson through Streamlit's own test runner: a small network, few images."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from streamlit.testing.v1 import AppTest

from explorer.workspace import NetworkSource

ROOT = Path(__file__).parents[2]
STUDENT = "student-60k-kd"


def arrive(trained: Iterable[NetworkSource] = (), **link: str | list[str]) -> AppTest:
    """The page as this link opens it, in a session in which these networks were trained."""
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120)
    app.run()
    app.session_state["session"].trained.update({source.card.name: source for source in trained})
    for key, value in link.items():
        app.query_params[key] = value
    app.switch_page("explorer/pruning/page.py").run()
    assert not app.exception
    return app


def pruning(
    tab: str = "Sweep",
    checkpoint: str = STUDENT,
    trained: Iterable[NetworkSource] = (),
    **link: str | list[str],
) -> AppTest:
    """A tab on the first 100 images."""
    app = arrive(trained, **({"pruning_tab": tab, "checkpoint": checkpoint, "images": "100"} | link))
    assert not app.error, [error.value for error in app.error]
    return app


def press(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception


def said(app: AppTest, words: str) -> bool:
    texts = [*app.markdown, *app.caption, *app.info, *app.warning]
    return any(words in text.value for text in texts)


def charts(app: AppTest) -> list[Any]:
    return [chart.proto for chart in app.get("vega_lite_chart")]


def downloads(app: AppTest) -> list[str]:
    return [button.proto.label for button in app.get("download_button")]


def address(app: AppTest) -> dict[str, list[str]]:
    """What the page has written into the address."""
    return parse_qs(app.session_state["session"].address.written or "", keep_blank_values=True)
