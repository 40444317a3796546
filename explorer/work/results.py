"""Results that are kept in this process: a bounded number, the oldest dropped, safe for many visitors at once."""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar

from explorer.work.identity import Identity
from explorer.work.size import size_of

KeyType = TypeVar("KeyType", bound=Hashable)
ValueType = TypeVar("ValueType")
RunState = Literal["running", "stopped", "finished"]
MOST_RESULTS = 64
MOST_BYTES = 100 * 2**20


class Shelf(Generic[KeyType, ValueType]):
    """At most so many values by key; putting one more drops the one that was not used for longest.

    Args:
        most: values.
        most_bytes: of all together, as ``size_of`` counts them; the one that was put last stays in any case.
    """

    def __init__(self, most: int, most_bytes: float = math.inf) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._sizes: dict[KeyType, int] = {}
        self._lock = threading.RLock()
        self._values: OrderedDict[KeyType, ValueType] = OrderedDict()

    def get(self, key: KeyType) -> ValueType | None:
        """The value of this key; None if there is none any more."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: KeyType, value: ValueType) -> None:
        """Keep this value, now the last one to be dropped."""
        size = 0 if self._most_bytes == math.inf else size_of(value)
        with self._lock:
            self._values[key], self._sizes[key] = value, size
            self._values.move_to_end(key)
            while len(self._values) > self._most or (len(self._values) > 1 and self.size > self._most_bytes):
                dropped, _ = self._values.popitem(last=False)
                del self._sizes[dropped]

    def newest(self, fits: Callable[[KeyType], bool]) -> ValueType | None:
        """Of the values whose key fits, the one used last."""
        with self._lock:
            return next((value for key, value in reversed(self._values.items()) if fits(key)), None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
            self._sizes.clear()

    @property
    def size(self) -> int:
        """Bytes of all values together, where they are bounded."""
        with self._lock:
            return sum(self._sizes.values())

    def __len__(self) -> int:
        with self._lock:
            return len(self._values)


@dataclass(frozen=True)
class KeptResult:
    """What a run has brought so far.

    Attributes:
        identity: what it is a result of.
        parts: the results in the order they became ready.
        steps: how many there will be at the end.
        seconds: how long the run has taken so far, without the time it stood still.
        state: whether it runs, was stopped with some parts missing, or has all of them.
        date: the day on which the last part became ready, as 2026-11-25; empty before the first one.
    """

    identity: Identity
    parts: tuple[Any, ...] = ()
    steps: int = 1
    seconds: float = 0.0
    state: RunState = "running"
    date: str = ""

    def measured(self, where: str) -> str:
        """When and where it was measured, as a part of a sentence."""
        return f"{self.date}, {where}" if self.date else where

    @property
    def settings(self) -> Any:
        """Of the run that brought it."""
        return self.identity.settings

    @property
    def finished(self) -> bool:
        """Whether all parts are there."""
        return self.state == "finished"

    def with_parts(self, parts: tuple[Any, ...], seconds: float) -> "KeptResult":
        """The same with these parts, after so many seconds altogether."""
        return replace(self, parts=parts, seconds=seconds, date=datetime.now(UTC).date().isoformat())

    def ended(self, state: RunState) -> "KeptResult":
        """The same after its run has ended this way."""
        return replace(self, state=state)


class ResultStore:
    """The results of all instruments in this process, under their identities."""

    def __init__(self, most: int = MOST_RESULTS, most_bytes: float = MOST_BYTES) -> None:
        self._shelf: Shelf[Identity, KeptResult] = Shelf(most, most_bytes)

    def keep(self, result: KeptResult) -> None:
        """Keep a result, in place of an earlier one of the same identity."""
        self._shelf.put(result.identity, result)

    def get(self, identity: Identity) -> KeptResult | None:
        """The result of exactly this identity."""
        return self._shelf.get(identity)

    def latest(self, instrument: str, weights: str, images: str) -> KeptResult | None:
        """The newest result of these weights on these images, whatever its settings were."""
        return self._shelf.newest(lambda identity: identity.subject == (instrument, weights, images))

    def clear(self) -> None:
        """Forget all results."""
        self._shelf.clear()

    def __len__(self) -> int:
        return len(self._shelf)
