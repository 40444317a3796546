"""One ratio in three forms: masked, zeroed and sliced. Which quantities really change, measured.

All three drop the same channels. *Masked* is how ``torch.nn.utils.prune`` leaves a network: every
weight beside its mask, multiplied anew at each forward pass. *Zeroed* has the zeros baked in,
BatchNorm's shift of the dropped channels included. *Sliced* has the channels physically removed.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import pandas as pd
import torch
import torchinfo
from torch import Tensor, nn
from torch.nn.utils import prune

from explorer.measure import Accuracy, accuracy, at_once, latencies, logits, multiply_adds, state_bytes
from explorer.networks import Kept, parameter_count, remove, zero
from explorer.pruning.methods import METHODS
from explorer.pruning.removal import kept_channels

BATCH = 32
METHOD = METHODS["channels-l1"]
"""Which channels are dropped; the stored forms are of this method."""


@dataclass(frozen=True)
class Form:
    """One form of the pruned network.

    Attributes:
        name: dense, masked, zeroed or sliced.
        correct: right answers.
        total: images.
        params: parameters it stores, zeros included (a mask is not a parameter).
        torchinfo_params: what torchinfo prints as total, which counts only the ones of a mask.
        mult_adds: multiply-adds of convolutions and linear layers for one image.
        file_bytes: size of its state_dict as safetensors.
        zipped_bytes: the same through zlib.
        ms: median milliseconds for a batch of 32, measured in turn with the other forms; None where
            the machine was too busy to tell.
        ms_low: first quartile.
        ms_high: third quartile.
        busy: whether other processes took so much of the machine that nothing could be timed.
    """

    name: str
    correct: int
    total: int
    params: int
    torchinfo_params: int
    mult_adds: int
    file_bytes: int
    zipped_bytes: int
    ms: float | None
    ms_low: float | None
    ms_high: float | None
    busy: bool


def masked(model: nn.Module, kept: Kept) -> nn.Module:
    """A copy of ``model`` with torch's own masks on the filters of the dropped channels, hooks left on."""
    hooked = copy.deepcopy(model)
    masks: dict[str, Tensor] = {}
    for group, channels in kept.items():
        gone = sorted(set(range(group.width)) - set(channels.tolist()))
        for member in group.members:
            if member.role in ("filter", "depthwise filter"):
                # Several groups may lie on one layer, so its mask is put on when all are written in.
                weight = cast(Tensor, hooked.get_submodule(member.layer).weight)
                mask = masks.setdefault(member.layer, torch.ones_like(weight))
                mask[torch.from_numpy(member.of(gone))] = 0
    for layer, mask in masks.items():
        prune.custom_from_mask(hooked.get_submodule(layer), "weight", mask)  # type: ignore[no-untyped-call]
    return hooked


def forms(
    model: nn.Module, inputs: Tensor, targets: Tensor, ratio: float, repeats: int = 15
) -> Iterator[Form]:
    """The dense network and the three forms, each as soon as it is measured.

    Args:
        model: in eval mode; it is only read.
        inputs: images (N, 3, H, W).
        targets: labels (N,).
        ratio: share of each group's channels that is dropped.
        repeats: timed passes.
    """
    kept = kept_channels(model, ratio, METHOD)
    networks = {
        "dense": copy.deepcopy(model),
        "masked": masked(model, kept),
        "zeroed": zero(model, kept),
        "sliced": remove(model, kept),
    }
    for network in networks.values():
        network.eval()
    batch = inputs[: at_once(inputs.shape[-1], BATCH)]
    times = dict(zip(networks, latencies(list(networks.values()), batch, repeats), strict=True))
    for name, network in networks.items():
        found: Accuracy = accuracy(logits(network, inputs), targets)
        counted = torchinfo.summary(
            copy.deepcopy(network), (1, *inputs.shape[1:]), device="cpu", verbose=0
        ).total_params
        timed = times[name]
        yield Form(
            name,
            found.correct,
            found.total,
            parameter_count(network),
            counted,
            multiply_adds(network, inputs),
            *state_bytes(network.state_dict()),
            timed.median,
            timed.low,
            timed.high,
            timed.busy,
        )


def form_table(found: list[Form]) -> pd.DataFrame:
    """The forms for people, one line each; bytes in megabytes of 10^6."""
    dense = found[0]
    return pd.DataFrame(
        [
            {
                "form": form.name,
                "accuracy": form.correct / form.total,
                "parameters": form.params,
                "torchinfo says": form.torchinfo_params,
                "mult_adds": form.mult_adds,
                "file_mb": form.file_bytes / 1e6,
                "zipped_mb": form.zipped_bytes / 1e6,
                "ms": form.ms,
                "ms_low": form.ms_low,
                "ms_high": form.ms_high,
                "speed_up": _speed_up(form, dense),
            }
            for form in found
        ]
    )


def answer(found: list[Form], ratio: float) -> str:
    """The answer to question 3-2 in one sentence, with the numbers measured here."""
    times = {form.name: speed_up for form in found if (speed_up := _speed_up(form, found[0])) is not None}
    if len(times) < len(found):
        return (
            "Other programs kept this machine too busy to time the networks: their parameters, bytes, "
            "multiply-adds and accuracies stand, the milliseconds have to be measured again."
        )
    return (
        f"With {ratio:.0%} of the channels dropped, masks alone run {times['masked']:.2f} times as fast as the "
        f"dense network and baked-in zeros {times['zeroed']:.2f} times, since the machine still multiplies by "
        f"every zero; with the channels physically removed it runs {times['sliced']:.2f} times as fast."
    )


def _speed_up(form: Form, dense: Form) -> float | None:
    return None if form.ms is None or dense.ms is None else dense.ms / form.ms
