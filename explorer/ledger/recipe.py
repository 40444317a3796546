"""What was done with a checkpoint, step by step, as plain values, so that it can be done again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Protocol, cast, get_args

from explorer.errors import ExplorerError
from explorer.runtime.compare import CALIBRATION

Numbers = Literal["float32", "int8"]


@dataclass(frozen=True)
class Prune:
    """Weights masked or channels removed.

    Attributes:
        method: by key.
        ratio: share of the weights, or of each group's channels.
        seed: of the random methods.
        images: how many training images the method looks at; 0 for none.
    """

    method: str
    ratio: float
    seed: int = 0
    images: int = 0


@dataclass(frozen=True)
class Refit:
    """The weights that a pruning has left, fitted to the dense network on so many training images."""

    images: int = 128


@dataclass(frozen=True)
class Recalibrate:
    """BatchNorm's statistics taken anew on so many batches of 100 training images."""

    batches: int = 2


@dataclass(frozen=True)
class Finetune:
    """So many steps of training with labels; zeros stay zero."""

    steps: int = 100
    seed: int = 0


@dataclass(frozen=True)
class Round:
    """Weights, and if asked activations, rounded to a few bits; BatchNorm is folded into the convolutions first.

    Attributes:
        bits: of a weight's code, 2 to 8.
        per: "tensor" or "channel": what has a scale of its own.
        symmetric: whether codes lie symmetrically around zero.
        activations: bits of what enters each layer; 0 for float32.
        calibration: training images that the ranges of activations are taken from.
    """

    bits: int = 8
    per: str = "channel"
    symmetric: bool = True
    activations: int = 0
    calibration: int = CALIBRATION


@dataclass(frozen=True)
class Export:
    """Written as an ONNX file and run by onnxruntime.

    Attributes:
        numbers: float32, or int8: weights and activations as 8-bit codes, by onnxruntime's own quantiser.
        calibration: training images that int8's ranges are taken from.
        reduce_range: 7-bit weights, for a CPU without VNNI.
    """

    numbers: Numbers = "float32"
    calibration: int = CALIBRATION
    reduce_range: bool = False


Step = Prune | Refit | Recalibrate | Finetune | Round | Export
KINDS: Mapping[str, type[Step]] = {kind.__name__.lower(): kind for kind in get_args(Step)}


@dataclass(frozen=True)
class Recipe:
    """All that was done with a checkpoint.

    Attributes:
        steps: in order; none for the checkpoint itself.
        training: key of the training images that some of them take; empty if none does.
        precision: in which it was measured.
    """

    steps: tuple[Step, ...] = ()
    training: str = ""
    precision: str = "float32"

    def to_dict(self) -> dict[str, Any]:
        """As a row holds it: empty for the checkpoint itself.

        >>> Recipe((Prune("lamp", 0.9), Refit()), "abc").to_dict()["steps"][1]
        {'do': 'refit', 'images': 128}
        """
        steps = [{"do": type(step).__name__.lower()} | asdict(step) for step in self.steps]
        values = {"training": self.training, "steps": steps} if steps else {}
        return values | ({"precision": self.precision} if self.precision != "float32" else {})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Recipe":
        """What ``to_dict`` gave, or a stranger's file.

        Raises:
            ExplorerError: it is no recipe.
        """
        steps = values.get("steps", [])
        if not set(values) <= {"training", "steps", "precision"} or not isinstance(steps, list):
            raise ExplorerError("This row cannot be rebuilt: it does not say in steps how it was made.")
        texts = values.get("training", ""), values.get("precision", "float32")
        if not all(isinstance(text, str) for text in texts):
            raise ExplorerError("This row cannot be rebuilt: it does not name its training images.")
        return cls(tuple(map(_step, steps)), *texts)

    @property
    def parent(self) -> "Recipe":
        """The same without the last step."""
        steps = self.steps[:-1]
        return Recipe(steps, self.training if any(map(takes_images, steps)) else "", self.precision)


def takes_images(step: Step) -> bool:
    """Whether a step takes training images.

    >>> takes_images(Prune("lamp", 0.9)), takes_images(Round()), takes_images(Round(activations=8))
    (False, False, True)
    """
    match step:
        case Refit() | Recalibrate() | Finetune():
            return True
        case Prune():
            return step.images > 0
        case Round():
            return step.activations > 0
        case Export():
            return step.numbers == "int8"


def recipe_of(training: str, *steps: Step, precision: str = "float32") -> Recipe:
    """A recipe that names the training images only if it takes any."""
    return Recipe(steps, training if any(map(takes_images, steps)) else "", precision)


class MadeOf(Protocol):
    """A network that is a checkpoint, or was made from one and kept."""

    @property
    def card(self) -> Any:
        """What is known of it; ``card.sha256`` identifies its weights."""

    @property
    def base(self) -> str:
        """sha256 of the checkpoint that it was made from; empty if it is one."""

    @property
    def recipe(self) -> Mapping[str, Any]:
        """What was then done, see ``Recipe``."""


def origin_of(
    network: MadeOf, training: str, *steps: Step, precision: str = "float32"
) -> tuple[str, dict[str, Any]]:
    """The checkpoint that a network comes from, by sha256, and all that was done with it, further steps included.

    A network that was made with other training images than ``training`` stands for itself.
    """
    before = Recipe.from_dict(network.recipe)
    if not network.base or before.training not in ("", training):
        return network.card.sha256, recipe_of(training, *steps, precision=precision).to_dict()
    return network.base, recipe_of(training, *before.steps, *steps, precision=precision).to_dict()


_PLAIN = {"int": int, "float": (int, float), "str": str, "bool": bool, "Literal": str}


def _step(values: Any) -> Step:
    """A step, its values of the right kind; whether they are possible is told where it is done."""
    kind = KINDS.get(values.get("do", "")) if isinstance(values, dict) else None
    if kind is None:
        raise ExplorerError(f"This row cannot be rebuilt: a step is one of {', '.join(KINDS)}.")
    given = {name: value for name, value in values.items() if name != "do"}
    wanted = {each.name: _PLAIN[getattr(each.type, "__name__", "str")] for each in fields(kind)}
    for name, value in given.items():
        # True is a whole number to Python.
        same = name in wanted and isinstance(value, cast(type, wanted[name]))
        if not same or (isinstance(value, bool) and wanted[name] is not bool):
            raise ExplorerError(
                f"This row cannot be rebuilt: its step {values['do']!r} has an impossible {name}."
            )
    try:
        return kind(**given)
    except TypeError as error:
        raise ExplorerError(
            f"This row cannot be rebuilt: its step {values['do']!r} is not complete."
        ) from error
