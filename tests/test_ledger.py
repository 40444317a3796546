import base64
import json
import tracemalloc
import zlib
from dataclasses import replace

import pandas as pd
import pytest

from explorer.errors import ExplorerError
from explorer.ledger import (
    AXES,
    LedgerRow,
    comparables,
    describe_apart,
    describe_numbers,
    design_row,
    drawn_table,
    from_json,
    from_link,
    ledger_table,
    pareto_front,
    set_to_draw,
    to_json,
    to_link,
)
from explorer.networks import ResNetSpec, StudentSpec, cost_of, parameter_count

DENSE = LedgerRow(
    "teacher",
    "pruning",
    "ResNet-18",
    11_181_642,
    11_181_642,
    148_050_944,
    64,
    "measured",
    "cpu, 2 threads",
    weights="ab" * 32,
    ms=32.0,
    batch=32,
    correct=950,
    total=1000,
    images="some images, test",
    images_key="key of some images",
    link="pruning?checkpoint=teacher&ratio=0.5",
)
DESIGN = LedgerRow(
    "mine", "architecture", "StudentNet", 59_026, 59_026, 31_000_000, 64, "computed", "by shapes"
)
AXIS = {axis.column: axis for axis in AXES}


def test_a_ledger_survives_a_file_and_a_link_and_says_that_it_was_carried() -> None:
    carried = tuple(replace(state, origin="carried") for state in (DENSE, DESIGN))
    assert from_json(to_json([DENSE, DESIGN])) == carried
    assert from_link(to_link([DENSE, DESIGN])) == carried
    assert from_json(to_json([])) == ()


def test_ten_rows_fit_into_an_address() -> None:
    assert len(to_link([replace(DENSE, title=f"pruned at {share}") for share in range(10)])) < 2000


def test_the_table_gives_latency_per_image_and_the_interval() -> None:
    rows = ledger_table([DENSE, DESIGN])
    assert rows["ms_per_image"][0] == 1.0
    assert rows["accuracy_low"][0] < rows["accuracy"][0] == 0.95 < rows["accuracy_high"][0]
    assert pd.isna(rows["accuracy"][1])
    assert pd.isna(rows["ms_per_image"][1])
    assert pd.isna(ledger_table([replace(DENSE, batch=None)])["ms_per_image"][0])
    assert ledger_table([]).empty
    assert {"title", *AXIS} < set(ledger_table([]).columns)


def test_a_line_of_the_table_holds_what_the_row_says() -> None:
    row = replace(DENSE, nonzero=12, file_bytes=34, zipped_bytes=5, input_size=48)
    low, high = row.accuracy.interval()
    assert ledger_table([row]).to_dict("records") == [
        {
            "title": "teacher",
            "lesson": "pruning",
            "network": "ResNet-18",
            "parameters": 11_181_642,
            "nonzero": 12,
            "mult_adds": 148_050_944,
            "input_size": 48,
            "file_bytes": 34,
            "zipped_bytes": 5,
            "ms": 32.0,
            "batch": 32,
            "ms_per_image": 1.0,
            "accuracy": 0.95,
            "accuracy_low": low,
            "accuracy_high": high,
            "images": 1000,
            "counted_on": "some images, test",
            "origin": "measured",
            "where": "cpu, 2 threads",
            "link": DENSE.link,
        }
    ]


def test_the_front_is_what_nothing_beats_by_brute_force() -> None:
    sizes = [(100, 0.9), (50, 0.9), (50, 0.8), (20, 0.85), (10, None), (20, 0.85), (200, 0.95)]
    states = [
        replace(DENSE, params=params, correct=None if share is None else round(1000 * share))
        for params, share in sizes
    ]
    rows = ledger_table(states)
    on_front = pareto_front(rows, AXIS["parameters"], AXIS["accuracy"])
    expected = [
        share is not None
        and not any(
            other is not None and size <= params and other >= share and (size < params or other > share)
            for size, other in sizes
        )
        for params, share in sizes
    ]
    assert on_front.tolist() == expected == [False, True, False, True, False, True, True]
    assert pareto_front(rows, AXIS["accuracy"], AXIS["parameters"]).tolist() == expected
    some = pareto_front(rows[rows["parameters"] > 20], AXIS["parameters"], AXIS["accuracy"])
    assert some.to_dict() == {0: False, 1: True, 2: False, 6: True}, "each line keeps its label"


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
        ({"images_key": ""}, "does not say on which images"),
        ({"weights": "the teacher's"}, "impossible weights"),
        ({"weights": "AB" * 32}, "impossible weights"),
        ({"params": True}, "impossible params"),
        ({"mult_adds": 1.5}, "impossible mult_adds"),
        ({"ms": True}, "impossible ms"),
        ({"ms": float("nan")}, "impossible ms"),
        ({"recipe": ["global-l1"]}, "impossible recipe"),
        ({"origin": "dreamt"}, "impossible origin"),
        ({"link": "pruning?ratio=0.5' onclick='x"}, "impossible link"),
        ({"link": "pruning.example.org"}, "impossible link"),
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
    for version in (2, 4):
        with pytest.raises(ExplorerError, match=f"of version {version}; this explorer reads version 3"):
            from_json(json.dumps({"compression_explorer_ledger": version, "rows": []}))
    with pytest.raises(ExplorerError, match="at most 100 rows"):
        from_json(to_json([DENSE] * 101))
    with pytest.raises(ExplorerError, match="at most 4,000,000 bytes"):
        from_json(" " * 4_000_001)
    for value in ("", "%%%", to_link([DENSE])[:40]):
        with pytest.raises(ExplorerError, match=r"copy the whole link|not a ledger"):
            from_link(value)


def test_what_a_row_is_of_is_told_by_weights_recipe_images_and_size_alone() -> None:
    same = replace(
        DENSE, title="another", images="called otherwise", where="elsewhere", correct=1, origin="carried"
    )
    assert same.identity == DENSE.identity
    others = (
        {"weights": "cd" * 32},
        {"recipe": {"method": "random", "ratio": 0.5}},
        {"images_key": "others"},
        {"total": 999},
        {"input_size": 32},
    )
    identities = {replace(DENSE, **change).identity for change in others}
    assert len(identities | {DENSE.identity}) == 6
    recipe = {"method": "random", "ratio": 0.5}
    turned = dict(reversed(recipe.items()))
    assert replace(DENSE, recipe=recipe).identity == replace(DENSE, recipe=turned).identity
    assert (
        from_json(to_json([design_row(StudentSpec(), 64)]))[0].identity
        == design_row(StudentSpec(), 64).identity
    )


@pytest.mark.parametrize("column", ["file_bytes", "zipped_bytes", "parameters", "nonzero", "mult_adds", "ms"])
def test_each_quantity_stands_in_its_own_column(column: str) -> None:
    field = {"parameters": "params"}.get(column, column)
    one, other = ledger_table([DENSE]), ledger_table([replace(DENSE, **{field: 17})])
    numbers = ["parameters", "nonzero", "mult_adds", "file_bytes", "zipped_bytes", "ms"]
    changed = [name for name in numbers if not one[name].equals(other[name])]
    assert changed == [column]
    assert other[column].tolist() == [17]


def titles(*rows: LedgerRow, x: str, y: str) -> list[tuple[str, list[str]]]:
    sets = comparables(rows, AXIS[x], AXIS[y])
    return [(one.title, [row.title for row in one.rows]) for one in sets]


def test_only_right_answers_on_the_very_same_images_are_in_one_set() -> None:
    fewer = replace(DENSE, title="on fewer", correct=90, total=100)
    renamed = replace(DENSE, title="again", images="called otherwise")
    elsewhere = replace(DENSE, title="elsewhere", images_key="others")
    small = replace(DENSE, title="small", input_size=32)
    rows = (fewer, DENSE, renamed, small, DESIGN)
    assert titles(*rows, x="parameters", y="accuracy") == [
        ("1,000 images of some images, test", ["teacher", "again", "small"]),
        ("100 images of some images, test", ["on fewer"]),
    ], "a design has no right answers"
    assert titles(*rows, x="file_bytes", y="accuracy") == [], "nobody has both"
    assert titles(*rows, x="parameters", y="nonzero")[0][0] == "all states"
    assert titles(DENSE, elsewhere, x="parameters", y="accuracy") == [
        ("1,000 images of some images, test (key key of)", ["teacher"]),
        ("1,000 images of some images, test (key others)", ["elsewhere"]),
    ], "two sets of one name"


def test_multiply_adds_are_of_one_input_size_and_milliseconds_of_one_machine() -> None:
    small = replace(DENSE, title="small", input_size=32)
    alone = replace(DENSE, title="alone", batch=1)
    other = replace(DENSE, title="other", timed_on="a fast machine")
    rows = (DENSE, small, alone, other, replace(DESIGN, title="untimed"))
    assert titles(*rows, x="parameters", y="mult_adds") == [
        ("64 pixels", ["teacher", "alone", "other", "untimed"]),
        ("32 pixels", ["small"]),
    ]
    assert titles(*rows, x="ms_per_image", y="parameters") == [
        ("64 pixels, 32 at once on a machine that is not named", ["teacher"]),
        ("32 pixels, 32 at once on a machine that is not named", ["small"]),
        ("64 pixels, 1 at once on a machine that is not named", ["alone"]),
        ("64 pixels, 32 at once on a fast machine", ["other"]),
    ]
    assert len(titles(*rows, x="mult_adds", y="accuracy")) == 2, "one axis is enough to keep them apart"


def test_the_set_to_begin_with_is_that_of_the_pinned_rows_else_the_one_of_the_most_images() -> None:
    fewer = replace(DENSE, title="on fewer", correct=90, total=100)
    sets = comparables((fewer, DENSE, replace(fewer, title="too")), AXIS["parameters"], AXIS["accuracy"])
    assert set_to_draw(sets, ()).images == 1000
    assert set_to_draw(sets, (fewer,)).images == 100
    assert set_to_draw(sets, (fewer, DENSE)).images == 1000
    assert describe_apart(sets, sets[0]) == (
        "Not drawn, since they cannot be compared with these (1,000 images of some images, test): 2 on 100 images "
        "of some images, test."
    )
    assert describe_apart(sets[:1], sets[0]) == ""


def test_where_none_is_pinned_the_front_is_named_and_names_are_numbered() -> None:
    rows = (DENSE, replace(DENSE, params=10), replace(DENSE, params=5))
    axes = AXIS["parameters"], AXIS["accuracy"]
    assert drawn_table(rows, *axes)["named"].tolist() == [False, False, True]
    table = drawn_table(rows, *axes, named=(True, False, True))
    assert table["front"].tolist() == [False, False, True]
    assert table[table["named"]]["number"].tolist() == [1, 2]


def test_titles_that_would_lie_on_each_other_are_numbers() -> None:
    axes, every = (AXIS["parameters"], AXIS["accuracy"]), (True, True, True)
    apart = (
        replace(DENSE, title="a", params=10),
        replace(DENSE, title="b", params=10_000),
        replace(DENSE, title="c"),
    )
    table = drawn_table(apart, *axes, named=every)
    assert table["label"].tolist() == ["a", "b", "c"]
    assert describe_numbers(table) == "Numbers on a narrow screen: 1 a; 2 b; 3 c."
    near = replace(DENSE, title="d", params=10_500_000)
    table = drawn_table((*apart[:2], near, apart[2]), *axes, named=(*every, True))
    assert table["label"].tolist() == ["1", "2", "3", "4"]
    assert describe_numbers(table) == "Numbers: 1 a; 2 b; 3 d; 4 c."
    below = replace(near, correct=500)
    assert drawn_table((*apart[:2], below, apart[2]), *axes, named=(*every, True))["label"].tolist() == list(
        "abdc"
    )
    assert drawn_table((DENSE,), *axes)["label"].tolist() == ["teacher"]


@pytest.mark.parametrize("size", [32, 33, 64])
def test_a_design_is_counted_at_every_size(size: int) -> None:
    row = design_row(StudentSpec(8, (8, 16, 32, 18)), size)
    assert row.input_size == size
    assert row.mult_adds > 0
    assert row.mult_adds != design_row(StudentSpec(8, (8, 16, 32, 18)), 2 * size).mult_adds
    assert row.weights == ""


def test_a_design_of_any_kind_has_a_row() -> None:
    spec = ResNetSpec(7, (5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16))
    row = design_row(spec, 64)
    assert (row.network, row.params) == ("ResNet-18", parameter_count(spec.build()))
    assert row.mult_adds == cost_of(spec, 64).mult_adds
    assert row.identity != design_row(StudentSpec(), 64).identity


def test_a_link_that_grows_huge_when_unpacked_is_refused_without_unpacking_it() -> None:
    packed = base64.urlsafe_b64encode(zlib.compress(b"0" * 30_000_000, 9)).decode()
    tracemalloc.start()
    try:
        with pytest.raises(ExplorerError):
            from_link(packed)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
