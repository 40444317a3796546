"""The clock: milliseconds of a forward pass, read only while the machine is quiet."""

import ctypes
import os
import random
import statistics
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from explorer.measure.devices import device_of
from explorer.work.quiet import quiet

BUSY = 0.05
"""Share of the machine that others may use before a clock reading is thrown away: of two cores a tenth of one.

A load of 15% of a core makes a network on both look 11% slower.
"""
PATIENCE = 5
BLOCK = 0.5  # seconds; /proc/stat counts hundredths, so a shorter interval says little
REST = 0.02
"""Seconds for which a runtime's threads may look for more work after a pass, on a processor of the next network's.

On two threads, in turn with onnxruntime and without a rest, a network had quartiles of 15 and 41 ms: as it came
before the other runtime or after it.
"""
LONGER = 6
"""How many times longer a block with rests is.

/proc/stat says who worked at each tick of a hundredth of a second. Where passes and rests take turns faster than
that, half a second has too few ticks to tell.
"""


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
        others: share of the machine's CPU time, 0 to 1, that others used meanwhile; None where the
            system does not tell.
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
    models: Sequence[nn.Module],
    inputs: Tensor,
    repeats: int = 15,
    patience: int = PATIENCE,
    *,
    mixed: bool = False,
) -> tuple[Latency, ...]:
    """The latency of several networks on one batch (N, 3, H, W), measured in turn.

    The networks take turns within each round, and every other round in reverse order, so that a
    machine that slows down slows all of them; two rounds warm up and are not counted. Rounds come in
    blocks of half a second or more, until there are ``repeats`` of them. A block in which others, other
    processes or other threads of this one, used more than ``BUSY`` of the machine is thrown away; after
    ``patience`` of them there is no figure, only how busy the machine was. In a server's worker the pages
    hold still during a block.

    Networks that are ``mixed``, run by more than one runtime, rest before each pass until the threads of the one
    before are asleep, and wake their own by a pass that is not timed; their blocks are ``LONGER``.
    """
    keep_freed_memory()
    device = device_of(models[0])
    batch = inputs.to(device)
    rest, length = (REST, LONGER * BLOCK) if mixed and torch.get_num_threads() > 1 else (0.0, BLOCK)
    for _ in range(2):
        _round(models, batch, device, rest)
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
            while not block or time.perf_counter() - started < length:
                block.append(_round(models, batch, device, rest, backwards=len(block) % 2 == 1))
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
    models: Sequence[nn.Module], batch: Tensor, device: torch.device, rest: float, backwards: bool = False
) -> list[float]:
    """Milliseconds of one pass of each network."""
    times = [0.0] * len(models)
    order = range(len(models))
    for number in reversed(order) if backwards else order:
        if rest:
            # Never twice the same: a beat in step with the ticks of /proc/stat would be seen at work too often,
            # or hardly ever, and a quiet machine would look disturbed.
            time.sleep(random.uniform(rest, 1.5 * rest))  # noqa: S311 (nothing secret)
            # Its own threads are asleep by now as well. To wake them takes milliseconds (6.7 in place of 0.7 for a
            # small network), which a network that is asked again and again pays once: not timed.
            models[number](batch)
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


@dataclass(frozen=True)
class CpuTime:
    """Clock ticks so far, of all processors together.

    Attributes:
        whole: that have passed.
        busy: in which a processor was at work.
        process: in which it worked for this process.
        threads: of those, for each other thread of Python in this process, by its number in the system.
    """

    whole: float
    busy: float
    process: float
    threads: Mapping[int, float]


def cpu_time() -> CpuTime | None:
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
    return CpuTime(sum(ticks), sum(ticks) - idle - waiting_for_disk, process, _other_threads())


def _other_threads() -> dict[int, float]:
    """The ticks of each thread of Python but the calling one.

    The threads with which torch computes are none of Python's, so they count as part of what is measured.
    """
    found = {}
    for number in {each.native_id for each in threading.enumerate()} - {threading.get_native_id(), None}:
        with suppress(OSError):  # it has ended meanwhile
            # The name of a thread stands in brackets and may hold anything, brackets too.
            after_name = Path(f"/proc/self/task/{number}/stat").read_text(encoding="utf-8").rpartition(")")[2]
            user, system = after_name.split()[11:13]
            found[int(number or 0)] = float(user) + float(system)
    return found


def others_between(before: CpuTime | None, after: CpuTime | None) -> float | None:
    """Share of the machine's CPU time, 0 to 1, that others used; None if it cannot be told.

    Others are other processes, and threads of this one other than the calling one: a page's script, another run.
    """
    if before is None or after is None or after.whole == before.whole:
        return None
    beside = sum(ticks - before.threads.get(number, 0.0) for number, ticks in after.threads.items())
    used = after.process - before.process - beside
    # Below 0 where the two clocks tick apart.
    return max(0.0, (after.busy - before.busy - used) / (after.whole - before.whole))
