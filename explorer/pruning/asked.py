"""What a class is asked about each figure of the lesson before it sees it, and the guesses as marks on the curves.

Weights are given by their sha256, images by the key of all of them: together with the text they say what is asked.
"""

from collections.abc import Iterable, Sequence

import pandas as pd

from explorer.classroom import Prediction, Question
from explorer.pruning.answers import AnswersSettings
from explorer.pruning.forms import WHY, Form
from explorer.pruning.methods import get_method
from explorer.pruning.per_image import Flips
from explorer.pruning.seeds import SeedPoint
from explorer.pruning.sensitivity import Cell
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
        rows: of sweeps of this network on these images; the first that has just this point answers, with its seeds.
    """
    pruned = get_method(method)
    found = [row for row in rows if (row.method, row.ratio, row.recovery) == (method, ratio, "none")]
    # The first row of each seed, all of as many images: behind a sweep come those of another one.
    by_seed = {row.seed: row for row in reversed(found) if row.total == found[0].total}
    point = SeedPoint(tuple(by_seed[seed] for seed in sorted(by_seed))) if by_seed else None
    return Question(
        KEY,
        f"{title}, {ratio:.0%} {pruned.share} ({pruned.title}): what share of the images does it still get right?",
        (weights, images, method, str(ratio)),
        "%",
        digits=1,
        answer=None if point is None else 100 * point.accuracy,
        because="" if point is None else _counted(point),
    )


def _counted(point: SeedPoint) -> str:
    mean = f", the mean of {point.seeds} seeds" if point.seeds > 1 else ""
    return f"Counted on {point.first.total:,} images{mean}."


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


def race_question(title: str, weights: str, images: str, rows: Sequence[Form], ratio: float) -> Question:
    """Whether a network whose channels are masked, but still there, is faster.

    Args:
        title: of the network.
        weights: sha256 of its weights.
        images: key of all the images.
        rows: the forms that the page shows; without times, or without these two, they answer nothing.
        ratio: the share of channels that is dropped in them.
    """
    ms = {row.name: row.ms for row in rows if row.ms is not None}
    answer, because = None, ""
    if {"dense", "masked"} <= set(ms):
        answer = ms["dense"] / ms["masked"]
        because = WHY
        if "sliced" in ms:
            because += f" Without these channels it is {ms['dense'] / ms['sliced']:.2f} times as fast."
    return Question(
        "race",
        f"{title} with {ratio:.0%} of the channels masked, none taken out: how many times as fast as before?",
        (weights, images),
        "times",
        0,
        high=max(4.0, answer or 0),
        digits=2,
        answer=answer,
        because=because,
    )


def sensitivity_question(title: str, weights: str, images: str, cells: Sequence[Cell]) -> Question | None:
    """How many layers can give up most of their weights.

    Args:
        title: of the network.
        weights: sha256 of its weights.
        images: key of all the images.
        cells: of a whole map; None is asked without one.
    """
    if not cells:
        return None
    ratio = max(cell.ratio for cell in cells if cell.ratio <= 0.9)
    there = [cell for cell in cells if cell.ratio == ratio]
    cheap = [cell for cell in there if cell.drop <= 1]
    worst = max(there, key=lambda cell: cell.drop)
    return Question(
        "sensitivity",
        f"{ratio:.0%} of the weights of one layer of {title} are masked, all others stay. For how many of its "
        f"{len(there)} layers does that cost at most one point of accuracy?",
        (weights, images, str(cells[0].total)),
        "layers",
        0,
        len(there),
        answer=len(cheap),
        because=f"It costs most in {worst.layer}: {worst.drop:.1f} points.",
    )


def flips_question(
    title: str, weights: str, images: str, settings: AnswersSettings, turned: Flips | None
) -> Question:
    """How many images a pruned network newly gets right.

    Args:
        title: of the network.
        weights: sha256 of its weights.
        images: key of all the images.
        settings: how it is pruned, and how many images are answered.
        turned: the answers that turned with just these settings; None as long as they are not known.
    """
    method = get_method(settings.method)
    return Question(
        "flips",
        f"{title}, {settings.ratio:.0%} {method.share} ({method.title}): of {settings.images:,} images, how "
        "many that were wrong before are right now?",
        (weights, images),
        "images",
        0,
        settings.images,
        answer=None if turned is None else len(turned.won),
        because="" if turned is None else f"{len(turned.lost)} that were right are wrong now.",
    )


def coupling_question(
    title: str, weights: str, group: str, layers: int, of_layers: int, params: int
) -> Question:
    """How many layers one channel goes through.

    Args:
        title: of the network.
        weights: sha256 of its weights.
        group: title of the group of channels.
        layers: that lose something with one of its channels.
        of_layers: that the network has.
        params: that go with the channel.
    """
    return Question(
        "coupling",
        f"One channel of {group} is taken out of {title}. How many of its {of_layers} layers have to be cut?",
        (weights, group),
        "layers",
        0,
        of_layers,
        answer=layers,
        because=f"{params:,} parameters go with that one channel.",
    )
