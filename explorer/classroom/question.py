"""Predict, then reveal: a question with one true answer, and what was guessed before it was seen."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from explorer.errors import ExplorerError
from explorer.markup import escape_markup

MOST_PREDICTIONS = 100


@dataclass(frozen=True)
class Question:
    """A question about what an instrument shows, asked before it shows it.

    Two questions are the same if all but their answers are. So ``text`` and ``about`` name what the answer depends
    on (weights, images, a ratio that is asked about), and nothing that is only under the hand at the moment.

    Attributes:
        key: of the instrument: what ``predict=`` in the address calls it.
        text: the question; one sentence.
        about: sha256 of the weights, key of the images, settings: what the answer is an answer about.
        unit: of the answer, as it is written after a number; empty for a choice.
        low: the smallest number that can be guessed.
        high: the largest.
        digits: decimal places that the answer deserves.
        options: what can be chosen, where the answer is no number; else empty.
        answer: the truth, in the unit, or the position of the right option; None before it is measured.
        because: a sentence for after the reveal, on why it is so; Markdown.
    """

    key: str
    text: str
    about: tuple[str, ...]
    unit: str = ""
    low: float = 0
    high: float = 100
    digits: int = 0
    options: tuple[str, ...] = ()
    answer: float | None = None
    because: str = ""

    def __post_init__(self) -> None:
        low, high = self.range
        if self.answer is not None and not low <= self.answer <= high:
            raise ValueError(f"the answer {self.answer} is not from {low} to {high}: {self.text}")

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest answer."""
        return (0, len(self.options) - 1) if self.options else (self.low, self.high)

    @property
    def identity(self) -> str:
        """Equal for two visitors who are asked the same."""
        what = (self.key, self.text, self.about, self.unit, self.range, self.options)
        return hashlib.sha256(repr(what).encode()).hexdigest()

    def say(self, value: float) -> str:
        """A guess or the answer in words.

        >>> Question("curve", "How many?", (), "%", digits=1).say(61)
        '61.0%'
        >>> Question("wall", "Which?", (), options=("Bag", "Trouser")).say(1)
        'Trouser'
        """
        if self.options:
            return self.options[int(value)]
        return _with_unit(f"{value:,.{self.digits}f}", self.unit)

    def check(self, guess: float) -> None:
        """Refuse what is no answer to it.

        Raises:
            ExplorerError: the guess is outside of the range.
        """
        low, high = self.range
        if not low <= guess <= high:
            raise ExplorerError(
                f"The answer is from {self.say(low)} to {self.say(high)}: guess a number in between."
            )

    def judge(self, guess: float) -> str:
        """One sentence on a guess, with the truth, as Markdown; and why, where that is known."""
        said = escape_markup(self.say(guess))
        if self.answer is None:
            return f"You said **{said}**. The answer comes with the run."
        right = escape_markup(self.say(self.answer))
        off = round(guess, self.digits) - round(self.answer, self.digits)
        if off == 0:
            verdict = f"You said **{said}**, and so it is."
        elif self.options:
            verdict = f"You said **{said}**; it is **{right}**."
        else:
            far = _with_unit(f"{abs(off):,.{self.digits}f}", "points" if self.unit == "%" else self.unit)
            way = "too high" if off > 0 else "too low"
            verdict = f"You said **{said}**; it is **{right}**: {far} {way}."
        return f"{verdict} {self.because}".rstrip()


def _with_unit(number: str, unit: str) -> str:
    return f"{number}%" if unit == "%" else f"{number} {unit}".rstrip()


@dataclass(frozen=True)
class Prediction:
    """A guess that was committed, and the question with its answer as far as that is known."""

    question: Question
    guess: float

    def __post_init__(self) -> None:
        self.question.check(self.guess)


@dataclass(frozen=True)
class Predictions:
    """What one visitor has predicted, in that order; the oldest go first where it becomes too many."""

    made: tuple[Prediction, ...] = ()

    def of(self, question: Question) -> Prediction | None:
        """The guess that was committed to this question; None before that."""
        same = (each for each in self.made if each.question.identity == question.identity)
        return next(same, None)

    def with_guess(self, question: Question, guess: float) -> "Predictions":
        """The same with one more. A question is answered once: a second guess changes nothing.

        Raises:
            ExplorerError: the guess is outside of the range.
        """
        if self.of(question) is not None:
            return self
        return Predictions((*self.made, Prediction(question, guess))[-MOST_PREDICTIONS:])

    def settled(self, question: Question) -> "Predictions":
        """The same after this question's answer became known; what is settled stays as it is."""
        before = self.of(question)
        if question.answer is None or before is None or before.question.answer is not None:
            return self
        after = replace(before, question=question)
        return Predictions(tuple(after if each is before else each for each in self.made))

    def about(self, key: str, about: Sequence[str]) -> list[Prediction]:
        """Those about one instrument whose subject begins so: the same weights, the same images."""
        begin = tuple(about)
        return [
            each
            for each in self.made
            if each.question.key == key and each.question.about[: len(begin)] == begin
        ]

    def table(self) -> pd.DataFrame:
        """The guesses for people, one line each."""
        return pd.DataFrame(
            [
                {
                    "question": question.text,
                    "guess": question.say(each.guess),
                    "answer": None if question.answer is None else question.say(question.answer),
                }
                for each in self.made
                for question in (each.question,)
            ]
        )
