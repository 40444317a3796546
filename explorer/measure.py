"""What a network does and costs, measured: logits, accuracy with its interval, devices.

Every figure says how it was got: accuracies are counts of real predictions on real images,
latencies are clock readings.
"""

import ctypes
import math
import os
import statistics
import sys
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from explorer.data import INPUT_SIZE, Inputs

BATCH = 250
BUSY = 0.1  # share of the machine that others may use before a clock reading is thrown away
PATIENCE = 5
BLOCK = 0.25  # seconds; /proc/stat counts hundredths, so a shorter interval says little


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


def spared() -> int:
    """The CPU threads torch may use if one is left to the rest of the machine; at least 1."""
    return max(1, torch.get_num_threads() - 1)


@contextmanager
def spared_core() -> Iterator[None]:
    """Leave one CPU to the rest of the machine inside the block.

    For long work behind a page: with every core in a training, the browser beside it cannot answer.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(spared())
    try:
        yield
    finally:
        torch.set_num_threads(before)


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
    """Time of one forward pass, measured, unless the machine was too busy to tell.

    Attributes:
        median: milliseconds for the whole batch; None if every reading was disturbed.
        low: first quartile, milliseconds.
        high: third quartile, milliseconds.
        batch: images in the batch.
        repeats: timed passes.
        threads: CPU threads torch may use.
        others: share of the machine's CPU time, 0 to 1, that other processes used meanwhile;
            None where the system does not tell.
    """

    median: float | None
    low: float | None
    high: float | None
    batch: int
    repeats: int
    threads: int
    others: float | None

    @property
    def busy(self) -> bool:
        """Whether so much else ran meanwhile that there is no figure."""
        return self.median is None


@torch.inference_mode()
def latencies(
    models: Sequence[nn.Module], inputs: Tensor, repeats: int = 15, patience: int = PATIENCE
) -> tuple[Latency, ...]:
    """The latency of several networks on one batch (N, 3, H, W), measured in turn.

    The networks take turns within each round, and every other round in reverse order, so that a
    machine that slows down slows all of them; two rounds warm up and are not counted. Rounds come in
    blocks of a quarter of a second or more, until there are ``repeats`` of them. A block in which other
    processes used over a tenth of the machine is thrown away; after ``patience`` of them there is no
    figure, only how busy the machine was.
    """
    keep_freed_memory()
    device = next(models[0].parameters()).device
    batch = inputs.to(device)
    for _ in range(2):
        _round(models, batch, device)
    rounds: list[list[float]] = []
    quiet: list[float | None] = []
    disturbed: list[float] = []
    while len(rounds) < repeats and len(disturbed) < patience:
        before, started = cpu_time(), time.perf_counter()
        block: list[list[float]] = []
        while not block or time.perf_counter() - started < BLOCK:
            block.append(_round(models, batch, device, backwards=len(block) % 2 == 1))
        others = others_between(before, cpu_time())
        if others is not None and others > BUSY:
            disturbed.append(others)
            if len(disturbed) < patience:
                time.sleep(BLOCK)  # what disturbed may be over soon
        else:
            rounds += block
            quiet.append(others)
    threads, size = torch.get_num_threads(), len(inputs)
    if len(rounds) < repeats:
        nothing = Latency(None, None, None, size, len(rounds), threads, statistics.median(disturbed))
        return (nothing,) * len(models)
    share = max((others for others in quiet if others is not None), default=None)
    return tuple(
        Latency(*_quartiles(times), size, len(rounds), threads, share) for times in zip(*rounds, strict=True)
    )


def _round(
    models: Sequence[nn.Module], batch: Tensor, device: torch.device, backwards: bool = False
) -> list[float]:
    """Milliseconds of one pass of each network."""
    times = [0.0] * len(models)
    order = range(len(models))
    for number in reversed(order) if backwards else order:
        started = time.perf_counter()
        models[number](batch)
        _finish(device)
        times[number] = 1000 * (time.perf_counter() - started)
    return times


def _quartiles(times: Sequence[float]) -> tuple[float, float, float]:
    low, median, high = torch.tensor(times).quantile(torch.tensor([0.25, 0.5, 0.75])).tolist()
    return median, low, high  # in the order of Latency


def _finish(device: torch.device) -> None:
    """Wait until the device has done its work."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()


Ticks = tuple[float, float, float]
"""Clock ticks of all processors so far: (all, busy, this process's)."""


def cpu_time() -> Ticks | None:
    """The ticks so far; None without /proc/stat."""
    try:
        fields = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:]
    except OSError:
        return None
    ticks = [float(field) for field in fields[:8]]
    own = time.process_time() * os.sysconf("SC_CLK_TCK")
    return sum(ticks), sum(ticks) - ticks[3] - ticks[4], own


def others_between(before: Ticks | None, after: Ticks | None) -> float | None:
    """Share of the machine's CPU time, 0 to 1, that other processes used; None if it cannot be told."""
    if before is None or after is None or after[0] == before[0]:
        return None
    whole, busy, own = (b - a for a, b in zip(before, after, strict=True))
    return max(0.0, (busy - own) / whole)


def state_bytes(state: Mapping[str, Tensor]) -> tuple[int, int]:
    """Size in bytes of a state_dict as a safetensors file, and of that file through zlib (level 1)."""
    data = save({key: tensor.cpu().contiguous() for key, tensor in state.items()})
    return len(data), len(zlib.compress(data, 1))


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
