"""A class that guesses together: questions before figures, and boards that hold what everybody on a link guessed."""

from explorer.classroom.board import Boards, Entered, Tally
from explorer.classroom.designs import BoardDesign, standings
from explorer.classroom.question import Prediction, Predictions, Question

__all__ = [
    "BoardDesign",
    "Boards",
    "Entered",
    "Prediction",
    "Predictions",
    "Question",
    "Tally",
    "standings",
]
