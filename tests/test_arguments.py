"""The options that the app is started with, as its pages read them."""

from pathlib import Path

import pytest

from explorer.arguments import Started, started_with
from explorer.errors import ExplorerError


def test_every_option_is_read_and_what_others_are_given_is_passed_over() -> None:
    assert started_with(
        ["--network", "a.pt2", "--data", "d", "--network=b.py:C@c.ckpt", "-n", "2"]
    ) == Started(Path("d"), ("a.pt2", "b.py:C@c.ckpt"))
    assert started_with(["--checkpoints", "mine", "--code-box"]) == Started(
        checkpoints=Path("mine"), code_box=True
    )
    assert started_with([]) == Started()


def test_no_part_of_a_name_stands_for_an_option() -> None:
    assert started_with(["--code", "--networks", "a.pt2", "--dat", "d", "--code-boxes"]) == Started()


@pytest.mark.parametrize(
    "arguments", [["--network"], ["--network", "--data", "x"], ["--data"], ["--data="], ["--checkpoints="]]
)
def test_an_option_without_a_value_is_told(arguments: list[str]) -> None:
    option = arguments[0].removesuffix("=")
    with pytest.raises(ExplorerError, match=f"cannot be used: argument {option}: expected"):
        started_with(arguments)
