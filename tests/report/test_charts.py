"""The ledger's chart, field by field, and which chart an answer gets."""

from dataclasses import replace
from itertools import permutations

import pandas as pd
import pytest

from explorer import palette
from explorer.architecture.budget import budget
from explorer.ledger import AXES, LedgerAxis, ledger_table
from explorer.networks import StudentSpec
from explorer.report.charts import answer_chart, pareto_chart
from tests.charts import colors, data_of, fields, spec_of
from tests.test_ledger import DENSE, DESIGN

ROWS = (DENSE, replace(DENSE, title="smaller", params=10, nonzero=9, correct=20), DESIGN)
TABLE = ledger_table(ROWS).assign(
    front=[True, True, False], named=[False, True, False], number=[0, 1, 1], made_from=-1
)


@pytest.mark.parametrize(("x", "y"), list(permutations(AXES, 2)), ids=lambda axis: axis.column)
def test_each_quantity_stands_on_the_axis_it_was_chosen_for(x: LedgerAxis, y: LedgerAxis) -> None:
    spec = spec_of(pareto_chart(TABLE, x, y))
    line, points, names = spec["layer"]
    position = {"x": x.column, "y": y.column}
    assert fields(line) == position | {"order": x.column}
    assert fields(points) == position | {"color": "lesson", "shape": "origin"}
    assert fields(names) == position
    # Titles lie on each other on a narrow screen.
    assert names["mark"]["text"] == {"expr": "width < 480 ? datum.number : datum.label"}
    for channel, axis in (("x", x), ("y", y)):
        encoding = points["encoding"][channel]
        assert encoding["title"].startswith(axis.title)
        assert encoding["scale"]["type"] == ("linear" if axis.column == "accuracy" else "log")
    assert line["transform"] == [{"filter": "datum.front"}]
    assert names["transform"] == [{"filter": "datum.named"}]
    drawn = [row["title"] for row in data_of(spec, points)]
    assert drawn == [
        row.title for row in ROWS if pd.notna(ledger_table([row])[[x.column, y.column]]).all(None)
    ]


def test_each_lesson_has_its_colour_in_the_ledger() -> None:
    points = spec_of(pareto_chart(TABLE, AXES[0], AXES[-1]))["layer"][1]
    assert colors(points) == {
        "domain": ["architecture", "distillation", "pruning"],
        "range": [palette.ARCHITECTURE, palette.DISTILLATION, palette.PRUNING],
    }


def test_an_answers_budget_is_drawn_against_its_own_limit() -> None:
    chart = spec_of(answer_chart("budget", budget(StudentSpec(), 64).part_table(), 70_000))
    assert data_of(chart, chart["layer"][2]) == [{"limit": 70_000, "text": "limit 70,000"}]


def test_from_each_state_a_line_that_grows_leads_to_what_was_made_of_it() -> None:
    chart = spec_of(pareto_chart(TABLE.assign(made_from=[-1, 0, -1]), AXES[0], AXES[-1]))
    trail = chart["layer"][0]
    assert trail["mark"]["type"] == "trail"
    assert fields(trail) == {
        "x": "parameters",
        "y": "accuracy",
        "detail": "path",
        "order": "end",
        "size": "end",
    }
    assert trail["encoding"]["size"]["scale"]["range"] == [1, 7]
    ends = [(row["path"], row["end"], row["title"]) for row in data_of(chart, trail)]
    assert ends == [(1, 0, "teacher"), (1, 1, "smaller")]
    assert len(chart["layer"]) == 4
    # The state it was made from has no such figure: there is nowhere to come from.
    assert len(spec_of(pareto_chart(TABLE.assign(made_from=[2, -1, -1]), AXES[0], AXES[-1]))["layer"]) == 3
