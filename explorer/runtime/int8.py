"""Static int8: weights and activations as 8-bit codes, multiplied as whole numbers, by onnxruntime.

Ranges of activations are taken from calibration images, those of weights from the weights, a scale per output channel.
What is written is the float32 network with a pair of layers around each number that is rounded (QDQ); onnxruntime
multiplies whole numbers where such a pair surrounds a layer. Source: the scheme of ``explorer.bits``, made by
onnxruntime's own quantiser.
"""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from explorer.files import temporary_folder
from explorer.runtime.needed import needed
from explorer.runtime.onnx_file import INPUT

_TOLD = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8", "asimd", "asimddp", "i8mm")


def to_int8(content: bytes, calibration: Iterable[Tensor], *, reduce_range: bool = False) -> bytes:
    """The network of an .onnx file with static int8 weights and activations, as the content of an .onnx file.

    Args:
        content: of the float32 file, as ``to_onnx`` gives it.
        calibration: batches of training images (B, 3, H, W).
        reduce_range: 7-bit weights. A CPU without VNNI adds pairs of products in 16 bits, where two of the largest do
            not fit: they are cut off without a word. One bit less, and they fit.

    Raises:
        ExplorerError: onnxruntime or onnx is not installed.
    """
    needed("onnx")
    quantization = needed("onnxruntime.quantization")
    prepare = needed("onnxruntime.quantization.shape_inference").quant_pre_process
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)  # it tells the root logger about its progress
    try:
        with temporary_folder() as folder:
            read, ready, written = (folder / f"{name}.onnx" for name in ("float32", "ready", "int8"))
            read.write_bytes(content)
            prepare(str(read), str(ready), skip_symbolic_shape=True)
            quantization.quantize_static(
                str(ready),
                str(written),
                _reader(quantization, calibration),
                quant_format=quantization.QuantFormat.QDQ,
                per_channel=True,
                reduce_range=reduce_range,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
            )
            return written.read_bytes()
    finally:
        root.setLevel(before)


def _reader(quantization: Any, calibration: Iterable[Tensor]) -> Any:
    """The calibration images as onnxruntime asks for them."""

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.batches: Iterator[Tensor] = iter(calibration)

        def get_next(self) -> dict[str, Any] | None:
            batch = next(self.batches, None)
            return None if batch is None else {INPUT: batch.numpy()}

    return Reader()


def cpu_flags(text: str | None = None) -> tuple[str, ...]:
    """What this CPU has for whole numbers, by the names of Linux; empty where the system does not tell.

    Args:
        text: instead of ``/proc/cpuinfo``.

    >>> cpu_flags("flags : fpu avx2 avx512_vnni")
    ('avx2', 'avx512_vnni')
    """
    if text is None:
        try:
            text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        except OSError:
            return ()
    lines = [line.split() for line in text.splitlines() if line.startswith(("flags", "Features"))]
    return tuple(flag for flag in _TOLD if lines and flag in lines[0])


_SUMS_IN_32_BITS = {"avx_vnni", "avx512_vnni", "amx_int8", "asimddp", "i8mm"}


def describe_cpu(flags: tuple[str, ...] | None = None) -> str:
    """What this CPU has for whole numbers, and whether sums of products can overflow there, in sentences.

    Args:
        flags: instead of those of this machine.
    """
    has = cpu_flags() if flags is None else flags
    if not has:
        return "This system does not tell what its CPU has for whole numbers."
    listed = f"This CPU has {', '.join(has)}"
    exact = [flag for flag in has if flag in _SUMS_IN_32_BITS]
    if exact:
        return f"{listed}: {exact[-1]} adds products of small numbers in 32 bits, so none is cut off."
    return f"{listed}, and nothing that adds products in 32 bits: pairs are added in 16 and may be cut off."
