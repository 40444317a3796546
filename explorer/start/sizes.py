"""How much smaller can a network be and still answer: the best network of each size on a dozen photographs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.checkpoints import Card

DECIDED = 6


@dataclass(frozen=True)
class Photographs:
    """Which images are looked at, by their positions.

    Attributes:
        first: the first of each class, chosen by nothing else.
        decided: some on which size decides: from one size on all networks are right, and all smaller ones wrong;
            at most one of each class.
        share: of all images, those that the largest network gets right and the smallest does not, 0..1.
    """

    first: tuple[int, ...]
    decided: tuple[int, ...]
    share: float


def best_for_their_size(cards: Iterable[Card]) -> tuple[Card, ...]:
    """The measured networks that no smaller one, nor one as large, is as accurate as; the largest first."""
    best: list[Card] = []
    for card in sorted(cards, key=lambda each: (each.params, -each.test_accuracy)):
        if card.measured and (not best or card.test_accuracy > best[-1].test_accuracy):
            best.append(card)
    return tuple(reversed(best))


def photographs(logits: Sequence[Tensor], targets: Tensor, most: int = DECIDED) -> Photographs:
    """Choose what is looked at.

    Args:
        logits: (N, C) of each network on the same images, the largest network first; two networks at least.
        targets: the labels (N,).
        most: how many photographs on which size decides are chosen.
    """
    right = torch.stack([scores.argmax(1) == targets for scores in logits]).int()
    changes = right.diff(dim=0)
    # Right may only turn to wrong on the way down, and does so once.
    decided = (changes <= 0).all(0) & (changes.sum(0) == -1)
    lost = (right[0] == 1) & (right[-1] == 0)
    return Photographs(
        _first_of_each(range(len(targets)), targets),
        _first_of_each(decided.nonzero().flatten().tolist(), targets)[:most],
        lost.float().mean().item(),
    )


def _first_of_each(positions: Iterable[int], targets: Tensor) -> tuple[int, ...]:
    """The first of the positions at which each label stands, in the order of the positions."""
    found: dict[int, int] = {}
    for position in positions:
        found.setdefault(int(targets[position]), position)
    return tuple(found.values())
