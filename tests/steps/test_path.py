"""A path as an instrument: a row for each state, which goes on where it was stopped, from a kept network too."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from explorer import __main__ as terminal
from explorer.data import BUNDLED
from explorer.errors import ExplorerError
from explorer.ledger import (
    AXES,
    Export,
    LedgerRow,
    Prune,
    Recalibrate,
    Recipe,
    Refit,
    Round,
    comparables,
    drawn_table,
    from_json,
    origin_of,
    paths,
    recipe_of,
    to_json,
)
from explorer.measure import accuracy, describe_machine, logits
from explorer.report.rebuild import rebuild, recompute
from explorer.report.receipt import why_no_receipt
from explorer.steps.command import parse_step
from explorer.steps.path import PATH, PathSettings
from explorer.work.instrument import InstrumentSpec, measure
from explorer.work.progress import Update, follow
from explorer.workspace import NetworkSource, open_workspace, trained_network

SHIPPED = open_workspace(BUNDLED)
STUDENT = SHIPPED.source("student-5k")
KEY = BUNDLED.key_of("training")
STEPS = (Prune("global-l1", 0.5), Refit(32), Round(8))


def spec_of(
    source: NetworkSource = STUDENT, *, repeats: int = 0, **change: object
) -> InstrumentSpec[PathSettings]:
    settings = replace(PathSettings(STEPS, 60, KEY, repeats=repeats), **change)  # type: ignore[arg-type]
    return InstrumentSpec(source, BUNDLED, "test", BUNDLED.key_of("test"), settings)


@pytest.fixture(scope="module")
def rows() -> tuple[LedgerRow, ...]:
    return measure(PATH, pickle.loads(pickle.dumps(spec_of())))  # noqa: S301 (ours)


def test_each_state_is_a_row_that_can_be_rebuilt_and_counted_again(rows: tuple[LedgerRow, ...]) -> None:
    assert len(rows) == PATH.steps(spec_of()) == 4
    for number, row in enumerate(rows):
        recipe = Recipe.from_dict(row.recipe)
        assert recipe.steps == STEPS[:number]
        assert (row.weights, row.total) == (STUDENT.card.sha256, 60)
        again = follow(recompute(row, (STUDENT,), (BUNDLED,)), lambda update: None)
        assert again == replace(row, origin="computed", where="recomputed here from its weights")
        assert why_no_receipt(row, (STUDENT,)) == ""
    assert rows[1].nonzero == rows[2].nonzero < rows[0].nonzero
    assert rows[3].file_bytes < rows[2].file_bytes == rows[0].file_bytes  # type: ignore[operator]
    assert rows[3].zipped_bytes < rows[2].zipped_bytes  # type: ignore[operator]
    assert [row.ms for row in rows] == [None] * 4, "no clock was asked for"


def test_a_stopped_path_goes_on_and_measures_nothing_twice(rows: tuple[LedgerRow, ...]) -> None:
    there = [step for step in PATH.run(spec_of(), rows[:3]) if not isinstance(step, Update)]
    assert there == [rows[3]]
    assert PATH.work(spec_of()) > PATH.work(spec_of(steps=STEPS[:1])) > 0
    assert PATH.identity(spec_of()) != PATH.identity(spec_of(steps=STEPS[:2]))
    with pytest.raises(ExplorerError, match="directly after"):
        spec_of(steps=(Refit(),))


def test_each_state_is_timed_on_the_machine_that_it_names() -> None:
    timed = measure(PATH, spec_of(repeats=1, steps=(), images=5, batch=3))[0]
    assert timed.ms is None or (timed.batch, timed.timed_on) == (3, describe_machine())
    assert (PATH.unmeasured([timed]) == "") is (timed.ms is not None)


def test_the_ledger_leads_from_each_state_to_the_next(rows: tuple[LedgerRow, ...]) -> None:
    assert paths(rows) == ((0, 1), (1, 2), (2, 3))
    assert paths(rows[::-1]) == ((1, 0), (2, 1), (3, 2))
    assert paths((rows[0], rows[3])) == ((0, 1),), "the nearest state that is there"
    assert paths(rows[1:2]) == ()
    stranger = replace(rows[0], weights="ab" * 32)
    assert paths((stranger, rows[1])) == ()
    (drawn,) = comparables(rows, AXES[3], AXES[-1])
    assert drawn_table(drawn.rows, AXES[3], AXES[-1])["made_from"].tolist() == [-1, 0, 1, 2]


def test_a_path_is_carried_in_a_file_and_nonsense_in_it_is_named(rows: tuple[LedgerRow, ...]) -> None:
    carried = from_json(to_json(rows))
    assert [row.recipe for row in carried] == [row.recipe for row in rows]
    for nonsense in (
        {"steps": "prune"},
        {"steps": [{"do": "magic"}]},
        {"steps": [{"do": "prune", "method": "lamp"}]},
        {"steps": [{"do": "prune", "method": "lamp", "ratio": "half"}]},
        {"steps": [{"do": "prune", "method": "lamp", "ratio": True}]},
        {"steps": [{"do": "refit", "pictures": 3}]},
        {"training": 3, "steps": []},
        {"method": "lamp", "ratio": 0.5},
    ):
        content = json.loads(to_json(rows[:1]))
        content["rows"][0]["recipe"] = nonsense
        with pytest.raises(ExplorerError, match="Row 1 of the ledger has an impossible recipe"):
            from_json(json.dumps(content))


def test_a_kept_network_is_a_source_of_its_own_and_its_rows_lead_back_to_the_checkpoint() -> None:
    """Any instrument works on it, and what is then done with it follows what was done before."""
    base, recipe = origin_of(STUDENT, KEY, *STEPS[:2])
    state = rebuild(base, recipe, (STUDENT,))
    kept = trained_network(
        "kept", state.plain, input_size=64, trained_on="in a test", base=base, recipe=recipe
    )
    kept = pickle.loads(pickle.dumps(kept))  # noqa: S301 (ours)
    rows = measure(PATH, spec_of(kept, steps=(Round(8),)))
    assert [row.weights for row in rows] == [STUDENT.card.sha256] * 2
    assert Recipe.from_dict(rows[1].recipe) == recipe_of(KEY, *STEPS)
    images = BUNDLED.load("test").stratified(60)
    assert rows[0].correct == accuracy(logits(state.network, images.inputs()), images.targets()).correct
    others = origin_of(kept, "other training images", Recalibrate(1))
    assert others[0] == kept.card.sha256, "one recipe cannot name two sets of training images"
    assert Recipe.from_dict(others[1]).steps == (Recalibrate(1),)


def test_the_terminal_does_the_steps_in_the_order_in_which_they_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "path.json"
    named = ["--prune", "lamp:0.4", "--recalibrate", "1", "--prune", "lamp:0.6", "--round", "6:8"]
    done = terminal.main(
        ["compress", "student-5k", *named, "--images", "30", "--no-clock", "--ledger", str(file), "--json"]
    )
    assert done == 0
    rows = from_json(file.read_text(encoding="utf-8"))
    assert [row["title"] for row in json.loads(capsys.readouterr().out)] == [row.title for row in rows]
    steps = (Prune("lamp", 0.4), Recalibrate(1), Prune("lamp", 0.6), Round(6, activations=8))
    assert Recipe.from_dict(rows[-1].recipe) == recipe_of(KEY, *steps)
    for text in (["--prune", "lamp:much"], ["--export", "int4"], ["--onnx", "x.onnx"], ["--refit", "8"]):
        assert terminal.main(["compress", "student-5k", *text]) == 2
    assert parse_step("export", "int8", reduce_range=True) == Export("int8", reduce_range=True)
