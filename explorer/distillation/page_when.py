"""When does distillation help, and whose mistakes are these? What was trained and stored, with its intervals."""

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
import streamlit as st
from torch import Tensor

from explorer import palette, ui
from explorer.data import BUNDLED
from explorer.distillation import asked, charts, gains, study, whose
from explorer.ui import address
from explorer.work.kept import Keyed

WHOSE_COLORS = dict(zip(whose.WHOSE, (palette.TEACHER, palette.DENSE, palette.SOFT), strict=True))
GAIN = "Gain of distillation, points"


def show_when() -> None:
    """The study of students by size and number of images, as far as it has been trained."""
    shipped = ui.shipped()
    stored = shipped.find_rows(study.KIND, study.CellResult, shipped.teachers[0], "validation")
    if stored is None:
        return
    st.header("When does distillation help?")
    rows = ui.kept(partial(gains.summarise, stored.rows))
    main = rows[rows["arm"] == "training"]
    question = asked.gain_question(rows)
    if question is not None and not ui.predict(question):
        return
    if len(main):
        _show_gains(main)
    text = gains.caveat_verdict(caveat := ui.kept(partial(gains.caveat, stored.rows)))
    st.caption(
        text
        or "How much of this is owed to images that the teacher was trained on has not been measured yet."
    )
    _say_where(stored.rows)
    with st.container(horizontal=True):
        ui.download("Gains as CSV", rows, "gains.csv")
        if len(caveat):
            ui.download("Seen against unseen as CSV", caveat, "seen_unseen.csv")


def _show_gains(rows: pd.DataFrame) -> None:
    said = gains.verdict(rows)
    plain, told = said.replace("**", ""), rows["says"].isin(["helps", "hurts"])
    drawn = rows.assign(
        change=rows["gain"],
        tells=told,
        size=rows["parameters"].map("{:,}".format),
        set=rows["images"].map("{:,}".format),
    )
    sizes, sets = _colored(drawn, "parameters", "size"), _colored(drawn, "images", "set")
    ui.chart(
        partial(
            charts.gain_intervals,
            drawn.sort_values("parameters"),
            "size",
            "set",
            titles=("Parameters of the student", GAIN, "Training images"),
            colors=sets,
        ),
        f"Gain of distillation against parameters, a colour for each number of training images. {plain}",
        "Distilled minus labels alone, mean over the seeds, with the 95% t interval over the seeds' paired "
        f"differences; filled where it, and a second one over the images, leave out 0. {said}",
    )
    if len(sets) > 1:
        ui.chart(
            partial(
                charts.gain_intervals,
                drawn.sort_values("images"),
                "set",
                "size",
                titles=("Training images", GAIN, "Parameters of the student"),
                colors=sizes,
            ),
            f"Gain of distillation against the number of training images, a colour for each student. {plain}",
            "The same gains against the number of training images.",
        )


def _colored(rows: pd.DataFrame, number: str, name: str) -> dict[str, str]:
    """A colour for each name, in the order of its number."""
    names = list(dict.fromkeys(rows.sort_values(number)[name]))
    return dict(zip(names, palette.steps(len(names)), strict=True))


def _say_where(results: Sequence[study.CellResult]) -> None:
    schedules = {each.cell.images: each.settings.recipe for each in results}
    steps = ", ".join(
        f"{images:,} images {recipe.epochs * (images // recipe.batch_size):,}"
        for images, recipe in sorted(schedules.items())
    )
    asked = len(study.study_cells())
    hours = sum(each.seconds for each in results) / 3600
    ui.provenance(
        "precomputed",
        f"{len(results)} cells trained, of {asked} with three seeds each, {hours:.1f} hours of one thread; steps: "
        f"{steps}; both of a pair from the same weights on the same images, views and order; distilled with alpha "
        f"{study.ALPHA:g}, T {study.TEMPERATURE:g} and the shipped teacher; judged on the validation images of "
        f"{BUNDLED.name}; {'; '.join(sorted({each.where for each in results}))}; go on with python -m explorer study.",
    )


def _shared_errors(
    logits: Keyed[Mapping[str, Tensor]], truth: Keyed[Tensor]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Shared errors of the shipped family, and its controls.

    Args:
        logits: of each of the networks on the validation images, by name, the teacher's first.
        truth: the labels of these images.
    """
    teacher, *_ = answers = {name: values.argmax(1) for name, values in logits.value.items()}
    right = {name: int((each == truth.value).sum()) for name, each in answers.items()}
    controls = tuple(
        whose.control_for(name, {each: right[each] for each in study.FAMILY}, right[teacher])
        for name in study.FAMILY
    )
    pairs = [
        whose.PairOfTwins(
            name, study.parameters_of(name), answers[name], answers[f"{name}-kd"], answers[control], control
        )
        for name, control in zip(study.FAMILY, controls, strict=True)
    ]
    return whose.shared_errors(pairs, answers[teacher], truth.value), controls


def show_whose() -> None:
    """Which of the shipped students' errors are the teacher's too."""
    shipped = ui.shipped()
    cards = shipped.cards
    names = (shipped.teachers[0], *study.FAMILY, *(f"{name}-kd" for name in study.FAMILY))
    if not set(names) <= set(cards):
        return
    st.header("Whose mistakes are these?")
    logits = {name: ui.validation_logits(name, shipped) for name in names}
    images = ui.images("validation", shipped)
    with st.spinner("Counting the shared errors"):
        rows, controls = ui.kept(
            partial(
                _shared_errors,
                Keyed(tuple(cards[name].sha256 for name in names), logits),
                Keyed((images.key,), images.targets()),
            )
        )
    kind = address.choice(
        "shared",
        "An error is shared where the other network",
        list(whose.KINDS),
        draw=st.segmented_control,
        format_func=whose.KINDS.__getitem__,
        required=True,
    )
    shown = rows[rows["kind"] == kind]
    said = whose.whose_verdict(rows, kind)
    largest = shown[shown["whose"] == "teacher"].nlargest(1, "parameters").iloc[0]
    ui.chart(
        partial(
            charts.gain_intervals,
            shown.assign(
                tells=(shown["low"] > 0) | (shown["high"] < 0),
                parameters=shown["parameters"].map("{:,}".format),
            ),
            "parameters",
            "whose",
            titles=(
                "Parameters of the student",
                "Change of the share of shared errors, points",
                "Shared with",
            ),
            colors=WHOSE_COLORS,
        ),
        f"Change of the share of a student's errors that are shared, distilled against labels alone. "
        f"{said.replace('**', '')}",
        f"Of the {largest['errors labels']} errors of the student of {largest['parameters']:,} with labels alone "
        f"{largest['labels alone']:.1%} are the teacher's too; of its {largest['errors distilled']} distilled, "
        f"{largest['distilled']:.1%}. A student that errs less is left with the hard images, which any network gets "
        f"wrong: so the control, one with labels alone that had no part in it, is counted in the same way. {said}",
    )
    used = " or ".join(cards[name].title for name in dict.fromkeys(controls))
    ui.provenance(
        "computed",
        f"from the precomputed logits of the shipped networks, one training each, on the "
        f"{BUNDLED.describe('validation')}; BCa bootstrap intervals over the images, {whose.RESAMPLES} resamples: what "
        f"another training would give they do not say; control: of the family's other sizes with labels alone the one "
        f"nearest in accuracy to the teacher, {used}.",
    )
    ui.download("Shared errors as CSV", rows, "shared_errors.csv")
