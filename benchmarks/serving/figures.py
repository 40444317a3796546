"""The figures of serving: ours and a bare Streamlit app on the same machine in the same minutes, in turn."""

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from benchmarks.figure import APP, BARE, BenchFigure, Server, served
from benchmarks.serving import load
from benchmarks.serving.client import KEEPALIVE, visit
from benchmarks.serving.load import CLASS, THOUGHT, Times, percentile, ratio

PAGES = ("start", "architecture", "distillation", "pruning", "report", "your-data")
ROUNDS = 2
"""How often ours and the bare app take turns."""


def figures() -> Iterator[BenchFigure]:
    """All parts."""
    for name in WHOLE:
        yield from PARTS[name]()


@contextmanager
def _both() -> Iterator[tuple[Server, Server]]:
    """Our app and the bare one, each served and once visited, so that both have imported what they need."""
    with served(APP) as ours, served(BARE) as bare:
        for server, page in ((ours, load.OURS.page), (bare, "")):
            asyncio.run(_warm(server, page))
        yield ours, bare


async def _warm(server: Server, page: str) -> None:
    async with visit(server.address) as visitor:
        await visitor.open(page)


def _ms(times: list[float], share: float = 0.5) -> str:
    return f"{1000 * percentile(times, share):.0f} ms"


def _s(times: list[float], share: float) -> str:
    return f"{percentile(times, share):.2f} s"


def _ratio(name: str, value: float, aim: float, how: str, *, unit: str = "times as long") -> BenchFigure:
    shown = round(value, 2) if math.isfinite(value) else None
    return BenchFigure(name, shown, unit, f"at most {aim:g}", value <= aim, how)


def _count(name: str, found: list[str], how: str) -> BenchFigure:
    first = f"; the first: {found[0]}" if found else ""
    return BenchFigure(name, len(found), "of them", "0", not found, how + first)


def _joined(every: list[Times]) -> Times:
    whole = Times()
    for times in every:
        whole.drawn += times.drawn
        whole.first += times.first
        whole.wrong += times.wrong
        whole.cut += times.cut
    return whole


def _edit(rounds: int = 2 * ROUNDS, edits: int = 10) -> Iterator[BenchFigure]:
    with _both() as (ours, bare):
        mine, theirs = [], []
        for turn in range(rounds):
            mine.append(asyncio.run(load.one_session(ours.address, load.OURS, edits, turn)))
            theirs.append(asyncio.run(load.one_session(bare.address, load.BARE, edits, turn)))
    a, b = _joined(mine), _joined(theirs)
    yield _ratio(
        "one session: an edit until everything is drawn, median, against a bare app's",
        ratio(percentile(a.drawn, 0.5), percentile(b.drawn, 0.5)),
        0.6,
        f"{len(a.drawn)} edits each, {rounds} turns, by a protocol client: {_ms(a.drawn)} (the verdict after "
        f"{_ms(a.first)}; medians of the turns {_spread(mine)}) and {_ms(b.drawn)} ({_spread(theirs)})",
    )
    yield _count(
        "one session: wrong answers", a.wrong + b.wrong, f"of {len(a.drawn)}, checked in closed form"
    )


def _spread(turns: list[Times]) -> str:
    return ", ".join(f"{1000 * percentile(times.drawn, 0.5):.0f}" for times in turns) + " ms"


def _turns(turns: list[Times]) -> str:
    return ", ".join(_s(times.drawn, 0.95) for times in turns)


def _class(edits: int = 8) -> Iterator[BenchFigure]:
    with _both() as (ours, bare):
        mine, theirs = [], []
        for turn in range(ROUNDS):
            mine.append(asyncio.run(load.classroom(ours.address, load.OURS, edits, seed=100 * turn)))
            theirs.append(asyncio.run(load.classroom(bare.address, load.BARE, edits, seed=100 * turn)))
    a, b = _joined(mine), _joined(theirs)
    yield _ratio(
        f"{CLASS} sessions with {THOUGHT:g} s of thought: an edit's 95th percentile against a bare app's",
        ratio(percentile(a.drawn, 0.95), percentile(b.drawn, 0.95)),
        0.6,
        f"{len(a.drawn)} and {len(b.drawn)} edits in {ROUNDS} turns: p50 {_s(a.drawn, 0.5)} and "
        f"{_s(b.drawn, 0.5)}, p95 {_s(a.drawn, 0.95)} and {_s(b.drawn, 0.95)} (by turn "
        f"{_turns(mine)}; {_turns(theirs)})",
    )
    yield _count(
        f"{CLASS} sessions: wrong answers", a.wrong + a.cut, f"of {len(a.drawn)}, checked in closed form"
    )


def _opening(pages: tuple[str, ...] = PAGES) -> Iterator[BenchFigure]:
    with _both() as (ours, bare):
        for page in pages:
            yield from _opened(page, ours, bare)


def _opened(page: str, ours: Server, bare: Server) -> Iterator[BenchFigure]:
    mine, theirs, waited = [], [], []

    async def come(server: Server, path: str, seed: int) -> tuple[Times, float]:
        async with load.pinged(server.address) as pings:
            times = await load.opening(server.address, path, seed=seed)
        return times, max(pings)

    for turn in range(ROUNDS):
        times, longest = asyncio.run(come(ours, "" if page == "start" else page, turn))
        mine.append(times)
        waited.append(longest)
        theirs.append(asyncio.run(come(bare, "", turn))[0])
    a, b = _joined(mine), _joined(theirs)
    yield _ratio(
        f"{CLASS} open {page} in the same second: 95th percentile against a bare app's",
        ratio(percentile(a.drawn, 0.95), percentile(b.drawn, 0.95)),
        0.8,
        f"p50 {_s(a.drawn, 0.5)} and {_s(b.drawn, 0.5)}, p95 {_s(a.drawn, 0.95)} and {_s(b.drawn, 0.95)} (by turn "
        f"{_turns(mine)}, the first being the process's first opening; {_turns(theirs)}); the longest ping waited "
        f"{max(waited):.2f} s",
    )
    yield _count(
        f"{CLASS} open {page}: connections cut, or errors on the page",
        a.cut + a.wrong,
        f"of {ROUNDS * CLASS}, keepalive {KEEPALIVE:g} s",
    )


WHOLE = ("edit", "class", "opening")
PARTS: Mapping[str, Callable[[], Iterator[BenchFigure]]] = {
    "edit": _edit,
    "class": _class,
    "opening": _opening,
    **{f"opening.{page}": partial(_opening, (page,)) for page in PAGES},
}
