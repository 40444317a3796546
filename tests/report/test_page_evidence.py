"""The report's page: stored results are those of the link's networks, and a pinned row is of its own weights."""

import json
import re
from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest

from explorer.checkpoints import SHIPPED, card, load
from explorer.data import BUNDLED
from explorer.measure import accuracy, logits
from explorer.pruning.methods import get_method
from explorer.ui.instrument import results
from explorer.workspace import trained_network
from tests.app import press
from tests.pruning.app import pruning
from tests.report.test_lesson import opened

DESIGN = {"stem": "32", "block1": "40", "block2": "48", "block3": "80", "block4": "50", "size": "96"}
CHOSEN = {"alpha": "0.3", "temperature": "2", "student": "student-5k-kd", "checkpoint": "student-60k-kd"}
ANSWERS = {"report_tab": "The six answers"}


def evidence(kind: str, name: str) -> list[dict[str, Any]]:
    for path in sorted((SHIPPED / "evidence").glob(f"{kind}-*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["weights"] == card(name).sha256:
            rows: list[dict[str, Any]] = content["rows"]
            return rows
    raise AssertionError(f"no {kind} of {name} is stored")


def tables(app: AppTest) -> list[Any]:
    return [table.value for table in app.dataframe]


def words(app: AppTest) -> str:
    return "\n".join(
        each.value for kind in (app.markdown, app.success, app.error, app.info, app.caption) for each in kind
    )


@pytest.fixture(scope="module")
def linked() -> AppTest:
    return opened(**ANSWERS, **DESIGN, **CHOSEN, limit="Spring 2022")


def test_the_first_line_says_what_the_link_says(linked: AppTest) -> None:
    said = words(linked)
    for part in (
        "StudentNet (32; 40, 48, 80, 50); alpha 0.3 and T 2 between “Teacher, ResNet-18” and “Student of about 5k, ",
        "distilled”; “Student under 60,000, distilled”, pruned.",
    ):
        assert part in said
    assert "mixes networks" not in said, "all of them ship"


def test_the_three_forms_are_the_linked_networks(linked: AppTest) -> None:
    table, rows = (
        next(table for table in tables(linked) if "form" in table),
        evidence("forms", "student-60k-kd"),
    )
    assert table["form"].tolist() == [row["name"] for row in rows]
    for shown, row in zip(table.to_dict("records"), rows, strict=True):
        assert shown["parameters"] == f"{row['params']:,}"
        assert shown["multiply-adds"] == f"{row['mult_adds']:,}"
        assert shown["test accuracy"] == f"{row['correct'] / row['total']:.1%}"
        assert float(shown["file, MB"]) == pytest.approx(row["file_bytes"] / 1e6, abs=0.006)
        assert float(shown["compressed, MB"]) == pytest.approx(row["zipped_bytes"] / 1e6, abs=0.006)


def test_without_a_word_in_the_link_the_curve_is_the_teachers() -> None:
    app = opened(**ANSWERS)
    shown = next(table for table in tables(app) if "ratio" in table)
    rows = evidence("homework", "teacher")
    expected = [
        (get_method(row["method"]).title, f"{row['ratio']:.0%}", f"{row['correct'] / row['total']:.1%}")
        for row in rows
    ]
    assert list(zip(shown["method"], shown["ratio"], shown["accuracy"], strict=True)) == expected
    assert "alpha 0.5 and T 1" in words(app), "the homework asks at T = 1"


def test_two_links_give_two_reports() -> None:
    base = {**ANSWERS, **DESIGN, **CHOSEN}
    other = {
        "block4": "49",
        "alpha": "0.4",
        "temperature": "3",
        "student": "student-10k",
        "checkpoint": "teacher",
    }
    first = tables(opened(**base)), words(opened(**base))
    for key, text in other.items():
        app = opened(**base | {key: text})
        now = tables(app), words(app)
        same = len(now[0]) == len(first[0]) and all(
            a.equals(b) for a, b in zip(first[0], now[0], strict=True)
        )
        assert not same or now[1] != first[1], key


def test_a_pinned_row_never_takes_figures_of_another_network_with_its_title() -> None:
    """Two uploads of one name and of the same widths: each row has the right answers and weights of its own."""
    sources = []
    for name in ("student-5k", "student-5k-kd"):
        model = load(name)
        with torch.no_grad():
            model.fc.bias += 1e-3  # other weights than those that ship, of which much is precomputed
        sources.append(trained_network("student.ckpt", model, input_size=64, trained_on="some images"))
    app = opened()
    app.session_state["session"].trained.update({source.card.name: source for source in sources})
    for source in sources:
        app.query_params["student"] = source.card.name
        app.switch_page("explorer/distillation/page.py").run()
        assert not app.exception
        press(app, "Pin to the ledger")
        app.switch_page("explorer/report/page.py").run()
    pinned = app.session_state["session"].pinned
    assert [row.weights for row in pinned] == [source.card.sha256 for source in sources]
    images = BUNDLED.load("validation")
    rights = [
        accuracy(logits(source.load(), images.inputs()), images.targets()).correct for source in sources
    ]
    assert [row.correct for row in pinned] == rights
    assert len(set(rights)) == 2
    assert len({row.identity for row in pinned}) == 2
    assert all(row.origin == "computed" for row in pinned), "nothing precomputed about a network trained here"
    app.query_params["report_tab"] = "The six answers"
    app.query_params["checkpoint"] = "teacher"
    app.switch_page("explorer/start/page.py").run()
    app.switch_page("explorer/report/page.py").run()
    said = words(app)
    assert "This report mixes networks of yours (student.ckpt" in said
    assert "with networks that ship with the explorer (Teacher, ResNet-18)" in said
    assert "from logits computed here of the 5,000 validation images" in said
    assert "precomputed logits" not in said


def test_a_link_opens_the_sweep_and_the_forms_that_were_measured_in_another_session() -> None:
    """The same process has them under their identity; other settings in the link are another sweep."""
    results().clear()
    link: dict[str, str | list[str]] = {"checkpoint": "student-5k", "images": "100", "ratios": "chosen"}
    link |= {"chosen_ratios": ["0", "0.3"], "methods": "layer-l1", "dropped": "0.3"}
    sender = pruning(**link)
    press(sender, "Run it here")
    sender = pruning("Masked, zeroed, sliced", **link)
    press(sender, "Measure here")
    app = opened(**ANSWERS, **link)
    images = BUNDLED.load("test").stratified(100)
    dense = accuracy(logits(load("student-5k"), images.inputs()), images.targets()).value
    sweep = next(table for table in tables(app) if "ratio" in table and set(table["ratio"]) == {"0%", "30%"})
    assert set(sweep[sweep["ratio"] == "0%"]["accuracy"]) == {f"{dense:.1%}"}
    assert tables(app)[-1]["test accuracy"][0] == f"{dense:.1%}"
    assert "with 30% dropped" in words(app)
    days = [text.value for text in app.markdown if "measured here" in text.value]
    assert len(days) == 2
    assert all(re.search(r"\d{4}-\d\d-\d\d, ", day) for day in days), "the day on which each was measured"
    other = words(opened(**ANSWERS, **link | {"chosen_ratios": "0.3", "dropped": "0.4"}))
    assert sum("measured here" in text for text in other.splitlines()) == 0
    assert "Not measured yet: run “Masked" in other
    assert "Not measured yet" not in words(app)
