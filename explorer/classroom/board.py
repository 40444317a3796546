"""Class boards: what everybody with the same board link has guessed, in the memory of this process alone.

Nothing is stored, and nobody is asked for a name: a guess is kept under the number of its session, so that each
counts once. Everything is bounded: who comes when a board is full is told so.
"""

import itertools
import secrets
import threading
from dataclasses import dataclass

import numpy as np
import pandas as pd

from explorer.classroom.designs import BoardDesign
from explorer.classroom.question import Question
from explorer.errors import ExplorerError
from explorer.work.results import Shelf

NAME = r"[a-z0-9][a-z0-9-]{0,31}"
"""What a board may be called, as a pattern: it stands in a link, and on the screen of everybody who opens it."""
MOST_BOARDS, MOST_QUESTIONS, MOST_GUESSES, MOST_DESIGNS, MOST_EACH = 48, 32, 200, 200, 10
BINS = 20


def new_name() -> str:
    """A name that no other class has, and that nobody guesses."""
    return f"class-{secrets.token_hex(4)}"


@dataclass(frozen=True)
class Tally:
    """What a board knows about one question.

    Attributes:
        question: as it was asked, with its answer as far as that is known.
        guesses: of everybody, in no particular order.
    """

    question: Question
    guesses: tuple[float, ...] = ()

    @property
    def many(self) -> str:
        """How many guesses there are, in words."""
        return "1 guess" if len(self.guesses) == 1 else f"{len(self.guesses)} guesses"

    def histogram(self) -> pd.DataFrame:
        """How many guessed what: a row for each option, or for each of so many equal parts of the range.

        Returns:
            Columns ``answer`` (in words), ``begin`` and ``end`` (positions on the axis), ``guesses``.
        """
        question = self.question
        if question.options:
            edges = np.arange(len(question.options) + 1) - 0.5
            names = list(question.options)
        else:
            edges = np.linspace(question.low, question.high, BINS + 1)
            names = [
                f"{question.say(low)} to {question.say(high)}" for low, high in itertools.pairwise(edges)
            ]
        counts, _ = np.histogram(self.guesses, edges)
        return pd.DataFrame({"answer": names, "begin": edges[:-1], "end": edges[1:], "guesses": counts})

    def rows(self, mine: float | None, *, reveal: bool) -> pd.DataFrame:
        """What the chart draws: the histogram, a visitor's own guess, and the truth where it may be seen.

        Returns:
            The histogram's columns, and ``kind`` ("guesses", "mine" or "truth"), ``at`` (on the axis) and ``said``.
        """
        bars = self.histogram().assign(kind="guesses")
        marks = {"mine": mine, "truth": self.question.answer if reveal else None}
        lines = []
        for kind, at in marks.items():
            if at is None:
                continue
            option = bars.iloc[int(at)] if self.question.options else None
            said = self.question.say(at) if kind == "mine" else f"it is {self.question.say(at)}"
            lines.append(
                {
                    "kind": kind,
                    "at": at,
                    "said": said,
                    "answer": "" if option is None else option["answer"],
                    "guesses": 0 if option is None else option["guesses"],
                }
            )
        columns = [*bars.columns, "at", "said"]
        return pd.DataFrame([*bars.to_dict("records"), *lines], columns=columns)

    def describe(self, *, reveal: bool) -> str:
        """The guesses in a sentence, beside the truth where that may be told."""
        question, count = self.question, len(self.guesses)
        if not count:
            return "No guess yet."
        if question.options:
            most = self.histogram().nlargest(1, "guesses").iloc[0]
            said = f"{self.many}; most often {most['answer']} ({most['guesses']})"
        else:
            low, middle, high = np.percentile(self.guesses, [25, 50, 75])
            said = f"{self.many}; median {question.say(middle)}"
            if count > 3:
                said += f", half of them from {question.say(low)} to {question.say(high)}"
        if not reveal:
            return f"{said}."
        if question.answer is None:
            return f"{said}; the answer is not measured yet."
        return f"{said}; it is {question.say(question.answer)}."


@dataclass(frozen=True)
class Entered:
    """A design on the board, and whether whoever looks has entered it."""

    design: BoardDesign
    mine: bool


class _Board:
    """One board. Only ``Boards`` touches it, under its lock."""

    def __init__(self) -> None:
        self.questions: dict[str, Question] = {}
        self.guesses: dict[str, dict[str, float]] = {}
        self.designs: dict[tuple[str, ...], tuple[BoardDesign, str]] = {}


class Boards:
    """All boards of a process, the one that was not used for longest dropped first; safe for many visitors at once."""

    def __init__(self, most: int = MOST_BOARDS) -> None:
        self._lock = threading.RLock()
        self._boards: Shelf[str, _Board] = Shelf(most)

    def guess(self, board: str, question: Question, guess: float, who: str) -> None:
        """Put a guess on a board; a second one of the same visitor changes nothing.

        Args:
            board: its name.
            question: that was answered.
            guess: in the question's unit, or the position of an option.
            who: the visitor's session, told to nobody.

        Raises:
            ExplorerError: the guess is no answer, or the board is full.
        """
        question.check(guess)
        with self._lock:
            there, asked = self._made(board), question.identity
            if asked not in there.questions and len(there.questions) >= MOST_QUESTIONS:
                raise ExplorerError(f"This board holds {MOST_QUESTIONS} questions already: open a new one.")
            guesses = there.guesses.setdefault(asked, {})
            if who not in guesses and len(guesses) >= MOST_GUESSES:
                raise ExplorerError(f"This board holds {MOST_GUESSES} guesses already: open a new one.")
            there.questions.setdefault(asked, question)
            guesses.setdefault(who, guess)
        self.settle(board, question)

    def settle(self, board: str, question: Question) -> None:
        """Take the answer of a question that was asked on the board before it was known."""
        with self._lock:
            there = self._get(board)
            before = there.questions.get(question.identity)
            if before is not None and before.answer is None and question.answer is not None:
                there.questions[question.identity] = question

    def tally(self, board: str, question: Question) -> Tally:
        """What was guessed on a board; nothing where nobody has been asked yet."""
        with self._lock:
            there, asked = self._get(board), question.identity
            return Tally(there.questions.get(asked, question), tuple(there.guesses.get(asked, {}).values()))

    def tallies(self, board: str) -> tuple[Tally, ...]:
        """Every question of a board, the one that was asked last first."""
        with self._lock:
            there = self._get(board)
            return tuple(self.tally(board, each) for each in reversed(there.questions.values()))

    def enter(self, board: str, design: BoardDesign, who: str) -> None:
        """Put a design on the board; the same one is there once, whoever entered it.

        Raises:
            ExplorerError: the board is full, or this visitor has entered as many as one may.
        """
        with self._lock:
            designs = self._made(board).designs
            if design.identity in designs:
                return
            if sum(by == who for _, by in designs.values()) >= MOST_EACH:
                raise ExplorerError(
                    f"You have {MOST_EACH} designs on this board already: take one off first."
                )
            if len(designs) >= MOST_DESIGNS:
                raise ExplorerError(f"This board holds {MOST_DESIGNS} designs already: open a new one.")
            designs[design.identity] = design, who

    def withdraw(self, board: str, who: str) -> None:
        """Take a visitor's designs off the board."""
        with self._lock:
            there = self._get(board)
            there.designs = {key: (design, by) for key, (design, by) in there.designs.items() if by != who}

    def designs(self, board: str, who: str) -> tuple[Entered, ...]:
        """The designs on a board, in the order in which they came."""
        with self._lock:
            return tuple(Entered(design, by == who) for design, by in self._get(board).designs.values())

    def _get(self, board: str) -> _Board:
        return self._boards.get(board) or _Board()  # who only looks takes no place

    def _made(self, board: str) -> _Board:
        there = self._get(board)
        self._boards.put(board, there)
        return there
