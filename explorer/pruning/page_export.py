"""Take it along: the pruned network as a checkpoint that opens again, and as a script that rebuilds it."""

import streamlit as st
from torch import nn

from explorer import ui
from explorer.networks import parameter_count
from explorer.pruning import export
from explorer.pruning.page_choice import choose, provenance
from explorer.pruning.scene import Scene
from explorer.workspace import trained_network


def main(scene: Scene) -> None:
    """Numbers of the chosen network, its file, its script, and a place for it in this session."""
    choice = choose(scene)
    if choice is None:
        return
    found = export.receipt(
        choice.network,
        choice.after,
        choice.images.targets(),
        scene.name,
        choice.method.key,
        choice.ratio,
        choice.recalibrated,
    )
    stored, nonzero, right = st.columns(3)
    stored.metric("Parameters stored", f"{found.params:,}", border=True, help="Zeros included.")
    nonzero.metric(
        "Not zero",
        f"{found.nonzero:,}",
        border=True,
        help=f"{found.nonzero / scene.params:.1%} of the dense network's parameters.",
    )
    right.metric(
        "Accuracy",
        f"{found.correct / found.images:.1%}",
        border=True,
        help=f"{found.correct:,} of the first {found.images:,} images right.",
    )
    provenance(choice)
    content = export.to_file(choice.network)
    again = export.reopened(content)
    name = export.stem(found)
    left, middle, last = st.columns(3)
    left.download_button(
        f"{name}.safetensors",
        content,
        f"{name}.safetensors",
        on_click="ignore",
        icon=":material/download:",
        width="stretch",
    )
    text = export.script(found) if scene.source.recipe else None
    if text is not None:
        middle.download_button(
            f"{name}.py",
            text,
            f"{name}.py",
            "text/x-python",
            on_click="ignore",
            icon=":material/code:",
            width="stretch",
        )
    last.button(
        "Keep it in this session",
        on_click=_keep,
        args=(f"{scene.title}, {choice.title}", again, scene),
        icon=":material/bookmark_add:",
        width="stretch",
        help="It then stands among the checkpoints above, to be pruned further.",
    )
    st.caption(
        f"The file holds {len(content) / 1e6:.2f} MB of plain weights. It was just opened again: recognised by its "
        f"shapes as a {type(again).__name__} of {parameter_count(again):,} parameters."
    )
    if text is None:
        st.info("There is no script: this network was made in this session, not shipped.")
        return
    st.markdown(
        "**The script** rebuilds it from the shipped checkpoint, asserts these numbers and stores it."
    )
    st.code(text, "python")


def _keep(title: str, network: nn.Module, scene: Scene) -> None:
    kept = trained_network(
        title, network, input_size=scene.images.input_size, trained_on=f"pruned here from {scene.title}"
    )
    ui.session().trained[kept.card.name] = kept
    st.toast(f"Kept: {title}")
