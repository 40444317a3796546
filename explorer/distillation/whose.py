"""Whose mistakes are these? A student's errors that are its teacher's too, with labels alone and distilled.

Two good networks share errors whoever trained them: some images are hard. So the same share is taken with a
*control*, a network that had no part in the distillation, and what counts is how much further the share with
the teacher has moved than the share with the control.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import Tensor

from explorer.distillation.gains import LEVEL, Pair, t_interval
from explorer.distillation.study import parameters_of

Floats = npt.NDArray[np.float64]

RESAMPLES = 999
KINDS = {"image": "errs on that image too", "class": "names the same wrong class"}
"""When an error is shared with another network, which ..."""
WHOSE = ("teacher", "control", "teacher beyond control")


@dataclass(frozen=True, eq=False)
class PairOfTwins:
    """One student's answers, trained both ways; (N,) classes.

    Attributes:
        student: its name in the family.
        parameters: how many it has.
        labels_alone, distilled: what it takes the images for.
        control: what the control takes them for.
        control_name: its checkpoint.
    """

    student: str
    parameters: int
    labels_alone: Tensor
    distilled: Tensor
    control: Tensor
    control_name: str


def control_for(student: str, correct: Mapping[str, int], teacher: int) -> str:
    """The control of a student: of the other networks that nobody taught the one nearest to the teacher.

    Args:
        student: its name.
        correct: right answers of the networks that were trained with labels alone.
        teacher: the teacher's right answers on the same images.
    """
    others = [name for name in correct if name != student]
    return min(others, key=lambda name: abs(correct[name] - teacher))


def shared_errors(pairs: Sequence[PairOfTwins], teacher: Tensor, truth: Tensor) -> pd.DataFrame:
    """The share of each student's errors that the teacher, and the control, make too, and how it changes.

    Args:
        pairs: the students.
        teacher: what the teacher takes the images for: (N,).
        truth: the labels: (N,).

    Returns:
        Columns student, parameters, kind (see ``KINDS``), whose (see ``WHOSE``), errors labels and errors
        distilled (how many), labels alone and distilled (shares, 0 to 1; for the last of ``whose`` the
        teacher's less the control's), change (in points), low and high (BCa bootstrap interval over the images).
    """
    rows = []
    for pair in pairs:
        errors = np.stack([_numbers(each != truth) for each in (pair.labels_alone, pair.distilled)])
        for kind in KINDS:
            shared = {
                name: np.stack(
                    [_shared(kind, own, other, truth) for own in (pair.labels_alone, pair.distilled)]
                )
                for name, other in (("teacher", teacher), ("control", pair.control))
            }
            shared["teacher beyond control"] = shared["teacher"] - shared["control"]
            for whose in WHOSE:
                plain, taught = shared[whose].sum(1) / errors.sum(1)
                counts, change = map(int, errors.sum(1)), 100 * (taught - plain)
                interval = _interval(errors, shared[whose])
                rows.append(
                    (pair.student, pair.parameters, kind, whose, *counts, plain, taught, change, *interval)
                )
    columns = ["student", "parameters", "kind", "whose", "errors labels", "errors distilled"]
    columns += ["labels alone", "distilled", "change", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _numbers(values: Tensor) -> Floats:
    return np.asarray(values.numpy(), np.float64)


def _shared(kind: str, own: Tensor, other: Tensor, truth: Tensor) -> Floats:
    """Of each image 1 where the error is shared."""
    return _numbers((own != truth) & (other != truth if kind == "image" else other == own))


def _interval(errors: Floats, shared: Floats) -> tuple[float, float]:
    """BCa bootstrap interval of the change of the share, in points; both (2, N): labels alone, distilled."""
    from scipy import stats  # see gains.t_interval

    # An image that both networks get right adds to no sum: leaving it out changes nothing but the time.
    some = errors.any(0)
    interval = stats.bootstrap(
        (*errors[:, some], *shared[:, some]),
        _change,
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        confidence_level=LEVEL,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def _change(
    plain: Floats, taught: Floats, plain_shared: Floats, taught_shared: Floats, axis: int = -1
) -> Floats:
    """How far the share of shared errors moves, in points."""
    before, after = plain_shared.sum(axis) / plain.sum(axis), taught_shared.sum(axis) / taught.sum(axis)
    return np.asarray(100 * (after - before))


def whose_verdict(rows: pd.DataFrame, kind: str) -> str:
    """Sentences: at which students more of the errors are the teacher's once distilled, at which fewer."""
    some = rows[rows["kind"] == kind]
    teacher, beyond = (some[some["whose"] == name] for name in ("teacher", "teacher beyond control"))
    parts = []
    for sign, words in ((1, "more"), (-1, "fewer")):
        moved, further = (_moved(each, sign) for each in (teacher, beyond))
        if len(moved):
            parts.append(f"Distilled, **{words}** of the errors are the teacher's at {_listed(moved)}.")
        if len(further):
            text = f"Beyond the control they are **{words}** at {_listed(further)}"
            parts.append(
                f"{text}: {'as if the teacher passed errors of its own on' if sign > 0 else 'the errors part'}."
            )
    still = len(teacher) - sum(len(_moved(teacher, sign)) for sign in (1, -1))
    if still:
        parts.append(f"At {still} of {len(teacher)} students one cannot tell whether the share changes.")
    if not len(_moved(beyond, 1)) and not len(_moved(beyond, -1)):
        parts.append("Nowhere can one tell that the share moves further than the control's.")
    else:
        parts.append(
            f"Of {len(beyond)} such intervals about {0.05 * len(beyond):.2g} would leave out 0 by chance alone."
        )
    return " ".join(parts)


def shared_over_seeds(
    pairs: Sequence[Pair], teacher: npt.NDArray[np.bool_], controls: Mapping[str, npt.NDArray[np.bool_]]
) -> pd.DataFrame:
    """The same of a study, where each student was trained from several seeds: errors on the same images.

    A study keeps of each image whether it was right, not which class was named instead.

    Args:
        pairs: of the study, judged on the same images as the others.
        teacher: of each image whether it was right: (N,).
        controls: the same of each student's control, by the student's name.

    Returns:
        Columns student, parameters, images, seeds, teacher and control (change of the share that is shared with
        each, mean over the seeds, in points), change (the teacher's less the control's), low and high (t interval
        over the seeds; NaN for a single one).
    """
    groups: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for pair in pairs:
        moved = [
            100 * ((~pair.distilled & ~other).sum() / (~pair.distilled).sum())
            - 100 * ((~pair.labels_alone & ~other).sum() / (~pair.labels_alone).sum())
            for other in (teacher, controls[pair.student])
        ]
        groups.setdefault((pair.student, pair.images), []).append((moved[0], moved[1]))
    rows = []
    for (student, images), some in groups.items():
        by_teacher, by_control = np.array(some).T
        beyond = by_teacher - by_control
        means = (by_teacher.mean(), by_control.mean(), beyond.mean())
        rows.append((student, parameters_of(student), images, len(some), *means, *t_interval(beyond)))
    columns = ["student", "parameters", "images", "seeds", "teacher", "control", "change", "low", "high"]
    return pd.DataFrame(rows, columns=columns).sort_values(["images", "parameters"], ignore_index=True)


def seeds_verdict(rows: pd.DataFrame) -> str:
    """Sentences: where the share of errors that are the teacher's moves further than the control's, over seeds."""
    several = rows[rows["seeds"] > 1]
    more, fewer = several[several["low"] > 0], several[several["high"] < 0]
    parts = [
        f"**{words}** of the errors become the teacher's, beyond the control: {_by_images(some)}."
        for words, some in (("More", more), ("Fewer", fewer))
        if len(some)
    ]
    unsure = len(several) - len(more) - len(fewer)
    if unsure:
        parts.append(f"In {unsure} of {len(several)} cells of several seeds one cannot tell.")
    single = rows[rows["seeds"] == 1]
    if len(single):
        parts.append(f"Of one seed, which tells nothing of others: {_by_images(single)}.")
    return " ".join(parts)


def _by_images(rows: pd.DataFrame) -> str:
    return "; ".join(f"{_listed(some)} with {images:,} images" for images, some in rows.groupby("images"))


def _moved(rows: pd.DataFrame, sign: int) -> pd.DataFrame:
    """Rows whose whole interval is above 0, or below it for a negative sign."""
    return rows[rows["low"] > 0] if sign > 0 else rows[rows["high"] < 0]


def _listed(rows: pd.DataFrame) -> str:
    return ", ".join(f"{row.parameters:,} ({row.change:+.1f})" for row in rows.itertuples())
