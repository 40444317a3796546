"""What distillation gains in a study: paired by seed and by image, with intervals, and the sentences they allow."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import Tensor

from explorer.checkpoints import Card
from explorer.distillation.study import FAMILY, SIZES, CellResult, parameters_of

LEVEL = 0.95
SHIPPED = "shipped"
"""The arm of pairs that are no cells of the study: of the shipped networks, on longer schedules."""


@dataclass(frozen=True, eq=False)
class Pair:
    """The same student trained both ways, and of each judged image whether it was right: (N,).

    Attributes:
        student: its name in the family.
        images: how many it learned from.
        arm: of the study, or ``SHIPPED``.
        seed: of the choice of images, of weights, order and views.
        labels_alone, distilled: the answers.
        judged_on: key of the images.
    """

    student: str
    images: int
    arm: str
    seed: int
    labels_alone: npt.NDArray[np.bool_]
    distilled: npt.NDArray[np.bool_]
    judged_on: str


def pairs_of(results: Iterable[CellResult]) -> list[Pair]:
    """The pairs of a study whose two cells are both there."""
    cells: dict[tuple[str, int, str, int], dict[bool, CellResult]] = {}
    for result in results:
        cell = result.cell
        key = (cell.student, cell.images, cell.arm, cell.seed)
        cells.setdefault(key, {})[cell.distilled] = result
    return [
        Pair(*key, both[False].hits, both[True].hits, both[True].judged_on)
        for key, both in sorted(cells.items())
        if len(both) == 2
    ]


def shipped_pairs(
    cards: Mapping[str, Card], logits: Mapping[str, Tensor], truth: Tensor, judged_on: str
) -> list[Pair]:
    """The pairs of the shipped students: one each, trained on all images under the same recipe.

    Args:
        cards: of the networks, by name; distilled ones are called ``-kd``.
        logits: of these (N, C), by name.
        truth: the labels (N,).
        judged_on: key of the images.
    """
    pairs = []
    for student in FAMILY:
        twins = student, f"{student}-kd"
        if set(twins) <= set(logits) and cards[twins[0]].recipe == cards[twins[1]].recipe:
            plain, taught = ((logits[name].argmax(1) == truth).numpy() for name in twins)
            seed = cards[student].recipe["seed"]
            pairs.append(Pair(student, SIZES[-1], SHIPPED, seed, plain, taught, judged_on))
    return pairs


def summarise(pairs: Iterable[Pair]) -> pd.DataFrame:
    """The gain of distillation for each student, number of images and arm, smallest first.

    Columns student, parameters, images, arm, pairs, labels alone and distilled (mean accuracies, 0 to 1),
    gain (distilled minus labels alone, in points), low and high (t interval over the seeds' paired
    differences: what other seeds would give on these images), image_low and image_high (t interval over the
    images' paired differences, averaged over the seeds: what these networks would give on other images; NaN
    where the seeds were judged on different images), better and worse (in how many seeds the distilled one
    was), says ("helps", "hurts", "open", or "one seed").
    """
    groups: dict[tuple[str, int, str], list[Pair]] = {}
    for pair in pairs:
        groups.setdefault((pair.student, pair.images, pair.arm), []).append(pair)
    rows = [
        {
            "student": student,
            "parameters": parameters_of(student),
            "images": images,
            "arm": arm,
            **_gain(some),
        }
        for (student, images, arm), some in groups.items()
    ]
    columns = ["student", "parameters", "images", "arm", *_NOTHING]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.sort_values(["arm", "images", "parameters"], ignore_index=True)


_NOTHING = (
    *("pairs", "labels alone", "distilled", "gain", "low", "high", "image_low", "image_high"),
    *("better", "worse", "says"),
)


def _gain(pairs: Sequence[Pair]) -> dict[str, Any]:
    plain = np.array([pair.labels_alone.mean() for pair in pairs])
    taught = np.array([pair.distilled.mean() for pair in pairs])
    low, high = t_interval(100 * (taught - plain))
    image_low = image_high = float("nan")
    if len({pair.judged_on for pair in pairs}) == 1:
        image_low, image_high = t_interval(
            100 * np.mean([pair.distilled.astype(float) - pair.labels_alone for pair in pairs], axis=0)
        )
    return {
        "pairs": len(pairs),
        "labels alone": float(plain.mean()),
        "distilled": float(taught.mean()),
        # Rounded, since no gain at all would come out as one of 1e-15, with a sign.
        "gain": round(float(100 * (taught - plain).mean()), 9) + 0.0,
        "low": low,
        "high": high,
        "image_low": image_low,
        "image_high": image_high,
        "better": int((taught > plain).sum()),
        "worse": int((taught < plain).sum()),
        "says": _says(len(pairs), (low, high), (image_low, image_high)),
    }


def t_interval(differences: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The 95% t interval of the mean of paired differences; NaN for a single one."""
    # Not at the top: it takes a second to import, which pages that show no interval need not wait for.
    from scipy import stats

    if len(differences) < 2:
        return float("nan"), float("nan")
    interval = stats.ttest_1samp(differences, 0.0).confidence_interval(LEVEL)
    return float(interval.low), float(interval.high)


def _says(pairs: int, *intervals: tuple[float, float]) -> str:
    if pairs < 2:
        return "one seed"
    known = [each for each in intervals if not np.isnan(each).any()]
    if all(low > 0 for low, _ in known):
        return "helps"
    return "hurts" if all(high < 0 for _, high in known) else "open"


def caveat(pairs: Iterable[Pair]) -> pd.DataFrame:
    """What the gain owes to images that the teacher was trained on, for each student and for all together.

    Columns student, parameters (0 for all together), seeds, seen and unseen (the gains, in points), difference
    (unseen minus seen), low and high (t interval over the seeds' differences; of all together over the seeds'
    means over the students). Only what both arms have of a seed counts, and together only seeds of all students.
    """
    by_arm: dict[str, dict[tuple[str, int], float]] = {"seen": {}, "unseen": {}}
    for pair in pairs:
        if pair.arm in by_arm:
            gain = 100 * (pair.distilled.mean() - pair.labels_alone.mean())
            by_arm[pair.arm][pair.student, pair.seed] = float(gain)
    both = sorted(by_arm["seen"].keys() & by_arm["unseen"].keys())
    columns = ["student", "seed", "seen", "unseen"]
    frame = pd.DataFrame(
        [(*key, by_arm["seen"][key], by_arm["unseen"][key]) for key in both], columns=columns
    )
    rows = [
        _caveat_row(str(student), parameters_of(str(student)), part)
        for student, part in frame.groupby("student")
    ]
    students = frame["student"].nunique()
    if students > 1:
        whole = frame.groupby("seed").filter(lambda part: len(part) == students)
        together = whole.groupby("seed")[["seen", "unseen"]].mean().reset_index()
        rows.append(_caveat_row("all together", 0, together))
    names = ["student", "parameters", "seeds", "seen", "unseen", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=names).sort_values("parameters", ignore_index=True)


def _caveat_row(student: str, parameters: int, part: pd.DataFrame) -> tuple[object, ...]:
    difference = (part["unseen"] - part["seen"]).to_numpy(float)
    means = (part["seen"].mean(), part["unseen"].mean(), difference.mean() if len(part) else float("nan"))
    return student, parameters, len(part), *means, *t_interval(difference)


# --- Sentences -------------------------------------------------------------------------------------------


def verdict(rows: pd.DataFrame) -> str:
    """Sentences: where distillation helps, where it hurts, where one cannot tell; where and how often signs change."""
    rows = drawn(rows)
    if rows.empty:
        return "No pair of this study has been trained yet."
    unsure, single = (rows[rows["says"] == says] for says in ("open", "one seed"))
    judged, parts = len(rows) - len(single), []
    for says, words in (("helps", "Distillation **helps**"), ("hurts", "It **hurts**")):
        some = rows[rows["says"] == says]
        if len(some):
            parts.append(f"{words} {_places(some)}.")
        elif judged:
            parts.append(
                "Nowhere can one tell that it helps." if says == "helps" else "Nowhere that it hurts."
            )
    if len(unsure):
        parts.append(
            f"In **{len(unsure)}** of {_count(len(rows), 'cell')} one **cannot tell** ({_range(unsure)})."
        )
    if len(single):
        parts.append(
            f"{_count(len(single), 'cell')} of one pair ({_range(single)}): nothing tells what another seed would give."
        )
    better, worse, pairs = (int(rows[name].sum()) for name in ("better", "worse", "pairs"))
    parts.append(
        f"The distilled one of a pair was better in {better} and worse in {worse} of {_count(pairs, 'pair')}."
    )
    parts.append(sign_changes(rows))
    if judged > 1:
        parts.append(
            f"Of {judged} cells up to about {0.05 * judged:.2g} would seem to tell something by chance alone."
        )
    return " ".join(filter(None, parts))


def _range(rows: pd.DataFrame) -> str:
    low, high = rows["gain"].min(), rows["gain"].max()
    return f"{low:+.2f} to {high:+.2f} points" if len(rows) > 1 else f"{low:+.2f} points"


def drawn(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that answer when distillation helps, with columns size and set: parameters and images in words.

    Those of the arms ``seen`` and ``unseen`` answer another question, see ``caveat``.
    """
    rows = rows[rows["arm"].isin(["training", SHIPPED])]
    ends = rows["arm"].map({"training": "", SHIPPED: ", as shipped"})
    return rows.assign(
        size=rows["parameters"].map("{:,}".format), set=rows["images"].map("{:,}".format) + ends
    ).sort_values(["images", "arm", "parameters"], ascending=[True, False, True], ignore_index=True)


def sign_changes(rows: pd.DataFrame) -> str:
    """A sentence: where the mean gain turns its sign from one student to the next, or from one number of images.

    Args:
        rows: those of ``drawn``; "" where there are no two to compare, of students or of numbers of images.
    """
    turns: dict[str, list[str]] = {}
    compared = False
    for name, some in rows.groupby("set", sort=False):
        for one, other in pairwise(some.to_dict("records")):
            compared = True
            if one["gain"] * other["gain"] < 0:
                where = f"with {_images(str(name))}"
                turns.setdefault(where, []).append(f"from {one['size']} to {other['size']} parameters")
    for name, some in rows.groupby("size", sort=False):
        for one, other in pairwise(some.to_dict("records")):
            compared = True
            if one["gain"] * other["gain"] < 0:
                where = f"from {_images(one['set'])} to {_images(other['set'])} at"
                turns.setdefault(where, []).append(str(name))
    if not compared:
        return ""
    if not turns:
        return "The sign of the mean gain is the same everywhere."
    places = "; ".join(f"{where} {', '.join(each)}" for where, each in turns.items())
    return f"The **sign** of the mean gain **changes** {places}."


def _places(rows: pd.DataFrame) -> str:
    """Every row as a part of a sentence, one part for each set of images."""
    parts = []
    for name, some in rows.groupby("set", sort=False):
        each = ", ".join(f"{row.size} ({row.gain:+.2f})" for row in some.itertuples(index=False))
        parts.append(f"with {_images(str(name))} at {each}")
    return "; ".join(parts)


def _images(name: str) -> str:
    """The ``set`` of a row as a part of a sentence.

    >>> _images("55,000, as shipped")
    '55,000 images, as shipped,'
    """
    number, shipped, _ = name.partition(", as shipped")
    return f"{number} images" + (f"{shipped}," if shipped else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def caveat_verdict(rows: pd.DataFrame) -> str:
    """A sentence: whether the gain differs between images that the teacher was trained on and new ones."""
    if rows.empty:
        return ""
    row = rows.iloc[0]  # all together, if there is more than one student
    who = "the students together" if row["parameters"] == 0 else f"the student of {row['parameters']:,}"
    text = (
        f"On images that it was trained on the teacher gains {who} {row['seen']:+.2f} points, on as many that it has "
        f"never seen {row['unseen']:+.2f}"
    )
    if np.isnan(row["low"]):
        return (
            f"{text}; with {_count(row['seeds'], 'seed')} nothing tells how much of the difference is chance."
        )
    if row["low"] <= 0 <= row["high"]:
        end = "one cannot tell the two apart"
    else:
        end = f"new images give {'more' if row['difference'] > 0 else 'less'}"
    return (
        f"{text}; the difference is {row['difference']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f}, t interval over "
        f"{_count(row['seeds'], 'seed')}): **{end}**."
    )
