"""Rounded at every number of bits: rows, their table, what they say, and the command."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from explorer.__main__ import main
from explorer.bits import sweep
from explorer.bits.network import round_network
from explorer.bits.rounding import Rounding
from explorer.bits.sweep import (
    BINS,
    SCHEMES,
    BitsPlan,
    BitsRow,
    BitsSettings,
    LayerBits,
    bits_table,
    dense_histograms,
    describe_bits,
    fewest,
    histogram,
    round_at_all,
    settings_of_rows,
    written,
)
from explorer.checkpoints import SHIPPED, card, load
from explorer.checkpoints.evidence import find_rows
from explorer.data import BUNDLED
from explorer.errors import ExplorerError
from explorer.measure import accuracy, logits
from explorer.networks import maskable_weights
from explorer.runtime.compare import calibration_batches

CHANNEL = (("channel", True),)


def test_rows_are_counted_on_the_rounded_network() -> None:
    model, images = load("student-5k"), BUNDLED.load("validation").select(slice(0, 5000, 50))
    inputs, targets = images.inputs(), images.targets()
    rows = list(round_at_all(model, inputs, targets, inputs, BitsPlan((8, 2), CHANNEL, (0,))))
    dense = accuracy(logits(model, inputs), targets)
    before = logits(model, inputs).argmax(1)
    for row in rows:
        rounded = round_network(model, row.rounding)
        scores = logits(rounded.model, inputs)
        assert row.accuracy == accuracy(scores, targets)
        assert row.agreeing == int((scores.argmax(1) == before).sum())
        assert (row.stored_bytes, row.float_bytes) == (rounded.stored_bytes, rounded.float_bytes)
        assert row.dense_correct == dense.correct
        assert [each.layer for each in row.layers] == list(rounded.weights)
        for each in row.layers:
            weights = rounded.weights[each.layer].values
            largest = float(maskable_weights(rounded.dense)[each.layer].detach().abs().max())
            assert each.largest == pytest.approx(largest, rel=1e-3)
            assert each.bars == histogram(weights, largest)
            assert each.weights == weights.numel() == sum(each.bars)
    eight, two = rows
    assert eight.agreeing > 95 > two.agreeing, "8 bits change little, 2 much"
    assert all(a.output_error < b.output_error for a, b in zip(eight.layers, two.layers, strict=True))
    plan = BitsPlan((8, 2), CHANNEL, (0,))
    again = list(round_at_all(model, inputs, targets, inputs, plan, skip={eight.state}))
    assert again == [two]


def test_activations_are_calibrated_and_rounded() -> None:
    model, images = load("student-5k"), BUNDLED.load("validation").select(slice(0, 5000, 100))
    batches = calibration_batches(BUNDLED.load("training"), 32)
    inputs, targets = images.inputs(), images.targets()
    plan = BitsPlan((8,), CHANNEL, activations=(0, 2, 8))
    whole, coarse, fine = round_at_all(model, inputs, targets, inputs, plan, calibration=batches)
    assert whole.agreeing >= fine.agreeing > coarse.agreeing
    assert (whole.activations, coarse.activations, fine.activations) == (0, 2, 8)
    assert not fine.layers[0].bars, "its weights are those of the row without"
    assert fine.layers[-1].output_error > whole.layers[-1].output_error


def test_calibration_images_are_spread_over_a_set_that_is_sorted_by_class() -> None:
    training = BUNDLED.load("training")
    by_class = training.select(training.labels.argsort(kind="stable"))
    (batch,) = calibration_batches(by_class, 20)
    positions = torch.linspace(0, len(training) - 1, 20).round().long().numpy()
    assert len(set(by_class.labels[positions].tolist())) == 10
    assert torch.equal(batch, by_class.select(positions).inputs())


def row(bits: int, correct: int, symmetric: bool = True, activations: int = 0) -> BitsRow:
    return BitsRow(bits, "channel", symmetric, activations, correct, correct, 93, 100, 1000 * bits, 32_000)


def test_the_sentence_names_the_fewest_bits_that_lose_a_point_at_most() -> None:
    rows = [
        row(8, 93),
        row(5, 92),
        row(4, 91),
        row(8, 93, False),
        row(2, 93, False),
        row(6, 93, activations=8),
    ]
    assert describe_bits(rows) == (
        "With a scale per channel, symmetric, 5 bits keep 92.0% right in 5 kB. "
        "With a scale per channel, affine, 2 bits keep 93.0% right in 2 kB. "
        "With a scale per channel, symmetric, activations too, 6 bits keep 93.0% right in 6 kB."
    )
    assert [each.bits for each in fewest(rows, 2.0)] == [4, 2, 6]
    assert describe_bits([row(8, 90)]) == "No rounding tried here stays within a point of float32."
    assert describe_bits([]) == ""


def test_the_histogram_before_rounding_has_every_weight_and_zero_in_the_middle() -> None:
    model = load("student-5k")
    for layer, bars in dense_histograms(model).items():
        assert sum(bars) == model.get_submodule(layer).weight.numel()
        assert len(bars) == BINS
    assert histogram(torch.zeros(5), 0.0)[BINS // 2] == 5


def test_the_table_has_a_line_for_each() -> None:
    table = bits_table([row(8, 93), row(4, 50)])
    assert table["times_smaller"].tolist() == [4.0, 8.0]
    assert table["stored_kb"].tolist() == [8.0, 4.0]
    assert table["accuracy_low"].lt(table["accuracy"]).all()


def test_a_plan_of_nothing_is_refused() -> None:
    assert len(BitsPlan().roundings) == 7 * len(SCHEMES)
    assert BitsPlan((8, 4), CHANNEL).roundings == (Rounding(8), Rounding(4))
    for wrong in (
        {"bits": ()},
        {"bits": (1,)},
        {"activations": ()},
        {"activations": (9,)},
        {"activations": (0, 8), "calibration": 0},
    ):
        with pytest.raises(ExplorerError):
            BitsPlan(**wrong)  # type: ignore[arg-type]


def test_the_command_prints_its_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["bits", "student-5k", "--bits", "8,3", "--images", "50", "--activations", "8", "--json"]) == 0
    )
    rows = [BitsRow.from_dict(values) for values in json.loads(capsys.readouterr().out)]
    assert [(row.bits, row.activations, row.total) for row in rows[:2]] == [(8, 8, 50), (3, 8, 50)]
    assert len(rows) == 2 * len(SCHEMES)


def test_stored_rows_are_found_again_and_only_what_is_missing_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in ("manifest.json", "student-5k.safetensors"):
        (tmp_path / file).write_bytes((SHIPPED / file).read_bytes())
    options = ["bits", "student-5k", "--images", "40", "--evidence", "--checkpoints", str(tmp_path)]
    assert main([*options, "--bits", "8", "--activations", "0"]) == 0
    made: list[int] = []
    real = sweep.round_network
    monkeypatch.setattr(sweep, "round_network", lambda model, way: made.append(way.bits) or real(model, way))
    assert main([*options, "--bits", "8,2", "--activations", "0"]) == 0
    assert made == [2] * len(SCHEMES)
    capsys.readouterr()
    stored = find_rows("bits", BitsRow, card("student-5k").sha256, BUNDLED.key_of("test"), tmp_path)
    assert stored is not None
    assert {row.bits for row in stored.rows} == {8, 2}
    settings = settings_of_rows(stored.rows, stored.images, stored.settings)
    assert settings == BitsSettings((8, 2), SCHEMES, (0,), images=40, training=settings.training)
    assert written(settings) == stored.settings
    assert main([*options, "--images", "41"]) == 2
    assert "count 40 images" in capsys.readouterr().err


def test_a_layer_is_stored_and_read_as_it_was() -> None:
    each = replace(
        row(3, 50), layers=(LayerBits("a", 3, 0.5, 0.1, 0.2, (0, 2, 1)), LayerBits("b", 1, 1, 0, 0))
    )
    assert BitsRow.from_dict(json.loads(json.dumps(each.to_dict()))) == each
