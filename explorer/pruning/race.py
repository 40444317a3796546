"""The race: the forms of a network replayed at their measured milliseconds, a lane each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from explorer import palette
from explorer.measure import Accuracy, at_once
from explorer.pruning.forms import BATCH, Form

MOST_IMAGES = 192
ROWS = 4  # photographs above one another in a lane
SECONDS = 6.0  # that the slowest lane is to take on the screen
SLOWED = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


@dataclass(frozen=True)
class Lane:
    """One network in a race. What was timed elsewhere in the same way, on the same images, is one lane more.

    Attributes:
        name: of the form, for people.
        color: its meaning in ``palette``.
        ms: median milliseconds for a batch.
        ms_low: first quartile.
        ms_high: third quartile.
        right: right answers, and of how many images.
    """

    name: str
    color: str
    ms: float
    ms_low: float
    ms_high: float
    right: Accuracy


@dataclass(frozen=True)
class Finish:
    """How a lane comes in.

    Attributes:
        lane: the network.
        ms: milliseconds for all images of the race.
        place: from 1; lanes that cannot be told apart share one.
    """

    lane: Lane
    ms: float
    place: int


@dataclass(frozen=True)
class Race:
    """Lanes over the same images, in batches as they were timed.

    Attributes:
        lanes: the networks, the one that the others are compared with first.
        images: how many pass through each; whole batches where there are enough.
        batch: images in one pass.
    """

    lanes: tuple[Lane, ...]
    images: int
    batch: int

    @property
    def finishes(self) -> tuple[Finish, ...]:
        """How the lanes come in, the fastest first."""
        found: list[Finish] = []
        for lane in sorted(self.lanes, key=lambda lane: lane.ms):
            before = found[-1] if found else None
            # The middle halves of their passes overlap: another measurement might turn them round.
            together = before is not None and lane.ms_low <= before.lane.ms_high
            place = before.place if before is not None and together else len(found) + 1
            found.append(Finish(lane, lane.ms * self.images / self.batch, place))
        return tuple(found)

    @property
    def slowed(self) -> int:
        """How many times slower than measured it is replayed, so that an eye can follow."""
        whole = self.finishes[-1].ms / 1000
        return min(SLOWED, key=lambda times: abs(math.log(whole * times / SECONDS)))


def race_of(rows: Sequence[Form], input_size: int) -> Race | None:
    """The race of a network's forms; None where they could not be timed.

    Zeroed does not run: it has the dense network's layers, and multiplies the same numbers.

    Args:
        rows: the measured forms.
        input_size: side of the images in pixels, on which the size of a batch depends.
    """
    colors = {
        "dense": palette.DENSE,
        "unstructured": palette.UNSTRUCTURED,
        "masked": palette.MASKED,
        "sliced": palette.REMOVED,
        "onnxruntime": palette.RUNTIME,
        "int8": palette.INT8,
    }
    lanes = []
    for form in rows:
        if form.name in colors:
            if form.ms is None or form.ms_low is None or form.ms_high is None:
                return None
            right = Accuracy(form.correct, form.total)
            lanes.append(Lane(form.name, colors[form.name], form.ms, form.ms_low, form.ms_high, right))
    batch = min(at_once(input_size, BATCH), rows[0].total)
    return Race(tuple(lanes), min(MOST_IMAGES, rows[0].total) // batch * batch, batch)


def describe_race(race: Race) -> str:
    """Who is through when, in one sentence; which of them cannot be told apart, in a second one."""
    first, *others = race.finishes
    said = f"{race.images} photographs: {first.lane.name} is through after {milliseconds(first.ms)}"
    said += "".join(f", {each.lane.name} after {milliseconds(each.ms)}" for each in others) + "."
    for place in sorted({each.place for each in race.finishes}):
        *names, last = (each.lane.name for each in race.finishes if each.place == place)
        if names:
            together = f"{', '.join(names)} and {last}".capitalize()
            said += f" {together} cannot be told apart: the middle halves of their timings overlap."
    return said


def milliseconds(ms: float) -> str:
    """Milliseconds for people, in three digits.

    >>> milliseconds(272.84), milliseconds(76), milliseconds(3.906)
    ('273 ms', '76.0 ms', '3.91 ms')
    """
    return f"{ms:.{0 if ms >= 100 else 1 if ms >= 10 else 2}f} ms"


def position(images: int) -> list[int]:
    """Which image stands where in a lane, row by row: they are through from the left to the right.

    >>> position(8)
    [0, 4, 1, 5, 2, 6, 3, 7]
    """
    columns = -(-images // ROWS)
    return [
        column * ROWS + row
        for row in range(ROWS)
        for column in range(columns)
        if column * ROWS + row < images
    ]
