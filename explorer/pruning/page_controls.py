"""The controls of a sweep: which methods at which ratios, where, how precisely, with which recovery."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from explorer import ui
from explorer.pruning.homework import HOMEWORK
from explorer.pruning.methods import METHODS, get_method
from explorer.pruning.page_asked import (
    CHOSEN,
    CURVE,
    DEFAULT,
    STEPS,
    asked_sweep,
    list_ratios,
    offered,
    sweep_of,
)
from explorer.pruning.plan import SEEDS, SweepSettings
from explorer.pruning.selection import PruningSelection
from explorer.pruning.sweep import SWEEP
from explorer.ui import address

METHODS_HELP = "\n".join(f"- **{method.title}**: {method.sentence}" for method in METHODS.values())
WAYS = {STEPS: "a range in steps", CHOSEN: "chosen values"}


@dataclass(frozen=True)
class SweepPreset:
    """What a button puts into the controls, and what it is for."""

    methods: tuple[str, ...]
    highest_ratio: float
    ratio_step: float
    purpose: str
    recalibrate: int = 0
    finetune: int = 0
    refit: int = 0
    seeds: int = 1


PRESETS = {
    "Masks against removal": SweepPreset(DEFAULT, 0.9, 0.1, "The lesson: what the page opens with."),
    "Global or layer by layer": SweepPreset(
        ("global-l1", "layer-l1"), 0.9, 0.1, "Where the ranking is done."
    ),
    "L1, L2 or at random": SweepPreset(
        ("channels-l1", "channels-l2"),
        0.6,
        0.1,
        "Does the ranking matter? Chance with ten seeds.",
        seeds=SEEDS,
    ),
    "Which channels": SweepPreset(
        ("channels-l1", "channels-bn", "channels-taylor"), 0.5, 0.1, "By weights, by scales, or by gradients."
    ),
    "Shuffle the mask": SweepPreset(
        ("global-l1", "shuffled"), 0.9, 0.1, "As many weights of each layer, others: does it matter which?"
    ),
    "Bring it back": SweepPreset(
        DEFAULT,
        0.8,
        0.2,
        "What is left after pruning re-fitted, and BatchNorm recalibrated.",
        recalibrate=2,
        refit=128,
    ),
}


def controls(
    selection: PruningSelection, takes: Callable[[SweepSettings], str], homework_takes: str
) -> SweepSettings | None:
    """What the controls ask for; None where they ask for nothing that can be measured.

    Args:
        selection: the network and its images.
        takes: says how long a sweep takes here; each preset is told with it, since pressing one runs it.
        homework_takes: how long the homework's curve takes, likewise.
    """
    training = selection.training_key(needed=True)
    presets, recovery, machine = st.columns(3, gap="small")
    with presets.popover("Presets", width="stretch"):
        st.button("Question 3-1", on_click=_take_homework, width="stretch")
        st.caption(f"Ratio against accuracy, as the homework asks. {homework_takes}")
        for name, preset in PRESETS.items():
            st.button(name, on_click=_take, args=(preset,), width="stretch")
            st.caption(f"{preset.purpose} {takes(_settings_of(preset, len(selection.images), training))}")
    address.choices(
        "methods",
        "Methods",
        **offered("methods"),
        format_func=title_of,
        help="Masked: weights are set to zero, the shape stays. Removed: channels are cut out. "
        f"The random baseline of each kind is always drawn.\n\n{METHODS_HELP}",
    )
    _draw_ratios()
    with machine.popover("Device", width="stretch"):
        address.choice("device", "Device", **offered("device"), help="What torch finds here.")
        address.choice(
            "precision",
            "Precision",
            **offered("precision"),
            help="bfloat16 is faster where the CPU has it; how many predictions agree with float32 is then measured "
            "too.",
        )
        address.slider(
            "seeds",
            "Seeds of what is random",
            help="With so many seeds the random baselines and the shuffled mask are measured; one may be a lucky "
            "one. The further ones are neither timed nor recovered.",
        )
    with recovery.popover("Recovery", width="stretch"):
        _draw_recovery()
    return asked_sweep(len(selection.images), training)


def _draw_ratios() -> None:
    way = address.choice(
        "ratios",
        "Ratios",
        **offered("ratios"),
        draw=st.segmented_control,
        required=True,
        format_func=WAYS.get,
        help="Masked: the share of all convolution and linear weights. Removed: the share of each layer's "
        "channels. What share of the parameters that becomes is a column of the table.",
    )
    if way == CHOSEN:
        address.choices(
            "chosen_ratios",
            "Chosen ratios",
            **offered("chosen_ratios"),
            format_func="{:.0%}".format,
            help="In any order.",
        )
        return
    left, right = st.columns(2)
    address.choice(
        "highest_ratio",
        "From 0 up to",
        **offered("highest_ratio"),
        draw=left.select_slider,
        format_func="{:.0%}".format,
        help="The highest ratio.",
    )
    address.choice(
        "ratio_step",
        "in steps of",
        **offered("ratio_step"),
        draw=right.selectbox,
        format_func="{:.0%}".format,
        help="Smaller steps, longer runs.",
    )


def _draw_recovery() -> None:
    address.slider(
        "refit",
        "Re-fit on images",
        step=64,
        help="Training images on which each layer's surviving weights are fitted anew, by least squares, to what the "
        "dense network's layer answers; no gradients. 0 switches it off.",
    )
    left, right = st.columns(2)
    address.slider(
        "recalibrate",
        "Recalibrate",
        at=left,
        help="Batches of 100 training images on which BatchNorm's mean and variance are taken again after "
        "pruning; no weight is trained. 0 switches it off.",
    )
    address.slider(
        "finetune",
        "Fine-tune",
        at=right,
        step=25,
        help="Steps of SGD on training images, masked weights kept at zero. 0 switches it off.",
    )


def _settings_of(preset: SweepPreset, count: int, training: str) -> SweepSettings:
    """What the controls ask for once a preset is in them."""
    recoveries = {"recalibrate": preset.recalibrate, "finetune": preset.finetune, "refit": preset.refit}
    ratios = list_ratios(preset.highest_ratio, preset.ratio_step)
    return sweep_of(count, training, preset.methods, ratios, recoveries | {"seeds": preset.seeds})


def _take(preset: SweepPreset) -> None:
    """Put a preset into the controls, and have the sweep run that they then ask for."""
    ui.session().wanted.add(SWEEP.key)
    address.put("methods", list(preset.methods))
    address.put("ratios", STEPS)
    for key in ("highest_ratio", "ratio_step", "refit", "recalibrate", "finetune", "seeds"):
        address.put(key, getattr(preset, key))


def _take_homework() -> None:
    """Turn to the homework's curve, and have it measured if it is not stored."""
    ui.session().wanted.add(HOMEWORK.key)
    address.put("curve", HOMEWORK.key)


def choose_curve() -> str:
    """Which curve is looked at, by the key of its instrument."""
    curve: str = address.choice(
        "curve",
        "Which curve",
        **CURVE,
        draw=st.segmented_control,
        required=True,
        format_func={SWEEP.key: "A sweep of your own", HOMEWORK.key: "The homework's curve"}.get,
        label_visibility="collapsed",
    )
    return curve


def title_of(method: str) -> str:
    """The title of a method, for controls whose options are keys."""
    return get_method(method).title
