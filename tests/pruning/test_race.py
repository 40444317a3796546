"""The race: what is replayed is what was measured, and lanes that cannot be told apart share a place."""

from dataclasses import replace

import pytest

from explorer.pruning.forms import Form
from explorer.pruning.race import ROWS, Race, describe_race, position, race_of


def form(name: str, ms: float | None, spread: float = 1.0, correct: int = 90) -> Form:
    low, high = (None, None) if ms is None else (ms - spread, ms + spread)
    return Form(name, correct, 1000, 10, 10, 10, 10, 10, ms, low, high, ms is None)


FORMS = (
    form("dense", 60.0),
    form("unstructured", 90.0),
    form("masked", 75.0),
    form("zeroed", 61.0),
    form("sliced", 20.0, correct=10),
)


def race(*rows: Form, size: int = 64) -> Race:
    found = race_of(rows, size)
    assert found is not None
    return found


def test_every_lane_takes_its_measured_milliseconds_for_all_images() -> None:
    run = race(*FORMS)
    assert (run.images, run.batch) == (192, 32)
    assert [lane.name for lane in run.lanes] == ["dense", "unstructured", "masked", "sliced"]
    assert [(each.lane.name, each.ms, each.place) for each in run.finishes] == [
        ("sliced", 120.0, 1),
        ("dense", 360.0, 2),
        ("masked", 450.0, 3),
        ("unstructured", 540.0, 4),
    ]
    said = "192 photographs: sliced is through after 120 ms, dense after 360 ms, masked after 450 ms, "
    said += "unstructured after 540 ms."
    assert describe_race(run) == said


def test_another_runtime_has_a_lane_of_its_own_colour() -> None:
    run = race(*FORMS, form("onnxruntime", 30.0), form("int8", 15.0))
    assert [lane.name for lane in run.lanes][-3:] == ["sliced", "onnxruntime", "int8"]
    assert len({lane.color for lane in run.lanes}) == len(run.lanes)
    assert run.finishes[0].lane.name == "int8"


def test_lanes_whose_timings_overlap_share_a_place_and_it_is_said() -> None:
    run = race(*(replace(each, ms_low=each.ms - 15, ms_high=each.ms + 15) for each in FORMS if each.ms))
    assert [each.place for each in run.finishes] == [1, 2, 2, 2]
    assert describe_race(run).endswith(
        " Dense, masked and unstructured cannot be told apart: the middle halves of their timings overlap."
    )


@pytest.mark.parametrize(("ms", "slowed"), [(60.0, 20), (5.0, 200), (6000.0, 1), (0.4, 1000)])
def test_it_is_slowed_so_that_the_last_lane_takes_about_six_seconds(ms: float, slowed: int) -> None:
    assert race(form("dense", ms, 0.1), form("masked", ms, 0.1), form("sliced", ms / 2, 0.1)).slowed == slowed


def test_large_images_are_raced_in_the_batches_they_were_timed_in() -> None:
    run = race(*FORMS, size=224)
    assert (run.batch, run.images) == (2, 192)
    few = race(*(replace(each, total=20) for each in FORMS))
    assert (few.batch, few.images) == (20, 20)
    assert few.finishes[0].ms == 20.0, "all of them are one pass"


def test_there_is_no_race_without_milliseconds() -> None:
    assert race_of((FORMS[0], form("masked", None), *FORMS[2:]), 64) is None


def test_images_stand_in_a_lane_in_the_order_in_which_they_are_through() -> None:
    order = position(10)
    assert sorted(order) == list(range(10))
    columns = 3
    assert order[:columns] == [0, 4, 8], "the first row holds the first of each column"
    assert len(order[:columns]) * ROWS >= 10
