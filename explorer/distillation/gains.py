"""What distillation gains in a study: paired by seed and by image, with intervals, and the sentences they allow."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from explorer.distillation.study import CellResult, parameters_of

LEVEL = 0.95
Pair = tuple[CellResult, CellResult]
"""The same student, images and seed: (labels alone, distilled)."""


def pairs_of(results: Iterable[CellResult]) -> list[Pair]:
    """The pairs whose two cells are both there."""
    cells: dict[tuple[str, int, str, int], dict[bool, CellResult]] = {}
    for result in results:
        cell = result.cell
        key = (cell.student, cell.images, cell.arm, cell.seed)
        cells.setdefault(key, {})[cell.distilled] = result
    return [(both[False], both[True]) for _, both in sorted(cells.items()) if len(both) == 2]


def summarise(results: Iterable[CellResult]) -> pd.DataFrame:
    """The gain of distillation for each student, number of images and arm, smallest first.

    Columns student, parameters, images, arm, pairs, labels alone and distilled (mean accuracies, 0 to 1),
    gain (distilled minus labels alone, in points), low and high (t interval over the seeds' paired
    differences: what other seeds would give on these images), image_low and image_high (t interval over the
    images' paired differences, averaged over the seeds: what these networks would give on other images; NaN
    where the seeds were judged on different images), better and worse (in how many seeds the distilled one
    was), says ("helps", "hurts", "open", or "one seed").
    """
    groups: dict[tuple[str, int, str], list[Pair]] = {}
    for pair in pairs_of(results):
        cell = pair[0].cell
        groups.setdefault((cell.student, cell.images, cell.arm), []).append(pair)
    rows = [
        {
            "student": student,
            "parameters": parameters_of(student),
            "images": images,
            "arm": arm,
            **_gain(pairs),
        }
        for (student, images, arm), pairs in groups.items()
    ]
    columns = ["student", "parameters", "images", "arm", *_NOTHING]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.sort_values(["arm", "images", "parameters"], ignore_index=True)


_NOTHING = (
    *("pairs", "labels alone", "distilled", "gain", "low", "high", "image_low", "image_high"),
    *("better", "worse", "says"),
)


def _gain(pairs: Sequence[Pair]) -> dict[str, Any]:
    plain, taught = (np.array([pair[way].accuracy for pair in pairs]) for way in (0, 1))
    low, high = t_interval(100 * (taught - plain))
    image_low = image_high = float("nan")
    if len({each.judged_on for pair in pairs for each in pair}) == 1:
        image_low, image_high = t_interval(
            100 * np.mean([taught.hits.astype(float) - plain.hits for plain, taught in pairs], axis=0)
        )
    return {
        "pairs": len(pairs),
        "labels alone": float(plain.mean()),
        "distilled": float(taught.mean()),
        "gain": float(100 * (taught - plain).mean()),
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


def caveat(results: Sequence[CellResult]) -> pd.DataFrame:
    """What the gain owes to images that the teacher was trained on, for each student and for all together.

    Columns student, parameters (0 for all together), seeds, seen and unseen (the gains, in points), difference
    (unseen minus seen), low and high (t interval over the seeds' differences; of all together over the seeds'
    means over the students). Only what both arms have of a seed counts, and together only seeds of all students.
    """
    by_arm: dict[str, dict[tuple[str, int], float]] = {"seen": {}, "unseen": {}}
    for plain, taught in pairs_of(results):
        if plain.cell.arm in by_arm:
            gain = 100 * (taught.accuracy - plain.accuracy)
            by_arm[plain.cell.arm][plain.cell.student, plain.cell.seed] = gain
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
    """Sentences: where distillation helps, where it hurts, where one cannot tell; and how often the signs agree."""
    rows = rows[rows["arm"] == "training"]
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
        parts.append(f"In **{len(unsure)}** of the {len(rows)} cells one **cannot tell**: {_places(unsure)}.")
    if len(single):
        parts.append(f"Of one seed, so that nothing tells what another would give: {_places(single)}.")
    better, worse, pairs = (int(rows[name].sum()) for name in ("better", "worse", "pairs"))
    parts.append(
        f"The distilled one of a pair was better in {better} and worse in {worse} of {_count(pairs, 'pair')}."
    )
    if judged > 1:
        parts.append(
            f"Of {judged} cells about {0.05 * judged:.1g} would seem to tell something by chance alone."
        )
    return " ".join(parts)


def _places(rows: pd.DataFrame) -> str:
    """Every row as a part of a sentence, one part for each number of images."""
    parts = []
    for images, some in rows.groupby("images"):
        each = ", ".join(f"{row.parameters:,} ({row.gain:+.2f})" for row in some.itertuples())
        parts.append(f"with {images:,} images at {each}")
    return "; ".join(parts)


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
