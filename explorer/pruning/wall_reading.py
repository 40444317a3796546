"""What a wall says: where it opens, which class is forgotten, what a recovery brings back; and all that is drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from explorer.classroom import Question
from explorer.data import ImageSet
from explorer.pruning.methods import METHODS, get_method
from explorer.pruning.plan import Recovery
from explorer.pruning.wall import RECALIBRATE, REFIT, WallKey, WallState, photographs

OPENS_WITH = "global-l1"
OPENS_AT = 0.8  # where nobody has made a wall yet
FORGOTTEN = 0.25  # a class of whose right answers no more than this share is left
DONE: Mapping[Recovery, str] = {
    "none": "As pruned",
    "recalibrated": "Recalibrated",
    "re-fitted": "Re-fitted",
    "fine-tuned": "Fine-tuned",
}
BUTTONS: Mapping[Recovery, tuple[str, str]] = {
    "none": ("As pruned", "Nothing is done after the pruning."),
    "recalibrated": (
        "Rescue: recalibrate",
        f"BatchNorm's mean and variance are taken anew on {100 * RECALIBRATE} training images; no weight moves.",
    ),
    "re-fitted": (
        "Rescue: re-fit",
        f"The weights that are left are fitted anew, layer by layer, on {REFIT} training images; without gradients.",
    ),
}


@dataclass(frozen=True, eq=False)
class WallReading:
    """The states of a wall that are there, in words.

    Attributes:
        states: at least the dense one of each method.
        classes: their names.
    """

    states: tuple[WallState, ...]
    classes: tuple[str, ...]

    @cached_property
    def by_state(self) -> Mapping[WallKey, WallState]:
        """The states by method, ratio and recovery."""
        return {each.state: each for each in self.states}

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """The methods that there are, in the order of lists."""
        return tuple(key for key in METHODS if any(each.method == key for each in self.states))

    @cached_property
    def ratios(self) -> tuple[float, ...]:
        """The ratios that there are, ascending."""
        return tuple(sorted({each.ratio for each in self.states}))

    @cached_property
    def recoveries(self) -> tuple[Recovery, ...]:
        """What was done after the pruning, somewhere; "none" first."""
        return tuple(each for each in DONE if any(state.recovery == each for state in self.states))

    @cached_property
    def dense(self) -> WallState:
        """The network before pruning."""
        return next(each for each in self.states if each.ratio == 0 and each.recovery == "none")

    def opening(self, method: str) -> float:
        """The ratio to open at: where a class is forgotten while the network as a whole still knows most.

        That is where the share of right answers that is left exceeds that of the worst class by the most. A network
        that only guesses is never opened on; one that does nothing else once it is pruned opens dense.
        """
        telling = [
            each
            for each in self.states
            if (each.method, each.recovery) == (method, "none") and each.ratio and not each.guesses
        ]

        def gap(state: WallState) -> float:
            return state.accuracy.correct / self.dense.accuracy.correct - min(self._left(state).values())

        return max(telling, key=gap, default=self.dense).ratio

    def _left(self, state: WallState) -> dict[int, float]:
        """Of each class that the dense network knows, the share of its right answers that is left."""
        before = self.dense.right
        return {number: state.right[number] / right for number, right in enumerate(before) if right}

    def forgotten(self, state: WallState) -> tuple[int, ...]:
        """The classes of whose right answers next to none are left, the worst first."""
        left = self._left(state)
        return tuple(
            sorted((each for each, share in left.items() if share <= FORGOTTEN), key=left.__getitem__)
        )

    def tell(self, state: WallState) -> str:
        """What happened at a state, in a sentence or two."""
        if state.recovery != "none":
            return self._tell_recovered(state)
        if not state.ratio:
            return f"Nothing is pruned: {self.share(state)} of {sum(state.images):,} images right."
        if state.guesses:
            return f"At {state.ratio:.0%} the network only guesses: {self._guessing(state)}."
        if forgotten := self.forgotten(state):
            return f"At {state.ratio:.0%} {self._forgotten(state, forgotten)}"
        left = self._left(state)
        worst = min(left, key=left.__getitem__)
        if left[worst] >= 1:
            return f"At {state.ratio:.0%} no class loses anything."
        return (
            f"At {state.ratio:.0%} no class is forgotten. {self.classes[worst]} loses the most: "
            f"{self._count(state, worst)}, {self.dense.right[worst]:,} before."
        )

    def _tell_recovered(self, state: WallState) -> str:
        after = f"{DONE[state.recovery]} at {state.ratio:.0%}"
        before = self.by_state[state.method, state.ratio, "none"]
        if state.guesses:
            return f"{after}, it still guesses: {self._guessing(state)}."
        path = f"{self.share(before)} becomes {self.share(state)}"
        if state.accuracy.correct <= before.accuracy.correct:
            return f"{after}, nothing comes back: {path}."
        gains = {number: state.right[number] - before.right[number] for number in range(len(self.classes))}
        best = max(gains, key=gains.__getitem__)
        verb = "comes back" if best in self.forgotten(before) else "gains the most"
        said = (
            f"{after}, {self.classes[best]} {verb}: {before.right[best]:,} become {self._count(state, best)}."
        )
        still = self.forgotten(state)
        rest = f" {self.classes[still[0]]} stays forgotten: {self._count(state, still[0])}." if still else ""
        return f"{said} Of all images, {path}.{rest}"

    def _forgotten(self, state: WallState, forgotten: Sequence[int]) -> str:
        worst, others = forgotten[0], forgotten[1:]
        wrong = {name: count for name, count in enumerate(state.confusion[worst]) if name != worst}
        called = max(wrong, key=wrong.__getitem__)
        more = f" Forgotten too: {', '.join(self.classes[each] for each in others)}." if others else ""
        return (
            f"{self.classes[worst]} is forgotten: {self._count(state, worst)}, {self.dense.right[worst]:,} before; "
            f"{wrong[called]:,} are called {self.classes[called]}.{more}"
        )

    def _guessing(self, state: WallState) -> str:
        called = [sum(column) for column in zip(*state.confusion, strict=True)]
        most = max(range(len(called)), key=called.__getitem__)
        total = sum(called)
        return f"{self.share(state)} right, and {called[most]:,} of {total:,} images are called {self.classes[most]}"

    def _count(self, state: WallState, number: int) -> str:
        return f"{state.right[number]:,} of {state.images[number]:,}"

    def share(self, state: WallState) -> str:
        """The share of right answers, as it is written."""
        return f"{state.accuracy.value:.1%}"


def drawing(reading: WallReading, images: ImageSet) -> dict[str, Any]:
    """All that the wall is drawn from, in plain values, the same for every visitor.

    Args:
        reading: the states.
        images: those that were counted.
    """
    dense, highest = reading.dense, max(reading.dense.weights)
    total = sum(dense.weights)

    def bars(state: WallState) -> list[int]:
        # As tall as pixels tell: hundreds of states are sent at once.
        return [round(200 * count / highest) for count in state.weights]

    def drawn(state: WallState | None) -> dict[str, Any] | None:
        if state is None:
            return None
        figures = {
            "shown": state.shown,
            "right": state.right,
            "accuracy": round(state.accuracy.value, 4),
            "share": reading.share(state),
            "said": reading.tell(state),
            "forgotten": reading.forgotten(state),
        }
        # Recalibration moves no weight: what is not sent here is as pruned.
        if state.recovery != "recalibrated":
            figures |= {"bars": bars(state), "left": sum(state.weights) / total}
            if state.threshold is not None:
                figures["threshold"] = state.threshold
        return figures

    return {
        "classes": list(reading.classes),
        "labels": images.labels[photographs(images)].tolist(),
        "images": list(dense.images),
        "total": sum(dense.images),
        "noun": images.noun,
        "ratios": list(reading.ratios),
        "reach": dense.reach,
        "bars": bars(dense),
        "rescues": [
            {"key": each, "title": title, "help": words}
            for each, (title, words) in BUTTONS.items()
            if each in reading.recoveries
        ],
        "methods": [
            {
                "key": key,
                "title": (method := get_method(key)).title,
                "color": method.color,
                "share": method.share,
                "mask": method.kind == "mask",
                "sentence": method.sentence,
                "states": {
                    recovery: [
                        drawn(reading.by_state.get((key, ratio, recovery))) for ratio in reading.ratios
                    ]
                    for recovery in reading.recoveries
                },
            }
            for key in reading.methods
        ],
    }


def wall_table(reading: WallReading) -> pd.DataFrame:
    """Every state in a line: method, ratio, recovery, accuracy, and how many images of each class are right."""
    return pd.DataFrame(
        [
            {
                "method": get_method(each.method).title,
                "ratio": each.ratio,
                "recovery": each.recovery,
                "accuracy": each.accuracy.value,
                "images": each.accuracy.total,
            }
            | dict(zip(reading.classes, each.right, strict=True))
            for each in reading.states
        ]
    )


def rescue_question(reading: WallReading, title: str, about: tuple[str, ...]) -> Question | None:
    """What a recalibration brings back of the class that is forgotten where the wall opens; None if none is.

    Args:
        reading: the states.
        title: of the network.
        about: sha256 of its weights and key of the images.
    """
    ratio = reading.opening(OPENS_WITH)
    pruned = reading.by_state.get((OPENS_WITH, ratio, "none"))
    rescued = reading.by_state.get((OPENS_WITH, ratio, "recalibrated"))
    forgotten = reading.forgotten(pruned) if pruned is not None else ()
    if pruned is None or rescued is None or not forgotten:
        return None
    worst = forgotten[0]
    name, images = reading.classes[worst], pruned.images[worst]
    return Question(
        "wall",
        f"{title}, {ratio:.0%} {get_method(OPENS_WITH).share}: {pruned.right[worst]:,} of {images:,} images of {name} "
        f"are right. Then BatchNorm is recalibrated on {100 * RECALIBRATE} training images. How many are right now?",
        about,
        "images",
        high=images,
        answer=rescued.right[worst],
        because=f"No weight was moved. {reading.tell(rescued)}",
    )


def describe_recoveries(states: Sequence[WallState], method: str) -> str:
    """What recoveries bring back of a method's networks, at the ratio where that is most; empty without any."""
    of_method = [each for each in states if each.method == method]
    pruned = {each.ratio: each.accuracy for each in of_method if each.recovery == "none"}
    recovered = [each for each in of_method if each.recovery != "none" and each.ratio in pruned]
    if not recovered:
        return ""
    most = max(recovered, key=lambda each: each.accuracy.value - pruned[each.ratio].value)
    before = pruned[most.ratio]
    if most.accuracy.interval()[0] <= before.interval()[1]:
        return ""
    ways = [
        f"{each.recovery} **{each.accuracy.value:.1%}**"
        if each is most
        else f"{each.recovery} {each.accuracy.value:.1%}"
        for each in recovered
        if each.ratio == most.ratio
    ]
    return (
        f"What a repair brings: {get_method(method).title} at {most.ratio:.0%}, as pruned {before.value:.1%}, "
        f"{', '.join(ways)}, of the {before.total:,} images of the wall."
    )
