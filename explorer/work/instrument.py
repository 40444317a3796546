"""What an instrument is: long work that is described before it runs, and brings its result part by part.

A spec goes in and parts come out, and both can be pickled, so that the work may run in another process
than the page that shows it.
"""

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Generator, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from explorer.work.identity import Identity
from explorer.work.progress import Update

SettingsType = TypeVar("SettingsType", bound=Hashable)
PartType = TypeVar("PartType")


class SourceOfNetwork(Protocol):
    """Where a network comes from; can be pickled."""

    @property
    def card(self) -> Any:
        """What is known of it; ``card.sha256`` identifies its weights."""

    def load(self) -> Any:
        """A private copy of the network, in eval mode."""


class SourceOfImages(Protocol):
    """Where images come from; can be pickled."""

    @property
    def input_size(self) -> int:
        """Side in pixels of what a network is fed."""

    def read(self, use: Any) -> Generator[Update, None, Any]:
        """The images for a use; yields updates while files are decoded."""


@dataclass(frozen=True)
class CombinedCard:
    """What identifies several networks together."""

    sha256: str


@dataclass(frozen=True)
class SeveralNetworks:
    """Networks that one run measures one after the other; can be pickled if they can.

    It stands where one network would: what is measured is a result of the weights of all of them, in this order.
    """

    networks: tuple[Any, ...]

    @property
    def card(self) -> CombinedCard:
        """The sha256 of the sha256s of their weights."""
        together = " ".join(network.card.sha256 for network in self.networks)
        return CombinedCard(hashlib.sha256(together.encode()).hexdigest())

    def load(self) -> Any:
        """The first one, whose speed stands for that of all in estimates."""
        return self.networks[0].load()


@dataclass(frozen=True)
class InstrumentSpec(Generic[SettingsType]):
    """What an instrument is to measure; can be pickled.

    Attributes:
        network: the network.
        data: the data set.
        use: which of its images: "training", "validation" or "test".
        images: key of the images that ``data`` gives for this use, all of them.
        settings: everything else, how many of the images are taken included: a frozen dataclass whose
            fields are made by ``identity.setting``.
    """

    network: SourceOfNetwork
    data: SourceOfImages
    use: str
    images: str
    settings: SettingsType


class Instrument(ABC, Generic[SettingsType, PartType]):
    """Long work of one kind. A subclass holds no state, so that one object of it serves every page.

    Attributes:
        key: its name in identities.
        title: what is measured, for people, as it follows "Run": "the sensitivity map".
        unit: what one part is called, in the plural: "cells".
        resumes: whether ``run`` can go on after parts that are already there.
    """

    key: str
    title: str
    unit: str
    resumes: bool = False

    @abstractmethod
    def steps(self, spec: InstrumentSpec[SettingsType]) -> int:
        """How many parts there will be."""

    @abstractmethod
    def work(self, spec: InstrumentSpec[SettingsType]) -> float:
        """About how many multiply-adds the whole run takes, for the estimate of its time."""

    @abstractmethod
    def run(
        self, spec: InstrumentSpec[SettingsType], done: Sequence[PartType] = ()
    ) -> Generator[Update | PartType, None, None]:
        """Measure; yields each part when it is ready, and updates in between where a part takes long.

        Args:
            spec: what to measure.
            done: the parts that a stopped run has left; only where ``resumes`` is set.
        """

    def longest(self, spec: InstrumentSpec[SettingsType]) -> float:
        """Seconds after which a run ends by itself, with the parts it then has."""
        del spec
        return math.inf

    def collect(self, parts: Sequence[PartType], part: PartType) -> tuple[PartType, ...]:
        """What is kept when one part more is ready; as many as there were, and the new one."""
        return (*parts, part)

    def describe(self, part: PartType) -> str:
        """A finished part in a few words, for the progress bar."""
        del part
        return ""

    def unmeasured(self, parts: Sequence[PartType]) -> str:
        """A sentence on figures that could not be measured in this run; empty if all could."""
        del parts
        return ""

    def identity(self, spec: InstrumentSpec[SettingsType]) -> Identity:
        """What a run of this spec is a result of."""
        return Identity(self.key, spec.network.card.sha256, spec.images, spec.settings)


def measure(
    instrument: Instrument[SettingsType, PartType],
    spec: InstrumentSpec[SettingsType],
    done: Sequence[PartType] = (),
) -> tuple[PartType, ...]:
    """Run a spec to its end and give all parts that are not ``done``: what a terminal, or another process, does."""
    return tuple(part for part in instrument.run(spec, done) if not isinstance(part, Update))
