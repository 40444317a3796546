"""The same weights in another runtime: a network as an ONNX file, run by onnxruntime in float32 or int8."""

from explorer.runtime.int8 import cpu_flags, to_int8
from explorer.runtime.onnx_file import to_onnx
from explorer.runtime.session import OnnxNetwork

__all__ = ["OnnxNetwork", "cpu_flags", "to_int8", "to_onnx"]
