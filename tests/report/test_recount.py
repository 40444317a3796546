"""The report's instruments: what they bring, that they go on where they were stopped, and whom a result belongs to."""

import pickle

from explorer.checkpoints import card
from explorer.data import BUNDLED
from explorer.report.recount import RECOUNT, recount_spec
from explorer.work.identity import differences
from explorer.work.instrument import measure
from explorer.workspace import open_workspace
from tests.report.test_rebuild import STUDENT, row

SOURCES = tuple(
    source for source in open_workspace(BUNDLED).sources.values() if source.card.name.startswith("student-5k")
)
OTHER = card("student-5k").sha256


def test_each_row_is_recounted_or_says_why_not() -> None:
    good, bad = row({}, weights=OTHER), row({}, weights=STUDENT)
    spec = pickle.loads(pickle.dumps(recount_spec((good, bad, good), SOURCES, BUNDLED)))  # noqa: S301 (ours)
    parts = measure(RECOUNT, spec)
    assert RECOUNT.steps(spec) == len(parts) == 3
    assert [part.problem == "" for part in parts] == [True, False, True]
    assert "no network here has its weights" in parts[1].problem
    assert parts[0].row is not None
    assert (parts[0].row.origin, parts[0].row.params) == ("computed", card("student-5k").params)
    assert parts[0].before == good
    again = [part for part in RECOUNT.run(spec, parts[:2]) if hasattr(part, "before")]
    assert again == [parts[2]], "it goes on where it was stopped"


def test_a_recount_is_of_these_rows_and_of_the_networks_at_hand() -> None:
    rows = (row({}, weights=OTHER), row({"method": "random", "ratio": 0.5}, weights=OTHER))
    specs = [
        recount_spec(rows[:count], SOURCES[:networks], BUNDLED) for count in (1, 2) for networks in (1, 2)
    ]
    assert len({RECOUNT.identity(spec) for spec in specs}) == 4
    assert len({RECOUNT.identity(spec).subject for spec in specs}) == 4, (
        "another run is never shown in its place"
    )
    (difference,) = differences(specs[0].settings, specs[2].settings)
    assert str(difference) == "rows: shown 1, asked 2"
    assert RECOUNT.work(specs[2]) > RECOUNT.work(specs[0]) > 0
