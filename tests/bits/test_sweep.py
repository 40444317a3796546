"""Rounded at every number of bits: rows, their table, what they say, and the command."""

import json
from dataclasses import replace

import pytest
import torch

from explorer.__main__ import main
from explorer.bits.network import round_network
from explorer.bits.rounding import Rounding
from explorer.bits.sweep import (
    SCHEMES,
    BitsPlan,
    BitsRow,
    bits_table,
    describe_bits,
    round_at_all,
)
from explorer.checkpoints import load
from explorer.data import BUNDLED
from explorer.errors import ExplorerError
from explorer.measure import accuracy, logits
from explorer.runtime.compare import calibration_batches

CHANNEL = (("channel", True),)


def test_rows_are_counted_on_the_rounded_network() -> None:
    model, images = load("student-5k"), BUNDLED.load("validation").select(slice(0, 5000, 50))
    inputs, targets = images.inputs(), images.targets()
    rows = list(round_at_all(model, inputs, targets, BitsPlan((8, 2), CHANNEL)))
    before = logits(model, inputs).argmax(1)
    for row in rows:
        rounded = round_network(model, row.rounding)
        scores = logits(rounded.model, inputs)
        assert row.accuracy == accuracy(scores, targets)
        assert row.agreeing == int((scores.argmax(1) == before).sum())
        assert (row.stored_bytes, row.float_bytes) == (rounded.stored_bytes, rounded.float_bytes)
    eight, two = rows
    assert eight.agreeing > 95 > two.agreeing, "8 bits change little, 2 much"
    again = list(round_at_all(model, inputs, targets, BitsPlan((8, 2), CHANNEL), skip={eight.rounding}))
    assert again == [two]


def test_activations_are_calibrated_and_rounded() -> None:
    model, images = load("student-5k"), BUNDLED.load("validation").select(slice(0, 5000, 100))
    batches = calibration_batches(BUNDLED.load("training"), 32)
    inputs, targets = images.inputs(), images.targets()
    plan = BitsPlan((8,), CHANNEL, activations=2)
    (coarse,) = round_at_all(model, inputs, targets, plan, calibration=batches)
    (fine,) = round_at_all(model, inputs, targets, replace(plan, activations=8), calibration=batches)
    assert fine.agreeing > coarse.agreeing
    assert (fine.activations, coarse.activations) == (8, 2)


def test_calibration_images_are_spread_over_a_set_that_is_sorted_by_class() -> None:
    training = BUNDLED.load("training")
    by_class = training.select(training.labels.argsort(kind="stable"))
    (batch,) = calibration_batches(by_class, 20)
    positions = torch.linspace(0, len(training) - 1, 20).round().long().numpy()
    assert len(set(by_class.labels[positions].tolist())) == 10
    assert torch.equal(batch, by_class.select(positions).inputs())


def row(bits: int, correct: int, symmetric: bool = True) -> BitsRow:
    return BitsRow(bits, "channel", symmetric, 0, correct, correct, 100, 1000 * bits, 32_000)


def test_the_sentence_names_the_fewest_bits_that_lose_a_point_at_most() -> None:
    said = describe_bits([row(8, 93), row(5, 92), row(4, 91), row(8, 93, False), row(2, 93, False)])
    assert said == (
        "With a scale per channel, symmetric, 5 bits keep 92.0% right in 5 kB. "
        "With a scale per channel, affine, 2 bits keep 93.0% right in 2 kB."
    )
    assert describe_bits([]) == ""


def test_the_table_has_a_line_for_each() -> None:
    table = bits_table([row(8, 93), row(4, 50)])
    assert table["times_smaller"].tolist() == [4.0, 8.0]
    assert table["stored_kb"].tolist() == [8.0, 4.0]
    assert table["accuracy_low"].lt(table["accuracy"]).all()


def test_a_plan_of_nothing_is_refused() -> None:
    assert len(BitsPlan().roundings) == 7 * len(SCHEMES)
    assert BitsPlan((8, 4), CHANNEL).roundings == (Rounding(8), Rounding(4))
    for wrong in ({"bits": ()}, {"bits": (1,)}, {"activations": 9}, {"activations": 8, "calibration": 0}):
        with pytest.raises(ExplorerError):
            BitsPlan(**wrong)  # type: ignore[arg-type]


def test_the_command_prints_its_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bits", "student-5k", "--bits", "8,3", "--images", "50", "--activations", "--json"]) == 0
    rows = [BitsRow(**values) for values in json.loads(capsys.readouterr().out)]
    assert [(row.bits, row.activations, row.total) for row in rows[:2]] == [(8, 8, 50), (3, 8, 50)]
    assert len(rows) == 2 * len(SCHEMES)
