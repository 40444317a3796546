"""What visitors have opened or made here: bounded in bytes, the oldest dropped first, gone with its session."""

import itertools
import threading
import weakref
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, replace

from explorer.workspace import NetworkSource

MOST_BYTES = 512 * 2**20
MOST_BYTES_EACH = 256 * 2**20
"""A network may have 150 MB (``checkpoints.MAX_MEGABYTES``); those of a class have less than one each."""


@dataclass(frozen=True, eq=False)
class _Entry:
    """A network and when it was put here, in the order of all."""

    number: int
    source: NetworkSource


class Room:
    """The memory of a process for the networks of all its visitors; safe for many of them at once.

    Args:
        most_bytes: of all networks that are alive; the newest stays in any case.
        most_bytes_each: of those of one ``Holdings``.
    """

    def __init__(self, most_bytes: int = MOST_BYTES, most_bytes_each: int = MOST_BYTES_EACH) -> None:
        self._most, self._most_each = most_bytes, most_bytes_each
        self.lock = threading.RLock()
        self._numbers = itertools.count()
        # Weak: what a session held is gone with the session, and nothing has to be told.
        self._holdings: weakref.WeakSet[Holdings] = weakref.WeakSet()

    def take(self, holdings: "Holdings", name: str, source: NetworkSource) -> None:
        """Put a network among those of a visitor, and drop the oldest ones beyond the bounds."""
        with self.lock:
            self._holdings.add(holdings)
            entry = _Entry(next(self._numbers), self._shared(source))
            holdings.entries = {**holdings.entries, name: entry}
            self._drop([holdings], self._most_each)
            self._drop(list(self._holdings), self._most)

    def _shared(self, source: NetworkSource) -> NetworkSource:
        """The same with its content in memory once, where thirty visitors have opened one file."""
        for holdings in self._holdings:
            for entry in holdings.entries.values():
                if entry.source.card.sha256 == source.card.sha256 and entry.source.content == source.content:
                    return replace(source, content=entry.source.content)
        return source

    def _drop(self, among: "list[Holdings]", most: int) -> None:
        while _bytes_of(among) > most:
            aged = [(entry.number, each, name) for each in among for name, entry in each.entries.items()]
            if len(aged) == 1:
                return
            _, oldest, name = min(aged, key=lambda one: one[0])
            oldest.drop(name)


def _bytes_of(among: "list[Holdings]") -> int:
    contents = (entry.source.content for each in among for entry in each.entries.values())
    return sum({id(content): len(content) for content in contents if content is not None}.values())


class Holdings(MutableMapping[str, NetworkSource]):
    """The networks that one visitor has opened or made, by name; any of them may be dropped for newer ones.

    Args:
        room: where all visitors' networks are.
        forget: told of each network that was dropped, from any thread.

    Attributes:
        entries: replaced, never changed, so that who looks at them needs no lock.
        dropped: titles of the networks that had to go and have not come back, by name.
    """

    def __init__(self, room: Room, forget: Callable[[NetworkSource], object]) -> None:
        self._room, self._forget = room, forget
        self.entries: dict[str, _Entry] = {}
        self.dropped: dict[str, str] = {}

    def __getitem__(self, name: str) -> NetworkSource:
        return self.entries[name].source

    def __setitem__(self, name: str, source: NetworkSource) -> None:
        self._room.take(self, name, source)
        self.dropped.pop(name, None)

    def __delitem__(self, name: str) -> None:
        with self._room.lock:
            self.entries = {each: entry for each, entry in self.entries.items() if each != name}

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __hash__(self) -> int:
        return id(self)  # a mapping has none, and the room tells those of two visitors apart

    def clear(self) -> None:
        """Hold nothing, and miss nothing."""
        self.entries, self.dropped = {}, {}

    def drop(self, name: str) -> None:
        """Let a network go because there is no room for it."""
        source = self.entries[name].source
        del self[name]
        self.dropped[name] = source.card.title
        self._forget(source)


ROOM = Room()
