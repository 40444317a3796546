"""Memory of a server and all processes below it, as the kernel counts it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
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
        size: what the processes hold of their own (pages that a process still shares with the one it was forked from
            once), and each file that they have mapped once, by whichever of them holds most of it: the figure that
            counts.
        pss: as the kernel shares pages out, also among strangers who have mapped the same files, so that it falls
            when another program imports torch.
        rss: each process's own count, summed, in which a page that two of them share counts twice.
        processes: how many there are.
    """

    size: int
    pss: int
    rss: int
    processes: int

    def __str__(self) -> str:
        return (
            f"{self.size / MB:.0f} MB (PSS {self.pss / MB:.0f} MB, RSS summed {self.rss / MB:.0f} MB, "
            f"{self.processes} processes)"
        )


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
    own = pss = rss = found = 0
    files: dict[str, int] = {}
    for each in tree(pid, proc):
        mapped: dict[str, int] = {}
        with suppress(OSError):  # it has ended meanwhile
            for name, kept in _mappings((proc / str(each) / "smaps").read_text()):
                # Of a file, a page that was written to is the process's own.
                mapped[name] = mapped.get(name, 0) + kept["Rss"] - kept["Anonymous"]
                pss, rss = pss + kept["Pss"], rss + kept["Rss"]
            (whole,) = (kept for _, kept in _mappings((proc / str(each) / "smaps_rollup").read_text()))
            own += whole["Pss_Anon"]
            found += 1
        files |= {name: max(size, files.get(name, 0)) for name, size in mapped.items()}
    if not found:
        raise ExplorerError(
            "Memory is measured on Linux only, where the kernel tells it in /proc: run it there."
        )
    return Resident(1024 * (own + sum(files.values())), 1024 * pss, 1024 * rss, found)


def _mappings(text: str) -> Iterator[tuple[str, dict[str, int]]]:
    """Name and sizes in KiB of each mapping of a process, as ``/proc/PID/smaps`` lists them."""
    name, sizes = "", dict[str, int]()
    for line in text.splitlines():
        words = line.split()
        if words[0].endswith(":"):
            if words[-1] == "kB":
                sizes[words[0][:-1]] = int(words[1])
            continue
        if sizes:
            yield name, sizes
        name, sizes = " ".join(words[5:]), {}
    if sizes:
        yield name, sizes


@asynccontextmanager
async def watched(pid: int, seconds: float = 2.0) -> AsyncIterator[list[Resident]]:
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
