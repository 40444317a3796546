"""Take it along: the network as a file for another runtime, the rounded one as a page, and the lines that run them."""

from functools import partial

import streamlit as st

from explorer import places, ui
from explorer.bits.page_round import asked_for, place_of
from explorer.bits.rounding import Rounding, describe_rounding
from explorer.bits.selection import BitsSelection
from explorer.bits.sweep import KIND, BitsRow
from explorer.bits.take import rounded_page
from explorer.markup import escape_markup
from explorer.networks import maskable_weights
from explorer.runtime.needed import missing
from explorer.runtime.onnx_file import INPUT, OUTPUT
from explorer.ui.onnx import offer_onnx


def main(selection: BitsSelection) -> None:
    """The files, how to run one, and where those of a pruned network lie."""
    st.markdown(f"**{escape_markup(selection.title)}** as files that run without torch.")
    if said := missing():
        st.info(said, icon=":material/download:")
    left, right, page = st.columns(3)
    offer_onnx(selection.name, selection.source, selection.data, (left, right))
    with page:
        _offer_page(selection)
    side = selection.data.input_size
    st.code(
        "import numpy as np\nimport onnxruntime\n\n"
        f'session = onnxruntime.InferenceSession("{selection.name}.onnx")\n'
        f"images = np.zeros((1, 3, {side}, {side}), np.float32)  # normalised as for torch\n"
        f'(logits,) = session.run(["{OUTPUT}"], {{"{INPUT}": images}})',
        "python",
    )
    ui.provenance(
        "computed",
        "written when the button is pressed: .onnx by torch's exporter, int8 by onnxruntime's quantiser.",
    )
    st.caption(
        "A pruned network has the same files under Pruning, *Look inside*, *Take it along*; a repaired or rounded one "
        "under Ledger and report, *Step by step*. Kept in this session, either can be chosen above."
    )
    with st.container(horizontal=True):
        st.page_link(places.page("pruning"), label="Prune this network", icon=":material/content_cut:")
        st.page_link(places.page("report"), label="Step by step", icon=":material/stairs:")


def _offer_page(selection: BitsSelection) -> None:
    """The network as rounded in the first tab, in one page that runs it."""
    bits, per, symmetric, _ = place_of(asked_for(tuple(maskable_weights(selection.network))))
    rounding = Rounding(bits, per, symmetric)
    stored = ui.workspace().find_rows(KIND, BitsRow, selection.name)
    counted = [row for row in stored.rows if row.state == (rounding, 0)] if stored is not None else []
    st.download_button(
        f"One page, {bits} bits",
        partial(
            ui.make_file,
            rounded_page,
            selection.source,
            selection.data,
            rounding,
            counted[0] if counted else None,
        ),
        f"{selection.name}-{bits}-bits.html",
        "text/html",
        on_click="ignore",
        icon=":material/draw:",
        width="stretch",
        help=f"{describe_rounding(rounding).capitalize()}, as under *Bits under the hand*. One HTML file with the "
        "codes, photographs and a pad to draw on; it computes in float32 with the numbers that the codes stand for, "
        "in your browser, with no server and no request. In a terminal: "
        f"`home NAME --bits {bits} --per {per}{'' if symmetric else ' --affine'}`.",
    )
