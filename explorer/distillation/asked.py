"""What a class is asked about each figure of the lesson before it sees it.

About a teacher, a student and all images, not about the one image, T and alpha that are under the hand.
"""

import math

import pandas as pd
from torch import Tensor

from explorer.classroom import Question
from explorer.distillation.gradients import mean_gradient_norms
from explorer.distillation.soften import TEMPERATURE_LADDER, entropy, soften

COOL, WARM, HOT = 1.0, 4.0, 16.0
GAIN_RANGE = 20.0  # points


def softened_question(title: str, weights: str, images: str, noun: str, logits: Tensor) -> Question:
    """How much the teacher's first choice loses at a higher T.

    Args:
        title: of the teacher.
        weights: sha256 of its weights.
        images: key of all the images.
        noun: what one of them is called.
        logits: the teacher's (N, C).
    """
    cool, warm = (100 * soften(logits, step).amax(1).mean().item() for step in (COOL, WARM))
    return Question(
        "softening",
        f"At T = {COOL:g} {title} gives its first choice {cool:.0f}% on average over {len(logits):,} {noun}s. How much "
        f"at T = {WARM:g}?",
        (weights, images),
        "%",
        digits=1,
        answer=warm,
        because=f"An even choice among {logits.shape[1]} classes would be {100 / logits.shape[1]:.0f}%.",
    )


def gradient_question(
    weights: tuple[str, str], images: str, student: Tensor, labels: Tensor, teacher: Tensor
) -> Question:
    """How much smaller the soft term's gradient becomes at a higher T, where nothing makes up for it.

    Args:
        weights: sha256 of the teacher's and of the student's.
        images: key of all the images.
        student: its logits (N, C).
        labels: of the images (N,).
        teacher: its logits (N, C).
    """
    rows = mean_gradient_norms(student, labels, teacher, (COOL, HOT))
    cool, hot = rows[rows["term"] == "soft, without T²"]["norm"]
    return Question(
        "loss",
        f"Without the factor T²: how many times smaller is the soft term's gradient at T = {HOT:g} than at "
        f"T = {COOL:g}?",
        (*weights, images),
        "times",
        0,
        high=max(400.0, math.ceil(cool / hot)),
        answer=cool / hot,
        because=f"So alpha would mean something else at every T. T² grows {(HOT / COOL) ** 2:.0f} times meanwhile.",
    )


def dark_question(
    weights: str, images: str, classes: tuple[str, ...], labels: Tensor, logits: Tensor
) -> Question:
    """Which other class the teacher sees in the images of the class that it mixes up most.

    Args:
        weights: sha256 of the teacher's.
        images: key of all the images.
        classes: C names.
        labels: of the images (N,).
        logits: the teacher's (N, C).
    """
    softened = soften(logits, WARM)
    there = [number for number in range(len(classes)) if (labels == number).any()]
    means = {number: softened[labels == number].mean(0) for number in there}
    for number, mean in means.items():
        mean[number] = 0
    true = max(there, key=lambda number: means[number].max().item())
    given, other = (each.item() for each in means[true].max(0))
    return Question(
        "dark",
        f"At T = {WARM:g}, which other class does the teacher see most in the images of the class {classes[true]}?",
        (weights, images),
        options=tuple(name for name in classes if name != classes[true]),
        answer=int(other) - (other > true),
        because=f"It gives it {given:.1%} on average; a label would give it nothing.",
    )


def gain_question(rows: pd.DataFrame) -> Question | None:
    """What the teacher brings to the smallest student; None where no pair was trained on training images.

    Args:
        rows: ``gains.summarise``.
    """
    main = rows[rows["arm"] == "training"]
    if main.empty:
        return None
    row = main.sort_values(["images", "parameters"], ascending=[False, True]).iloc[0]
    pairs = "one pair of trainings" if row["pairs"] == 1 else f"the mean of {row['pairs']} pairs"
    return Question(
        "gains",
        f"The smallest student, {row['parameters']:,} parameters, learns from {row['images']:,} images, with labels "
        "alone or distilled. How many points of accuracy does the teacher bring?",
        (str(row["student"]), str(row["images"])),
        "points",
        -GAIN_RANGE,
        GAIN_RANGE,
        digits=1,
        answer=float(row["gain"]),
        because=f"That is {pairs}: {row['labels alone']:.1%} with labels alone, {row['distilled']:.1%} distilled.",
    )


def trained_question(
    student: str, params: int, epochs: int, weights: str, images: str, curves: pd.DataFrame | None
) -> Question:
    """What the teacher brings to a student that is trained on the page.

    Args:
        student: what it is called.
        params: its parameters.
        epochs: of the schedule.
        weights: sha256 of the teacher's.
        images: key of the training images.
        curves: of a training that has ended: columns way, epoch, accuracy; None before that.
    """
    answer, because = None, ""
    if curves is not None:
        last = curves[curves["epoch"] == epochs].set_index("way")["accuracy"]
        if {"labels alone", "distilled"} <= set(last.index):
            answer = float(100 * (last["distilled"] - last["labels alone"]))
            because = (
                f"{last['labels alone']:.1%} with labels alone, {last['distilled']:.1%} distilled; one seed."
            )
    return Question(
        "distil",
        f"{student}, {params:,} parameters, {epochs} epochs, once with labels alone, once with the teacher: how many "
        "points does the teacher bring?",
        (weights, images),
        "points",
        -100.0,
        100.0,
        digits=1,
        answer=answer,
        because=because,
    )


def temperature_question(weights: str, logits: Tensor) -> Question:
    """Question 2-2 of the homework, decided by the numbers of one image.

    Args:
        weights: sha256 of the teacher's.
        logits: the teacher's of that image (C,).
    """
    entropies = {step: entropy(logits, step).item() for step in TEMPERATURE_LADDER}
    rises = entropies[TEMPERATURE_LADDER[-1]] > entropies[TEMPERATURE_LADDER[0]]
    measured = ", ".join(f"{value:.3f} at T = {step:g}" for step, value in entropies.items())
    return Question(
        "quiz",
        "Question 2-2. Which is true about the temperature T of the distillation loss?",
        (weights,),
        options=(
            "(a) Using a higher value for T produces a softer probability distribution over classes.",
            "(b) Using a higher value for T produces a harder probability distribution over classes.",
        ),
        answer=0 if rises else 1,
        because=f"Entropy of the teacher's distribution on the chosen image, in nats: {measured}; an even choice among "
        f"{len(logits)} classes would be {math.log(len(logits)):.3f}.",
    )
