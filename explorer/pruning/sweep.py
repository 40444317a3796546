"""A sweep: one trained network pruned at several ratios, each measured on real images and a real clock."""

import copy
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import pandas as pd
import torch
from torch import Tensor, nn

from explorer.checkpoints import SHIPPED, card
from explorer.data import ImageSet
from explorer.errors import ExplorerError
from explorer.evidence import FOLDER
from explorer.measure import (
    BATCH,
    Accuracy,
    accuracy,
    devices,
    has_bfloat16,
    latencies,
    logits,
    multiply_adds,
    state_bytes,
)
from explorer.models import parameter_count
from explorer.pruning import channels, masks
from explorer.pruning.masks import Masker, check_ratio

Method = Literal["global-l1", "layer-l1", "random", "channels-l1", "channels-l2", "channels-random"]
METHODS: tuple[Method, ...] = get_args(Method)
TITLES: dict[Method, str] = {
    "global-l1": "masked, global L1",
    "layer-l1": "masked, layer-wise L1",
    "random": "masked at random",
    "channels-l1": "removed channels, L1",
    "channels-l2": "removed channels, L2",
    "channels-random": "removed channels at random",
}
TIMED_BATCH = 32
MAX_RECALIBRATE, MAX_FINETUNE = 5, 500

Precision = Literal["float32", "bfloat16"]
Recovery = Literal["none", "recalibrated", "fine-tuned"]


def with_baseline(methods: Sequence[Method]) -> tuple[Method, ...]:
    """The methods together with the random baseline of each kind, which any ranking has to beat.

    >>> with_baseline(["global-l1", "layer-l1"])
    ('global-l1', 'layer-l1', 'random')
    >>> with_baseline(["channels-l2"])
    ('channels-l2', 'channels-random')
    """
    found = list(dict.fromkeys(methods))
    masked = any(method in masks.METHODS for method in found)
    removed = any(method not in masks.METHODS for method in found)
    for wanted, baseline in ((masked, "random"), (removed, "channels-random")):
        if wanted and baseline not in found:
            found.append(cast(Method, baseline))
    return tuple(found)


@dataclass(frozen=True)
class Plan:
    """What a sweep measures.

    Attributes:
        methods: how to prune.
        ratios: shares of weights (masks) or of each group's channels (removal), 0 to below 1.
        device: where the network runs.
        repeats: timed forward passes per network; 0 for no clock at all.
        seed: of the random methods.
        precision: of weights and images in the passes that are counted and timed.
        recalibrate: batches of 100 training images that BatchNorm is recalibrated on, 0 to 5.
        finetune: SGD steps of a short fine-tuning, 0 to 500.
    """

    methods: tuple[Method, ...] = ("global-l1", "random", "channels-l1")
    ratios: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9)
    device: str = "cpu"
    repeats: int = 15
    seed: int = 0
    precision: Precision = "float32"
    recalibrate: int = 0
    finetune: int = 0

    def __post_init__(self) -> None:
        for method in self.methods:
            if method not in METHODS:
                raise ExplorerError(f"There is no method {method!r}; there are {', '.join(METHODS)}.")
        for ratio in self.ratios:
            check_ratio(ratio)
        if not self.methods or not self.ratios:
            raise ExplorerError("A sweep needs at least one method and one ratio.")
        if self.device not in devices():
            raise ExplorerError(f"There is no device {self.device!r} here; there are {', '.join(devices())}.")
        if self.precision not in get_args(Precision):
            raise ExplorerError(f"The precision is float32 or bfloat16, not {self.precision!r}.")
        if self.precision == "bfloat16" and self.device == "cpu" and not has_bfloat16():
            raise ExplorerError("This CPU has no bfloat16 arithmetic: take float32.")
        if not 0 <= self.recalibrate <= MAX_RECALIBRATE:
            raise ExplorerError(f"BatchNorm is recalibrated on 0 to {MAX_RECALIBRATE} batches.")
        if not 0 <= self.finetune <= MAX_FINETUNE:
            raise ExplorerError(f"The fine-tuning is short: 0 to {MAX_FINETUNE} steps.")

    @property
    def recoveries(self) -> tuple[Recovery, ...]:
        """The states in which each pruned network is measured, in order.

        >>> Plan(recalibrate=1, finetune=50).recoveries
        ('none', 'recalibrated', 'fine-tuned')
        """
        switched: tuple[tuple[Recovery, int], ...] = (
            ("recalibrated", self.recalibrate),
            ("fine-tuned", self.finetune),
        )
        return ("none", *(name for name, amount in switched if amount))

    @property
    def steps(self) -> int:
        """How many networks are measured: the rows of the sweep."""
        return len(self.methods) * len(self.ratios) * len(self.recoveries)


@dataclass(frozen=True)
class Row:
    """One pruned network, measured.

    Attributes:
        method: how it was pruned.
        ratio: the share that was asked for.
        correct: right answers.
        total: images.
        params: parameters that are stored, zeros included.
        nonzero: parameters that are not zero.
        mult_adds: multiply-adds for one image; masked weights count in full.
        ms: median milliseconds for a batch; None where the machine was too busy to tell.
        ms_low: first quartile.
        ms_high: third quartile.
        dense_ms: median milliseconds of the dense network, timed in turn with this one.
        batch: images in the timed batch.
        threads: CPU threads.
        busy: whether other processes took so much of the machine that nothing could be timed.
        file_bytes: size of its state_dict as safetensors.
        zipped_bytes: the same through zlib.
        recovery: what was done to it after the pruning.
        precision: of the passes that were counted and timed.
        agreement: with bfloat16, the share of predictions that equal float32's on the same images.
    """

    method: Method
    ratio: float
    correct: int
    total: int
    params: int
    nonzero: int
    mult_adds: int
    ms: float | None
    ms_low: float | None
    ms_high: float | None
    dense_ms: float | None
    batch: int
    threads: int
    busy: bool
    file_bytes: int = 0
    zipped_bytes: int = 0
    recovery: Recovery = "none"
    precision: Precision = "float32"
    agreement: float | None = None

    @property
    def accuracy(self) -> Accuracy:
        """The right answers as an accuracy."""
        return Accuracy(self.correct, self.total)

    @property
    def speed_up(self) -> float | None:
        """How many times faster than the dense network, measured in the same turn; None if untimed."""
        return None if self.ms is None or self.dense_ms is None else self.dense_ms / self.ms


def sweep(
    model: nn.Module, inputs: Tensor, targets: Tensor, plan: Plan, *, shard: ImageSet | None = None
) -> Iterator[Row]:
    """Prune ``model`` at every ratio by every method; a row as soon as a network is measured.

    Args:
        model: in eval mode; it is only read, every pruning works on a copy.
        inputs: images (N, 3, H, W).
        targets: labels (N,).
        plan: methods, ratios, device.
        shard: training images, for the recoveries.
    """
    dense = _ready(copy.deepcopy(model), plan.device)
    for method in plan.methods:
        masker = None
        masked = copy.deepcopy(model)
        if method in masks.METHODS:
            masker = Masker(masked, method, plan.seed)
        for ratio in plan.ratios:
            if masker is not None:
                masker.apply(ratio)
                pruned = _ready(copy.deepcopy(masked), plan.device)
            else:
                ranking = method.removeprefix("channels-")
                kept = channels.kept_channels(model, ratio, ranking, plan.seed)  # type: ignore[arg-type]
                pruned = _ready(channels.remove(model, kept), plan.device)
            yield _measure(pruned, dense, inputs, targets, method, ratio, plan.repeats)


def _ready(model: nn.Module, device: str) -> nn.Module:
    model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model.eval()


def _measure(
    pruned: nn.Module,
    dense: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    method: Method,
    ratio: float,
    repeats: int,
) -> Row:
    found: Accuracy = accuracy(logits(pruned, inputs, BATCH), targets)
    timed, reference = latencies((pruned, dense), inputs[:TIMED_BATCH], repeats)
    return Row(
        method,
        ratio,
        found.correct,
        found.total,
        parameter_count(pruned),
        sum(int(torch.count_nonzero(parameter)) for parameter in pruned.parameters()),
        multiply_adds(pruned, inputs),
        timed.median,
        timed.low,
        timed.high,
        reference.median,
        timed.batch,
        timed.threads,
        timed.busy,
        *state_bytes(pruned.state_dict()),
    )


def table(rows: Sequence[Row]) -> pd.DataFrame:
    """The rows as a table for people: one line per network, accuracy with its 95 % interval."""
    lines = []
    for row in rows:
        low, high = row.accuracy.interval()
        lines.append(
            {
                "method": TITLES[row.method],
                "ratio": row.ratio,
                "accuracy": row.accuracy.value,
                "accuracy_low": low,
                "accuracy_high": high,
                "images": row.total,
                "parameters": row.params,
                "nonzero": row.nonzero,
                "mult_adds": row.mult_adds,
                "ms": row.ms,
                "ms_low": row.ms_low,
                "ms_high": row.ms_high,
                "speed_up": row.speed_up,
                "busy": row.busy,
                "file_mb": row.file_bytes / 1e6,
                "zipped_mb": row.zipped_bytes / 1e6,
                "recovery": row.recovery,
                "precision": row.precision,
                "agreement": row.agreement,
            }
        )
    return pd.DataFrame(lines)


@dataclass(frozen=True)
class Evidence:
    """A precomputed sweep: its rows, and where they come from."""

    rows: tuple[Row, ...]
    checkpoint: str
    date: str
    machine: str
    torch: str


def evidence_path(checkpoint: str, folder: Path = SHIPPED) -> Path:
    """Where the precomputed sweep of a checkpoint is kept."""
    return folder / FOLDER / f"sweep-{checkpoint}.json"


def write_evidence(evidence: Evidence, folder: Path = SHIPPED) -> Path:
    """Store a sweep beside the checkpoints, tied to the weights by their sha256."""
    path = evidence_path(evidence.checkpoint, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = asdict(evidence) | {"sha256": card(evidence.checkpoint, folder).sha256}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path


def read_evidence(checkpoint: str, folder: Path = SHIPPED) -> Evidence | None:
    """The precomputed sweep of a checkpoint; None if there is none for these weights."""
    path = evidence_path(checkpoint, folder)
    if not path.exists():
        return None  # also for a name that is no checkpoint at all
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("sha256") != card(checkpoint, folder).sha256:
            return None
        rows = tuple(Row(**row) for row in content.pop("rows"))
        return Evidence(rows, **content)
    except (ValueError, KeyError, TypeError) as error:
        raise ExplorerError(f"{path.name} is not a sweep: run it again.") from error
