import pandas as pd
import pytest

from explorer import palette
from explorer.architecture.budget import budget
from explorer.architecture.charts import budget_bar, equal_size, family_curve, shares, standard_bars
from explorer.architecture.separable import against_standard
from explorer.networks import NetworkSpec, ResNetSpec, StudentSpec
from tests.charts import colors, data_of, fields, spec_of


def bar_of(parts: pd.DataFrame, limit: int = 60_000) -> dict:
    return budget_bar(parts, limit).to_dict()


@pytest.mark.parametrize("spec", [StudentSpec(), ResNetSpec()])
def test_the_bar_stacks_the_parameters_of_each_part_in_order(spec: NetworkSpec) -> None:
    parts = budget(spec, 64).part_table()
    chart = bar_of(parts, 70_000)
    bar, _, line, text = chart["layer"]
    assert bar["encoding"]["x"]["field"] == "parameters"
    assert bar["encoding"]["color"]["field"] == "part"
    rows = chart["datasets"][bar["data"]["name"]]
    assert [row["parameters"] for row in rows] == parts["parameters"].tolist()
    assert [row["position"] for row in rows] == list(range(len(parts)))
    assert chart["datasets"][line["data"]["name"]] == [{"limit": 70_000, "text": "limit 70,000"}]
    assert (line["encoding"]["x"]["field"], text["encoding"]["text"]["field"]) == ("limit", "text")
    scale = bar["encoding"]["color"]["scale"]
    assert scale["domain"] == parts["part"].tolist()
    assert scale["range"] == [*palette.steps(5), palette.DENSE]


@pytest.mark.parametrize("count", [1, 2, 5, 6, 20])
def test_any_number_of_parts_has_a_colour_each(count: int) -> None:
    parts = pd.DataFrame({"part": [f"block {number}" for number in range(count)], "parameters": 10})
    shades = bar_of(parts)["layer"][0]["encoding"]["color"]["scale"]["range"]
    assert len(set(shades)) == count
    assert shades == palette.steps(count)


def test_the_comparison_with_standard_convolutions_shows_both_weights_of_a_part() -> None:
    rows = against_standard(StudentSpec(4, (5, 6, 7, 8)))
    chart = standard_bars(rows).to_dict()
    encoding = chart["encoding"]
    assert (encoding["y"]["field"], encoding["x"]["field"]) == ("part", "weights")
    assert encoding["yOffset"]["field"] == encoding["color"]["field"] == "kind"
    assert colors(chart) == {
        "domain": ["depthwise + pointwise", "standard convolution"],
        "range": [palette.STUDENT, palette.DENSE],
    }
    drawn = pd.DataFrame(chart["datasets"][chart["data"]["name"]])
    for kind, column in (("depthwise + pointwise", "separable"), ("standard convolution", "standard")):
        assert drawn[drawn["kind"] == kind]["weights"].tolist() == rows[column].tolist()


def test_a_layers_shares_are_of_each_total_alone() -> None:
    rows = budget(StudentSpec(4, (5, 6, 7, 8)), 64).layer_table()
    spec = spec_of(shares(rows))
    assert fields(spec) == {"x": "part", "y": "layer", "yOffset": "quantity", "color": "quantity"}
    quantities = ["parameters", "multiply-adds"]
    assert colors(spec) == {"domain": quantities, "range": [palette.PARAMETERS, palette.MULT_ADDS]}
    drawn = pd.DataFrame(data_of(spec, spec)).set_index(["quantity", "layer"])
    for quantity, column in zip(quantities, ("parameters", "mult-adds"), strict=True):
        assert drawn.loc[quantity]["part"].sum() == pytest.approx(1)
        for _, row in rows[(rows["parameters"] > 0) | (rows["mult-adds"] > 0)].iterrows():
            line = drawn.loc[quantity, row["layer"]]
            assert line["amount"] == row[column]
            assert line["part"] == pytest.approx(row[column] / rows[column].sum())


FAMILY = pd.DataFrame(
    {
        "network": ["a", "b"],
        "kind": ["A", "B"],
        "way": ["labels alone", "distilled"],
        "parameters": [100, 200],
        "accuracy": [0.8, 0.9],
        "low": [0.79, 0.88],
        "high": [0.81, 0.92],
        "epochs": [18, 54],
    }
)


def test_the_family_is_accuracy_against_parameters_with_the_edited_network_marked() -> None:
    ways = ["labels alone", "distilled"]
    spec = spec_of(family_curve(FAMILY, 150, 120))
    spread, line, here, points, limit = spec["layer"]
    alike = line["encoding"].pop("detail")
    assert [each["field"] for each in alike] == ["kind", "epochs"]
    assert fields(line) == {"x": "parameters", "y": "accuracy", "color": "way"}
    assert fields(spread) == {"x": "parameters", "y": "low", "y2": "high", "color": "way"}
    assert fields(points) == {"x": "parameters", "y": "accuracy", "color": "way", "shape": "kind"}
    assert points["encoding"]["shape"]["scale"] == {"domain": ["A", "B"], "range": ["circle", "square"]}
    assert colors(line) == {"domain": ways, "range": [palette.HARD, palette.SOFT]}
    assert line["encoding"]["x"]["scale"]["type"] == "log"
    assert fields(here) == {"x": "parameters"}
    assert data_of(spec, here) == [{"parameters": 150}]
    assert (fields(limit), data_of(spec, limit)) == ({"x": "limit"}, [{"limit": 120}])
    assert len(spec_of(family_curve(FAMILY, 150))["layer"]) == 4


def test_the_accuracy_that_a_course_asks_for_is_a_line_across() -> None:
    spec = spec_of(family_curve(FAMILY, 150, 120, 0.924))
    asked = spec["layer"][-1]
    assert (fields(asked), data_of(spec, asked)) == ({"y": "floor"}, [{"floor": 0.924}])


def test_networks_of_equal_size_stand_under_each_other_with_their_intervals() -> None:
    spec = spec_of(equal_size(FAMILY))
    spread, points = spec["layer"]
    assert fields(points) == {"y": "kind", "yOffset": "way", "x": "accuracy", "color": "way"}
    assert fields(spread) == {"y": "kind", "yOffset": "way", "x": "low", "x2": "high", "color": "way"}
    assert points["encoding"]["y"]["sort"] == ["A", "B"], "the most accurate first, as in the rows"
