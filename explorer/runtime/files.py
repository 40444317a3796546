"""The files of a network for another runtime, made from where it comes from."""

from typing import Any, Protocol

from explorer.runtime.compare import CALIBRATION, calibration_batches
from explorer.runtime.int8 import to_int8
from explorer.runtime.onnx_file import to_onnx
from explorer.work.instrument import SourceOfImages
from explorer.work.progress import follow


class Loads(Protocol):
    """Where a network comes from; can be pickled."""

    def load(self) -> Any:
        """A private copy of the network, in eval mode."""


def onnx_file(network: Loads, data: SourceOfImages) -> bytes:
    """The network as the content of an .onnx file, in float32.

    Raises:
        ExplorerError: the exporter is not installed.
    """
    return to_onnx(network.load(), data.input_size)


def int8_file(network: Loads, data: SourceOfImages, calibration: int = CALIBRATION) -> bytes:
    """The same in int8, calibrated on so many training images.

    Its weights have 7 bits: then it answers alike on every CPU, those included that add products in 16 bits.

    Raises:
        ExplorerError: onnxruntime or the exporter is not installed.
    """
    images = follow(data.read("training"), lambda _: None)
    batches = calibration_batches(images, calibration)
    return to_int8(onnx_file(network, data), batches, reduce_range=True)
