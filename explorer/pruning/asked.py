"""What a class is asked about a sweep before it sees the curves, and the guesses as marks on them."""

from collections.abc import Iterable, Sequence

import pandas as pd

from explorer.classroom import Prediction, Question
from explorer.pruning.methods import get_method
from explorer.pruning.sweep import SweepRow

KEY = "curve"


def curve_question(
    title: str, weights: str, images: str, method: str, ratio: float, rows: Iterable[SweepRow]
) -> Question:
    """How many images a pruned network still gets right.

    Args:
        title: of the network.
        weights: sha256 of its weights.
        images: key of all the images.
        method: by which it is pruned, by key.
        ratio: the share.
        rows: of sweeps of this network on these images; the first that has just this point answers.
    """
    pruned = get_method(method)
    found = (row for row in rows if (row.method, row.ratio, row.recovery) == (method, ratio, "none"))
    row = next(found, None)
    return Question(
        KEY,
        f"{ratio:.0%} {pruned.share} ({pruned.title}): what share of the images does {title} still get right?",
        (weights, images, method, str(ratio)),
        "%",
        digits=1,
        answer=None if row is None else 100 * row.accuracy.value,
        because="" if row is None else f"Counted on {row.total:,} images.",
    )


def marks(predictions: Sequence[Prediction]) -> pd.DataFrame | None:
    """The settled guesses about one network, for its curves; None where there are none.

    Returns:
        Columns ``method`` (for people), ``ratio``, ``guess`` and ``measured``, all shares from 0 to 1.
    """
    rows = []
    for each in predictions:
        *_, method, ratio = each.question.about
        if each.question.answer is not None:
            rows.append(
                {
                    "method": get_method(method).title,
                    "ratio": float(ratio),
                    "guess": each.guess / 100,
                    "measured": each.question.answer / 100,
                }
            )
    return pd.DataFrame(rows) if rows else None
