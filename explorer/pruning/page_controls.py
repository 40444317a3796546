"""The controls of a sweep: which methods at which ratios, where, how precisely, with which recovery."""

import math
from dataclasses import replace
from typing import get_args

import streamlit as st

from explorer.measure import devices, has_bfloat16
from explorer.pruning.engine import Precision
from explorer.pruning.methods import METHODS, get_method, with_baselines
from explorer.pruning.sweep import SweepPlan
from explorer.ui import address

RATIOS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
METHODS_HELP = "\n".join(f"- **{method.title}**: {method.sentence}" for method in METHODS.values())
STEPS, CHOSEN = "steps", "chosen"
WAYS = {STEPS: "a range in steps", CHOSEN: "chosen values"}
DEFAULT: tuple[str, ...] = ("global-l1", "channels-l1")

# Name: methods, highest ratio, step, recalibration batches, fine-tuning steps, what it is for.
PRESETS: dict[str, tuple[tuple[str, ...], float, float, int, int, str]] = {
    "Masks against removal": (DEFAULT, 0.9, 0.1, 0, 0, "The lesson: what the page opens with."),
    "Question 3-1": (("global-l1",), 0.9, 0.1, 0, 0, "Ratio against accuracy, as the homework asks."),
    "Global or layer by layer": (("global-l1", "layer-l1"), 0.9, 0.1, 0, 0, "Where the ranking is done."),
    "L1, L2 or at random": (("channels-l1", "channels-l2"), 0.6, 0.1, 0, 0, "Does the ranking matter?"),
    "Bring it back": (("global-l1", "channels-l1"), 0.8, 0.2, 2, 0, "BatchNorm recalibrated after pruning."),
}


def controls() -> SweepPlan | None:
    """The plan that the controls ask for; None, with a sentence, where it asks for nothing."""
    with st.popover("Presets", icon=":material/apps:", width="stretch"):
        for name, preset in PRESETS.items():
            st.button(name, on_click=_take, args=preset[:-1], width="stretch", help=preset[-1])
    methods = address.choices(
        "methods",
        "Methods",
        tuple(METHODS),
        default=DEFAULT,
        format_func=title_of,
        help="Masked: weights are set to zero, the shape stays. Removed: channels are cut out. "
        f"The random baseline of each kind is always drawn.\n\n{METHODS_HELP}",
    )
    ratios = _ratios()
    plan = replace(SweepPlan(), device=_device(), precision=_precision())
    recalibrate, finetune = _recovery()
    if not methods or not ratios:
        st.error("Choose at least one method and one ratio.")
        return None
    return replace(
        plan,
        methods=with_baselines(methods),
        ratios=ratios,
        recalibrate=recalibrate,
        finetune=finetune,
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


def _take(methods: tuple[str, ...], top: float, step: float, recalibrate: int, finetune: int) -> None:
    """Put a preset into the controls."""
    for key, setting in (
        ("methods", list(methods)),
        ("ratios", STEPS),
        ("highest_ratio", top),
        ("ratio_step", step),
        ("recalibrate", recalibrate),
        ("finetune", finetune),
    ):
        address.put(key, setting)


def title_of(method: str) -> str:
    """The title of a method, for controls whose options are keys."""
    return get_method(method).title
