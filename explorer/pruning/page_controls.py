"""The controls of a sweep: which methods at which ratios, where, how precisely, with which recovery."""

import math
from dataclasses import replace
from typing import get_args

import streamlit as st

from explorer.measure import devices, has_bfloat16
from explorer.pruning.engine import Precision
from explorer.pruning.methods import METHODS, get_method, with_baselines
from explorer.pruning.sweep import MAX_FINETUNE, MAX_RECALIBRATE, SweepPlan

CHOSEN = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
BY_TITLE = {method.title: method.key for method in METHODS.values()}
METHODS_HELP = "\n".join(f"- **{method.title}**: {method.sentence}" for method in METHODS.values())
STEPS, VALUES = "a range in steps", "chosen values"
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
    titles = st.multiselect(
        "Methods",
        list(BY_TITLE),
        [get_method(key).title for key in DEFAULT],
        key="p_m",
        bind="query-params",
        help="Masked: weights are set to zero, the shape stays. Removed: channels are cut out. "
        f"The random baseline of each kind is always drawn.\n\n{METHODS_HELP}",
    )
    ratios = _ratios()
    plan = replace(SweepPlan(), device=_device(), precision=_precision())
    recalibrate, finetune = _recovery()
    if not titles or not ratios:
        st.error("Choose at least one method and one ratio.")
        return None
    return replace(
        plan,
        methods=with_baselines([BY_TITLE[title] for title in titles]),
        ratios=ratios,
        recalibrate=recalibrate,
        finetune=finetune,
    )


def _ratios() -> tuple[float, ...]:
    way = st.segmented_control(
        "Ratios",
        [STEPS, VALUES],
        default=STEPS,
        required=True,
        key="p_rw",
        bind="query-params",
        help="Masked: the share of all convolution and linear weights. Removed: the share of each layer's "
        "channels. What share of the parameters that becomes is a column of the table.",
    )
    if way == VALUES:
        chosen = st.multiselect(
            "Chosen ratios",
            list(CHOSEN),
            [0.0, 0.5, 0.8],
            format_func=lambda ratio: f"{ratio:.0%}",
            key="p_r",
            bind="query-params",
            help="In any order.",
        )
        return tuple(sorted(chosen))
    left, right = st.columns(2)
    top = left.select_slider(
        "From 0 up to",
        CHOSEN[1:],
        0.9,
        format_func=lambda ratio: f"{ratio:.0%}",
        key="p_top",
        bind="query-params",
        help="The highest ratio.",
    )
    step = right.selectbox(
        "in steps of",
        [0.05, 0.1, 0.2],
        1,
        format_func=lambda ratio: f"{ratio:.0%}",
        key="p_st",
        bind="query-params",
        help="Smaller steps, longer runs.",
    )
    return steps(float(top), float(step))


def steps(top: float, step: float) -> tuple[float, ...]:
    """The ratios from 0 up to ``top``, which is always the last one."""
    found = [round(number * step, 4) for number in range(math.floor(top / step + 1e-9) + 1)]
    return tuple(found if math.isclose(found[-1], top) else [*found, top])


def _device() -> str:
    return str(
        st.selectbox(
            "Device", list(devices()), key="p_dev", bind="query-params", help="What torch finds here."
        )
    )


def _precision() -> Precision:
    if not has_bfloat16():
        return "float32"
    chosen: Precision = st.selectbox(
        "Precision",
        get_args(Precision),
        key="p_pr",
        bind="query-params",
        help="bfloat16 is faster on this CPU; how many predictions agree with float32 is then measured too.",
    )
    return chosen


def _recovery() -> tuple[int, int]:
    left, right = st.columns(2)
    recalibrate = left.slider(
        "Recalibrate",
        0,
        MAX_RECALIBRATE,
        0,
        key="p_rc",
        bind="query-params",
        help="Batches of 100 training images on which BatchNorm's mean and variance are taken again after "
        "pruning; no weight is trained. 0 switches it off.",
    )
    finetune = right.slider(
        "Fine-tune",
        0,
        MAX_FINETUNE,
        0,
        25,
        key="p_ft",
        bind="query-params",
        help="Steps of SGD on training images, masked weights kept at zero. 0 switches it off.",
    )
    return int(recalibrate), int(finetune)


def _take(methods: tuple[str, ...], top: float, step: float, recalibrate: int, finetune: int) -> None:
    """Put a preset into the controls."""
    state = st.session_state
    state["p_m"], state["p_rw"] = [get_method(key).title for key in methods], STEPS
    state["p_top"], state["p_st"] = top, step
    state["p_rc"], state["p_ft"] = recalibrate, finetune
