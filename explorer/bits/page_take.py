"""Take it along: the network as a file for another runtime, and the lines that run it."""

import streamlit as st

from explorer import ui
from explorer.bits.selection import BitsSelection
from explorer.markup import escape_markup
from explorer.runtime.needed import missing
from explorer.runtime.onnx_file import INPUT, OUTPUT
from explorer.ui.onnx import offer_onnx


def main(selection: BitsSelection) -> None:
    """The two files, and how to run one."""
    st.markdown(
        f"**{escape_markup(selection.title)}** as a file that runs without torch. A pruned network's lies under "
        "Pruning, *Look inside*, *Take it along*."
    )
    if said := missing():
        st.info(said, icon=":material/download:")
    left, right = st.columns(2)
    offer_onnx(selection.name, selection.source, selection.data, (left, right))
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
        "written when the button is pressed, by torch's exporter; int8 by onnxruntime's quantiser.",
    )
