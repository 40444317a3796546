"""What visitors do, and what is made of their times: edits with checked answers, and a class that clicks at once."""

import asyncio
import math
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

from benchmarks.serving.client import KEEPALIVE, PATIENCE, Answer, Cut, Screen, Visitor, visit
from explorer.networks import StudentSpec, params_of

CLASS = 30
"""Visitors of a class."""
MOST = 40
"""More sessions than this are never opened at once."""
THOUGHT = 2.0
"""Seconds that a visitor thinks between two edits, on average."""


@dataclass(frozen=True)
class Exercise:
    """One control of one page, and the number that must follow it.

    Attributes:
        page: the last part of its path.
        control: the control's key or label.
        values: what it can be set to.
        right: what the page must say for a value, computed without it.
        shown: what the page says.
    """

    page: str
    control: str
    values: Sequence[int]
    right: Callable[[int], str]
    shown: Callable[[Screen], str | None]


def _parameters(stem: int) -> str:
    return str(params_of(StudentSpec(stem)))


def _verdict(screen: Screen) -> str | None:
    return str(said["params"]) if (said := screen.sent("drawing").get("said")) else None


def _said(screen: Screen) -> str | None:
    return next((text for text in screen.texts() if text.startswith("shown ")), None)


OURS = Exercise("architecture", "stem", range(8, 200), _parameters, _verdict)
BARE = Exercise("", "value", range(101), lambda value: f"shown {value}", _said)


@dataclass
class Times:
    """What came back.

    Attributes:
        drawn: seconds until everything was drawn, of each answer.
        first: seconds until the right number was there.
        wrong: answers with another number than the engine's, or with an error on the page.
        cut: connections that were cut, or brought no answer.
    """

    drawn: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)

    def add(self, answer: Answer) -> None:
        """Keep one answer's times."""
        self.drawn.append(answer.seconds)
        self.first.append(answer.first)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed; infinite where there is none."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else math.inf


def ratio(ours: float, bare: float) -> float:
    """How many times as long ours takes; infinite where either was not measured."""
    return ours / bare if bare and math.isfinite(bare) else math.inf


async def edit(visitor: Visitor, exercise: Exercise, value: int, times: Times) -> None:
    """One edit, its answer checked."""
    right = exercise.right(value)
    answer = await visitor.set(exercise.control, value, until=lambda screen: exercise.shown(screen) == right)
    times.add(answer)
    said = exercise.shown(visitor.screen)
    if said != right:
        times.wrong.append(f"{exercise.control} = {value}: {said}, must be {right}")
    times.wrong += visitor.screen.errors
    visitor.screen.errors.clear()


async def one_session(address: str, exercise: Exercise, edits: int, seed: int = 0) -> Times:
    """One visitor who edits without a pause, after two edits that do not count."""
    times, chance = Times(), random.Random(seed)  # noqa: S311 (no secret)
    async with visit(address) as visitor:
        await visitor.open(exercise.page)
        for number, value in enumerate(_walk(exercise, edits + 2, chance)):
            kept = times if number >= 2 else Times()
            await edit(visitor, exercise, value, kept)
            times.wrong += [] if kept is times else kept.wrong
            await asyncio.sleep(0.1)
    return times


async def classroom(
    address: str, exercise: Exercise, edits: int, visitors: int = CLASS, seed: int = 0
) -> Times:
    """A class that edits, each visitor thinking in between; who is cut off stays away."""
    times = Times()

    async def work(visitor: Visitor, chance: random.Random) -> None:
        try:
            await visitor.open(exercise.page)
            for value in _walk(exercise, edits, chance):
                await asyncio.sleep(chance.uniform(0, 2 * THOUGHT))
                await edit(visitor, exercise, value, times)
        except Cut as error:
            times.cut.append(str(error))

    async with crowd(address, visitors) as present:
        times.cut += [""] * (visitors - len(present))
        await asyncio.gather(
            *(work(visitor, random.Random(seed + each)) for each, visitor in enumerate(present))  # noqa: S311
        )
    return times


async def opening(address: str, page: str, visitors: int = CLASS, seed: int = 0) -> Times:
    """A class that opens one page in the same second; each time counts from before the connection is made."""
    times, chance = Times(), random.Random(seed)  # noqa: S311

    async def come(pause: float) -> None:
        await asyncio.sleep(pause)
        started = asyncio.get_running_loop().time()
        try:
            async with visit(address, keepalive=KEEPALIVE) as visitor:
                await visitor.open(page)
                seconds = asyncio.get_running_loop().time() - started
                times.add(Answer(seconds, seconds))
                times.wrong += visitor.screen.errors
        except Cut as error:
            times.cut.append(str(error))

    await asyncio.gather(*(come(chance.random()) for _ in range(min(visitors, MOST))))
    return times


TRAINING = "distillation_tab=Does+it+help%3F&help=Distil+it+now&epochs=20&seconds=300"
"""The distillation page, set to train for as long as it allows."""


async def start_training(visitor: Visitor) -> float:
    """Press the button of the distillation page; seconds until the page tells of an epoch.

    Raises:
        Cut: it did not begin.
    """
    await visitor.open("distillation", TRAINING)
    await visitor.touch("run_training pair")
    return await visitor.wait(is_training)


async def stop_training(visitor: Visitor) -> float:
    """Press Stop; seconds until the page says that it has stopped.

    Raises:
        Cut: it does not.
    """
    started = asyncio.get_running_loop().time()
    await visitor.touch("stop_training pair")
    await visitor.wait(
        lambda screen: any(each.body.startswith("Stopped") for each in screen.elements("alert"))
    )
    return asyncio.get_running_loop().time() - started


def is_training(screen: Screen) -> bool:
    """Whether the page tells how far a training is."""
    return any("epoch" in each.text for each in screen.elements("progress"))


async def first_seen(
    address: str, page: str, until: Sequence[Callable[[Screen], bool]], clock: Callable[[], float]
) -> list[float]:
    """By the clock, when a page that is asked for again and again from the start on first shows each of these.

    Raises:
        Cut: it does not.
    """
    patience = clock() + PATIENCE
    visitor = Visitor(address)
    while True:
        try:
            await visitor.connect(None)
            break
        except Cut:
            if clock() > patience:
                raise
            await asyncio.sleep(0.02)
    try:
        opening, seen = asyncio.create_task(visitor.open(page)), []
        for shown in until:
            await visitor.wait(shown)
            seen.append(clock())
        await opening
        return seen
    finally:
        await visitor.leave()


async def round_of(address: str, pages: Sequence[str], visitors: int = CLASS, seed: int = 0) -> Times:
    """A class that comes, opens the pages, each visitor beginning with another one, edits once, and goes."""
    times = Times()

    async def come(number: int) -> None:
        try:
            async with visit(address) as visitor:
                await visitor.open(pages[number % len(pages)])
                await visitor.open(OURS.page)
                await edit(visitor, OURS, OURS.values[(seed + number) % len(OURS.values)], times)
        except Cut as error:
            times.cut.append(str(error))

    await asyncio.gather(*(come(number) for number in range(min(visitors, MOST))))
    return times


@asynccontextmanager
async def crowd(address: str, visitors: int) -> AsyncIterator[list[Visitor]]:
    """Visitors who are connected and have opened nothing yet; those that could not connect are missing."""
    async with AsyncExitStack() as stack:
        present = []
        for _ in range(min(visitors, MOST)):
            with suppress(Cut):
                present.append(await stack.enter_async_context(visit(address)))
        yield present


@asynccontextmanager
async def pinged(address: str, seconds: float = 0.25) -> AsyncIterator[list[float]]:
    """Meanwhile one connection more pings the server, one ping after the other; the seconds that each waited."""
    async with visit(address, keepalive=None) as visitor:
        pinging = asyncio.create_task(visitor.keep_pinging(seconds))
        try:
            yield visitor.pings
        finally:
            pinging.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await pinging


def _walk(exercise: Exercise, steps: int, chance: random.Random) -> list[int]:
    """Values of the control, each another one than the one before."""
    return chance.sample(list(exercise.values), steps)
