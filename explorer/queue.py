"""Whose turn it is for heavy work."""

import itertools
import threading


class Queue:
    """First come, first served: one holder at a time in this process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tickets = itertools.count()
        self._waiting: list[int] = []

    def join(self) -> int:
        """A ticket at the end of the queue."""
        with self._changed:
            ticket = next(self._tickets)
            self._waiting.append(ticket)
            return ticket

    def ahead(self, ticket: int, wait_seconds: float) -> int:
        """How many are before this ticket, after waiting at most so long for a change."""
        with self._changed:
            if self._waiting.index(ticket):
                self._changed.wait(wait_seconds)
            return self._waiting.index(ticket)

    def leave(self, ticket: int) -> None:
        """Give the turn, or the place, back."""
        with self._changed:
            self._waiting.remove(ticket)
            self._changed.notify_all()
