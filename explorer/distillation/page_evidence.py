"""What the teacher knows about classes, and what students trained on it really reached."""

import json

import pandas as pd
import streamlit as st
from torch import Tensor

from explorer import ui
from explorer.distillation import charts, grid, knowledge
from explorer.distillation.scene import Scene


def dark_knowledge(scene: Scene) -> None:
    """The teacher's mean soft label per true class at T."""
    rows = knowledge.mean_soft_labels(scene.teacher, scene.images, scene.temperature)
    top = rows.nlargest(1, "probability").iloc[0]
    ui.chart(
        charts.soft_label_matrix(rows),
        f"Matrix of the teacher's mean soft labels at T = {scene.temperature:g}; largest: a {top['true']} "
        f"also seen as {top['other']}, {top['probability']:.3f}.",
        f"At T = {scene.temperature:g} the teacher gives a **{top['true']}** on average "
        f"**{top['probability']:.1%}** of {top['other']}, more than any other pair. Hover a cell for the image "
        "to which it gives the most. A label alone says none of this.",
    )
    ui.provenance("computed", f"from the teacher's logits on {len(scene.images):,} validation images.")
    ui.download("Soft labels as CSV", rows.drop(columns="example"), "soft_labels.csv")


def evidence(scene: Scene) -> None:
    """The grid of trained students, calibration, and the cards; the grid and the cards are the shipped ones'."""
    results = _grid()
    if results:
        _show_grid(results)
    st.subheader("Calibration at T = 1")
    _calibration(scene)
    st.subheader("The shipped networks")
    ui.networks_table()


@st.cache_data(show_spinner=False)
def _grid() -> list[dict[str, object]]:
    path = grid.evidence_path()
    if not path.exists():
        return []
    return list(json.loads(path.read_text(encoding="utf-8"))["results"])


def _show_grid(results: list[dict[str, object]]) -> None:
    st.subheader("Students trained over alpha and T, on Fashion-MNIST")
    rows, verdict = grid.summary(results), grid.verdict(results)
    ui.chart(
        charts.grid_map(rows),
        f"Mean validation accuracy over alpha and T; {verdict}",
        f"Mean validation accuracy in %, lowest to highest seed below it. {verdict}",
    )
    first = results[0]["settings"]
    assert isinstance(first, dict)
    ui.provenance(
        "precomputed",
        f"{len(results)} trainings of {first['recipe']['epochs']} epochs each, blocks of widths "
        f"{first['spec']['widths']}; run again with <code>python -m explorer grid</code>.",
    )
    ui.download("Grid as CSV", rows, "grid.csv")


def _calibration(scene: Scene) -> None:
    labels = scene.images.targets()
    networks = {"teacher": scene.teacher, **_pair(scene)}
    found = {name: knowledge.calibration(logits, labels) for name, logits in networks.items()}
    titles = {name: f"{name}, ECE {each.ece:.3f}" for name, each in found.items()}
    rows = pd.concat([each.bins.assign(network=titles[name]) for name, each in found.items()])
    best = min(found, key=lambda name: found[name].ece)
    ui.chart(
        charts.reliability(rows),
        "Accuracy against confidence: " + "; ".join(titles.values()),
        f"Below the diagonal a network is surer than it should be. The smallest calibration error here is that "
        f"of **{best}**, {found[best].ece:.3f}. Distillation at high T does not make T a calibration setting.",
    )
    ui.provenance("computed", f"from the logits on {len(labels):,} validation images, 15 bins.")
    ui.download("Reliability as CSV", rows, "reliability.csv")


def _pair(scene: Scene) -> dict[str, Tensor]:
    """The chosen student and, of a shipped one, its twin trained the other way."""
    if scene.student_name not in ui.names_with_logits():
        return {ui.networks()[scene.student_name].title: scene.student}
    twin = scene.student_name.removesuffix("-kd")
    return {
        name: ui.validation_logits(name) for name in (twin, f"{twin}-kd") if name in ui.names_with_logits()
    }
