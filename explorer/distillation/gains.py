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

    Only what both arms have of a seed counts, and together only seeds of all students.

    Columns student, parameters (0 for all together), students (how many), seeds, images (that a seed's networks were
    judged on), seen and unseen (the gains, in points), difference (unseen minus seen), low and high (t interval over
    the seeds' differences, each judged on images of its own; of all together over the means over the students; NaN for
    one seed), image_low and image_high (of one seed: t interval over its images' paired differences; else NaN).
    """
    arms: dict[str, dict[tuple[str, int], Pair]] = {"seen": {}, "unseen": {}}
    for pair in pairs:
        if pair.arm in arms:
            arms[pair.arm][pair.student, pair.seed] = pair
    both = sorted(
        key
        for key in arms["seen"].keys() & arms["unseen"].keys()
        if arms["seen"][key].judged_on == arms["unseen"][key].judged_on
    )
    # Of each image by how much the distilled one is better, -1, 0 or 1: (arm, N).
    gained = {key: np.stack([_gained(arms[arm][key]) for arm in ("seen", "unseen")]) for key in both}
    students = sorted({student for student, _ in both}, key=parameters_of)
    rows = [
        _caveat_row(name, parameters_of(name), 1, [gained[key] for key in both if key[0] == name])
        for name in students
    ]
    complete = [
        np.mean([gained[name, seed] for name in students], axis=0)
        for seed in sorted({seed for _, seed in both})
        if all((name, seed) in gained for name in students)
    ]
    if len(students) > 1 and complete:
        rows.insert(0, _caveat_row("all together", 0, len(students), complete))
    names = ["student", "parameters", "students", "seeds", "images", "seen", "unseen", "difference"]
    return pd.DataFrame(rows, columns=[*names, "low", "high", "image_low", "image_high"])


def _gained(pair: Pair) -> npt.NDArray[np.float64]:
    return pair.distilled.astype(float) - pair.labels_alone


def _caveat_row(
    student: str, parameters: int, students: int, seeds: Sequence[npt.NDArray[np.float64]]
) -> tuple[object, ...]:
    """A row of ``caveat`` from what each seed gained, image by image: (2, N), in the arms seen and unseen."""
    seen, unseen = 100 * np.array([each.mean(axis=1) for each in seeds]).T
    means = (seen.mean(), unseen.mean(), (unseen - seen).mean())
    by_image = t_interval(100 * (seeds[0][1] - seeds[0][0])) if len(seeds) == 1 else (float("nan"),) * 2
    images = seeds[0].shape[1]
    return student, parameters, students, len(seeds), images, *means, *t_interval(unseen - seen), *by_image


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
    parts.append(trends(rows))
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
    # All together, where all share a seed; else the student that was tried most often.
    row = rows.sort_values(["students", "seeds"], ascending=False, kind="stable").iloc[0]
    several = row["students"] > 1
    who = f"the {row['students']} students together" if several else f"the student of {row['parameters']:,}"
    low, high, over = row["low"], row["high"], f"t interval over {_count(row['seeds'], 'seed')}"
    if row["seeds"] == 1:
        low, high = row["image_low"], row["image_high"]
        over = (
            f"t interval over the paired differences of the {row['images']:,} images that one seed is judged on; what "
            "another seed would give it does not say"
        )
    if low <= 0 <= high:
        end = "one cannot tell the two apart"
    else:
        end = f"new images give {'more' if row['difference'] > 0 else 'less'}"
    return (
        f"On images that it was trained on the teacher gains {who} {row['seen']:+.2f} points, on as many that it has "
        f"never seen {row['unseen']:+.2f}; the difference is {row['difference']:+.2f} ({low:+.2f} to {high:+.2f}, "
        f"{over}): **{end}**."
    )


def trends(rows: pd.DataFrame) -> str:
    """Sentences: how the mean gain goes with the number of images, and with the size of the student.

    Compared are only cells that differ in nothing else: the same students on fewer and on more images, the same
    numbers of images for the smallest and the largest student.

    Args:
        rows: those of ``drawn``; the pairs that ship, on another schedule, are left out.
    """
    gains = rows[rows["arm"] == "training"].pivot(index="student", columns="images", values="gain")
    parts = []
    for fewer, more in pairwise(gains.columns):
        there = gains[[fewer, more]].dropna()
        if len(there):
            before, after = there.mean()
            parts.append(
                f"from {fewer:,} to {more:,} images it goes from {before:+.2f} to {after:+.2f} points "
                f"({_count(len(there), 'student')})"
            )
    ends = [name for name in FAMILY if name in gains.index]
    if len(ends) > 1:
        small, large = ends[0], ends[-1]
        there = gains.loc[[small, large]].dropna(axis=1)
        if there.size:
            before, after = there.mean(axis=1)
            sets = ", ".join(f"{images:,}" for images in there.columns)
            parts.append(
                f"from {parameters_of(small):,} to {parameters_of(large):,} parameters from {before:+.2f} to "
                f"{after:+.2f} (with {sets} images)"
            )
    return f"The mean gain: {'; '.join(parts)}." if parts else ""
