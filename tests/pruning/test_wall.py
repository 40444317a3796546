"""The wall: its states are those of a sweep, and what is stored of them comes back as it was."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from explorer.__main__ import main
from explorer.checkpoints import SHIPPED, card, load
from explorer.checkpoints.evidence import find_rows
from explorer.data import BUNDLED
from explorer.measure import logits
from explorer.networks import maskable_weights
from explorer.pruning.engine import prune_network
from explorer.pruning.methods import METHODS
from explorer.pruning.sweep import SWEEP
from explorer.pruning.wall import BINS, KIND, PHOTOGRAPHS, WALL, WallState, photographs, wall_settings
from explorer.work.instrument import measure
from explorer.workspace import open_workspace
from tests.pruning.toy import CLASSES, ToyNetwork, images, spec_of

METHODS_ASKED = ("global-l1", "layer-l1", "channels-l1")
SETTINGS = wall_settings(METHODS_ASKED, 100, "toy-training", ratios=(0.0, 0.5))


@pytest.fixture(scope="module")
def states() -> tuple[WallState, ...]:
    return measure(WALL, spec_of(SETTINGS))


def test_the_states_count_what_a_sweep_counts(states: tuple[WallState, ...]) -> None:
    assert len(states) == WALL.steps(spec_of(SETTINGS)) == 18
    some = replace(SETTINGS, methods=("channels-l1",), ratios=(0.5,))
    counted = {each.state: each.accuracy for each in states}
    for row in measure(SWEEP, spec_of(some)):
        assert row.accuracy == counted[row.row[:3]]


def test_a_state_says_what_every_photograph_and_every_class_is_called(states: tuple[WallState, ...]) -> None:
    test = images("test").stratified(100)
    state = next(each for each in states if each.state == ("channels-l1", 0.5, "none"))
    answers = logits(prune_network(ToyNetwork().load(), METHODS["channels-l1"], 0.5), test.inputs()).argmax(1)
    expected = [
        [int(((test.targets() == row) & (answers == column)).sum()) for column in range(3)]
        for row in range(3)
    ]
    assert [list(row) for row in state.confusion] == expected
    assert state.images == tuple(int((test.targets() == number).sum()) for number in range(3))
    assert list(state.shown) == answers[photographs(test)].tolist()


def test_the_photographs_are_the_first_of_each_class() -> None:
    test = images("test")
    positions = photographs(test)
    each = PHOTOGRAPHS // len(CLASSES)
    labels = test.labels[positions]
    assert labels.tolist() == sorted(labels.tolist())
    for number in range(len(CLASSES)):
        assert positions[labels == number].tolist() == np.flatnonzero(test.labels == number)[:each].tolist()
    few = photographs(test.select(slice(5)))
    assert sorted(few.tolist()) == list(range(5)), "of a class with fewer images all of them"


def test_the_histogram_holds_what_is_left_and_the_threshold_parts_it(states: tuple[WallState, ...]) -> None:
    weights = torch.cat([each.flatten() for each in maskable_weights(ToyNetwork().load()).values()]).abs()
    by_state = {each.state: each for each in states}
    dense, masked = by_state["global-l1", 0.0, "none"], by_state["global-l1", 0.5, "none"]
    assert len(dense.weights) == BINS
    assert sum(dense.weights) == len(weights)
    assert sum(masked.weights) == len(weights) - round(0.5 * len(weights))
    assert dense.threshold is None
    assert masked.threshold is not None
    assert int((weights >= masked.threshold).sum()) == sum(masked.weights)
    assert by_state["layer-l1", 0.5, "none"].threshold is None, "each layer has its own"
    assert by_state["channels-l1", 0.5, "none"].threshold is None
    fitted = by_state["global-l1", 0.5, "re-fitted"]
    assert fitted.threshold is None
    assert fitted.weights != masked.weights
    assert by_state["global-l1", 0.5, "recalibrated"].weights == masked.weights


def test_a_network_that_cannot_be_told_from_chance_guesses(states: tuple[WallState, ...]) -> None:
    state = states[0]
    assert replace(state, confusion=((10, 10, 10),) * 3).guesses
    assert replace(state, confusion=((0, 30, 0), (30, 0, 0), (0, 30, 0))).guesses, "below chance as well"
    assert not replace(state, confusion=((20, 5, 5), (5, 20, 5), (5, 5, 20))).guesses


def test_a_stopped_wall_goes_on_where_it_was(states: tuple[WallState, ...]) -> None:
    made = [step for step in WALL.run(spec_of(SETTINGS), states[:10]) if isinstance(step, WallState)]
    assert tuple(made) == states[10:]


def test_a_state_is_stored_as_text_and_comes_back(states: tuple[WallState, ...]) -> None:
    for state in states:
        assert WallState.from_dict(json.loads(json.dumps(state.to_dict()))) == state


def test_the_terminal_adds_to_what_is_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("manifest.json", "student-5k.safetensors"):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    arguments = ["wall", "student-5k", "--images", "20", "--checkpoints", str(tmp_path), "--ratios"]
    assert main([*arguments, "0,0.5", "--method", "global-l1", "--no-refit"]) == 0
    assert main([*arguments, "0.5", "--method", "global-l1", "--method", "random"]) == 0
    found = find_rows(KIND, WallState, card("student-5k").sha256, BUNDLED.key_of("test"), tmp_path)
    assert found is not None
    assert found.images == 20
    assert {each.state for each in found.rows} == {
        *(("global-l1", ratio, recovery) for ratio in (0.0, 0.5) for recovery in ("none", "recalibrated")),
        ("global-l1", 0.5, "re-fitted"),
        *(("random", 0.5, recovery) for recovery in ("none", "recalibrated", "re-fitted")),
    }
    arguments[3] = "30"
    assert main([*arguments, "0.5"]) == 2
    assert "The stored wall counts 20 images" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["teacher", "student-60k-kd"])
def test_the_shipped_wall_holds_on_a_sample(name: str) -> None:
    """A masked state of each, on the photographs alone, counted again."""
    found = open_workspace(BUNDLED).find_rows(KIND, WallState, name)
    assert found is not None
    state = next(each for each in found.rows if each.state == ("global-l1", 0.85, "none"))
    test = BUNDLED.load("test").stratified(found.images)
    shown = test.select(photographs(test))
    answers = logits(prune_network(load(name), METHODS["global-l1"], 0.85), shown.inputs()).argmax(1)
    assert answers.tolist() == list(state.shown)
    assert state.images == tuple(np.bincount(test.labels).tolist())
