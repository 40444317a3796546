"""The charts' specs, field by field: what is on which axis, in which colour, out of which column."""

from typing import Any

import pandas as pd
import pytest

from explorer import palette
from explorer.distillation import charts
from tests.charts import colors, data_of, fields, spec_of


def rows_of(**columns: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(columns)


def test_the_ladder_has_t_across_classes_down_and_probabilities_in_its_cells() -> None:
    rows = rows_of(
        **{"class": ["b", "a", "b", "a"]},
        temperature=[2.0, 2.0, 16.0, 16.0],
        probability=[0.9, 0.1, 0.6, 0.4],
    )
    spec = spec_of(charts.ladder_map(rows))
    cells, numbers = spec["layer"]
    assert fields(cells) == {"x": "temperature", "y": "class", "color": "probability"}
    assert fields(numbers) == {"x": "temperature", "y": "class", "text": "probability"}
    assert cells["encoding"]["y"]["sort"] == ["b", "a"], "as they come, not by name"
    assert cells["encoding"]["x"]["sort"] == [2.0, 16.0]
    assert colors(cells)["domain"] == [0, 1]
    assert data_of(spec, cells) == rows.to_dict("records")


def test_the_loss_is_stacked_from_its_soft_and_its_hard_part() -> None:
    rows = rows_of(images=["one", "one"], part=["alpha T2 KL", "(1 - alpha) CE"], value=[0.5, 0.25])
    spec = spec_of(charts.loss_bars(rows))
    assert fields(spec) == {"x": "value", "y": "images", "color": "part"}
    assert colors(spec) == {
        "domain": ["alpha T2 KL", "(1 - alpha) CE"],
        "range": [palette.SOFT, palette.HARD],
    }


def test_gradient_norms_are_up_and_t_across_and_the_chosen_t_is_marked() -> None:
    rows = rows_of(temperature=[1.0, 4.0], term=["hard", "soft, with T²"], norm=[0.2, 0.3])
    spec = spec_of(charts.gradient_norm_lines(rows, 3.0))
    lines, rule = spec["layer"]
    assert fields(lines) == {"x": "temperature", "y": "norm", "color": "term", "strokeDash": "term"}
    assert lines["encoding"]["x"]["scale"]["type"] == "log"
    terms = ["soft, with T²", "soft, without T²", "hard"]
    assert colors(lines) == {"domain": terms, "range": [palette.SOFT, palette.DENSE, palette.HARD]}
    assert lines["encoding"]["strokeDash"]["scale"]["domain"] == terms
    assert fields(rule) == {"x": "temperature"}
    assert data_of(spec, rule) == [{"temperature": 3.0}]


def test_the_gradient_on_each_logit_is_across_in_the_colour_of_its_term() -> None:
    rows = rows_of(**{"class": ["a", "a"]}, term=["soft", "hard"], gradient=[-0.1, 0.2])
    spec = spec_of(charts.logit_gradient_bars(rows))
    assert fields(spec) == {"x": "gradient", "y": "class", "yOffset": "term", "color": "term"}
    assert colors(spec) == {
        "domain": ["soft", "hard", "sum"],
        "range": [palette.SOFT, palette.HARD, palette.DENSE],
    }


def test_the_decoupled_kl_is_stacked_over_t_with_its_limit_and_the_chosen_t() -> None:
    rows = rows_of(temperature=[1.0, 1.0], part=["TCKD", "(1 - p_t) NCKD"], value=[0.1, 0.2])
    spec = spec_of(charts.decoupled_kl_areas(rows, 0.7, 5.0))
    areas, _, limit, chosen = spec["layer"]
    assert fields(areas) == {"x": "temperature", "y": "value", "color": "part"}
    assert areas["encoding"]["y"]["stack"] == "zero"
    assert colors(areas) == {
        "domain": ["TCKD", "(1 - p_t) NCKD"],
        "range": [palette.TCKD, palette.NCKD],
    }
    assert fields(limit) == {"y": "limit"}
    assert data_of(spec, limit) == [{"limit": 0.7}]
    assert fields(chosen) == {"x": "temperature"}
    assert data_of(spec, chosen) == [{"temperature": 5.0}]


def test_the_matrix_has_the_true_class_down_and_what_else_the_teacher_sees_across() -> None:
    rows = rows_of(true=["b", "a"], other=["a", "b"], probability=[0.25, 0.5], example=["one", "two"])
    spec = spec_of(charts.soft_label_matrix(rows))
    cells, numbers = spec["layer"]
    assert fields(cells) == {"x": "other", "y": "true", "color": "probability", "description": "said"}
    assert fields(numbers) == {"x": "other", "y": "true", "text": "percent"}
    assert "example" not in cells["transform"][0]["calculate"], "a picture has no words"
    assert numbers["transform"] == [{"as": "percent", "calculate": "100 * datum.probability"}]
    assert cells["encoding"]["x"]["sort"] == cells["encoding"]["y"]["sort"] == ["b", "a"]
    assert colors(cells)["domain"] == [0, 0.5]


def test_the_grid_has_t_across_alpha_up_and_the_difference_in_its_colour() -> None:
    rows = rows_of(
        alpha=[0.5, 1.0],
        temperature=[2.0, 4.0],
        mean=[0.91, 0.93],
        low=[0.905, 0.92],
        high=[0.915, 0.94],
        difference=[-0.25, 2.0],
        chance=[0.04, 0.06],
        seeds=[2, 2],
    )
    spec = spec_of(charts.grid_map(rows))
    cells, numbers, spreads = spec["layer"]
    assert fields(cells) == {"x": "temperature", "y": "alpha", "color": "difference"}
    assert (fields(numbers)["text"], fields(spreads)["text"]) == ("shown", "lines")
    (narrow,) = spreads["transform"]
    assert narrow["calculate"].startswith("width < 450 ? replace(datum.spread, ' to ', ' to\\n')")
    assert spreads["mark"]["lineBreak"] == "\n"
    assert cells["encoding"]["y"]["sort"] == "descending"
    assert colors(cells) == {"domain": [-2.0, 0, 2.0], "range": [*palette.CHANGE]}
    drawn = data_of(spec, cells)
    assert [row["shown"] for row in drawn] == ["91.00 ▼", "93.00"]
    assert [row["spread"] for row in drawn] == ["90.50 to 91.50", "92.00 to 94.00"]


def test_accuracy_is_up_confidence_across_and_on_the_diagonal_they_are_the_same() -> None:
    rows = rows_of(
        network=["teacher", "student"], confidence=[0.9, 0.7], accuracy=[0.8, 0.75], count=[40, 10]
    )
    spec = spec_of(charts.reliability_lines(rows))
    diagonal, lines, points = spec["layer"]
    assert fields(diagonal) == {"x": "confidence", "y": "accuracy"}
    assert data_of(spec, diagonal) == [{"confidence": 0, "accuracy": 0}, {"confidence": 1, "accuracy": 1}]
    assert fields(lines) == {"x": "confidence", "y": "accuracy", "color": "network"}
    assert fields(points) == fields(lines) | {"size": "count"}
    assert colors(lines) == {
        "domain": ["teacher", "student"],
        "range": [palette.TEACHER, palette.HARD],
    }
    for axis in ("x", "y"):
        assert lines["encoding"][axis]["scale"] == {"domain": [0, 1]}


@pytest.mark.parametrize("epochs", [4, 20])
def test_the_accuracy_of_both_ways_grows_over_the_epochs_asked_for(epochs: int) -> None:
    rows = rows_of(epoch=[1, 1], way=["labels alone", "distilled"], accuracy=[0.5, 0.6], seconds=[1.0, 2.0])
    spec = spec_of(charts.live_training_lines(rows, epochs))
    assert fields(spec) == {"x": "epoch", "y": "accuracy", "color": "way"}
    assert spec["encoding"]["x"]["scale"] == {"domain": [0, epochs]}
    assert spec["encoding"]["y"]["scale"] == {"domain": [0, 1]}
    assert colors(spec) == {"domain": ["labels alone", "distilled"], "range": [palette.HARD, palette.SOFT]}


def test_gains_stand_with_their_intervals_side_by_side_over_the_steps_and_the_line_of_no_gain() -> None:
    rows = rows_of(
        size=["9,502", "9,502", "98,918"],
        set=["500", "2,000", "500"],
        change=[1.0, -0.5, 2.0],
        low=[0.5, -1.0, float("nan")],
        high=[1.5, 0.2, float("nan")],
        tells=[True, False, False],
    )
    colors_of = {"500": "#111111", "2,000": "#222222", "10,000": "#333333"}
    figure = charts.gain_intervals(
        rows, "size", "set", titles=("Parameters", "Gain", "Images"), colors=colors_of
    )
    spec = spec_of(figure)
    zero, intervals, points = spec["layer"]
    assert data_of(spec, zero) == [{"change": 0}]
    placed = {"x": "size", "xOffset": "set", "color": "set"}
    assert fields(intervals) == placed | {"y": "low", "y2": "high"}
    assert fields(points) == placed | {"y": "change", "fill": "set"}
    assert points["encoding"]["fillOpacity"]["condition"] == {"test": "datum.tells", "value": 1}
    assert intervals["encoding"]["x"]["sort"] == ["9,502", "98,918"], "as they come, not by name"
    assert colors(points) == {"domain": ["500", "2,000"], "range": ["#111111", "#222222"]}
    assert intervals["encoding"]["y"]["title"] == "Gain"
    columns = points["encoding"]["color"]["legend"]["columns"]
    assert columns == {"expr": "max(1, floor(width / 100))"}, "by the longest name, 2,000"
    assert data_of(spec, points)[2]["low"] is None, "one seed has no interval"


def test_a_second_interval_is_drawn_thin_where_there_is_one() -> None:
    rows = rows_of(size=["1"], set=["2"], change=[1.0], low=[0.5], high=[1.5], tells=[True])
    titles = ("Parameters", "Gain", "Images")

    def intervals(drawn: pd.DataFrame) -> list[tuple[str, int]]:
        figure = charts.gain_intervals(drawn, "size", "set", titles=titles, colors={"2": "#111111"})
        rules = [layer for layer in spec_of(figure)["layer"] if layer["mark"]["type"] == "rule"][1:]
        return [(fields(each)["y"], each["mark"]["strokeWidth"]) for each in rules]

    assert intervals(rows) == [("low", 3)]
    assert intervals(rows.assign(image_low=[0.9], image_high=[1.1])) == [("low", 3), ("image_low", 1)]
