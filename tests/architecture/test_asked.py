"""What a class is asked about a design: about the report's own, answered by its count."""

import pytest

from explorer.architecture.asked import ASKED, busiest_question, halved_question
from explorer.architecture.budget import budget


def test_halving_the_widths_leaves_what_torchinfo_counts() -> None:
    question = halved_question()
    half = budget(ASKED.with_channels(tuple(width // 2 for width in ASKED.channels)))
    assert question.answer == pytest.approx(100 * half.total_params / 99_060)
    assert "99,060 parameters" in question.text
    assert f"{half.total_params:,} are left" in question.because


def test_the_part_that_computes_most_is_the_one_with_the_most_multiply_adds() -> None:
    question = busiest_question()
    rows = budget(ASKED).part_table()
    assert question.answer is not None
    assert question.options[int(question.answer)] == rows.nlargest(1, "mult-adds")["part"].iloc[0] == "stem"
    share = rows["mult-adds"].max() / rows["mult-adds"].sum()
    assert f"{share:.0%} of the multiply-adds" in question.because
