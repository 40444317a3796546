"""What a network does and costs, measured: logits, accuracy with its interval, devices.

Every figure says how it was got: accuracies are counts of real predictions on real images,
latencies are clock readings.
"""

import ctypes
import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from explorer.data import INPUT_SIZE, Inputs

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


def logits(model: nn.Module, inputs: Tensor | Inputs, batch: int = BATCH) -> Tensor:
    """Logits (N, classes), float32 on the CPU, of inputs (N, 3, H, W); the model must be in eval mode."""
    return torch.cat(list(logit_batches(model, inputs, batch)))


@torch.inference_mode()
def logit_batches(model: nn.Module, inputs: Tensor | Inputs, batch: int = BATCH) -> Iterator[Tensor]:
    """The logits of ``inputs``, batch by batch, on the device the model is on.

    ``batch`` is meant for 64 pixels: larger images go fewer at a time, in as much memory.
    """
    if model.training:
        raise RuntimeError("measure a network in eval mode: call model.eval() first")
    device = next(model.parameters()).device
    batch = at_once(inputs[:1].shape[-1], batch)
    for start in range(0, len(inputs), batch):
        yield model(inputs[start : start + batch].to(device)).float().cpu()


def at_once(size: int, batch: int = BATCH) -> int:
    """How many images of ``size`` pixels a side take the memory of ``batch`` at 64 pixels; at least 1.

    >>> at_once(64), at_once(224)
    (250, 20)
    """
    return min(batch, max(1, batch * INPUT_SIZE**2 // size**2))


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


@dataclass(frozen=True)
class Latency:
    """Time of one forward pass, measured.

    Attributes:
        median: milliseconds for the whole batch.
        low: first quartile, milliseconds.
        high: third quartile, milliseconds.
        batch: images in the batch.
        repeats: timed passes.
        threads: CPU threads torch may use.
        others: share of the machine's CPU time, 0 to 1, that other processes used meanwhile;
            None where the system does not tell.
    """

    median: float
    low: float
    high: float
    batch: int
    repeats: int
    threads: int
    others: float | None

    @property
    def busy(self) -> bool:
        """Whether so much else ran meanwhile that the figure should not be trusted."""
        return self.others is not None and self.others > 0.1


@torch.inference_mode()
def latencies(models: Sequence[nn.Module], inputs: Tensor, repeats: int = 15) -> tuple[Latency, ...]:
    """The latency of several networks on one batch (N, 3, H, W), measured in turn.

    The networks take turns within each round, and every other round in reverse order, so that a
    machine that slows down slows all of them; two rounds warm up and are not counted.
    """
    keep_freed_memory()
    times: list[list[float]] = [[] for _ in models]
    device = next(models[0].parameters()).device
    batch = inputs.to(device)
    before = _cpu_time()
    for turn in range(repeats + 2):
        order = range(len(models)) if turn % 2 else reversed(range(len(models)))
        for number in order:
            started = time.perf_counter()
            models[number](batch)
            _finish(device)
            if turn >= 2:
                times[number].append(1000 * (time.perf_counter() - started))
    others = _others(before, _cpu_time())
    quartiles = [torch.tensor(each).quantile(torch.tensor([0.25, 0.5, 0.75])).tolist() for each in times]
    return tuple(
        Latency(median, low, high, len(inputs), repeats, torch.get_num_threads(), others)
        for low, median, high in quartiles
    )


def _finish(device: torch.device) -> None:
    """Wait until the device has done its work."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()


def _cpu_time() -> tuple[float, float, float] | None:
    """Clock ticks of all processors so far: (all, busy, this process's); None without /proc/stat."""
    try:
        fields = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:]
    except OSError:
        return None
    ticks = [float(field) for field in fields[:8]]
    own = os.times()
    return sum(ticks), sum(ticks) - ticks[3] - ticks[4], (own.user + own.system) * os.sysconf("SC_CLK_TCK")


def _others(
    before: tuple[float, float, float] | None, after: tuple[float, float, float] | None
) -> float | None:
    if before is None or after is None or after[0] == before[0]:
        return None
    whole, busy, own = (b - a for a, b in zip(before, after, strict=True))
    return max(0.0, (busy - own) / whole)


def multiply_adds(model: nn.Module, inputs: Tensor) -> int:
    """Multiply-adds of the convolutions and linear layers for one image of ``inputs`` (N, 3, H, W).

    Counted by torch's own counter, which counts two operations for each. Masked weights count in
    full: the machine multiplies by their zeros.
    """
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(inputs[:1].to(next(model.parameters()).device))
    return int(counter.get_total_flops()) // 2


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[nn.Module]:
    """The model in eval mode inside the block, back in its former mode after it."""
    training = model.training
    model.eval()
    try:
        yield model
    finally:
        model.train(training)
