"""An ONNX file as a network that is run by onnxruntime."""

import torch
from torch import Tensor, nn

from explorer.runtime.needed import needed
from explorer.runtime.onnx_file import OUTPUT


class OnnxNetwork(nn.Module):
    """An .onnx file in onnxruntime on the CPU; called as any network, it can be counted and timed as one.

    Args:
        content: of the file, as ``to_onnx`` or ``to_int8`` gives it.
        threads: of a forward pass; by default as many as torch may use.
        fused: whether onnxruntime may rewrite the graph: join layers, and have a layer between two roundings multiply
            whole numbers. Without, each layer is run as it is written.

    Raises:
        ExplorerError: onnxruntime is not installed.
    """

    def __init__(self, content: bytes, threads: int | None = None, *, fused: bool = True) -> None:
        super().__init__()
        runtime = needed("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads or torch.get_num_threads()
        options.log_severity_level = 3  # errors alone
        # Or its threads would go on looking for work, on processors that are timed with another network by then.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        if not fused:
            options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self._session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, C), float32, of images (N, 3, H, W)."""
        (logits,) = self._session.run([OUTPUT], {self._input: images.contiguous().numpy()})
        return torch.from_numpy(logits)
