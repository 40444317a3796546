"""The downloads of a network for another runtime, made when they are pressed."""

from functools import partial
from typing import Any

import streamlit as st

from explorer.runtime.files import Loads, int8_file, onnx_file
from explorer.runtime.needed import missing
from explorer.ui.work import make_file
from explorer.work.instrument import SourceOfImages

FILES = {
    "": (
        onnx_file,
        "The network in float32, for onnxruntime and other runtimes; any number of images at once.",
    ),
    "-int8": (
        int8_file,
        "Weights and activations as small whole numbers, calibrated on training images. Weights have 7 bits, so that "
        "it answers alike on every CPU.",
    ),
}


def offer_onnx(name: str, network: Loads, data: SourceOfImages, at: tuple[Any, Any] = (st, st)) -> None:
    """Two buttons that save a network in float32 and in int8; without the packages they say what to install.

    Args:
        name: of the files, without an ending.
        network: what is written; it can be pickled.
        data: whose input size it has, and whose training images int8 is calibrated on.
        at: where to draw them: two columns, or the page.
    """
    said = missing()
    for place, (ending, (write, about)) in zip(at, FILES.items(), strict=True):
        place.download_button(
            f"{name}{ending}.onnx",
            partial(make_file, write, network, data),
            f"{name}{ending}.onnx",
            "application/octet-stream",
            key=f"onnx_{name}{ending}",
            on_click="ignore",
            icon=":material/memory:",
            width="stretch",
            disabled=bool(said),
            help=said or about,
        )
