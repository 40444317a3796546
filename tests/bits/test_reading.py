"""What roundings say, by rows that turn each sentence, and what the picture is drawn from."""

import pytest

from explorer.bits.reading import BitsReading, bits_question, drawing
from explorer.bits.rounding import Per
from explorer.bits.sweep import BINS, BitsRow, LayerBits
from explorer.errors import ExplorerError

BARS = (1,) * BINS


def row(bits: int, correct: int, per: Per = "tensor", activations: int = 0, off: float = 0.5) -> BitsRow:
    layers = (
        LayerBits("stem", 81, 1.0, 0.1, 0.2, () if activations else BARS),
        LayerBits("fc", 20, 0.5, 0.04, off, () if activations else (0,) * (BINS - 1) + (20,)),
    )
    return BitsRow(bits, per, True, activations, correct, correct, 930, 1000, 1000 * bits, 32_000, layers)


def reading(*rows: BitsRow, classes: int = 10) -> BitsReading:
    return BitsReading(rows, {"stem": BARS, "fc": BARS}, classes, "test image")


@pytest.mark.parametrize(
    ("correct", "begins"),
    [
        (931, "4 bits are enough: 93.1% right, 93.0% in float32."),
        (920, "4 bits are enough: 92.0% right"),
        (
            900,
            "4 bits cost 3.0 points: 90.0% right, 93.0% in float32. 4 kB instead of 32 kB, 8.0 times smaller.",
        ),
        (110, "With 4 bits it guesses: 11.0% right, 93.0% in float32."),
    ],
)
def test_what_a_rounding_costs_is_said_by_its_count(correct: int, begins: str) -> None:
    each = row(4, correct)
    assert reading(each).tell(each).startswith(begins)


def test_guessing_depends_on_how_many_classes_there_are() -> None:
    each = row(4, 600)
    assert "guesses" in reading(each, classes=2).tell(row(4, 510))
    assert "guesses" not in reading(each, classes=10).tell(row(4, 510))


def test_the_other_scale_is_told_where_it_matters() -> None:
    layer, channel = row(4, 200), row(4, 925, "channel")
    both = reading(layer, channel)
    assert both.tell(layer).endswith("With a scale per channel, 4 bits get 92.5% right.")
    assert both.tell(channel).endswith("With a scale per tensor, 4 bits get 20.0% right.")
    assert "With a scale" not in reading(layer, row(4, 210, "channel")).tell(layer), "within a point"


def test_the_layer_that_is_furthest_off_is_named() -> None:
    assert reading(row(4, 900)).explain(row(4, 900)) == (
        "Furthest off is fc: its outputs by 50%, its own weights by 4%."
    )
    assert "stem: its outputs by 20%" in reading(row(4, 900)).explain(row(4, 900, off=0.1))


def test_the_picture_has_every_state_and_the_weights_once() -> None:
    drawn = drawing(reading(row(8, 930), row(4, 900), row(4, 890, activations=8)))
    assert (drawn["bits"], [each["bits"] for each in drawn["activations"]]) == ([8, 4], [0, 8])
    eight, four, rounded = drawn["states"]
    assert (four["share"], four["codes"], eight["codes"]) == ("90.0%", 15, 255)
    assert four["bars"] == [[100] * BINS, [0] * (BINS - 1) + [100]]
    assert rounded["bars"] is None, "the weights are those of the state without rounded activations"
    assert four["errors"] == [[0.2, 0.1], [0.5, 0.04]]
    assert [each["name"] for each in drawn["layers"]] == ["stem", "fc"]


def test_the_question_is_answered_by_the_row_that_the_page_opens_with() -> None:
    asked = bits_question("A student", "w", "i", reading(row(8, 930), row(4, 201)))
    assert asked is not None
    assert asked.answer == pytest.approx(20.1)
    assert bits_question("A student", "w", "i", reading(row(8, 930))) is None
    assert bits_question("A student", "w", "i", None) is None
    with pytest.raises(ExplorerError, match="measure one first"):
        reading()
