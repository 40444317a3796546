"""A first-come-first-served lock for heavy work, which can tell how many are ahead."""

import itertools
import threading


class Queue:
    """One holder at a time in this process; who comes first is first, and anybody may leave."""

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
        """How many are before this ticket, after waiting at most so long for a change; 0 holds the lock."""
        with self._changed:
            if self._waiting.index(ticket):
                self._changed.wait(wait_seconds)
            return self._waiting.index(ticket)

    def leave(self, ticket: int) -> None:
        """Give back the lock, or the place in the queue."""
        with self._changed:
            self._waiting.remove(ticket)
            # Everybody is woken: each of them is now one further ahead, not only the new holder.
            self._changed.notify_all()
