"""Pages through Streamlit's own test runner: what their tests share."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pandas as pd
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df
from streamlit.testing.v1 import AppTest

from explorer.workspace import NetworkSource

ROOT = Path(__file__).parents[1]


def arrive(page: str, trained: Iterable[NetworkSource] = (), **link: str | list[str]) -> AppTest:
    """A page as this link opens it, in a session in which these networks were trained."""
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=300)
    app.run()
    app.session_state["session"].trained.update({source.card.name: source for source in trained})
    for key, value in link.items():
        app.query_params[key] = value
    app.switch_page(f"explorer/{page}/page.py").run()
    assert not app.exception
    return app


def press(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception


def guess(app: AppTest, question: str, answer: float) -> None:
    """Commit a guess: a number, or the position of an option."""
    box = next(each for each in (*app.number_input, *app.radio) if each.key == f"guess_{question}")
    box.set_value(answer)
    next(button for button in app.button if button.key == f"commit_{question}").click().run()
    assert not app.exception


def said(app: AppTest, words: str) -> bool:
    texts = [*app.markdown, *app.caption, *app.info, *app.warning]
    return any(words in text.value for text in texts)


def charts(app: AppTest) -> list[Any]:
    return [chart.proto for chart in app.get("vega_lite_chart")]


def layers(chart: Any) -> list[dict[str, str]]:
    """Which column each channel of each layer of a chart shows: {"x": "temperature", "y": "norm"}; no tooltips."""

    def encoded(part: dict[str, Any], above: dict[str, str]) -> list[dict[str, str]]:
        own = {
            channel: encoding["field"]
            for channel, encoding in part.get("encoding", {}).items()
            if isinstance(encoding, dict) and "field" in encoding
        }
        if "layer" not in part:
            return [above | own]
        return [each for layer in part["layer"] for each in encoded(layer, above | own)]

    return encoded(json.loads(chart.spec), {})


def chart_tables(chart: Any) -> list[pd.DataFrame]:
    """The tables that a chart draws."""
    return [convert_arrow_bytes_to_pandas_df(each.data.data) for each in chart.datasets]


def chart_rows(chart: Any) -> pd.DataFrame:
    """The largest table that a chart draws."""
    return max(chart_tables(chart), key=len)


def component(app: AppTest, name: str) -> dict[str, Any]:
    """What a page has sent to one of its own components."""
    for element in app.get("bidi_component"):
        if element.proto.component_name == name:
            data: dict[str, Any] = json.loads(element.proto.json)
            return data
    raise AssertionError(f"there is no component {name}")


def downloads(app: AppTest) -> list[str]:
    return [button.proto.label for button in app.get("download_button")]


def address(app: AppTest) -> dict[str, list[str]]:
    """What the page has written into the address."""
    return parse_qs(app.session_state["session"].address.written or "", keep_blank_values=True)
