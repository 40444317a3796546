"""The clock: milliseconds of a forward pass, read only while the machine is quiet."""

import ctypes
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from explorer.measure.devices import device_of
from explorer.work.quiet import quiet

BUSY = 0.1  # share of the machine that others may use before a clock reading is thrown away
PATIENCE = 5
BLOCK = 0.25  # seconds; /proc/stat counts hundredths, so a shorter interval says little


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
    figure, only how busy the machine was. In a server's worker the pages hold still during a block.
    """
    keep_freed_memory()
    device = device_of(models[0])
    batch = inputs.to(device)
    for _ in range(2):
        _round(models, batch, device)
    rounds: list[list[float]] = []
    undisturbed: list[float | None] = []
    disturbed: list[float] = []
    while len(rounds) < repeats and len(disturbed) < patience:
        block: list[list[float]] = []
        with quiet():
            before, started = cpu_time(), time.perf_counter()
            # A block, not a round, is judged quiet or not: /proc/stat counts in hundredths of a second, so
            # the share of others is only known over many of them. Every second round runs backwards: what
            # drifts within a round (heat, a falling clock rate) then falls on first and last alike.
            while not block or time.perf_counter() - started < BLOCK:
                block.append(_round(models, batch, device, backwards=len(block) % 2 == 1))
            others = others_between(before, cpu_time())
        if others is not None and others > BUSY:
            disturbed.append(others)
            if len(disturbed) < patience:
                time.sleep(BLOCK)  # what disturbed may be over soon
        else:
            rounds += block
            undisturbed.append(others)
    threads, size = torch.get_num_threads(), len(inputs)
    if len(rounds) < repeats:
        nothing = Latency(None, None, None, size, len(rounds), threads, statistics.median(disturbed))
        return (nothing,) * len(models)
    share = max((others for others in undisturbed if others is not None), default=None)
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
    # The network being timed keeps the processors busy too: what this process used is subtracted later,
    # or every machine would look disturbed by the very passes that are measured.
    process = time.process_time() * os.sysconf("SC_CLK_TCK")
    idle, waiting_for_disk = ticks[3], ticks[4]
    return sum(ticks), sum(ticks) - idle - waiting_for_disk, process


def others_between(before: Ticks | None, after: Ticks | None) -> float | None:
    """Share of the machine's CPU time, 0 to 1, that other processes used; None if it cannot be told."""
    if before is None or after is None or after[0] == before[0]:
        return None
    whole, busy, process = (b - a for a, b in zip(before, after, strict=True))
    return max(0.0, (busy - process) / whole)  # below 0 where the two clocks tick apart
