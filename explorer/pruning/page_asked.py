"""What the address asks of the pruning lesson, for its controls once they are drawn and for the report without them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from explorer.measure import devices, has_bfloat16
from explorer.pruning.engine import Precision
from explorer.pruning.forms import FormsSettings
from explorer.pruning.homework import HOMEWORK
from explorer.pruning.methods import METHODS, baseline, with_baselines
from explorer.pruning.plan import SweepSettings
from explorer.pruning.sweep import SWEEP
from explorer.ui import address

RATIOS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
STEPS, CHOSEN = "steps", "chosen"
CURVE: dict[str, Any] = {"options": (SWEEP.key, HOMEWORK.key)}
"""Which curve is looked at: a sweep of one's own, or the homework's."""
NUMBERS = ("recalibrate", "finetune", "refit", "seeds")
"""Settings of a sweep that are a number each, under their own key."""
DEFAULT: tuple[str, ...] = ("global-l1", "channels-l1")
COUNTS = (100, 250, 500, 1000, 2000, 5000)
OPENS_WITH = 1000  # as many as most stored results were counted on


def offered(key: str) -> dict[str, Any]:
    """What can be chosen for a key here, and what it opens with where that is not the first."""
    precisions: tuple[Precision, ...] = get_args(Precision) if has_bfloat16() else ("float32",)
    choices: dict[str, dict[str, Any]] = {
        "methods": {"options": tuple(METHODS), "default": list(DEFAULT)},
        "ratios": {"options": (STEPS, CHOSEN)},
        "chosen_ratios": {"options": RATIOS, "default": [0.0, 0.5, 0.8]},
        "highest_ratio": {"options": RATIOS[1:], "default": 0.9},
        "ratio_step": {"options": (0.05, 0.1, 0.2), "default": 0.1},
        "device": {"options": tuple(devices())},
        "precision": {"options": precisions},
    }
    return choices[key]


def offered_counts(total: int, stored: int | None = None) -> dict[str, Any]:
    """How many of so many images can be chosen, and what it opens with: as many as were ``stored``, if they can be."""
    options = (*(count for count in COUNTS if count < total), total)
    return {"options": options, "default": stored if stored in options else min(OPENS_WITH, total)}


def asked_count(total: int) -> int:
    """How many of the images are counted."""
    return int(address.value("images", **offered_counts(total)))


def asked_sweep(count: int, training: str) -> SweepSettings | None:
    """The sweep of so many images; None where it has no method or no ratio.

    ``training`` is the key of the training images, which only recoveries and some methods take.
    """
    chosen, ratios = _value("methods"), _asked_ratios()
    if not chosen or not ratios:
        return None
    numbers = {key: int(address.value(key)) for key in NUMBERS}
    return sweep_of(count, training, chosen, ratios, numbers)


def sweep_of(
    count: int, training: str, chosen: Sequence[str], ratios: tuple[float, ...], numbers: Mapping[str, int]
) -> SweepSettings:
    """The sweep of these methods and their random baselines, on the device and in the precision asked for.

    ``numbers`` are its recoveries and seeds, by the names of ``NUMBERS``.
    """
    measured = with_baselines(chosen)
    settings = SweepSettings(
        **numbers,  # type: ignore[arg-type] # their keys are those of numbers
        # In the order of lists, so that the order of clicks makes no other sweep of it.
        methods=tuple(key for key in METHODS if key in measured),
        ratios=ratios,
        device=_value("device"),
        precision=_value("precision"),
        images=count,
    )
    return replace(settings, training=training) if settings.needs_training else settings


def asked_forms(count: int, training: str = "") -> FormsSettings:
    """The forms, on so many images; with the key of training images also the other runtime, if that is asked for."""
    asked = training if address.value("runtimes") else ""
    return FormsSettings(count, round(address.value("dropped"), 4), asked)


def _asked_ratios() -> tuple[float, ...]:
    if _value("ratios") == CHOSEN:
        return tuple(sorted(_value("chosen_ratios")))
    return list_ratios(_value("highest_ratio"), _value("ratio_step"))


def list_ratios(top: float, step: float) -> tuple[float, ...]:
    """The ratios from 0 up to ``top``, which is always the last one.

    >>> list_ratios(0.5, 0.2)
    (0.0, 0.2, 0.4, 0.5)
    """
    # A little is added because 0.9 / 0.1 need not be 9 in binary, and rounding down would lose a step.
    ratios = [round(number * step, 4) for number in range(math.floor(top / step + 1e-9) + 1)]
    return tuple(ratios if math.isclose(ratios[-1], top) else [*ratios, top])


def _value(key: str) -> Any:
    return address.value(key, **offered(key))


def put_sweep(settings: SweepSettings, total: int) -> None:
    """Set the controls to a sweep that is shown, as far as they can be; ``total`` is how many images there are."""
    ranked = [key for key in settings.methods if METHODS[key] is not baseline(METHODS[key].kind)]
    # The baselines are measured in any case, unless they are alone.
    address.put(
        "methods", ranked if set(with_baselines(ranked)) == set(settings.methods) else list(settings.methods)
    )
    if set(settings.ratios) <= set(RATIOS):
        address.put("ratios", CHOSEN)
        address.put("chosen_ratios", list(settings.ratios))
    for key in ("device", "precision"):
        if getattr(settings, key) in offered(key)["options"]:
            address.put(key, getattr(settings, key))
    for key in NUMBERS:
        address.put(key, getattr(settings, key))
    _put_count(settings.images, total)


def put_forms(settings: FormsSettings, total: int) -> None:
    """Set the controls to the forms that are shown."""
    address.put("dropped", settings.ratio)
    address.put("runtimes", bool(settings.training))
    _put_count(settings.images, total)


def _put_count(count: int, total: int) -> None:
    if count in offered_counts(total)["options"]:
        address.put("images", count)
