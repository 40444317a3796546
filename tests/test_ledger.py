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
    design_row,
    explain_differences,
    from_json,
    from_link,
    ledger_table,
    pareto_front,
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
    for version in (1, 3):
        with pytest.raises(ExplorerError, match=f"of version {version}; this explorer reads version 2"):
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


def test_rows_of_other_images_or_sizes_are_told_apart_where_it_matters() -> None:
    size, share = AXIS["parameters"], AXIS["accuracy"]
    fewer = replace(DENSE, title="on fewer", correct=90, total=100)
    elsewhere = replace(DENSE, images_key="others")
    small = replace(DENSE, input_size=32)
    assert (
        explain_differences([DENSE, replace(DENSE, title="again", images="called otherwise")], size, share)
        == ()
    )
    for other, total in ((fewer, "100"), (elsewhere, "1,000")):
        assert explain_differences([DENSE, other], size, share) == (
            f"These accuracies were counted on different images (1,000 of some images, test; {total} of some "
            "images, test): compare only those of the same images.",
        )
        assert explain_differences([DENSE, other], size, AXIS["mult_adds"]) == ()
    assert explain_differences([DENSE, small], AXIS["mult_adds"], share) == (
        "Multiply-adds depends on the input size, and these rows have inputs of 32, 64 pixels: compare only those "
        "of the same size.",
    )
    assert explain_differences([DENSE, small], size, AXIS["file_bytes"]) == ()
    assert explain_differences([DENSE, DESIGN], size, share) == (), "a design has no accuracy"


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
