"""Take it along: the pruned network as a checkpoint that opens again, and as a script that rebuilds it."""

from functools import partial

import streamlit as st

from explorer import places, ui
from explorer.ledger import Recalibrate, Step, origin_of
from explorer.pruning import export
from explorer.pruning.answers import AnswersSettings
from explorer.pruning.export import TakenAlong
from explorer.pruning.page_answers import provenance, show_answers
from explorer.pruning.selection import PruningSelection
from explorer.pruning.step import prune_step
from explorer.selection import USE
from explorer.ui.onnx import offer_onnx
from explorer.workspace import trained_network

CODE_CLASS, CODE_FILE = "PrunedNet", "pruned_net.py"


def main(selection: PruningSelection) -> None:
    """Numbers of the chosen network, its file, its script, and a place for it in this session."""
    shown = show_answers(selection)
    if shown is None:
        return
    taken = ui.prepare(
        ("take along", selection.source.card.name, *shown.judged.key),
        export.take_along,
        selection.spec(shown.settings),
        shown.answers.pruned,
        selection.source.card.name,
        CODE_CLASS,
    )
    receipt = taken.receipt
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
        help=f"{receipt.correct:,} right, of {selection.counted(receipt.images)}.",
    )
    provenance(shown)
    _offer(selection, taken, shown.settings)


def _offer(selection: PruningSelection, taken: TakenAlong, settings: AnswersSettings) -> None:
    content, code, receipt = taken.content, taken.code, taken.receipt
    name = export.stem(receipt)
    left, middle, page, right = st.columns(4)
    left.download_button(
        f"{name}.safetensors",
        lambda: content,  # given as it is, megabytes would be hashed and kept for every visitor at every run
        f"{name}.safetensors",
        on_click="ignore",
        icon=":material/download:",
        width="stretch",
    )
    middle.download_button(
        CODE_FILE,
        code,
        CODE_FILE,
        "text/x-python",
        on_click="ignore",
        icon=":material/code:",
        width="stretch",
        help="The class that the weights fit, for torch alone.",
    )
    page.download_button(
        "One page that runs it",
        partial(ui.make_file, export.one_page, taken, _title(selection, settings), selection.data, USE),
        f"{name}.html",
        "text/html",
        on_click="ignore",
        icon=":material/draw:",
        width="stretch",
        help="One HTML file with the network, photographs and a pad to draw on. It computes in your browser, with no "
        "server and no request.",
    )
    right.button(
        "Keep it in this session",
        on_click=_keep,
        args=(selection, content, settings),
        icon=":material/bookmark_add:",
        width="stretch",
        help="It then stands among the checkpoints above, to be pruned further.",
    )
    plain, small, bits = st.columns(3, vertical_alignment="center")
    offer_onnx(name, taken, selection.data, (plain, small))
    bits.page_link(places.page("bits"), label="Round it: fewer bits", icon=":material/grid_4x4:")
    st.caption(
        f"The file holds {len(content) / 1e6:.2f} MB of plain weights, and says which network they belong to. It was "
        f"just opened again: {ui.escape_markup(taken.reopened_as)}, {taken.reopened_params:,} parameters. Without the "
        f"explorer: `{CODE_CLASS}().load_state_dict(safetensors.torch.load_file(...))`."
    )
    # Only of a network that everybody has, since the script begins with it.
    if not selection.source.ships:
        st.info("There is no script: this network does not ship with the explorer, so nobody else has it.")
        with st.expander("The code of the pruned network"):
            st.code(code, "python")
        return
    st.markdown(
        "**The script** rebuilds it from the shipped checkpoint, asserts these numbers and stores it."
    )
    script = export.script(receipt)
    file = f"{name}.py"
    st.download_button(file, script, file, "text/x-python", on_click="ignore", icon=":material/receipt_long:")
    st.code(script, "python")


def _keep(selection: PruningSelection, content: bytes, settings: AnswersSettings) -> None:
    steps: list[Step] = [prune_step(settings.method, settings.ratio)]
    steps += [Recalibrate(settings.recalibrate)] if settings.recalibrate else []
    base, recipe = origin_of(selection.source, selection.data.key_of("training"), *steps)
    title = _title(selection, settings)
    source = trained_network(
        title,
        export.reopened(content),
        input_size=selection.images.input_size,
        trained_on=f"pruned here from {selection.title}",
        base=base,
        recipe=recipe,
    )
    ui.session().trained[source.card.name] = source
    st.toast(f"Kept: {title}")


def _title(selection: PruningSelection, settings: AnswersSettings) -> str:
    return f"{selection.title}, {settings.title}"
