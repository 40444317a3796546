"""The charts' specs, field by field: what is on which axis, in which colour, out of which column."""

import pandas as pd
import pytest

from explorer import palette
from explorer.pruning import charts, coupling, per_image
from explorer.pruning.forms import Form, form_table
from explorer.pruning.methods import METHODS
from explorer.pruning.reading import with_share
from explorer.pruning.sensitivity import Cell, sensitivity_table
from tests.charts import data_of, fields, spec_of
from tests.pruning import toy
from tests.pruning.test_per_image import AFTER, BEFORE, CLASSES, LABELS
from tests.pruning.test_reading import ROWS

TABLE = with_share(ROWS, 1000)
GUESSES = pd.DataFrame(
    [
        {"method": METHODS["global-l1"].title, "ratio": 0.8, "guess": 0.4, "measured": 0.89},
        {"method": METHODS["global-l1"].title, "ratio": 0.7, "guess": 0.3, "measured": 0.5},
    ]
)


@pytest.mark.parametrize("across", list(charts.ACROSS))
def test_accuracy_is_up_and_what_was_chosen_across(across: str) -> None:
    spec = spec_of(charts.accuracy_curve(TABLE, across))
    spread, line = spec["layer"]
    assert fields(line) == {
        "x": across,
        "y": "accuracy",
        "color": "method",
        "shape": "method",
        "detail": "recovery",
        "order": "ratio",
        "strokeDash": "recovery",
    }
    assert fields(spread) == {
        "x": across,
        "y": "accuracy_low",
        "y2": "accuracy_high",
        "color": "method",
        "detail": "recovery",
    }
    assert line["encoding"]["x"]["title"] == charts.ACROSS[across].title
    assert line["encoding"]["y"]["scale"] == {"domain": [0, 1]}
    color = line["encoding"]["color"]["scale"]
    shown = [METHODS["global-l1"], METHODS["channels-l1"]]
    assert color == {"domain": [each.title for each in shown], "range": [each.color for each in shown]}
    dashes = line["encoding"]["strokeDash"]["scale"]
    assert dashes == {"domain": ["none", "recalibrated"], "range": [[1, 0], [6, 3]]}
    drawn = data_of(spec, spec["layer"][1])
    assert [(row["accuracy"], row["ratio"]) for row in drawn] == [
        (row.accuracy.value, row.ratio) for row in ROWS
    ]


@pytest.mark.parametrize("across", ["ratio", "mult_adds"])
def test_a_guess_is_a_diamond_at_its_guess_and_a_line_to_what_was_counted(across: str) -> None:
    spec = spec_of(charts.accuracy_curve(TABLE, across, GUESSES))
    error, diamond = spec["layer"][2:]
    assert fields(error) == {"x": across, "y": "guess", "y2": "measured"}
    assert fields(diamond) == {"x": across, "y": "guess"}
    assert diamond["mark"]["shape"] == "diamond"
    (marked,) = data_of(spec, diamond)
    assert (marked["guess"], marked["measured"], marked["ratio"]) == (0.4, 0.89, 0.8)
    assert marked[across] == TABLE[TABLE["ratio"] == 0.8].iloc[0][across], "of the row without a recovery"
    assert len(spec_of(charts.accuracy_curve(TABLE, across, GUESSES[1:]))["layer"][2:]) == 2


def test_the_speed_up_is_up_the_ratio_across_and_1_is_marked() -> None:
    spec = spec_of(charts.speed_curve(TABLE))
    same, line = spec["layer"]
    assert fields(line) == {"x": "ratio", "y": "speed_up", "color": "method", "shape": "method"}
    assert fields(same) == {"y": "speed_up"}
    assert data_of(spec, same) == [{"speed_up": 1.0}]
    drawn = data_of(spec, line)
    assert {row["recovery"] for row in drawn} == {"none"}
    assert [row["ratio"] for row in drawn] == [0.0, 0.8, 0.9], "what was not timed is left out"
    assert all(row["speed_up"] == 2.0 for row in drawn)


FORMS = (
    Form("dense", 90, 100, 1000, 1001, 5000, 4000, 3000, 10.0, 9.0, 11.0, False),
    Form("unstructured", 85, 100, 1004, 504, 5006, 8001, 3600, 13.0, 12.0, 14.0, False),
    Form("masked", 80, 100, 1002, 503, 5004, 8000, 3500, 12.0, 11.0, 13.0, False),
    Form("zeroed", 70, 100, 1003, 1004, 5005, 4001, 1500, 9.0, 8.0, 10.0, False),
    Form("sliced", 60, 100, 300, 301, 1500, 1200, 900, 4.0, 3.0, 5.0, False),
)


def test_the_bars_of_the_forms_are_each_quantity_over_the_dense_ones() -> None:
    spec = spec_of(charts.form_bars(form_table(FORMS)))
    bars = spec["layer"][0]
    assert fields(bars) == {"x": "share", "y": "quantity", "yOffset": "form", "color": "form"}
    assert bars["encoding"]["color"]["scale"] == {
        "domain": ["dense", "unstructured", "masked", "zeroed", "sliced"],
        "range": [palette.DENSE, palette.UNSTRUCTURED, palette.MASKED, palette.ZEROED, palette.REMOVED],
    }
    shares = {(row["form"], row["quantity"]): row["share"] for row in data_of(spec, bars)}
    for form in FORMS:
        for quantity, value, dense in (
            ("parameters stored", form.params, 1000),
            ("what torchinfo counts", form.torchinfo_params, 1001),
            ("multiply-adds", form.mult_adds, 5000),
            ("file", form.file_bytes, 4000),
            ("file, compressed", form.zipped_bytes, 3000),
            ("milliseconds", form.ms, 10.0),
        ):
            assert shares[form.name, quantity] == pytest.approx(value / dense), (form.name, quantity)
    untimed = [row | {"ms": None} for row in form_table(FORMS).to_dict("records")]
    spec = spec_of(charts.form_bars(pd.DataFrame(untimed)))
    assert "milliseconds" not in {row["quantity"] for row in data_of(spec, spec["layer"][0])}


def test_the_map_has_ratios_across_layers_down_and_points_lost_in_its_cells() -> None:
    cells = [Cell("b", 0.5, 10, 80, 90, 100), Cell("a", 0.5, 20, 60, 90, 100)]
    spec = spec_of(charts.sensitivity_map(sensitivity_table(cells)))
    color, text = spec["layer"]
    assert fields(color) == {"x": "ratio", "y": "layer", "color": "lost_points"}
    assert fields(text) == {"x": "ratio", "y": "layer", "text": "lost_points"}
    assert color["encoding"]["y"]["sort"] == ["b", "a"], "as in the network, not by name"
    assert color["encoding"]["color"]["scale"]["domain"] == [0, 100]
    assert [row["lost_points"] for row in data_of(spec, color)] == [10.0, 30.0]


def test_classes_are_down_their_accuracy_across_and_dense_and_pruned_in_two_colours() -> None:
    rows = per_image.per_class(BEFORE, AFTER, LABELS, CLASSES)
    spec = spec_of(charts.class_points(rows, palette.REMOVED))
    spread, points = spec["layer"]
    assert fields(points) == {"x": "accuracy", "y": "class", "yOffset": "network", "color": "network"}
    assert fields(spread)["x"] == "accuracy_low"
    assert fields(spread)["x2"] == "accuracy_high"
    colors = {"domain": ["dense", "pruned"], "range": [palette.DENSE, palette.REMOVED]}
    assert points["encoding"]["color"]["scale"] == spread["encoding"]["color"]["scale"] == colors
    spec = spec_of(
        charts.probability_bars(per_image.distributions(BEFORE, AFTER, 1, CLASSES), palette.MASKED)
    )
    assert fields(spec) == {"x": "probability", "y": "class", "yOffset": "network", "color": "network"}
    assert spec["encoding"]["color"]["scale"]["range"] == [palette.DENSE, palette.MASKED]


def test_the_channel_map_frames_the_chosen_channel() -> None:
    model = toy.ToyNetwork().load()
    group = next(iter(coupling.by_title(model).values()))
    spec = spec_of(charts.channel_map(coupling.strengths(model, group), 2))
    cells, frame = spec["layer"]
    assert fields(cells) == {"x": "channel", "y": "layer", "color": "strength"}
    assert frame["transform"] == [{"filter": "datum.channel === 2"}]
    assert spec["params"][0]["select"]["fields"] == ["channel"]
