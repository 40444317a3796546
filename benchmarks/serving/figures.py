"""The figures of serving: ours and a bare Streamlit app on the same machine in the same minutes, in turn."""

import asyncio
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.figure import APP, BARE, BenchFigure, Server, served
from benchmarks.serving import load, memory, replicas
from benchmarks.serving.browser import chromium, felt, first_seen
from benchmarks.serving.client import KEEPALIVE, Screen, visit
from benchmarks.serving.load import CLASS, THOUGHT, Times, percentile, ratio
from explorer.manifest import read_manifest
from explorer.networks import StudentSpec, params_of
from explorer.places import CHECKPOINTS

PAGES = ("start", "architecture", "distillation", "pruning", "bits", "report", "your-data")
ROUNDS = 2
"""How often ours and the bare app take turns."""
REST = 130
"""Seconds after which a worker without work has ended, and a session that has gone is forgotten."""


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


def _both_in_words(a: Times, b: Times) -> str:
    return f"p50 {_s(a.drawn, 0.5)} and {_s(b.drawn, 0.5)}, p95 {_s(a.drawn, 0.95)} and {_s(b.drawn, 0.95)}"


def _class(edits: int = 6) -> Iterator[BenchFigure]:
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
        f"{len(a.drawn)} and {len(b.drawn)} edits in {ROUNDS} turns: {_both_in_words(a, b)} (by turn "
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
        f"{_both_in_words(a, b)} (by turn {_turns(mine)}, the first being the process's first opening; "
        f"{_turns(theirs)}); the longest ping waited "
        f"{max(waited):.2f} s",
    )
    yield _count(
        f"{CLASS} open {page}: connections cut, or errors on the page",
        a.cut + a.wrong,
        f"of {ROUNDS * CLASS}, keepalive {KEEPALIVE:g} s",
    )


def _training(turns: int = ROUNDS, edits: int = 4) -> Iterator[BenchFigure]:
    alone, beside, pings, stops, held, idle = [], [], [], [], [], 0

    async def measure(server: Server) -> None:
        nonlocal idle
        async with visit(server.address) as trainer, memory.watched(server.pid) as seen:
            for turn in range(turns):
                alone.append(await load.classroom(server.address, load.OURS, edits, seed=100 * turn))
                await load.start_training(trainer)
                async with load.pinged(server.address) as waited:
                    beside.append(await load.classroom(server.address, load.OURS, edits, seed=100 * turn))
                pings.append(max(waited))
                if load.is_training(trainer.screen):
                    stops.append(await load.stop_training(trainer))
                else:
                    idle += 1  # it ended before the class did, so that not every edit was beside it
        held.extend(seen)

    with served(APP) as ours:
        asyncio.run(_warm(ours, load.OURS.page))
        asyncio.run(measure(ours))
    a, b = _joined(alone), _joined(beside)
    yield _ratio(
        f"{CLASS} sessions beside a training: an edit's 95th percentile against that without it",
        ratio(percentile(b.drawn, 0.95), percentile(a.drawn, 0.95)),
        2.0,
        f"{len(b.drawn)} edits in {turns} turns: {_both_in_words(b, a)} (by turn {_turns(beside)}; {_turns(alone)})"
        + (f"; in {idle} turns the training ended first" if idle else ""),
    )
    yield _count(
        f"{CLASS} sessions beside a training: wrong answers or cut connections",
        a.wrong + a.cut + b.wrong + b.cut,
        f"of {len(a.drawn) + len(b.drawn)}, checked in closed form",
    )
    yield _seconds(f"{CLASS} sessions beside a training: longest ping", pings, 2.0, "one every 0.25 s")
    yield _seconds(
        "Stop until the page says that it has stopped", stops, 1.0, f"pressed after {CLASS} sessions had gone"
    )
    peak = max(held, key=lambda each: each.size)
    yield _gigabytes(f"memory at the peak of {CLASS} sessions beside a training", peak, 1.3)


def _seconds(name: str, found: list[float], aim: float, how: str) -> BenchFigure:
    worst = max(found, default=math.inf)
    each = ", ".join(f"{seconds:.2f}" for seconds in found) or "never"
    shown = round(worst, 2) if found else None
    return BenchFigure(name, shown, "s", f"at most {aim:g}", worst <= aim, f"{how}; by turn {each} s")


def _gigabytes(name: str, held: memory.Resident, aim: float) -> BenchFigure:
    size = held.size / 1e9
    how = f"all processes of the server, each mapped file counted once: {held}"
    return BenchFigure(name, round(size, 3), "GB", f"at most {aim:g}", size <= aim, how)


def _cold(rounds: int = 3) -> Iterator[BenchFigure]:
    # The page's first number is the smallest network's, from its card; the first that is computed comes later.
    number = f"{min(entry['params'] for entry in read_manifest(CHECKPOINTS)):,}"
    computed = f"{params_of(StudentSpec()):,}"
    asked = {
        "ours": (APP, ("Compression Explorer", number, computed)),
        "bare": (BARE, ("shown 50", "shown 50", "shown 50")),
    }
    by_protocol = _starts(asked, rounds, _first_by_protocol)
    with chromium() as window:
        in_chromium = _starts(asked, rounds, partial(first_seen, window))
    for way, times in (("by protocol", by_protocol), ("in Chromium", in_chromium)):
        text, first, later, bare = (
            statistics.median(each[which] for each in times[name])
            for name, which in (("ours", 0), ("ours", 1), ("ours", 2), ("bare", 1))
        )
        yield _ratio(
            f"cold start {way}: the first number of the first page against a bare app's",
            ratio(first, bare),
            1.1,
            f"medians of {rounds} starts in turn, from the start of the process: {first:.2f} s (each "
            f"{_each(times['ours'], 1)}; its title after {text:.2f} s, its first computed number "
            f"after {later:.2f} s) and {bare:.2f} s ({_each(times['bare'], 1)})",
        )


def _starts(
    asked: Mapping[str, tuple[Path, tuple[str, ...]]],
    rounds: int,
    seen: Callable[[Server, tuple[str, ...]], list[float]],
) -> Mapping[str, list[list[float]]]:
    times: dict[str, list[list[float]]] = {name: [] for name in asked}
    for _ in range(rounds):
        for name, (script, texts) in asked.items():
            with served(script, wait=False) as server:
                times[name].append(seen(server, texts))
    return times


def _each(times: list[list[float]], which: int) -> str:
    return ", ".join(f"{each[which]:.2f}" for each in times)


def _first_by_protocol(server: Server, texts: tuple[str, ...]) -> list[float]:
    def shows(text: str) -> Callable[[Screen], bool]:
        return lambda screen: any(text in each for each in screen.texts())

    return asyncio.run(
        load.first_seen(
            server.address, "", [shows(text) for text in texts], lambda: time.perf_counter() - server.started
        )
    )


def _memory(rounds: int = 20) -> Iterator[BenchFigure]:
    paths = ["" if page == "start" else page for page in PAGES]
    held, every = [], []

    async def visited(server: Server) -> memory.Resident:
        async with visit(server.address) as visitor:
            for path in paths:
                await visitor.open(path)
            return memory.resident(server.pid)

    with served(APP) as ours:
        once = asyncio.run(visited(ours))
        time.sleep(REST)
        rested = memory.resident(ours.pid)
        for turn in range(rounds):
            every.append(asyncio.run(load.round_of(ours.address, paths, seed=CLASS * turn)))
            held.append(memory.resident(ours.pid))
    yield _gigabytes("memory after one visitor on every page, at once", once, 1.0)
    yield _gigabytes(f"memory after one visitor on every page, {REST} s later", rested, 1.0)
    # Streamlit keeps a session that has gone for two minutes, in case its browser comes back.
    early, late = (statistics.median(each.size for each in part) for part in (held[:5], held[-5:]))
    yield _ratio(
        f"memory over {rounds} rounds of {CLASS} sessions that come and go, the last five against the first five",
        late / early,
        1.05,
        "medians; by round " + ", ".join(f"{each.size / memory.MB:.0f}" for each in held) + " MB",
        unit="times as much",
    )
    whole = _joined(every)
    yield _count(
        f"{rounds} rounds of {CLASS}: wrong answers or cut connections",
        whole.wrong + whole.cut,
        f"of {len(whole.drawn)}, checked in closed form",
    )


def _browser(edits: int = 30) -> Iterator[BenchFigure]:
    with _both() as (ours, bare), chromium() as window:
        mine = felt(
            window.new_page(),
            f"{ours.address}/architecture",
            lambda page: page.get_by_role("spinbutton", name="Stem channels"),
            "#params",
        )
        theirs = felt(
            window.new_page(),
            bare.address,
            lambda page: page.get_by_role("slider").first,
            '[data-testid="stMarkdown"]',
        )
        # The first two of each do not count.
        pairs = [(next(mine), next(theirs)) for _ in range(edits + 2)][2:]
    a, b = ([pair[which] for pair in pairs] for which in (0, 1))
    yield _ratio(
        "in Chromium: a key until the verdict has changed, against a bare app's slider until its number has",
        ratio(percentile(a, 0.5), percentile(b, 0.5)),
        1.0,
        f"medians of {edits} key presses each, in turn: {_ms(a)} (quartiles {_ms(a, 0.25)} and {_ms(a, 0.75)}) and "
        f"{_ms(b)} ({_ms(b, 0.25)} and {_ms(b, 0.75)})",
    )


WHOLE = ("edit", "class", "training", "opening", "cold", "memory", "browser", "replicas")
PARTS: Mapping[str, Callable[[], Iterator[BenchFigure]]] = {
    "edit": _edit,
    "class": _class,
    "training": _training,
    "opening": _opening,
    **{f"opening.{page}": partial(_opening, (page,)) for page in PAGES},
    "cold": _cold,
    "memory": _memory,
    "browser": _browser,
    "replicas": replicas.figures,
}
