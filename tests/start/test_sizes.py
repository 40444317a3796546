"""Which networks and photographs the first page shows, by hand."""

from dataclasses import replace

import torch

from explorer.checkpoints import card
from explorer.start.sizes import best_for_their_size, photographs


def test_a_network_that_a_smaller_one_beats_is_left_out() -> None:
    sizes = {
        "a": (10, 0.8),
        "b": (20, 0.7),
        "c": (20, 0.9),
        "d": (30, 0.9),
        "e": (40, 0.95),
        "f": (50, float("nan")),
    }
    cards = [
        replace(card("teacher"), name=name, params=params, test_accuracy=accuracy)
        for name, (params, accuracy) in sizes.items()
    ]
    assert [each.name for each in best_for_their_size(cards)] == ["e", "c", "a"]


def test_size_decides_where_right_turns_to_wrong_once_on_the_way_down() -> None:
    targets = torch.tensor([0, 0, 1, 1, 1, 0])
    answers = [  # of the largest, the middle and the smallest network
        [0, 0, 1, 1, 0, 0],
        [0, 1, 0, 1, 1, 0],
        [0, 1, 1, 0, 0, 1],
    ]
    logits = [torch.eye(2)[torch.tensor(each)] for each in answers]
    chosen = photographs(logits, targets)
    assert chosen.first == (0, 2)
    assert chosen.decided == (1, 3), "2 is right again, 4 was wrong before, 5 is of a class that is there"
    assert chosen.share == 0.5
    assert photographs(logits, targets, most=1).decided == (1,)
