"""int8 and other runtimes, and the files, through Streamlit's own test runner."""

import importlib.util

import pytest
from streamlit.testing.v1 import AppTest

from explorer.bits import page_runtime
from explorer.runtime.compare import RuntimeRow, RuntimesSettings
from explorer.ui.instrument import StoredResult
from tests.app import arrive, charts, downloads, press, said

STUDENT = {"checkpoint": "student-60k-kd"}


def rows(timed: bool) -> tuple[RuntimeRow, ...]:
    return tuple(
        RuntimeRow(
            runtime,  # type: ignore[arg-type]
            *(batch, 1),
            *((ms * batch, ms * batch, ms * batch, 4.0 * batch) if timed else (None,) * 4),
            *(90, agreeing, 100, 1000, not timed),
        )
        for runtime, ms, agreeing in (("torch", 4.0, 100), ("onnxruntime", 2.0, 100), ("int8", 1.0, 97))
        for batch in (1, 32)
    )


def opened(monkeypatch: pytest.MonkeyPatch, timed: bool = True) -> AppTest:
    stored = StoredResult(rows(timed), RuntimesSettings(100, "t"), "some day; a student.")
    monkeypatch.setattr(page_runtime, "_stored", lambda selection: stored)
    monkeypatch.setattr(page_runtime, "_settings", lambda *_, **__: stored.settings)
    app = arrive("bits", **STUDENT, bits_tab="int8 and runtimes")
    assert not app.error
    return app


def test_what_was_timed_is_drawn_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch)
    drawn = charts(app)
    assert drawn
    assert [chart.alt for chart in drawn] == [
        "Milliseconds at batch 1, one thread: torch 4; onnxruntime 2; int8 1.",
        "Milliseconds at batch 32, one thread: torch 128; onnxruntime 64; int8 32.",
    ]
    sentence = (
        "run 2.00 times as fast in onnxruntime as in torch, in int8 4.00 times, with 97.0% of the answers"
    )
    assert said(app, sentence)
    assert "Runtimes as CSV" in downloads(app)


def test_a_runtime_is_pinned_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch)
    (choice,) = [each for each in app.selectbox if each.label == "One of them as a row of the ledger"]
    assert choice.value == "int8, batch 1, one thread"
    choice.select("torch, batch 32, one thread").run()
    press(app, "Pin to the ledger")
    (row,) = app.session_state["session"].pinned
    assert (row.ms, row.batch, row.correct, row.total) == (128.0, 32, 90, 100)
    assert row.title.endswith(", in torch")
    assert row.timed_on.endswith(", 1 thread")


def test_without_times_the_rest_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, timed=False)
    assert not charts(app)
    assert app.dataframe[0].value["accuracy"].tolist() == [0.9] * 6


def test_without_the_packages_the_page_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "onnx" else real(name, *rest)
    )
    app = arrive("bits", **STUDENT, bits_tab="Take it along")
    assert said(app, "This needs onnx, which is not installed: pip install")
    disabled = {button.proto.label: button.proto.disabled for button in app.get("download_button")}
    assert disabled == {
        "student-60k-kd.onnx": True,
        "student-60k-kd-int8.onnx": True,
        "One page, 4 bits": False,
    }
    app = arrive("bits", **STUDENT, bits_tab="int8 and runtimes")
    assert app.button(key="run_runtimes").disabled
