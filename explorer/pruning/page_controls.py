"""The controls of a sweep: which methods at which ratios, where, how precisely, with which recovery."""

import math
from dataclasses import dataclass
from typing import get_args

import streamlit as st

from explorer.measure import devices, has_bfloat16
from explorer.pruning.engine import Precision
from explorer.pruning.methods import METHODS, get_method, with_baselines
from explorer.pruning.plan import SweepSettings
from explorer.pruning.selection import PruningSelection
from explorer.ui import address

RATIOS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
METHODS_HELP = "\n".join(f"- **{method.title}**: {method.sentence}" for method in METHODS.values())
STEPS, CHOSEN = "steps", "chosen"
WAYS = {STEPS: "a range in steps", CHOSEN: "chosen values"}
DEFAULT: tuple[str, ...] = ("global-l1", "channels-l1")


@dataclass(frozen=True)
class SweepPreset:
    """What a button puts into the controls, and what it is for."""

    methods: tuple[str, ...]
    highest_ratio: float
    ratio_step: float
    purpose: str
    recalibrate: int = 0
    finetune: int = 0


PRESETS = {
    "Masks against removal": SweepPreset(DEFAULT, 0.9, 0.1, "The lesson: what the page opens with."),
    "Question 3-1": SweepPreset(("global-l1",), 0.9, 0.1, "Ratio against accuracy, as the homework asks."),
    "Global or layer by layer": SweepPreset(
        ("global-l1", "layer-l1"), 0.9, 0.1, "Where the ranking is done."
    ),
    "L1, L2 or at random": SweepPreset(("channels-l1", "channels-l2"), 0.6, 0.1, "Does the ranking matter?"),
    "Bring it back": SweepPreset(DEFAULT, 0.8, 0.2, "BatchNorm recalibrated after pruning.", recalibrate=2),
}


def controls(selection: PruningSelection) -> SweepSettings | None:
    """What the controls ask for; None where they ask for nothing that can be measured."""
    with st.popover("Presets", icon=":material/apps:", width="stretch"):
        for name, preset in PRESETS.items():
            st.button(name, on_click=_take, args=(preset,), width="stretch", help=preset.purpose)
    chosen = address.choices(
        "methods",
        "Methods",
        tuple(METHODS),
        default=DEFAULT,
        format_func=title_of,
        help="Masked: weights are set to zero, the shape stays. Removed: channels are cut out. "
        f"The random baseline of each kind is always drawn.\n\n{METHODS_HELP}",
    )
    ratios = _ratios()
    device, precision = _device(), _precision()
    recalibrate, finetune = _recovery()
    if not chosen or not ratios:
        return None
    measured = with_baselines(chosen)
    return SweepSettings(
        # In the order of lists, so that the order of clicks makes no other sweep of it.
        methods=tuple(key for key in METHODS if key in measured),
        ratios=ratios,
        device=device,
        precision=precision,
        recalibrate=recalibrate,
        finetune=finetune,
        images=len(selection.images),
        training=selection.training_key(needed=recalibrate + finetune > 0),
    )


def _ratios() -> tuple[float, ...]:
    way = address.choice(
        "ratios",
        "Ratios",
        tuple(WAYS),
        draw=st.segmented_control,
        required=True,
        format_func=WAYS.get,
        help="Masked: the share of all convolution and linear weights. Removed: the share of each layer's "
        "channels. What share of the parameters that becomes is a column of the table.",
    )
    if way == CHOSEN:
        chosen = address.choices(
            "chosen_ratios",
            "Chosen ratios",
            RATIOS,
            default=(0.0, 0.5, 0.8),
            format_func="{:.0%}".format,
            help="In any order.",
        )
        return tuple(sorted(chosen))
    left, right = st.columns(2)
    top = address.choice(
        "highest_ratio",
        "From 0 up to",
        RATIOS[1:],
        draw=left.select_slider,
        default=0.9,
        format_func="{:.0%}".format,
        help="The highest ratio.",
    )
    step = address.choice(
        "ratio_step",
        "in steps of",
        (0.05, 0.1, 0.2),
        draw=right.selectbox,
        default=0.1,
        format_func="{:.0%}".format,
        help="Smaller steps, longer runs.",
    )
    return steps(top, step)


def steps(top: float, step: float) -> tuple[float, ...]:
    """The ratios from 0 up to ``top``, which is always the last one."""
    # A little is added because 0.9 / 0.1 need not be 9 in binary, and rounding down would lose a step.
    ratios = [round(number * step, 4) for number in range(math.floor(top / step + 1e-9) + 1)]
    return tuple(ratios if math.isclose(ratios[-1], top) else [*ratios, top])


def _device() -> str:
    return address.choice("device", "Device", devices(), help="What torch finds here.")


def _precision() -> Precision:
    precisions: tuple[Precision, ...] = get_args(Precision) if has_bfloat16() else ("float32",)
    return address.choice(
        "precision",
        "Precision",
        precisions,
        help="bfloat16 is faster where the CPU has it; how many predictions agree with float32 is then measured too.",
    )


def _recovery() -> tuple[int, int]:
    left, right = st.columns(2)
    recalibrate = address.slider(
        "recalibrate",
        "Recalibrate",
        at=left,
        help="Batches of 100 training images on which BatchNorm's mean and variance are taken again after "
        "pruning; no weight is trained. 0 switches it off.",
    )
    finetune = address.slider(
        "finetune",
        "Fine-tune",
        at=right,
        step=25,
        help="Steps of SGD on training images, masked weights kept at zero. 0 switches it off.",
    )
    return int(recalibrate), int(finetune)


def _take(preset: SweepPreset) -> None:
    """Put a preset into the controls."""
    address.put("methods", list(preset.methods))
    address.put("ratios", STEPS)
    for key in ("highest_ratio", "ratio_step", "recalibrate", "finetune"):
        address.put(key, getattr(preset, key))


def title_of(method: str) -> str:
    """The title of a method, for controls whose options are keys."""
    return get_method(method).title
