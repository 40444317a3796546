"""Memory of a server and all processes below it, as the kernel counts it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from explorer.errors import ExplorerError

PROC = Path("/proc")
MB = 1e6


@dataclass(frozen=True)
class Resident:
    """Bytes in memory.

    Attributes:
        pss: each page counted once, shared ones divided among those who share them: the figure that counts.
        rss: each process's own count, summed, in which a shared page counts once for each of them.
        processes: how many there are.
    """

    pss: int
    rss: int
    processes: int

    def __str__(self) -> str:
        return f"{self.pss / MB:.0f} MB (RSS summed {self.rss / MB:.0f} MB, {self.processes} processes)"


def tree(pid: int, proc: Path = PROC) -> list[int]:
    """A process and all below it."""
    below: dict[int, list[int]] = {}
    for status in proc.glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            # The name, in brackets, may itself hold blanks and brackets.
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            below.setdefault(parent, []).append(int(status.parent.name))
    found = [pid]
    for each in found:
        found += below.get(each, [])
    return found


def resident(pid: int, proc: Path = PROC) -> Resident:
    """What a process and all below it hold in memory.

    Raises:
        ExplorerError: this system does not tell.
    """
    held = []
    for each in tree(pid, proc):
        with suppress(OSError):
            lines = (proc / str(each) / "smaps_rollup").read_text().splitlines()[1:]
            held.append(
                {name: int(size.split()[0]) for name, _, size in (line.partition(":") for line in lines)}
            )
    if not held:
        raise ExplorerError(
            "Memory is measured on Linux only, where the kernel tells it in /proc: run it there."
        )
    return Resident(
        1024 * sum(each["Pss"] for each in held), 1024 * sum(each["Rss"] for each in held), len(held)
    )


@asynccontextmanager
async def watched(pid: int, seconds: float = 1.0) -> AsyncIterator[list[Resident]]:
    """What a process tree holds, again and again while the block runs."""
    seen = [resident(pid)]

    async def watch() -> None:
        while True:
            await asyncio.sleep(seconds)
            seen.append(await asyncio.to_thread(resident, pid))

    watching = asyncio.create_task(watch())
    try:
        yield seen
    finally:
        watching.cancel()
