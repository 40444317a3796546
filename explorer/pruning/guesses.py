"""Predict, then reveal: guesses of a pruned network's accuracy, and how far off they were."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from explorer.errors import ExplorerError
from explorer.pruning.methods import get_method
from explorer.pruning.sweep import SweepRow


@dataclass(frozen=True)
class Guess:
    """A committed guess.

    Attributes:
        network: title of the network.
        method: how it is pruned, by key.
        ratio: the share.
        guess: the accuracy that was guessed, 0 to 1.
        measured: the accuracy that a sweep then counted; None before.
        counted_on: how many images that was counted on; 0 before.
        weights: sha256 of the network's weights.
        images: key of all the images that the question is about.
    """

    network: str
    method: str
    ratio: float
    guess: float
    measured: float | None = None
    counted_on: int = 0
    weights: str = ""
    images: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.guess <= 1:
            raise ExplorerError(f"An accuracy is between 0 and 100 %, not {100 * self.guess:g} %.")

    def is_about(self, weights: str, images: str) -> bool:
        """Whether it is about this network on these images; a title says neither."""
        return (self.weights, self.images) == (weights, images)

    @property
    def title(self) -> str:
        """The method's name for people."""
        return get_method(self.method).title

    @property
    def error(self) -> float | None:
        """Guess minus measurement, in percentage points; None before the reveal.

        >>> Guess("x", "global-l1", 0.8, 0.5, 0.75).error
        -25.0
        """
        return None if self.measured is None else 100 * (self.guess - self.measured)


@dataclass(frozen=True)
class Guesses:
    """The guesses of one visitor, in the order they were committed."""

    committed: tuple[Guess, ...] = ()


def settle_guesses(
    guesses: Sequence[Guess], weights: str, images: str, rows: Sequence[SweepRow]
) -> list[Guess]:
    """The guesses, the open ones about this network on these images settled by the rows that answer them."""
    answers = {(row.method, row.ratio): row for row in rows if row.recovery == "none"}
    settled = []
    for guess in guesses:
        row = answers.get((guess.method, guess.ratio))
        if guess.measured is None and guess.is_about(weights, images) and row is not None:
            guess = replace(guess, measured=row.accuracy.value, counted_on=row.total)
        settled.append(guess)
    return settled


def guess_table(guesses: Sequence[Guess]) -> pd.DataFrame:
    """The guesses for people: one line each, the error in percentage points."""
    return pd.DataFrame(
        [
            {
                "network": guess.network,
                "method": guess.title,
                "ratio": guess.ratio,
                "guess": guess.guess,
                "measured": guess.measured,
                "error_points": guess.error,
                "images": guess.counted_on or None,
            }
            for guess in guesses
        ]
    )


def describe_guess(guess: Guess) -> str:
    """One sentence on a settled guess."""
    if guess.measured is None or guess.error is None:
        return "No sweep has answered this guess yet."
    way = "too high" if guess.error > 0 else "too low"
    off = "exactly right" if guess.error == 0 else f"**{abs(guess.error):.1f} points {way}**"
    return (
        f"Your guess for {guess.title} at {guess.ratio:.0%}: guessed {guess.guess:.1%}, counted "
        f"**{guess.measured:.1%}** on {guess.counted_on:,} images: {off}."
    )
