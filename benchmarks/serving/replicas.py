"""Two replicas behind a real proxy: what a class gets there, and what it gets when one of them is killed.

``python -m benchmarks.serving.replicas --proxy nginx`` starts them and waits, to try them by hand.
"""

import argparse
import asyncio
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figure import APP, BenchFigure, Server, free_port, served, wait_for
from benchmarks.serving import load
from benchmarks.serving.client import Cut, Visitor, visit
from explorer.errors import ExplorerError

COOKIE = "replica"
"""The cookie in which a proxy keeps the replica of a visitor: its number, from 1."""
_DEPLOY = APP.parent / "deploy"
_PORTS = ("8501", "8511", "8512")
"""The ports in the files that ship: where the proxy listens, and where the two replicas do."""


@dataclass(frozen=True)
class Proxy:
    """A proxy and the file that configures it.

    Attributes:
        file: below ``deploy/``.
        command: that runs it in the foreground, from the path of its configuration and an empty folder.
    """

    file: str
    command: Callable[[str, str], Sequence[str]]


PROXIES: Mapping[str, Proxy] = {
    "nginx": Proxy("nginx.conf", lambda file, folder: ("-p", folder, "-c", file, "-g", "daemon off;")),
    "haproxy": Proxy("haproxy.cfg", lambda file, folder: ("-f", file)),
}


def program(name: str) -> str | None:
    """Where a proxy is installed: Debian keeps them where only root's path leads; None where it is not."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")


@contextmanager
def replicas() -> Iterator[tuple[Server, Server]]:
    """Two servers of the app, started side by side."""
    with served(APP, wait=False) as first, served(APP, wait=False) as second:
        for each in (first, second):
            wait_for(each.address)
        yield first, second


@contextmanager
def proxied(name: str, servers: Sequence[Server], port: int | None = None) -> Iterator[str]:
    """The address of a proxy that runs with the configuration that ships, but on other ports.

    Args:
        name: one of ``PROXIES``.
        servers: the two replicas.
        port: where it listens; a free one if not given.

    Raises:
        ExplorerError: it is not installed.
    """
    path = program(name)
    if path is None:
        raise ExplorerError(f"{name} is not installed; on Debian: apt-get install {name}.")
    port = port or free_port()
    ports = dict(
        zip(_PORTS, (str(port), *(each.address.rpartition(":")[2] for each in servers)), strict=True)
    )
    text = (_DEPLOY / PROXIES[name].file).read_text(encoding="utf-8")
    with TemporaryDirectory() as folder:
        file = Path(folder) / PROXIES[name].file
        file.write_text(re.sub("|".join(ports), lambda found: ports[found[0]], text), encoding="utf-8")
        process = subprocess.Popen(  # noqa: S603 (a program of the system, our own configuration)
            [path, *PROXIES[name].command(str(file), folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}", pause=0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


# --- A class behind a proxy -------------------------------------------------------------------------------


@dataclass
class Seen:
    """What a class met with.

    Attributes:
        times: of its edits, with what was wrong; who was cut off and did not come back is cut.
        at: how many visitors were at each replica when they had come, by its number.
        back: seconds until the page was drawn again, of each visitor who was cut off.
        moved: of these, how many are at another replica than before.
        forgot: what the page showed after that, where it was not what was set before.
    """

    times: load.Times = field(default_factory=load.Times)
    at: Counter[str] = field(default_factory=Counter)
    back: list[float] = field(default_factory=list)
    moved: int = 0
    forgot: list[str] = field(default_factory=list)


async def classroom(
    address: str,
    edits: int,
    *,
    visitors: int = load.CLASS,
    thought: float = load.THOUGHT,
    kill: tuple[float, Callable[[], None]] | None = None,
    seed: int = 0,
) -> Seen:
    """A class that edits, each visitor thinking in between; who is cut off comes back and edits again.

    Args:
        address: of the proxy.
        edits: of each visitor.
        visitors: how many.
        thought: seconds between two edits, on average.
        kill: after how many seconds, counted from when all have come, to do what.
        seed: of what they set and how long they think.
    """
    seen = Seen()

    async def work(visitor: Visitor, chance: random.Random) -> None:
        may_show = {load.OURS.shown(visitor.screen)}
        try:
            for value in chance.sample(list(load.OURS.values), edits):
                await asyncio.sleep(chance.uniform(0, 2 * thought))
                try:
                    await load.edit(visitor, load.OURS, value, seen.times)
                except Cut:
                    # The edit was lost with the connection, or had come with it: either is what the page may hold.
                    await _return(visitor, seen, may_show | {load.OURS.right(value)})
                    await load.edit(visitor, load.OURS, value, seen.times)
                may_show = {load.OURS.right(value)}
        except Cut as error:
            seen.times.cut.append(str(error))

    async with load.crowd(address, visitors) as present:
        seen.times.cut += [""] * (visitors - len(present))
        await asyncio.gather(*(visitor.open(load.OURS.page) for visitor in present))
        seen.at.update(visitor.cookies.get(COOKIE, "none") for visitor in present)
        working = [
            asyncio.create_task(work(visitor, random.Random(seed + number)))  # noqa: S311 (no secret)
            for number, visitor in enumerate(present)
        ]
        if kill is not None:
            await asyncio.sleep(kill[0])
            kill[1]()
        await asyncio.gather(*working)
    return seen


async def _return(visitor: Visitor, seen: Seen, may_show: set[str | None]) -> None:
    before = visitor.cookies.get(COOKIE)
    seen.back.append(await visitor.come_back())
    seen.moved += visitor.cookies.get(COOKIE) != before
    shown = load.OURS.shown(visitor.screen)
    if shown not in may_show:
        seen.forgot.append(f"{shown} after the return, must be {' or '.join(map(str, may_show))}")


# --- The figures --------------------------------------------------------------------------------------------


def figures(edits: int = 6) -> Iterator[BenchFigure]:
    """A class at each proxy that is installed: undisturbed, and with one replica killed while it clicks."""
    for name in PROXIES:
        if program(name) is None:
            yield BenchFigure(f"two replicas behind {name}", None, "", "tried", False, "it is not installed")
            continue
        with replicas() as servers, proxied(name, servers) as address:
            for each in servers:
                asyncio.run(_warm(each.address))
            yield from _undisturbed(name, asyncio.run(classroom(address, edits)), edits)
            victim = servers[0].pid
            killed = (1.5 * load.THOUGHT, lambda pid=victim: os.kill(pid, signal.SIGKILL))
            yield from _killed(name, asyncio.run(classroom(address, edits, kill=killed, seed=100)))


async def _warm(address: str) -> None:
    async with visit(address) as visitor:
        await visitor.open(load.OURS.page)


def _undisturbed(name: str, seen: Seen, edits: int) -> Iterator[BenchFigure]:
    wrong = seen.times.wrong + seen.times.cut
    where = " and ".join(str(seen.at[number]) for number in ("1", "2"))
    yield BenchFigure(
        f"{load.CLASS} sessions at two replicas behind {name}: wrong answers, or none",
        len(wrong),
        "of them",
        "0",
        not wrong and min(seen.at["1"], seen.at["2"]) > 0,
        f"of {edits * load.CLASS} edits, checked in closed form; {where} visitors at the two; p50 "
        f"{load.percentile(seen.times.drawn, 0.5):.2f} s, p95 {load.percentile(seen.times.drawn, 0.95):.2f} s",
    )


def _killed(name: str, seen: Seen) -> Iterator[BenchFigure]:
    wrong = seen.times.wrong + seen.times.cut + seen.forgot
    yield BenchFigure(
        f"one of two replicas behind {name} is killed: wrong answers, none, or another page than before",
        len(wrong),
        "of them",
        "0",
        not wrong and seen.moved == len(seen.back) == seen.at["1"],
        f"{seen.at['1']} of {load.CLASS} were there; {seen.moved} went on at the other, the page drawn again after "
        f"{load.percentile(seen.back, 0.5):.1f} s (p50), {load.percentile(seen.back, 1):.1f} s at most; "
        f"{len(seen.times.drawn)} answers checked" + (f"; the first: {wrong[0]}" if wrong else ""),
    )


# --- By hand ------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Start two replicas and a proxy, say where, and wait until Ctrl+C."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.replicas", description=__doc__)
    parser.add_argument("--proxy", choices=list(PROXIES), default=next(filter(program, PROXIES), "nginx"))
    parser.add_argument("--port", type=int, default=int(_PORTS[0]), help="where the proxy listens")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            stack.enter_context(suppress(KeyboardInterrupt))
            servers = stack.enter_context(replicas())
            address = stack.enter_context(proxied(options.proxy, servers, options.port))
            sys.stdout.write(f"{options.proxy} serves the explorer at {address} (stop it with Ctrl+C)\n")
            for number, each in enumerate(servers, start=1):
                sys.stdout.write(f"replica {number}: {each.address}, process {each.pid}\n")
            sys.stdout.flush()
            threading.Event().wait()
    except ExplorerError as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
