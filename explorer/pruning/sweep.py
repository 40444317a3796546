"""A sweep: one trained network pruned at several ratios, each measured on real images and a real clock."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import torch
from torch import Tensor, nn

from explorer.data import ImageSet
from explorer.errors import ExplorerError
from explorer.measure import (
    PATIENCE,
    Accuracy,
    Latency,
    accuracy,
    at_once,
    keep_freed_memory,
    latencies,
    logits,
    multiply_adds,
    state_bytes,
)
from explorer.networks import nonzero_count, parameter_count
from explorer.pruning.engine import Precision, PrunedNetwork, Setting, prunings
from explorer.pruning.masks import check_ratio
from explorer.pruning.methods import get_method
from explorer.pruning.recovery import finetune, recalibrate

TIMED_BATCH = 32
AGREEMENT_IMAGES = 500  # enough to tell, few enough that bfloat16 still saves time
MAX_RECALIBRATE, MAX_FINETUNE = 5, 500

Recovery = Literal["none", "recalibrated", "fine-tuned"]


@dataclass(frozen=True)
class SweepPlan:
    """What a sweep measures.

    Attributes:
        methods: how to prune, by key.
        ratios: shares of weights (masks) or of each group's channels (removal), 0 to below 1.
        device: where the network runs.
        repeats: timed forward passes per network; 0 for no clock at all.
        seed: of the random methods.
        precision: of weights and images in the passes that are counted and timed.
        recalibrate: batches of 100 training images that BatchNorm is recalibrated on, 0 to 5.
        finetune: SGD steps of a short fine-tuning, 0 to 500.
    """

    methods: tuple[str, ...] = ("global-l1", "random", "channels-l1")
    ratios: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9)
    device: str = "cpu"
    repeats: int = 15
    seed: int = 0
    precision: Precision = "float32"
    recalibrate: int = 0
    finetune: int = 0

    def __post_init__(self) -> None:
        for method in self.methods:
            get_method(method)  # refuses an unknown one
        for ratio in self.ratios:
            check_ratio(ratio)
        if not self.methods or not self.ratios:
            raise ExplorerError("A sweep needs at least one method and one ratio.")
        _ = self.setting  # refuses what is not here
        if self.repeats < 0:
            raise ExplorerError("A network is timed 0 times or more.")
        if not 0 <= self.recalibrate <= MAX_RECALIBRATE:
            raise ExplorerError(f"BatchNorm is recalibrated on 0 to {MAX_RECALIBRATE} batches.")
        if not 0 <= self.finetune <= MAX_FINETUNE:
            raise ExplorerError(f"The fine-tuning is short: 0 to {MAX_FINETUNE} steps.")

    @property
    def setting(self) -> Setting:
        """Device and precision."""
        return Setting(self.device, self.precision)

    @property
    def recoveries(self) -> tuple[Recovery, ...]:
        """The states in which each pruned network is measured, in order.

        >>> SweepPlan(recalibrate=1, finetune=50).recoveries
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
class SweepRow:
    """One pruned network, measured.

    Attributes:
        method: how it was pruned, by key.
        ratio: the share that was asked for.
        correct: right answers.
        total: images.
        params: parameters that are stored, zeros included.
        nonzero: parameters that are not zero.
        mult_adds: multiply-adds for one image; masked weights count in full.
        ms: median milliseconds for a batch, BatchNorm folded; None where it was not timed, or where the
            machine was too busy to tell.
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
        agreement: with bfloat16, the share of predictions that equal float32's, of the same network on
            the first 500 of the images.
    """

    method: str
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
    file_bytes: int
    zipped_bytes: int
    recovery: Recovery = "none"
    precision: Precision = "float32"
    agreement: float | None = None

    @property
    def title(self) -> str:
        """The method's name for people."""
        return get_method(self.method).title

    @property
    def accuracy(self) -> Accuracy:
        """The right answers as an accuracy."""
        return Accuracy(self.correct, self.total)

    @property
    def speed_up(self) -> float | None:
        """How many times faster than the dense network, measured in the same turn; None if untimed."""
        return None if self.ms is None or self.dense_ms is None else self.dense_ms / self.ms


def sweep(
    model: nn.Module, inputs: Tensor, targets: Tensor, plan: SweepPlan, *, shard: ImageSet | None = None
) -> Iterator[SweepRow]:
    """Prune ``model`` at every ratio by every method; a row as soon as a network is measured.

    Args:
        model: in eval mode, on the CPU; it is only read, every pruning works on a copy.
        inputs: images (N, 3, H, W).
        targets: labels (N,).
        plan: methods, ratios, recoveries, device, precision.
        shard: training images; the recoveries need them.

    Raises:
        ExplorerError: the plan asks for a recovery and there are no training images.
    """
    if shard is None and len(plan.recoveries) > 1:
        raise ExplorerError("A recovery needs training images: give the training shard.")
    keep_freed_memory()
    meter = _Meter(model, inputs, targets, plan)
    for method in plan.methods:
        for pruned in prunings(model, get_method(method), plan.ratios, plan.seed, plan.setting):
            yield meter.row(method, pruned, "none")
            if shard is not None:
                for recovery, network in _recovered(pruned, plan, shard):
                    yield meter.row(method, network, recovery)


def _recovered(
    pruned: PrunedNetwork, plan: SweepPlan, shard: ImageSet
) -> Iterator[tuple[Recovery, PrunedNetwork]]:
    """The pruned network after each recovery of the plan, one on top of the other, on a private copy."""
    if len(plan.recoveries) == 1:
        return
    # All ratios of a method are written into one network, so a recovery that trained it would train the rest.
    network = copy.deepcopy(pruned.plain())
    for recovery in plan.recoveries[1:]:
        if recovery == "recalibrated":
            recalibrate(network, shard, plan.recalibrate)
        else:
            for _ in finetune(network, shard, plan.finetune, plan.seed):
                pass
        yield recovery, PrunedNetwork(pruned.ratio, plan.setting.ready(network), lambda: network)


class _Meter:
    """Measures one pruned network after another, on the same images and beside the same dense network."""

    def __init__(self, model: nn.Module, inputs: Tensor, targets: Tensor, plan: SweepPlan) -> None:
        self.plan, self.targets = plan, targets
        self.inputs = plan.setting.prepare(inputs)
        self.some = inputs[:AGREEMENT_IMAGES]
        self.dense = plan.setting.ready(model)
        self.patience = PATIENCE

    def row(self, method: str, pruned: PrunedNetwork, recovery: Recovery) -> SweepRow:
        """Everything a row says of this network."""
        scores = logits(pruned.fast, self.inputs)
        counted = accuracy(scores, self.targets)
        plain = pruned.plain()
        timed, reference = self._times(pruned.fast)
        return SweepRow(
            method,
            pruned.ratio,
            counted.correct,
            counted.total,
            parameter_count(plain),
            nonzero_count(plain),
            multiply_adds(plain, self.some),
            timed.median,
            timed.low,
            timed.high,
            reference.median,
            timed.batch,
            timed.threads,
            bool(self.plan.repeats) and timed.busy,
            *state_bytes(plain.state_dict()),
            recovery,
            self.plan.precision,
            self._agreement(plain, scores),
        )

    def _times(self, fast: nn.Module) -> tuple[Latency, ...]:
        batch = self.inputs[: at_once(self.inputs.shape[-1], TIMED_BATCH)]
        if not self.plan.repeats:
            untimed = Latency(None, None, None, len(batch), 0, torch.get_num_threads(), None)
            return untimed, untimed
        times = latencies((fast, self.dense), batch, self.plan.repeats, self.patience)
        # Where others never rest, the whole sweep must not wait for them at every network.
        self.patience = 1 if times[0].busy else PATIENCE
        return times

    def _agreement(self, plain: nn.Module, scores: Tensor) -> float | None:
        if self.plan.precision == "float32":
            return None
        exact = Setting(self.plan.device)
        expected = logits(exact.ready(plain), exact.prepare(self.some)).argmax(1)
        return float((scores[: len(expected)].argmax(1) == expected).float().mean())


def sweep_table(rows: Sequence[SweepRow]) -> pd.DataFrame:
    """The rows as a table for people: one line per network, accuracy with its 95 % interval."""
    lines = []
    for row in rows:
        low, high = row.accuracy.interval()
        lines.append(
            {
                "method": row.title,
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
