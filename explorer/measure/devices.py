"""The devices torch can use here, and leaving some of the machine to others."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch
from torch import nn


def devices() -> tuple[str, ...]:
    """The devices this torch can use here, the CPU first."""
    usable = ["cpu"]
    if torch.cuda.is_available():
        usable.append("cuda")
    if torch.backends.mps.is_available():
        usable.append("mps")
    return tuple(usable)


def device_of(model: nn.Module) -> torch.device:
    """Where a network runs: where its weights are, and on the CPU if it has none that torch knows of."""
    weight = next(model.parameters(), None)
    return torch.device("cpu") if weight is None else weight.device


def describe_machine(device: str = "cpu", threads: int | None = None) -> str:
    """Processor, system, device and threads, as a part of a sentence: two clock readings with the same are of one kind.

    Args:
        device: where networks ran.
        threads: of the CPU; by default as many as torch may use.
    """
    threads = threads or torch.get_num_threads()
    return f"{processor()}, {platform.system()}, {device}, {_threads(threads)}"


def with_threads(machine: str, threads: int) -> str:
    """A machine, as ``describe_machine`` says it, with another number of threads.

    >>> with_threads("Some CPU, Linux, cpu, 2 threads", 1)
    'Some CPU, Linux, cpu, 1 thread'
    """
    return f"{machine.rpartition(', ')[0]}, {_threads(threads)}"


def _threads(count: int) -> str:
    return f"{count} thread{'s' if count > 1 else ''}"


@cache
def processor(text: str | None = None) -> str:
    r"""What the processor is called; of a system that does not tell, its kind.

    Args:
        text: instead of ``/proc/cpuinfo``.

    >>> processor("processor : 0\nmodel name : Some CPU  @ 2 GHz")
    'Some CPU @ 2 GHz'
    """
    if text is None:
        try:
            text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        except OSError:
            text = ""
    named = (line.partition(":")[2] for line in text.splitlines() if line.startswith("model name"))
    return " ".join(next(named, "").split()) or platform.processor() or platform.machine()


def has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware."""
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())


def spared() -> int:
    """The CPU threads torch may use if one is left to the rest of the machine; at least 1."""
    return max(1, torch.get_num_threads() - 1)


def use_threads(threads: int) -> None:
    """Let torch use so many CPU threads in this process."""
    torch.set_num_threads(threads)


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
