"""What makes a network faster, said from rows: a different row turns the sentence."""

from dataclasses import replace

import pytest

from explorer.pruning.faster import describe_ways, ways_of_networks, ways_table, ways_to_run
from explorer.pruning.forms import Form
from explorer.runtime.compare import RuntimeRow


def form(name: str, correct: int, ms: float | None) -> Form:
    low, high = (None, None) if ms is None else (0.98 * ms, 1.02 * ms)
    return Form(name, correct, 1000, 100, 100, 100, 4_000_000, 1, ms, low, high, ms is None)


def runtime(name: str, correct: int, ms: float, batch: int = 32, threads: int = 2) -> RuntimeRow:
    return RuntimeRow(
        name, batch, threads, ms, 0.98 * ms, 1.02 * ms, 5.0, correct, 900, 1000, 1_000_000, False
    )  # type: ignore[arg-type]


FORMS = (
    form("dense", 950, 6.0),
    form("masked", 400, 6.3),
    form("zeroed", 100, 6.0),
    form("sliced", 100, 2.0),
)
RUNTIMES = (
    *(runtime("torch", 950, 5.0), runtime("onnxruntime", 950, 4.0), runtime("int8", 945, 2.5)),
    *(runtime("int8", 945, 0.1, batch=1), runtime("int8", 945, 0.2, threads=1)),
)


def test_forms_and_runtimes_stand_in_one_table_each_against_its_own_dense_network() -> None:
    table = ways_table(ways_to_run(FORMS, 0.5, RUNTIMES))
    assert table["what is done"].tolist() == [
        "50% of the channels masked",
        "50% of the channels removed",
        "the same weights in onnxruntime",
        "int8 in onnxruntime",
    ]
    assert table["speed_up"].tolist() == pytest.approx([6 / 6.3, 3.0, 1.25, 2.0])
    assert table["than dense"].tolist() == ["slower", "faster", "faster", "faster"]
    assert table["points lost"].tolist() == pytest.approx([55, 85, 0, 0.5])
    assert table["file_mb"].tolist() == [4.0, 4.0, 1.0, 1.0]


def test_the_sentence_names_what_keeps_accuracy_and_what_is_fastest() -> None:
    assert describe_ways(ways_to_run(FORMS, 0.5, RUNTIMES)) == (
        "Fastest with no more than 1 point of accuracy lost: **int8 in onnxruntime**, **2.00** times as fast. 50% of "
        "the channels removed: 3.00 times as fast, **10.0%** right instead of 95.0%."
    )
    broken = [replace(row, correct=900) if row.runtime == "int8" else row for row in RUNTIMES]
    assert "**the same weights in onnxruntime**, **1.25** times" in describe_ways(
        ways_to_run(FORMS, 0.5, broken)
    )
    repaired = (*FORMS[:3], replace(FORMS[3], correct=945))
    assert describe_ways(ways_to_run(repaired, 0.3, RUNTIMES)) == (
        "Fastest with no more than 1 point of accuracy lost: **30% of the channels removed**, **3.00** times as fast."
    )


def test_without_another_runtime_and_without_times_no_more_is_said_than_was_measured() -> None:
    assert describe_ways(ways_to_run(FORMS, 0.5)).startswith(
        "Nothing measured here is faster and loses no more than 1 point of accuracy. 50% of the channels removed: 3.00"
    )
    slower = (*FORMS[:3], replace(FORMS[3], ms=5.9, ms_low=5.8, ms_high=6.0))
    assert describe_ways(ways_to_run(slower, 0.5)).endswith("of accuracy."), "6.0 and 5.9 are not told apart"
    assert ways_table(ways_to_run(slower, 0.5))["than dense"].tolist() == ["slower", "cannot be told"]
    assert describe_ways(ways_to_run([form(each.name, 1, None) for each in FORMS], 0.5)) == ""
    assert ways_to_run((), 0.5) == ()


def test_an_unstructured_network_comes_first() -> None:
    rows = (FORMS[0], form("unstructured", 947, 6.1), *FORMS[1:])
    assert ways_to_run(rows, 0.5)[0].title == "50% of the weights masked"


def test_a_runtime_that_was_timed_among_the_forms_is_told_once() -> None:
    rows = (*FORMS, form("int8", 946, 1.5))
    ways = ways_to_run(rows, 0.5, RUNTIMES)
    assert [(way.title, way.speed_up) for way in ways[2:]] == [
        ("int8 in onnxruntime", pytest.approx(4.0)),
        ("the same weights in onnxruntime", pytest.approx(1.25)),
    ]


def test_the_ways_of_several_networks_stand_in_one_table_under_their_titles() -> None:
    ways = {"small": ways_to_run(FORMS, 0.5, RUNTIMES), "large": ways_to_run(FORMS, 0.3)}
    table = ways_of_networks(ways)
    assert table["network"].tolist() == ["small"] * 4 + ["large"] * 2
    assert table["what is done"].tolist()[-1] == "30% of the channels removed"
    assert table.columns[0] == "network"
    assert table.index.tolist() == list(range(6))
