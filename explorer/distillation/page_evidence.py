"""What the teacher knows about classes, and what students trained on it really reached."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st
from torch import Tensor

from explorer import ui
from explorer.classroom import Question
from explorer.data import BUNDLED
from explorer.distillation import asked, charts, grid, knowledge, soften
from explorer.distillation.calibration import CALIBRATION_BINS, Calibration, calibrate
from explorer.distillation.selection import DistillationSelection, JudgedImages
from explorer.networks import describe
from explorer.ui import address
from explorer.work.kept import Keyed

PAIR_PIXELS = 112  # side on screen of an example image


def show_dark_knowledge(selection: DistillationSelection) -> None:
    """The teacher's mean soft label per true class at T."""
    if not ui.predict(ui.kept(partial(_question, selection.judged))):
        return
    rows = ui.kept(partial(_soft_labels, selection.judged, selection.temperature))
    top = rows.nlargest(1, "probability").iloc[0]
    true, other = ui.escape_markup(top["true"]), ui.escape_markup(top["other"])
    ui.chart(
        partial(charts.soft_label_matrix, rows),
        f"Matrix of the teacher's mean soft labels at T = {selection.temperature:g}; largest: a {top['true']} "
        f"also seen as {top['other']}, {top['probability']:.3f}.",
        f"Mean soft labels in % at T = {selection.temperature:g}: to a **{true}** the teacher gives on average "
        f"**{top['probability']:.1%}** {other}, more than in any other pair. A label alone says none of this. "
        "Hover a cell for its example images, or choose the pair below.",
    )
    _show_pair_examples(selection, rows.sort_values("probability", ascending=False))
    ui.provenance("computed", f"from {ui.logits_in_words(selection.teacher_name)}.")
    ui.download("Soft labels as CSV", rows.drop(columns=["example", "positions"]), "soft_labels.csv")


def _question(judged: Keyed[JudgedImages]) -> Question:
    images, teacher, _ = judged.value
    return asked.dark_question(judged.key[0], images.key, images.classes, images.targets(), teacher)


def _soft_labels(judged: Keyed[JudgedImages], temperature: float) -> pd.DataFrame:
    images, teacher, _ = judged.value
    return knowledge.mean_soft_labels(teacher, images, temperature)


def _show_pair_examples(selection: DistillationSelection, rows: pd.DataFrame) -> None:
    """The images of a chosen pair, for those who cannot hover."""
    names = [f"{row.true}, also seen as {row.other}" for row in rows.itertuples()]
    choice, shown = st.columns([1, 2], vertical_alignment="bottom")
    name = address.choice(
        "pair", "Pair", names, draw=choice.selectbox, help="The strongest pair first; type to search."
    )
    row = rows.iloc[names.index(name)]
    positions = list(row["positions"])
    softened = soften.soften(selection.teacher_logits[positions], selection.temperature)
    given = softened[:, selection.images.classes.index(row["other"])]
    shown.image(
        [ui.picture(selection.images, at, PAIR_PIXELS) for at in positions],
        caption=[f"image {at}: {share:.0%}" for at, share in zip(positions, given.tolist(), strict=True)],
        alt=[
            f"a photograph labelled {selection.images.classes[int(selection.images.labels[at])]}"
            for at in positions
        ],
    )


def show_grid(_: DistillationSelection) -> None:
    """Students trained over alpha and T, with the teacher that ships."""
    shipped = ui.shipped()
    stored = shipped.find_rows("grid", grid.GridResult, shipped.teachers[0], "validation")
    if stored is None:
        st.info(
            "Nobody has trained students over alpha and T with this teacher yet: python -m explorer grid."
        )
    else:
        _show_grid(stored.rows)


def _grid(results: Sequence[grid.GridResult]) -> tuple[pd.DataFrame, str]:
    rows = grid.summarise_grid(results)
    return rows, grid.grid_verdict(results, rows)


def _show_grid(results: Sequence[grid.GridResult]) -> None:
    st.header(f"Students trained over alpha and T, on {BUNDLED.name}")
    rows, verdict = ui.kept(partial(_grid, results))
    ui.chart(
        partial(charts.grid_map, rows),
        f"Mean validation accuracy over alpha and T; {verdict}",
        f"Mean validation accuracy in %, under it the lowest and the highest seed. Colour: the difference from labels "
        f"alone, the bottom row, which T does not touch; with a triangle where the two can be told apart. {verdict}",
    )
    settings = results[0].settings
    images = f"the first {settings.images:,}" if settings.images else "all"
    hours = sum(result.seconds for result in results) / 3600
    ui.provenance(
        "precomputed",
        f"{len(results)} trainings, {settings.recipe.epochs} epochs each on {images} training images, one schedule, "
        f"{hours:.1f} hours of one thread; "
        f"{describe(settings.spec)}, alpha the soft term's weight; "
        "run again with python -m explorer grid.",
    )
    ui.download("Grid as CSV", rows, "grid.csv")


def show_calibration(selection: DistillationSelection) -> None:
    """How far confidence and accuracy of the teacher, the student and its twin agree, at T = 1."""
    labels = selection.images.targets()
    calibrations = {
        way: ui.kept(partial(_calibration, Keyed((weights, selection.images.key), (logits, labels))))
        for way, (weights, logits) in _networks_to_calibrate(selection).items()
    }
    titles = {name: f"{name}: ECE {each.ece:.3f}" for name, each in calibrations.items()}
    rows = pd.concat([each.bins.assign(network=titles[name]) for name, each in calibrations.items()])
    ranked = sorted(calibrations, key=lambda name: calibrations[name].ece)
    ui.chart(
        partial(charts.reliability_lines, rows),
        "Accuracy against confidence: " + "; ".join(titles.values()),
        f"The teacher and students of {ui.networks()[selection.student_name].params:,} parameters. A point below the "
        "dashed diagonal is surer than it should be; the larger the point, the more images it stands for. "
        "Expected calibration error (ECE), smallest first: "
        + ", ".join(f"**{ui.escape_markup(name)}** {calibrations[name].ece:.3f}" for name in ranked)
        + ".",
    )
    ui.provenance("computed", f"from {ui.logits_in_words(*selection.names)}, {CALIBRATION_BINS} bins.")
    ui.download("Reliability as CSV", rows, "reliability.csv")


def _calibration(judged: Keyed[tuple[Tensor, Tensor]]) -> Calibration:
    return calibrate(*judged.value)


def _networks_to_calibrate(selection: DistillationSelection) -> dict[str, tuple[str, Tensor]]:
    """Teacher, student and, where it has one, the student's twin trained the other way: sha256 and logits of each."""
    cards, twin = ui.networks(), selection.student_name.removesuffix("-kd")
    names = {"labels alone": twin, "distilled": f"{twin}-kd"}
    if not set(names.values()) <= set(cards):
        names = {cards[selection.student_name].title: selection.student_name}
    return {
        way: (cards[name].sha256, ui.validation_logits(name))
        for way, name in ({"teacher": selection.teacher_name} | names).items()
    }
