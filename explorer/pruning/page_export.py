"""Take it along: the pruned network as a checkpoint that opens again, and as a script that rebuilds it."""

import streamlit as st
from torch import nn

from explorer import ui
from explorer.networks import parameter_count
from explorer.pruning import export
from explorer.pruning.answers import AnswersSettings, pruned_network
from explorer.pruning.export import Receipt
from explorer.pruning.page_answers import provenance, show_answers
from explorer.pruning.selection import PruningSelection
from explorer.work.instrument import InstrumentSpec
from explorer.work.progress import follow
from explorer.workspace import trained_network


def main(selection: PruningSelection) -> None:
    """Numbers of the chosen network, its file, its script, and a place for it in this session."""
    shown = show_answers(selection)
    if shown is None:
        return
    settings = shown.settings
    spec = selection.spec(settings)
    how = (settings.method, f"{settings.ratio:g}", str(settings.recalibrate), settings.training)
    network = _pruned_network((selection.weights, *how), spec)
    receipt = export.receipt(
        network,
        shown.answers.pruned,
        shown.images.targets(),
        selection.source.card.name,
        settings.method,
        settings.ratio,
        settings.recalibrate,
    )
    stored, nonzero, right = st.columns(3)
    stored.metric("Parameters stored", f"{receipt.params:,}", border=True, help="Zeros included.")
    nonzero.metric(
        "Not zero",
        f"{receipt.nonzero:,}",
        border=True,
        help=f"{receipt.nonzero / selection.params:.1%} of the dense network's parameters.",
    )
    right.metric(
        "Accuracy",
        f"{receipt.correct / receipt.images:.1%}",
        border=True,
        help=f"{receipt.correct:,} of the first {receipt.images:,} {selection.noun}s right.",
    )
    provenance(shown)
    _offer(selection, network, receipt, f"{selection.title}, {settings.title}")


@st.cache_resource(max_entries=4, show_spinner="Pruning a copy")
def _pruned_network(identity: tuple[str, ...], _spec: InstrumentSpec[AnswersSettings]) -> nn.Module:
    """The pruned network; shared by all visitors, so only ever read."""
    del identity
    return follow(pruned_network(_spec), lambda update: None)


def _offer(selection: PruningSelection, network: nn.Module, receipt: Receipt, title: str) -> None:
    content = export.to_file(network)
    again = export.reopened(content)
    name = export.stem(receipt)
    left, middle, right = st.columns(3)
    left.download_button(
        f"{name}.safetensors",
        content,
        f"{name}.safetensors",
        on_click="ignore",
        icon=":material/download:",
        width="stretch",
    )
    # Only of a network that everybody has, since the script begins with it.
    text = export.script(receipt) if selection.source.ships else None
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
    right.button(
        "Keep it in this session",
        on_click=_keep,
        args=(title, again, selection),
        icon=":material/bookmark_add:",
        width="stretch",
        help="It then stands among the checkpoints above, to be pruned further.",
    )
    st.caption(
        f"The file holds {len(content) / 1e6:.2f} MB of plain weights. It was just opened again: recognised by its "
        f"shapes as a {type(again).__name__} of {parameter_count(again):,} parameters."
    )
    if text is None:
        st.info("There is no script: this network does not ship with the explorer, so nobody else has it.")
        return
    st.markdown(
        "**The script** rebuilds it from the shipped checkpoint, asserts these numbers and stores it."
    )
    st.code(text, "python")


def _keep(title: str, network: nn.Module, selection: PruningSelection) -> None:
    source = trained_network(
        title,
        network,
        input_size=selection.images.input_size,
        trained_on=f"pruned here from {selection.title}",
    )
    ui.session().trained[source.card.name] = source
    st.toast(f"Kept: {title}")
