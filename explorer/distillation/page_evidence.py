"""What the teacher knows about classes, and what students trained on it really reached."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from torch import Tensor

from explorer import ui
from explorer.data import BUNDLED
from explorer.distillation import charts, grid, knowledge, soften
from explorer.distillation.scene import Scene
from explorer.networks import StudentSpec, describe

PAIR_PIXELS = 112  # side on screen of an example image


def dark_knowledge(scene: Scene) -> None:
    """The teacher's mean soft label per true class at T."""
    rows = knowledge.mean_soft_labels(scene.teacher, scene.images, scene.temperature)
    top = rows.nlargest(1, "probability").iloc[0]
    ui.chart(
        charts.soft_label_matrix(rows),
        f"Matrix of the teacher's mean soft labels at T = {scene.temperature:g}; largest: a {top['true']} "
        f"also seen as {top['other']}, {top['probability']:.3f}.",
        f"Mean soft labels in % at T = {scene.temperature:g}: to a **{top['true']}** the teacher gives on average "
        f"**{top['probability']:.1%}** {top['other']}, more than in any other pair. A label alone says none of this. "
        "Hover a cell for its example images, or choose the pair below.",
    )
    _pair_examples(scene, rows.sort_values("probability", ascending=False))
    ui.provenance("computed", f"from the teacher's logits on {len(scene.images):,} validation images.")
    ui.download("Soft labels as CSV", rows.drop(columns=["example", "positions"]), "soft_labels.csv")


def _pair_examples(scene: Scene, rows: pd.DataFrame) -> None:
    """The images of a chosen pair, for those who cannot hover."""
    names = [f"{row.true}, also seen as {row.other}" for row in rows.itertuples()]
    choice, shown = st.columns([1, 2], vertical_alignment="bottom")
    name = choice.selectbox(
        "Pair", names, key="d_pair", bind="query-params", help="The strongest pair first; type to search."
    )
    row = rows.iloc[names.index(name)]
    given = soften.soften(scene.teacher, scene.temperature)[:, scene.images.classes.index(row["other"])]
    times = max(1, PAIR_PIXELS // len(scene.images.images[0]))
    shown.image(
        [scene.images.images[at].repeat(times, 0).repeat(times, 1) for at in row["positions"]],
        caption=[f"image {at}: {given[at]:.0%}" for at in row["positions"]],
    )


def evidence(scene: Scene) -> None:
    """The grid of trained students, calibration, and the cards; the grid and the cards are the shipped ones'."""
    path = grid.evidence_path()
    if path.exists():
        _show_grid(_results(path))
    st.subheader("Calibration at T = 1")
    _calibration(scene)
    st.subheader("The shipped networks")
    ui.networks_table()


@st.cache_data(show_spinner=False, max_entries=4)
def _results(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text(encoding="utf-8"))["results"])


def _show_grid(results: list[dict[str, Any]]) -> None:
    st.subheader(f"Students trained over alpha and T, on {BUNDLED.name}")
    rows, verdict = grid.summary(results), grid.verdict(results)
    ui.chart(
        charts.grid_map(rows),
        f"Mean validation accuracy over alpha and T; {verdict}",
        f"Mean validation accuracy in %, under it half the distance from the lowest to the highest seed. Colour: "
        f"the difference from labels alone, the bottom row, which T does not touch; with a triangle where it is more "
        f"than seeds differ. {verdict}",
    )
    settings = results[0]["settings"]
    recipe, spec = settings["recipe"], settings["spec"]
    images = f"the first {settings['images']:,}" if settings["images"] else "all"
    hours = sum(result["seconds"] for result in results) / 3600
    ui.provenance(
        "precomputed",
        f"{len(results)} trainings, {recipe['epochs']} epochs each on {images} training images, one schedule, "
        f"{hours:.1f} hours of one thread; "
        f"{describe(StudentSpec.from_dict(spec))}, alpha the soft term's weight; "
        "run again with <code>python -m explorer grid</code>.",
    )
    ui.download("Grid as CSV", rows, "grid.csv")


def _calibration(scene: Scene) -> None:
    labels = scene.images.targets()
    found = {
        name: knowledge.calibration(logits, labels)
        for name, logits in ({"teacher": scene.teacher} | _pair(scene)).items()
    }
    titles = {name: f"{name}: ECE {each.ece:.3f}" for name, each in found.items()}
    rows = pd.concat([each.bins.assign(network=titles[name]) for name, each in found.items()])
    ranked = sorted(found, key=lambda name: found[name].ece)
    ui.chart(
        charts.reliability(rows),
        "Accuracy against confidence: " + "; ".join(titles.values()),
        f"The teacher and students of {ui.networks()[scene.student_name].params:,} parameters. A point below the "
        "dashed diagonal is surer than it should be; the larger the point, the more images it stands for. "
        "Expected calibration error (ECE), smallest first: "
        + ", ".join(f"**{name}** {found[name].ece:.3f}" for name in ranked)
        + ".",
    )
    ui.provenance("computed", f"from the logits on {len(labels):,} validation images, 15 bins.")
    ui.download("Reliability as CSV", rows, "reliability.csv")


def _pair(scene: Scene) -> dict[str, Tensor]:
    """The chosen student and, of a shipped one, its twin trained the other way."""
    if scene.student_name not in ui.names_with_logits():
        return {ui.networks()[scene.student_name].title: scene.student}
    twin = scene.student_name.removesuffix("-kd")
    return {
        way: ui.validation_logits(name)
        for way, name in (("labels alone", twin), ("distilled", f"{twin}-kd"))
        if name in ui.names_with_logits()
    }
