import json
from dataclasses import replace

import pandas as pd
import pytest

from explorer.errors import ExplorerError
from explorer.ledger import AXES, State, from_json, from_link, front, table, to_json, to_link

DENSE = State(
    "teacher",
    "pruning",
    "ResNet-18",
    11_181_642,
    11_181_642,
    148_050_944,
    64,
    "measured",
    "cpu, 2 threads",
    ms=32.0,
    batch=32,
    correct=950,
    total=1000,
    link="pruning?p_c=teacher&p_f=0.5",
    recipe={"checkpoint": "teacher"},
)
DESIGN = State("mine", "architecture", "StudentNet", 59_026, 59_026, 31_000_000, 64, "computed", "by shapes")
AXIS = {axis.column: axis for axis in AXES}


def test_a_ledger_survives_a_file_and_a_link_and_says_that_it_was_carried() -> None:
    carried = tuple(replace(state, origin="carried") for state in (DENSE, DESIGN))
    assert from_json(to_json([DENSE, DESIGN])) == carried
    assert from_link(to_link([DENSE, DESIGN])) == carried
    assert from_json(to_json([])) == ()


def test_ten_rows_fit_into_an_address() -> None:
    assert len(to_link([replace(DENSE, title=f"pruned at {share}") for share in range(10)])) < 2000


def test_the_table_gives_latency_per_image_and_the_interval() -> None:
    rows = table([DENSE, DESIGN])
    assert rows["ms_per_image"][0] == 1.0
    assert rows["accuracy_low"][0] < rows["accuracy"][0] == 0.95 < rows["accuracy_high"][0]
    assert pd.isna(rows["accuracy"][1])
    assert pd.isna(rows["ms_per_image"][1])
    assert table([]).empty


def test_the_front_is_what_nothing_beats_by_brute_force() -> None:
    sizes = [(100, 0.9), (50, 0.9), (50, 0.8), (20, 0.85), (10, None), (20, 0.85), (200, 0.95)]
    states = [
        replace(DENSE, params=params, correct=None if share is None else round(1000 * share))
        for params, share in sizes
    ]
    rows = table(states)
    found = front(rows, AXIS["parameters"], AXIS["accuracy"])
    expected = [
        share is not None
        and not any(
            other is not None and size <= params and other >= share and (size < params or other > share)
            for size, other in sizes
        )
        for params, share in sizes
    ]
    assert found.tolist() == expected == [False, True, False, True, False, True, True]
    assert front(rows, AXIS["accuracy"], AXIS["parameters"]).tolist() == expected


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"params": -1}, "impossible params"),
        ({"params": None}, "impossible params"),
        ({"ms": "fast"}, "impossible ms"),
        ({"link": "https://example.org/"}, "impossible link"),
        ({"link": "javascript:alert(1)"}, "impossible link"),
        ({"lesson": "magic"}, "impossible lesson"),
        ({"title": "x" * 2000}, "impossible title"),
        ({"correct": 2000}, "more right answers"),
        ({"extra": 1}, "does not have the fields"),
    ],
)
def test_a_row_that_cannot_be_is_named(change: dict, sentence: str) -> None:
    content = json.loads(to_json([DENSE]))
    content["rows"][0] |= change
    with pytest.raises(ExplorerError, match=sentence):
        from_json(json.dumps(content))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"rows": []}', '{"compression_explorer_ledger": 1}']
)
def test_what_is_no_ledger_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(ExplorerError, match="not a ledger"):
        from_json(text)


def test_other_versions_long_ledgers_and_broken_links_are_refused() -> None:
    with pytest.raises(ExplorerError, match="version 2"):
        from_json('{"compression_explorer_ledger": 2, "rows": []}')
    with pytest.raises(ExplorerError, match="at most 100 rows"):
        from_json(to_json([DENSE] * 101))
    with pytest.raises(ExplorerError, match="at most 1,000,000 bytes"):
        from_json(" " * 1_000_001)
    for value in ("", "%%%", to_link([DENSE])[:40]):
        with pytest.raises(ExplorerError, match=r"copy the whole link|not a ledger"):
            from_link(value)
