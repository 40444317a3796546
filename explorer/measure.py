"""What a network does and costs, measured: logits, accuracy with its interval, devices.

Every figure says how it was got: accuracies are counts of real predictions on real images,
latencies are clock readings.
"""

import ctypes
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

BATCH = 250


@dataclass(frozen=True)
class Accuracy:
    """``correct`` right answers on ``total`` images."""

    correct: int
    total: int

    @property
    def value(self) -> float:
        """The share of right answers, 0 to 1."""
        return self.correct / self.total

    def interval(self, z: float = 1.96) -> tuple[float, float]:
        """Wilson score interval (95 % for ``z`` = 1.96). Source: Wilson 1927, JASA 22.

        >>> low, high = Accuracy(90, 100).interval()
        >>> round(low, 3), round(high, 3)
        (0.826, 0.945)
        """
        n, p = self.total, self.value
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, centre - half), min(1.0, centre + half)


def logits(model: nn.Module, inputs: Tensor, batch: int = BATCH) -> Tensor:
    """Logits (N, classes), float32 on the CPU, of inputs (N, 3, H, W); the model must be in eval mode."""
    return torch.cat(list(logit_batches(model, inputs, batch)))


@torch.inference_mode()
def logit_batches(model: nn.Module, inputs: Tensor, batch: int = BATCH) -> Iterator[Tensor]:
    """The logits of ``inputs``, batch by batch, on the device the model is on."""
    if model.training:
        raise RuntimeError("measure a network in eval mode: call model.eval() first")
    device = next(model.parameters()).device
    for chunk in torch.split(inputs, batch):
        yield model(chunk.to(device)).float().cpu()


def accuracy(scores: Tensor, labels: Tensor) -> Accuracy:
    """Top-1 accuracy of logits (N, classes) against labels (N,).

    >>> accuracy(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 0]))
    Accuracy(correct=1, total=2)
    """
    return Accuracy(int((scores.argmax(1) == labels).sum()), len(labels))


def devices() -> tuple[str, ...]:
    """The devices this torch can use here, the CPU first."""
    found = ["cpu"]
    if torch.cuda.is_available():
        found.append("cuda")
    if torch.backends.mps.is_available():
        found.append("mps")
    return tuple(found)


def has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware."""
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())


def keep_freed_memory() -> None:
    """Let glibc keep freed memory instead of handing it back to the kernel after every layer.

    Without this, large layers pay for fresh pages at each forward pass and small (pruned) ones do
    not, so a pruned network would look faster than it is. Does nothing where there is no glibc.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mmap_threshold, trim_threshold = -3, -1
    mallopt(mmap_threshold, 2**30)
    mallopt(trim_threshold, 2**31 - 1)


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[nn.Module]:
    """The model in eval mode inside the block, back in its former mode after it."""
    training = model.training
    model.eval()
    try:
        yield model
    finally:
        model.train(training)
