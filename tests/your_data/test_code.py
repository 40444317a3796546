"""The code box on Your data: where it is, and what it shows."""

from collections.abc import Generator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from explorer.architecture.budget import budget
from explorer.architecture.presets import LIMITS
from explorer.networks import parameter_count
from explorer.user_code import Code, Limits, UserCodeError
from explorer.user_code.run import Exported
from explorer.work.progress import Update
from tests.app import arrive, press
from tests.user_code.exported import Own, exported_own

BOX = "explorer.your_data.page_code"


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{BOX}.code_may_run", lambda: True)


def paste(app: AppTest, text: str) -> None:
    app.text_area(key="code").set_value(text)
    press(app, "Read it")


def test_elsewhere_there_is_no_box_but_the_line_to_run_at_home() -> None:
    app = arrive("your_data")
    assert not app.text_area
    assert any("torch.export.save(torch.export.export(model.eval()" in code.value for code in app.code)
    assert not any(button.label == "Read it" for button in app.button)


@pytest.mark.parametrize(
    ("arguments", "address", "shown"),
    [(["--code-box"], "127.0.0.1", True), (["--code-box"], "0.0.0.0", False), ([], "127.0.0.1", False)],  # noqa: S104
)
def test_the_box_is_there_on_loopback_and_if_the_app_was_started_for_it(
    arguments: list[str], address: str, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from streamlit import config

    from explorer.your_data import page_code

    before = config.get_option("server.address")
    monkeypatch.setattr("sys.argv", ["streamlit_app.py", *arguments])
    monkeypatch.setattr(page_code, "_host", lambda: "localhost:8501")
    config.set_option("server.address", address)
    try:
        assert page_code.code_may_run() is shown
    finally:
        config.set_option("server.address", before)


def test_a_wrong_line_is_shown_as_python_says_it(allowed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Code, Limits]] = []

    def export(code: Code, limits: Limits) -> Generator[Update, None, None]:
        asked.append((code.file.read_text(), code, limits))
        yield Update("running your file", 1, 5)
        raise UserCodeError(
            "Net cannot be *built*: line 7.", '  File "pasted.py", line 7\n    x = nn.Conv2d(3)'
        )

    monkeypatch.setattr(f"{BOX}.export", export)
    app = arrive("your_data")
    app.text_input(key="code_name").set_value(" Net ")
    app.number_input(key="code_size").set_value(32)
    paste(app, "class Net: ...")
    assert [error.value for error in app.error] == [r"Net cannot be \*built\*: line 7."]
    assert any(code.value == '  File "pasted.py", line 7\n    x = nn.Conv2d(3)' for code in app.code)
    ((text, code, limits),) = asked
    assert text == "class Net: ..."
    assert (code.name, code.size, limits.seconds) == ("Net", 32, 60)
    assert not code.file.exists(), "nothing of it stays on disk"
    assert not app.session_state["session"].uploads
    app.text_area(key="code").set_value("class Other: ...").run()
    assert not app.error, "what was said of another code is not said of this one"


def test_a_class_that_is_read_is_shown_with_its_costs_and_is_one_of_the_sessions_networks(
    allowed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export(*_: object) -> Generator[Update, None, Exported]:
        yield Update("running your file", 1, 5)
        return exported_own()

    monkeypatch.setattr(f"{BOX}.export", export)
    app = arrive("your_data")
    paste(app, "class Own: ...")
    params, adds = parameter_count(Own()), budget(Own(), 64).mult_adds
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures == {"Parameters": f"{params:,}", "Multiply-adds": f"{adds / 1e6:.1f} M"}
    for term, limit in LIMITS.items():
        sentence = f"**{term}**: within {limit:,}, {limit - params:,} parameters to spare."
        assert sentence in [success.value for success in app.success]
    tables = [frame.value for frame in app.dataframe]
    assert tables[0]["layer"].tolist() == ["first", "left", "right", "head"]
    assert tables[1]["width"].tolist() == [4, 6]
    assert tables[-1]["network"].tolist() == ["Own (pasted.py)"]
    paste(app, "class Own: ...  # again")
    assert app.dataframe[-1].value["network"].tolist() == ["Own (pasted.py)"], "in place of the one before"
    app.switch_page("explorer/pruning/page.py").run()
    assert not app.exception
    assert "Own (pasted.py)" in app.selectbox(key="checkpoint").options
    app.switch_page("explorer/your_data/page.py").run()
    assert app.text_area(key="code").value == "class Own: ...  # again", "the code is still there"


@pytest.mark.usefixtures("work_here")
def test_a_network_of_the_command_line_that_fails_is_one_notice_and_is_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []

    def read_given(given: object) -> Generator[Update, None, None]:
        yield Update("running your file", 1, 5)
        runs.append(str(given))
        raise UserCodeError(f"Net ends the program, {tmp_path.name}.", "Traceback of mine")

    monkeypatch.setattr("explorer.user_code.given.read_given", read_given)
    monkeypatch.setattr("sys.argv", ["app", "--network", f"{tmp_path}/student.py:Net"])
    app = arrive("your_data")
    assert [error.value for error in app.error] == [f"Net ends the program, {tmp_path.name}."]
    assert [code.value for code in app.code if code.value == "Traceback of mine"]
    app.switch_page("explorer/architecture/page.py").run()
    assert not app.exception
    assert not any("Net ends" in error.value for error in app.error)
    assert len(runs) == 1
