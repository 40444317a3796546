"""The report's instruments: what they bring, that they go on where they were stopped, and whom a result belongs to."""

import pickle
from dataclasses import replace

from explorer.checkpoints import card
from explorer.data import BUNDLED
from explorer.ledger import AXES, LedgerRow, Prune, comparables, design_row, recipe_of
from explorer.networks import StudentSpec
from explorer.report.rebuild import CountedOn
from explorer.report.recount import COUNT_TOGETHER, RECOUNT, Countable, countable_together, recount_spec
from explorer.work.identity import differences
from explorer.work.instrument import measure
from explorer.workspace import open_workspace
from tests.report.test_rebuild import STUDENT, row

SOURCES = tuple(
    source for source in open_workspace(BUNDLED).sources.values() if source.card.name.startswith("student-5k")
)
OTHER = card("student-5k").sha256
HALF = recipe_of("", Prune("random", 0.5)).to_dict()


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
    rows = (row({}, weights=OTHER), row(HALF, weights=OTHER))
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


def counted(*rows: LedgerRow, x: int = 0, y: int = -1) -> Countable | None:
    return countable_together(comparables(rows, AXES[x], AXES[y]), rows, SOURCES, (BUNDLED,))


def test_rows_on_other_images_of_the_same_data_set_can_be_counted_together() -> None:
    many = row({}, 50, OTHER)
    few = replace(row({}, 30, OTHER), title="few")
    validated = replace(few, title="validated", images_key=BUNDLED.key_of("validation"))
    lunch = replace(few, title="lunch", images_key="of my lunch")
    lost = replace(few, title="lost", weights=STUDENT)
    tuned = replace(few, title="tuned", recipe=HALF | {"precision": "bfloat16"})
    there = counted(many, few, validated, replace(lunch, total=500), lost, tuned)
    assert there is not None
    assert there.title == "50 images of called anything", "the images of the largest set are not here"
    assert [row.title for row in there.rows] == ["few", "validated"]
    assert [text.partition(":")[0] for text in there.problems] == ["lunch", "lost", "tuned"]
    assert "images of another data set than Fashion-MNIST" in there.problems[0]
    assert there.on == CountedOn.of(many)
    assert counted(lunch) is None
    spec = recount_spec((few, validated), SOURCES, BUNDLED, CountedOn.of(many))
    assert COUNT_TOGETHER.identity(spec) != COUNT_TOGETHER.identity(
        recount_spec((few, validated), SOURCES, BUNDLED)
    )
    here = [part.row for part in measure(COUNT_TOGETHER, spec)]
    assert {(each.images_key, each.total) for each in here if each} == {(many.images_key, 50)}
    assert len({each.correct for each in here if each}) == 1, "the same network on the same images"


def test_a_design_is_counted_at_the_size_of_the_others_and_milliseconds_are_not_read_again() -> None:
    here, large = design_row(StudentSpec(), 64), replace(design_row(StudentSpec(), 224), title="large")
    sets = here, replace(here, title="too"), large
    there = counted(*sets, y=2)
    assert there is not None
    assert [row.title for row in there.rows] == ["large"]
    (part,) = measure(COUNT_TOGETHER, recount_spec(there.rows, (), BUNDLED, there.on))
    assert part.row is not None
    assert (part.row.mult_adds, part.row.input_size) == (here.mult_adds, 64)
    assert (part.row.correct, part.row.total, part.row.images_key) == (None, None, "")
    timed = [replace(each, ms=1.0, batch=1) for each in sets]
    again = counted(*timed, x=5, y=0)
    assert again is not None
    assert again.rows == ()
