"""One ratio in several forms: unstructured, masked, zeroed and sliced. Which quantities really change, measured.

*Unstructured* has masks on single weights, those that the homework's method drops. The others drop the same
channels, all in one way each: *masked* by masks on whole filters, *zeroed* by zeros that are baked in, BatchNorm's
shift of the dropped channels included, and *sliced* by removing them physically. Masks are as
``torch.nn.utils.prune`` leaves them: every weight beside its mask, multiplied anew at each forward pass. Beside them,
if asked, what makes a network faster with nothing dropped: *onnxruntime* runs the dense network's float32 weights, and
*int8* its weights and activations as 8-bit codes, also there.
"""

import copy
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import pandas as pd
import torch
import torchinfo
from torch import Tensor, nn
from torch.nn.utils import prune

from explorer.measure import Accuracy, accuracy, at_once, latencies, logits, state_bytes, zipped_bytes
from explorer.networks import Kept, cost_of_network, parameter_count, remove, zero
from explorer.pruning.amount import cost_when_pruned
from explorer.pruning.masks import Masker, check_ratio
from explorer.pruning.methods import METHODS
from explorer.pruning.removal import kept_channels
from explorer.runtime import OnnxNetwork, to_int8, to_onnx
from explorer.runtime.compare import CALIBRATION, calibration_batches
from explorer.work.identity import setting
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.progress import Update

BATCH, REPEATS = 32, 15
METHOD = METHODS["channels-l1"]
"""Which channels are dropped; the stored forms are of this method."""
SINGLE = METHODS["homework"]
"""Which single weights are dropped in the unstructured form."""


@dataclass(frozen=True)
class Form:
    """One form of the pruned network.

    Attributes:
        name: dense, unstructured, masked, zeroed, sliced, onnxruntime or int8.
        correct: right answers.
        total: images.
        params: parameters it stores, zeros included (a mask is not a parameter).
        torchinfo_params: what torchinfo prints as total, which counts only the ones of a mask; of what another
            runtime runs, that of the network that was exported.
        mult_adds: multiply-adds for one image, masked weights in full.
        file_bytes: size of its state_dict as safetensors; of the .onnx file for another runtime.
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


def unstructured(model: nn.Module, ratio: float) -> nn.Module:
    """A copy of ``model`` with torch's own masks on this share of each convolution's weights, hooks left on."""
    hooked = copy.deepcopy(model)
    for layer, mask in Masker(model, SINGLE).masks(ratio).items():
        prune.custom_from_mask(hooked.get_submodule(layer), "weight", mask)  # type: ignore[no-untyped-call]
    return hooked


def forms(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    ratio: float,
    repeats: int = REPEATS,
    calibration: Sequence[Tensor] = (),
) -> Iterator[Form]:
    """The dense network and its forms, each as soon as it is measured.

    Args:
        model: in eval mode; it is only read.
        inputs: images (N, 3, H, W).
        targets: labels (N,).
        ratio: share of each group's channels that is dropped, and of each convolution's single weights.
        repeats: timed passes.
        calibration: batches of training images (B, 3, H, W); with them the dense network is also run by onnxruntime.

    Raises:
        ExplorerError: there are images to calibrate on, and onnxruntime is not installed.
    """
    kept = kept_channels(model, ratio, METHOD)
    networks: dict[str, nn.Module] = {
        "dense": copy.deepcopy(model),
        "unstructured": unstructured(model, ratio),
        "masked": masked(model, kept),
        "zeroed": zero(model, kept),
        "sliced": remove(model, kept),
    }
    for network in networks.values():
        network.eval()
    files: dict[str, bytes] = {}
    if calibration:
        files["onnxruntime"] = to_onnx(model, inputs.shape[-1])
        # 7-bit weights answer alike on every CPU.
        files["int8"] = to_int8(files["onnxruntime"], calibration, reduce_range=True)
    networks |= {name: OnnxNetwork(file) for name, file in files.items()}
    batch = inputs[: at_once(inputs.shape[-1], BATCH)]
    times = dict(
        zip(networks, latencies(list(networks.values()), batch, repeats, mixed=bool(files)), strict=True)
    )
    for name, network in networks.items():
        right: Accuracy = accuracy(logits(network, inputs), targets)
        written = files.get(name)
        described = network if written is None else networks["dense"]
        counted = torchinfo.summary(
            copy.deepcopy(described), (1, *inputs.shape[1:]), device="cpu", verbose=0
        ).total_params
        sizes = (
            state_bytes(network.state_dict()) if written is None else (len(written), zipped_bytes(written))
        )
        timed = times[name]
        yield Form(
            name,
            right.correct,
            right.total,
            parameter_count(described),
            counted,
            cost_of_network(described, inputs.shape[-1]).mult_adds,
            *sizes,
            timed.median,
            timed.low,
            timed.high,
            timed.busy,
        )


@dataclass(frozen=True)
class FormsSettings:
    """How many of the images are counted, each class by its share, and what share of channels or weights is dropped."""

    images: int = setting("images", "{:,}".format)
    ratio: float = setting("channels dropped", "{:.0%}".format)
    training: str = setting("other runtime", lambda key: "yes" if key else "no", default="")
    """Key of the training images that int8 is calibrated on; empty to leave the other runtime out."""

    def __post_init__(self) -> None:
        check_ratio(self.ratio)


class Forms(Instrument[FormsSettings, Form]):
    """Dense, unstructured, masked, zeroed and sliced, measured in turn."""

    key = "forms"
    title = "the forms"
    unit = "networks"

    def steps(self, spec: InstrumentSpec[FormsSettings]) -> int:
        """The dense network and its forms."""
        return 7 if spec.settings.training else 5

    def work(self, spec: InstrumentSpec[FormsSettings]) -> float:
        """Every image, and the clock's passes, through four networks of full size and one that is smaller."""
        whole = self.steps(spec) - 1
        together = whole * cost_when_pruned(spec, 0.0) + cost_when_pruned(spec, spec.settings.ratio)
        return (spec.settings.images + REPEATS * at_once(spec.data.input_size, BATCH)) * together

    def run(
        self, spec: InstrumentSpec[FormsSettings], done: Sequence[Form] = ()
    ) -> Generator[Update | Form, None, None]:
        """All of them: they are timed in turn, so none can be left out."""
        del done
        images = (yield from spec.data.read(spec.use)).stratified(spec.settings.images)
        batches: Sequence[Tensor] = ()
        if spec.settings.training:
            batches = calibration_batches((yield from spec.data.read("training")), CALIBRATION)
        yield from forms(
            spec.network.load(),
            images.inputs(),
            images.targets(),
            spec.settings.ratio,
            calibration=batches,
        )

    def describe(self, part: Form) -> str:
        """Its name."""
        return f"{part.name} is measured"

    def unmeasured(self, parts: Sequence[Form]) -> str:
        """Whether the clock could not be read."""
        if not any(form.busy for form in parts):
            return ""
        return "Other programs used this machine's processors, so there are no milliseconds. The rest holds."


FORMS = Forms()


def describe_forms_measurement(images: str, title: str) -> str:
    """On what (``images``, in words) the forms of a network were measured here."""
    return f"{images}, batch of {BATCH}, in turn; {title}."


def form_table(rows: Sequence[Form]) -> pd.DataFrame:
    """The forms for people, one line each, what answers first; bytes in megabytes of 10^6."""
    dense = rows[0]
    return pd.DataFrame(
        [
            {
                "form": form.name,
                "ms": form.ms,
                "speed_up": _speed_up(form, dense),
                "accuracy": form.correct / form.total,
                "parameters": form.params,
                "torchinfo says": form.torchinfo_params,
                "mult_adds": form.mult_adds,
                "file_mb": form.file_bytes / 1e6,
                "zipped_mb": form.zipped_bytes / 1e6,
                "ms_low": form.ms_low,
                "ms_high": form.ms_high,
            }
            for form in rows
        ]
    )


def list_names(rows: Sequence[Form]) -> str:
    """The forms of a network, in words: "masked, zeroed and sliced"."""
    *most, last = (form.name for form in rows[1:])
    return f"{', '.join(most)} and {last}"


class Timed(Protocol):
    """What was timed: the first and the third quartile of its passes, milliseconds; None where it could not be."""

    @property
    def ms_low(self) -> float | None: ...  # noqa: D102

    @property
    def ms_high(self) -> float | None: ...  # noqa: D102


def told_apart(one: Timed, other: Timed) -> bool | None:
    """Whether one network is faster than another (True) or slower; None where the times do not tell.

    They do where the middle halves of their passes do not overlap: else another measurement might turn them round.
    """
    if one.ms_low is None or one.ms_high is None or other.ms_low is None or other.ms_high is None:
        return None
    if one.ms_high < other.ms_low:
        return True
    return False if other.ms_high < one.ms_low else None


HOW = {
    "unstructured": "masks on single weights",
    "masked": "masks on whole filters",
    "zeroed": "baked-in zeros",
}
"""What was done to a network of which nothing is gone, by the name of its form."""


def describe_speed(rows: Sequence[Form], ratio: float) -> str:
    """The answer to question 3-2 in one sentence, with the measured numbers."""
    times = {form.name: speed_up for form in rows if (speed_up := _speed_up(form, rows[0])) is not None}
    if len(times) < len(rows):
        return (
            f"{ratio:.0%} dropped. Other programs kept this machine too busy to time the networks: "
            "their parameters, bytes, multiply-adds and accuracies stand, the milliseconds have to be measured again."
        )
    first, *others = [(how, times[name]) for name, how in HOW.items() if name in times]
    elsewhere = ""
    if {"onnxruntime", "int8"} <= set(times):
        elsewhere = (
            f" With nothing dropped, it runs {times['onnxruntime']:.2f} times as fast in onnxruntime, "
            f"{times['int8']:.2f} times in int8."
        )
    return (
        f"With {ratio:.0%} dropped, {first[0]} run {first[1]:.2f} times as fast as the dense network"
        + "".join(f", {how} {speed_up:.2f} times" for how, speed_up in others)
        + f"; with the channels physically removed it runs {times['sliced']:.2f} times as fast.{elsewhere}"
    )


WHY = (
    "The machine multiplies by every zero as by any other number; a mask is multiplied into its weights besides, at "
    "every pass. Only channels that are gone are not computed."
)
"""Why the forms take the times they take."""


def explain_torchinfo(rows: Sequence[Form]) -> str:
    """What torchinfo makes of the masked network, and what that network really stores and takes, in sentences."""
    named = {form.name: form for form in rows}
    dense, masked, sliced = (named[name] for name in ("dense", "masked", "sliced"))
    speed = _speed_up(masked, dense)
    size = "no smaller" if masked.file_bytes >= dense.file_bytes else "smaller"
    time = "" if speed is None else f" and runs {speed:.2f} times as fast"
    return (
        "**The torchinfo trap**: of the masked network torchinfo counts only the weights that its masks leave, "
        f"**{masked.torchinfo_params:,}**, while it stores **{masked.params:,}** and the masks beside them: its "
        f"file is {masked.file_bytes / 1e6:.2f} MB, the dense one's {dense.file_bytes / 1e6:.2f} MB, the sliced "
        f"one's {sliced.file_bytes / 1e6:.2f} MB. Fewer parameters on paper, for a network that is {size}{time}."
    )


def explain_accuracies(rows: Sequence[Form], classes: int) -> str:
    """What the accuracies say, in sentences: why masked and zeroed differ, and which are no better than chance."""
    named = {form.name: form for form in rows}
    if not {"masked", "zeroed", "sliced"} <= set(named):
        return ""
    masked, zeroed, sliced = (named[name] for name in ("masked", "zeroed", "sliced"))
    said = f"Zeroed and sliced get {sliced.correct:,} of {sliced.total:,} right"
    if zeroed.correct != sliced.correct:
        said = f"Zeroed gets {zeroed.correct:,} and sliced {sliced.correct:,} of {sliced.total:,} right"
    sentences = [f"{said}, masked {masked.correct:,}"]
    if masked.correct != zeroed.correct:
        sentences[0] += (
            ": masks leave BatchNorm's shift of the dropped channels in place, so these still pass on a constant, "
            "which the other two forms do not"
        )
    if "unstructured" in named:
        sentences.append(
            f"Unstructured, with as large a share of single weights gone, {named['unstructured'].correct:,}"
        )
    guessing = [
        form.name
        for form in rows[1:]
        if (interval := Accuracy(form.correct, form.total).interval())[0] <= 1 / classes <= interval[1]
    ]
    if guessing:
        sentences.append(
            f"{' and '.join(guessing).capitalize()} cannot be told from chance, which is {1 / classes:.1%} for "
            f"{classes} classes: however fast, of no use without a recovery"
        )
    return ". ".join(sentences) + "."


def _speed_up(form: Form, dense: Form) -> float | None:
    return None if form.ms is None or dense.ms is None else dense.ms / form.ms
