"""A network as an ONNX file, written by torch's own exporter."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from explorer.networks.fold import fold_batchnorm
from explorer.runtime.needed import needed

INPUT, OUTPUT = "images", "logits"


def to_onnx(model: nn.Module, side: int) -> bytes:
    """The network as the content of an .onnx file: any number of images (N, 3, side, side) in, logits (N, C) out.

    BatchNorm is folded into the convolutions first, as in every network that is timed here.

    Args:
        model: in eval mode; it is only read.
        side: of the images, in pixels.

    Raises:
        ExplorerError: the exporter is not installed.
    """
    needed("onnxscript")
    network = fold_batchnorm(model)
    # Two images, since a dimension of 1 is taken for a constant.
    images = torch.zeros(2, 3, side, side)
    with _silent():
        program = torch.onnx.export(
            network,
            (images,),
            dynamo=True,
            verbose=False,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("images", min=1)},),
        )
    assert program is not None, "with dynamo it gives a program"
    return bytes(program.model_proto.SerializeToString())


@contextmanager
def _silent() -> Iterator[None]:
    """Without the exporter's notes on its own progress."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)
