"""How long a run will take here: its multiply-adds over those this machine does in a second."""

import threading
from collections.abc import Callable, Hashable

from explorer.work.results import Shelf

MOST_SPEEDS = 256
SHORTEST = 0.2  # seconds; a shorter run tells more about its start than about the machine


class Estimator:
    """Learns the speed of the work, in multiply-adds per second, first from a trial and then from real runs.

    A speed belongs to a kind of work (an instrument with a network): a network of thin layers does
    far fewer multiply-adds a second than one of thick layers, on the same machine.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._learned: Shelf[Hashable, float] = Shelf(MOST_SPEEDS)
        self._tried: Shelf[Hashable, float] = Shelf(MOST_SPEEDS)

    def seconds(self, work: float, kind: Hashable, network: Hashable, trial: Callable[[], float]) -> float:
        """The estimated seconds of so many multiply-adds.

        Args:
            work: multiply-adds.
            kind: of work, as given to ``learn``.
            network: whose speed ``trial`` measures; it is called once for each.
            trial: times a short real forward pass and gives multiply-adds per second.
        """
        speed = self._learned.get(kind)
        if speed is None:
            with self._lock:
                speed = self._tried.get(network)
                if speed is None:
                    speed = trial()
                    self._tried.put(network, speed)
        return work / speed

    def learn(self, work: float, kind: Hashable, seconds: float) -> None:
        """A run of this kind has taken so long for so many multiply-adds; the newest one counts half."""
        if seconds < SHORTEST or work <= 0:
            return
        before, now = self._learned.get(kind), work / seconds
        # Averaged as seconds per multiply-add: those add up over a run, speeds do not.
        self._learned.put(kind, now if before is None else 2 / (1 / before + 1 / now))


def duration(seconds: float) -> str:
    """Seconds for people, as exact as an estimate can be.

    >>> duration(0.4), duration(7.3), duration(43), duration(412), duration(8000)
    ('1 s', '7 s', '45 s', '7 min', '2.2 h')
    """
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 90:
        return f"{5 * round(seconds / 5)} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
