"""When does distillation help, and whose mistakes are these? What was trained and stored, with its intervals."""

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
import streamlit as st
from torch import Tensor

from explorer import palette, ui
from explorer.checkpoints import Card
from explorer.data import BUNDLED
from explorer.distillation import asked, charts, gains, records, study, whose
from explorer.distillation.selection import DistillationSelection
from explorer.ui import address
from explorer.work.kept import Keyed

WHOSE_COLORS = dict(zip(whose.WHOSE, (palette.TEACHER, palette.DENSE, palette.SOFT), strict=True))
ARMS = {"seen": "the teacher was trained on them", "unseen": "the teacher has never seen them"}
ARM_COLORS = dict(zip(ARMS.values(), (palette.TRAINING, palette.VALIDATION), strict=True))
GAIN, CHANGE = "Gain of distillation, points", "Change of the share of shared errors, points"
PARAMETERS = "Parameters of the student"
INTERVALS = (
    "Thick: 95% t interval over the seeds' paired differences, where there are several; thin: over the images' paired "
    "differences, of these very networks. Filled: both leave out 0."
)
OVER_SEEDS = (
    "Thick: 95% t interval over the seeds' paired differences, each seed judged on images of its own. Filled: it "
    "leaves out 0."
)
LIMIT = 60_000
"""Of the homework of spring 2023, the smallest of the courses': what the best that ships is looked for under."""

Judged = Keyed[tuple[dict[str, Tensor], Tensor]]
"""Logits (N, C) of shipped networks on the validation images, by name, and the labels (N,)."""


def show_when(_: DistillationSelection) -> None:
    """The study of students by size and number of images, as far as it has been trained, and the pairs that ship."""
    shipped = ui.shipped()
    stored = shipped.find_rows(study.KIND, study.CellResult, shipped.teachers[0], "validation")
    results = () if stored is None else stored.rows
    twins = [name for student in study.FAMILY for name in (student, f"{student}-kd")]
    judged = _judged([name for name in twins if name in shipped.cards])
    st.header("When does distillation help?")
    rows, caveat = ui.kept(partial(_gains, results, judged, shipped.cards))
    question = asked.gain_question(rows)
    if question is not None and not ui.predict(question):
        return
    _show_gains(gains.drawn(rows))
    _say_where(results)
    _show_caveat(rows, caveat)
    with st.container(horizontal=True):
        ui.download("Gains as CSV", rows, "gains.csv")
        if len(caveat):
            ui.download("Seen against unseen as CSV", caveat, "seen_unseen.csv")
    st.header("The shipped networks")
    st.markdown(records.record_verdict(shipped.cards.values(), LIMIT))
    ui.networks_table()


def _judged(names: Sequence[str]) -> Judged:
    shipped = ui.shipped()
    images = ui.images("validation", shipped)
    logits = {name: ui.validation_logits(name, shipped) for name in names}
    weights = (f"{name} {shipped.cards[name].sha256}" for name in names)
    return Keyed((images.key, *weights), (logits, images.targets()))


def _gains(
    results: Sequence[study.CellResult], judged: Judged, cards: Mapping[str, Card]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """``gains.summarise`` of the study and of what ships, and ``gains.caveat``."""
    pairs = gains.pairs_of(results)
    shipped = gains.shipped_pairs(cards, *judged.value, judged.key[0])
    return gains.summarise([*pairs, *shipped]), gains.caveat(pairs)


def _show_gains(rows: pd.DataFrame) -> None:
    said = gains.verdict(rows)
    plain = said.replace("**", "")
    rows = rows.assign(change=rows["gain"], tells=rows["says"].isin(["helps", "hurts"]))
    sizes, sets = _colored(rows, "parameters", "size"), _colored(rows, "images", "set")
    over_sizes, over_images = st.columns(2, gap="medium")
    with over_sizes:
        ui.chart(
            partial(
                charts.gain_intervals,
                rows.sort_values("parameters", kind="stable"),
                "size",
                "set",
                titles=(PARAMETERS, GAIN, "Training images"),
                colors=sets,
            ),
            f"Gain of distillation against parameters, a colour for each number of training images. {plain}",
            f"Distilled minus labels alone, mean over the seeds. {INTERVALS}",
        )
    with over_images:
        ui.chart(
            partial(
                charts.gain_intervals,
                rows,
                "set",
                "size",
                titles=("Training images", GAIN, PARAMETERS),
                colors=sizes,
            ),
            f"Gain of distillation against the number of training images, a colour for each student. {plain}",
            "The same gains against the number of training images.",
        )
    st.markdown(said)


def _colored(rows: pd.DataFrame, number: str, name: str) -> dict[str, str]:
    """A colour for each name, in the order of its number."""
    names = list(dict.fromkeys(rows.sort_values(number, kind="stable")[name]))
    return dict(zip(names, palette.steps(len(names)), strict=True))


def _show_caveat(rows: pd.DataFrame, caveat: pd.DataFrame) -> None:
    """What the gain owes to images that the teacher was trained on."""
    text = gains.caveat_verdict(caveat)
    if not text:
        st.caption(
            "The teacher was trained on the training images, so it is surer of them than of new ones. How much of the "
            f"gain is owed to that has not been measured yet: python -m explorer study --rows unseen trains students "
            f"on {study.HALF:,} images that it has seen, and on as many that it has not."
        )
        return
    arms = rows[rows["arm"].isin(ARMS)]
    ui.chart(
        partial(
            charts.gain_intervals,
            arms.assign(
                change=arms["gain"],
                tells=arms["says"].isin(["helps", "hurts"]),
                size=arms["parameters"].map("{:,}".format),
                by=arms["arm"].map(ARMS),
            ),
            "size",
            "by",
            titles=(PARAMETERS, GAIN, f"Of the {study.HALF:,} images"),
            colors=ARM_COLORS,
        ),
        f"Gain of distillation on images that the teacher was trained on and on new ones. {text.replace('**', '')}",
        # Seeds that were each judged on images of their own have no interval over images.
        f"{text} {INTERVALS if arms['image_low'].notna().any() else OVER_SEEDS}",
    )


def _say_where(results: Sequence[study.CellResult]) -> None:
    shipped, cards = f"as shipped: one pair each, validation images of {BUNDLED.name}", ui.shipped().cards
    lengths = sorted({cards[name].recipe["epochs"] for name in study.FAMILY if name in cards})
    shipped += f", {' or '.join(map(str, lengths))} epochs of all {study.SIZES[-1]:,} training images"
    asked = len(study.study_cells())
    if not results:
        ui.provenance("precomputed", f"{shipped}; of the study 0 of {asked} cells are trained.")
        return
    schedules = {each.cell.images: each.settings.recipe for each in results}
    steps = ", ".join(
        f"{images:,} images {recipe.epochs * (images // recipe.batch_size):,}"
        for images, recipe in sorted(schedules.items())
    )
    hours = sum(each.seconds for each in results) / 3600
    ui.provenance(
        "precomputed",
        f"{len(results)} cells trained, of {asked} with three seeds each, {hours:.1f} hours of one thread; steps: "
        f"{steps}; both of a pair from the same weights on the same images, views and order; distilled with alpha "
        f"{study.ALPHA:g}, T {study.TEMPERATURE:g} and the shipped teacher; judged on the validation images of "
        f"{BUNDLED.name}{_halves(results)}; {'; '.join(sorted({each.where for each in results}))}; go on with "
        f"python -m explorer study; {shipped}.",
    )


def _halves(results: Sequence[study.CellResult]) -> str:
    """That some cells were judged on half of the images, if there are any."""
    if not any(each.cell.arm in ARMS for each in results):
        return ""
    return f" (those of {study.HALF:,} images on the half that none of their seed learned from)"


def _shared_errors(
    judged: Judged, teacher: str, candidates: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Shared errors of the shipped family, and the control of each student by the student's name.

    Args:
        judged: of the teacher, the family trained both ways, and the candidates.
        teacher: its name.
        candidates: networks with labels alone, one of which is the control.
    """
    logits, truth = judged.value
    answers = {name: values.argmax(1) for name, values in logits.items()}
    right = {name: int((each == truth).sum()) for name, each in answers.items()}
    untaught = {name: right[name] for name in candidates}
    controls = {name: whose.control_for(name, untaught, right[teacher]) for name in study.FAMILY}
    pairs = [
        whose.PairOfTwins(
            name, study.parameters_of(name), answers[name], answers[f"{name}-kd"], answers[control], control
        )
        for name, control in controls.items()
    ]
    return whose.shared_errors(pairs, answers[teacher], truth), controls


def show_whose(_: DistillationSelection) -> None:
    """Which of the shipped students' errors, and of those of the study, are the teacher's too."""
    shipped = ui.shipped()
    cards, teacher = shipped.cards, shipped.teachers[0]
    # By name, so that it is the same control whatever order the networks are listed in.
    candidates = sorted(name for name in cards if name != teacher and not cards[name].distillation)
    taught = [f"{name}-kd" for name in study.FAMILY]
    if not {*study.FAMILY, *taught} <= set(cards):
        return
    st.header("Whose mistakes are these?")
    judged = _judged([teacher, *candidates, *taught])
    with st.spinner("Counting the shared errors"):
        rows, controls = ui.kept(partial(_shared_errors, judged, teacher, tuple(candidates)))
    kind = address.choice(
        "shared",
        "An error is shared where the other network",
        list(whose.KINDS),
        draw=st.segmented_control,
        format_func=whose.KINDS.__getitem__,
        required=True,
    )
    _show_shared(rows, kind)
    used = " or ".join(cards[name].title for name in dict.fromkeys(controls.values()))
    control = f"control: of the others that ship with labels alone the one nearest in accuracy to the teacher, {used}"
    ui.provenance(
        "computed",
        f"from the precomputed logits of the shipped networks, one training each, on the "
        f"{BUNDLED.describe('validation')}; BCa bootstrap intervals over the images, {whose.RESAMPLES} resamples: what "
        f"another training would give they do not say; {control}.",
    )
    over_seeds = pd.DataFrame()
    stored = shipped.find_rows(study.KIND, study.CellResult, teacher, "validation")
    if stored is not None:
        over_seeds = ui.kept(partial(_over_seeds, stored.rows, judged, teacher, controls))
        _show_over_seeds(over_seeds, control)
    with st.container(horizontal=True):
        ui.download("Shared errors as CSV", rows, "shared_errors.csv")
        if len(over_seeds):
            ui.download("Over seeds as CSV", over_seeds, "shared_errors_seeds.csv")


def _show_shared(rows: pd.DataFrame, kind: str) -> None:
    shown, said = rows[rows["kind"] == kind], whose.whose_verdict(rows, kind)
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
            titles=(PARAMETERS, CHANGE, "Shared with"),
            colors=WHOSE_COLORS,
        ),
        f"Change of the share of a student's errors that are shared, distilled against labels alone. "
        f"{said.replace('**', '')}",
        f"Of the {largest['errors labels']} errors of the student of {largest['parameters']:,} with labels alone "
        f"{largest['labels alone']:.1%} are the teacher's too; of its {largest['errors distilled']} distilled, "
        f"{largest['distilled']:.1%}. A student that errs less is left with the hard images, which any network gets "
        f"wrong: so the control, one with labels alone that had no part in it, is counted in the same way. {said}",
    )


def _over_seeds(
    results: Sequence[study.CellResult], judged: Judged, teacher: str, controls: Mapping[str, str]
) -> pd.DataFrame:
    """``whose.shared_over_seeds`` of the cells that are judged on all validation images."""
    logits, truth = judged.value
    right = {name: (values.argmax(1) == truth).numpy() for name, values in logits.items()}
    pairs = [pair for pair in gains.pairs_of(results) if pair.judged_on == judged.key[0]]
    control = {student: right[name] for student, name in controls.items()}
    return whose.shared_over_seeds(pairs, right[teacher], control)


def _show_over_seeds(rows: pd.DataFrame, control: str) -> None:
    if rows.empty:
        return
    st.subheader("The same over several seeds, with fewer images")
    said = whose.seeds_verdict(rows)
    shown = rows.assign(
        tells=(rows["low"] > 0) | (rows["high"] < 0),
        size=rows["parameters"].map("{:,}".format),
        set=rows["images"].map("{:,}".format),
    )
    ui.chart(
        partial(
            charts.gain_intervals,
            shown.sort_values("parameters", kind="stable"),
            "size",
            "set",
            titles=(PARAMETERS, "Change beyond the control, points", "Training images"),
            colors=_colored(shown, "images", "set"),
        ),
        f"How much further the share of errors that are the teacher's moves than the share with the control. "
        f"{said.replace('**', '')}",
        "How much further than the control's the share of errors on the same images that are the teacher's moves, "
        f"mean over the seeds, with the 95% t interval over them where there are several. {said}",
    )
    cells = 2 * int(rows["seeds"].sum())
    ui.provenance(
        "precomputed",
        f"the {cells} cells of the study under When it helps that are pairs judged on all validation images; "
        f"{control}.",
    )
