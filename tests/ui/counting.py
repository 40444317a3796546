"""An instrument that only counts, for tests of what is done with instruments."""

import os
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from explorer.work.identity import setting
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.progress import Update


@dataclass(frozen=True)
class CountingSettings:
    most: int = setting("numbers", "{:,}".format)
    fails_at: int = setting("the end", default=10**9)


@dataclass(frozen=True)
class Number:
    value: int


@dataclass(frozen=True)
class OneLayer:
    """A network of one layer whose weights are known from its sha256."""

    sha256: str = "one"

    @property
    def card(self) -> Any:
        return SimpleNamespace(sha256=self.sha256)

    def load(self) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2)).eval()


@dataclass(frozen=True)
class Grey:
    input_size: int = 8

    def read(self, use: str) -> Generator[Update, None, torch.Tensor]:
        yield Update("reading", 1, 1)
        return torch.full((2, 3, 8, 8), float(len(use)))


@dataclass(frozen=True)
class Counting(Instrument[CountingSettings, Number]):
    """Counts from 0."""

    key: str = "counting"
    title: str = "the numbers"
    unit: str = "numbers"
    resumes: bool = True
    seconds: float = 0.0

    def steps(self, spec: InstrumentSpec[CountingSettings]) -> int:
        return spec.settings.most

    def work(self, spec: InstrumentSpec[CountingSettings]) -> float:
        return 1e6 * spec.settings.most

    def run(
        self, spec: InstrumentSpec[CountingSettings], done: Sequence[Number] = ()
    ) -> Generator[Update | Number, None, None]:
        images = yield from spec.data.read(spec.use)
        assert spec.network.load()(images).shape == (2, 2)
        for value in range(len(done), spec.settings.most):
            if value == spec.settings.fails_at:
                raise RuntimeError("the script is ended here")
            time.sleep(self.seconds)
            yield Number(value)

    def unmeasured(self, parts: Sequence[Number]) -> str:
        return "13 could not be measured." if any(part.value == 13 for part in parts) else ""


@dataclass(frozen=True)
class Hasty(Counting):
    """Ends by itself after two numbers, and keeps only the newest one whole."""

    key: str = "hasty"

    def longest(self, spec: InstrumentSpec[CountingSettings]) -> float:
        return 0.5

    def run(
        self, spec: InstrumentSpec[CountingSettings], done: Sequence[Number] = ()
    ) -> Generator[Update | Number, None, None]:
        yield from (Number(value) for value in range(2))

    def collect(self, parts: Sequence[Number], part: Number) -> tuple[Number, ...]:
        return (*(Number(-1) for _ in parts), part)


COUNTING = Counting()
SLOW = Counting(key="slowly counting", seconds=0.05)
HASTY = Hasty()


def spec_of(most: int, *, weights: str = "one", fails_at: int = 10**9) -> InstrumentSpec[CountingSettings]:
    return InstrumentSpec(OneLayer(weights), Grey(), "test", "grey", CountingSettings(most, fails_at))


def pid_of_work(word: str) -> Generator[Update, None, str]:
    yield Update("reading", 0, 2)
    yield Update("reading", 1, 2)
    return f"{word} {os.getpid()}"
