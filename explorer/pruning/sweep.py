"""A sweep: one trained network pruned at several ratios, each measured on real images and a real clock."""

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from explorer.data import ImageSet
from explorer.measure import (
    PATIENCE,
    Accuracy,
    Latency,
    accuracy,
    at_once,
    keep_freed_memory,
    latencies,
    logits,
    state_bytes,
)
from explorer.networks import cost_of_network, nonzero_count, parameter_count
from explorer.pruning.amount import cost_when_pruned
from explorer.pruning.engine import Precision, Setting
from explorer.pruning.methods import METHODS, get_method
from explorer.pruning.plan import MAX_SEEDS, Recovery, State, SweepPlan, SweepSettings
from explorer.pruning.recovery import FINETUNE_BATCH, RECALIBRATION_BATCH
from explorer.pruning.states import Made, networks_of
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.progress import Update

TIMED_BATCH = 32
AGREEMENT_IMAGES = 500  # enough to tell, few enough that bfloat16 still saves time
REFITTING_PASSES = (
    10  # in forward passes, the systems of equations included: 8 to 18 on StudentNets of 5k and 59k
)
TRAINING_PASSES = 3  # what a training step computes, in forward passes: its own, and two backward ones


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
        seed: of a random method, else that of its sweep.
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
    seed: int = 0

    @property
    def row(self) -> State:
        """Which row of its sweep it is."""
        return self.method, self.ratio, self.recovery, self.seed

    @property
    def title(self) -> str:
        """The method's name for people."""
        return get_method(self.method).title

    @property
    def described(self) -> str:
        """How it was pruned, in words.

        >>> row = SweepRow("channels-l1", 0.5, *[0] * 5, *[None] * 4, 1, 1, False, 0, 0, "recalibrated")
        >>> row.described
        '50% of the channels removed, recalibrated'
        """
        after = "" if self.recovery == "none" else f", {self.recovery}"
        return f"{self.ratio:.0%} {get_method(self.method).share}{after}"

    @property
    def accuracy(self) -> Accuracy:
        """The right answers as an accuracy."""
        return Accuracy(self.correct, self.total)

    @property
    def speed_up(self) -> float | None:
        """How many times faster than the dense network, measured in the same turn; None if untimed."""
        return None if self.ms is None or self.dense_ms is None else self.dense_ms / self.ms


def sweep(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    plan: SweepPlan,
    *,
    shard: ImageSet | None = None,
    skip: Collection[State] = (),
) -> Iterator[SweepRow | Update]:
    """Prune ``model`` at every ratio by every method; a row as soon as a network is measured.

    While one is fine-tuned there are updates in between.

    Args:
        model: in eval mode, on the CPU; it is only read, every pruning works on a copy.
        inputs: images (N, 3, H, W).
        targets: labels (N,).
        plan: methods, ratios, recoveries, device, precision.
        shard: training images; the recoveries and some methods need them.
        skip: rows that are not measured again.

    Raises:
        ExplorerError: the plan needs training images and there are none.
    """
    keep_freed_memory()
    meter = _Meter(model, inputs, targets, plan)
    for step in networks_of(model, plan, shard, skip):
        yield step if isinstance(step, Update) else meter.row(step)


def clocked(
    model: nn.Module,
    inputs: Tensor,
    plan: SweepPlan,
    rows: Sequence[SweepRow],
    shard: ImageSet | None = None,
) -> Iterator[SweepRow]:
    """Rows that were counted without a clock, timed now: those as pruned of the first seed, one after the other.

    Counting may share the machine with other work, the clock may not.

    Args:
        model: as for ``sweep``.
        inputs: images, one batch or more.
        plan: of the rows.
        rows: what was counted.
        shard: training images, where a method looks at some.
    """
    keep_freed_memory()
    meter = _Meter(model, inputs, torch.empty(0), plan)
    untimed = {row.row: row for row in rows if row.ms is None}
    skip = {state for state in plan.states if state not in untimed or state[2:] != ("none", plan.seed)}
    for step in networks_of(model, plan, shard, skip):
        if isinstance(step, Made):
            yield replace(untimed[step.method, step.pruned.ratio, "none", step.seed], **meter.times(step))


class _Meter:
    """Measures one pruned network after another, on the same images and beside the same dense network."""

    def __init__(self, model: nn.Module, inputs: Tensor, targets: Tensor, plan: SweepPlan) -> None:
        self.plan, self.targets = plan, targets
        self.inputs = plan.setting.prepare(inputs)
        self.some = inputs[:AGREEMENT_IMAGES]
        self.dense = plan.setting.ready(model)
        self.patience = PATIENCE

    def row(self, made: Made) -> SweepRow:
        """Everything a row says of this network."""
        scores = logits(self.plan.setting.counting(made.pruned.fast), self.inputs)
        counted = accuracy(scores, self.targets)
        plain = made.pruned.plain()
        file_bytes, zipped_bytes = state_bytes(plain.state_dict())
        return SweepRow(
            method=made.method,
            ratio=made.pruned.ratio,
            correct=counted.correct,
            total=counted.total,
            params=parameter_count(plain),
            nonzero=nonzero_count(plain),
            mult_adds=cost_of_network(plain, self.some.shape[-1]).mult_adds,
            **self.times(made),
            file_bytes=file_bytes,
            zipped_bytes=zipped_bytes,
            recovery=made.recovery,
            precision=self.plan.precision,
            agreement=self._agreement(plain, scores),
            seed=made.seed,
        )

    def times(self, made: Made) -> dict[str, Any]:
        """What the clock says of this network, as fields of its row; a further seed takes as long as the first."""
        repeats = self.plan.repeats if made.seed == self.plan.seed else 0
        timed, reference = self._latencies(made.pruned.fast, repeats)
        return {
            "ms": timed.median,
            "ms_low": timed.low,
            "ms_high": timed.high,
            "dense_ms": reference.median,
            "batch": timed.batch,
            "threads": timed.threads,
            "busy": bool(repeats) and timed.busy,
        }

    def _latencies(self, fast: nn.Module, repeats: int) -> tuple[Latency, ...]:
        batch = self.inputs[: at_once(self.inputs.shape[-1], TIMED_BATCH)]
        if not repeats:
            untimed = Latency(None, None, None, len(batch), 0, torch.get_num_threads(), None)
            return untimed, untimed
        times = latencies((fast, self.dense), batch, repeats, self.patience)
        # Where others never rest, the whole sweep must not wait for them at every network.
        self.patience = 1 if times[0].busy else PATIENCE
        return times

    def _agreement(self, plain: nn.Module, scores: Tensor) -> float | None:
        if self.plan.precision == "float32":
            return None
        exact = Setting(self.plan.device)
        expected = logits(exact.ready(plain), exact.prepare(self.some)).argmax(1)
        return float((scores[: len(expected)].argmax(1) == expected).float().mean())


class Sweep(Instrument[SweepSettings, SweepRow]):
    """The sweep as an instrument: a row for each network."""

    key = "sweep"
    title = "the sweep"
    unit = "networks"
    resumes = True

    def steps(self, spec: InstrumentSpec[SweepSettings]) -> int:
        """A row for each method, ratio, recovery and seed."""
        return spec.settings.steps

    def work(self, spec: InstrumentSpec[SweepSettings]) -> float:
        """Every image through every pruned network, the clock's passes, and what the recoveries compute."""
        settings = spec.settings
        batch = at_once(spec.data.input_size, TIMED_BATCH)
        dense = cost_when_pruned(spec, 0.0)
        recovering = settings.recalibrate * RECALIBRATION_BATCH
        recovering += TRAINING_PASSES * settings.finetune * FINETUNE_BATCH + REFITTING_PASSES * settings.refit
        whole = 0.0
        for method, ratio, recovery, seed in settings.states:
            one = dense if get_method(method).kind == "mask" else cost_when_pruned(spec, ratio)
            whole += settings.images * one
            if seed == settings.seed:
                whole += settings.repeats * batch * (one + dense)
                whole += recovering * one * (recovery == "none")
        return whole

    def run(
        self, spec: InstrumentSpec[SweepSettings], done: Sequence[SweepRow] = ()
    ) -> Generator[Update | SweepRow, None, None]:
        """The rows that are not done yet."""
        settings = spec.settings
        images = (yield from spec.data.read(spec.use)).stratified(settings.images)
        shard = (yield from spec.data.read("training")) if settings.needs_training else None
        skip = {row.row for row in done}
        model = spec.network.load()
        yield from sweep(model, images.inputs(), images.targets(), settings, shard=shard, skip=skip)

    def describe(self, part: SweepRow) -> str:
        """What this network still gets right."""
        return f"{part.title} at {part.ratio:.0%}: {part.accuracy.value:.1%} right"

    def unmeasured(self, parts: Sequence[SweepRow]) -> str:
        """How many networks could not be timed."""
        busy = sum(row.busy for row in parts)
        if not busy:
            return ""
        return (
            f"Other programs used this machine's processors: {busy} of {len(parts)} networks could not be timed, "
            "so their milliseconds are left out. The accuracies hold."
        )


SWEEP = Sweep()


def describe_sweep_measurement(
    images: str, title: str, settings: SweepSettings, rows: Sequence[SweepRow]
) -> str:
    """Where and on what (``images``, in words) the sweep of a network was measured."""
    first = rows[0]
    clock = f", batch of {first.batch}, median of {settings.repeats} passes or more in turn with the dense network"
    timed = clock if any(row.ms is not None for row in rows) else ""
    threads = f"{first.threads} thread{'s' if first.threads > 1 else ''}"
    return f"{settings.device}, {threads}, {first.precision}{timed}; {images}; {title}."


def settings_of(rows: Sequence[SweepRow], images: int, written: Mapping[str, Any]) -> SweepSettings:
    """The settings with which stored rows were measured: what the rows tell, and what was written beside them.

    Args:
        rows: all rows of a sweep.
        images: how many images they were counted on.
        written: further settings by name; those of a plan that are not there are the plan's defaults.
    """
    known = {each.name for each in fields(SweepPlan)} | {"training"}
    return SweepSettings(
        **{
            name: value
            for name, value in written.items()
            if name in known - {"methods", "ratios", "precision"}
        },
        methods=tuple(key for key in METHODS if any(row.method == key for row in rows)),
        ratios=tuple(sorted({row.ratio for row in rows})),
        precision=rows[0].precision,
        images=images,
    )


def rows_asked_for(rows: Sequence[SweepRow], asked: SweepSettings) -> tuple[SweepRow, ...] | None:
    """Of measured rows those that a plan asks for, and these with further seeds; None if not all are there."""
    there = {row.row: row for row in rows}
    if not all(state in there for state in asked.states):
        return None
    most = replace(
        asked, seeds=MAX_SEEDS
    )  # one seed may be a lucky one: what else is known of them is shown, too
    return tuple(there[state] for state in most.states if state in there)


def sweep_table(rows: Sequence[SweepRow]) -> pd.DataFrame:
    """The rows as a table for people: one line per network, what answers first."""
    lines = []
    for row in rows:
        low, high = row.accuracy.interval()
        lines.append(
            {
                "method": row.title,
                "ratio": row.ratio,
                "accuracy": row.accuracy.value,
                "ms": row.ms,
                "speed_up": row.speed_up,
                "parameters": row.params,
                "nonzero": row.nonzero,
                "mult_adds": row.mult_adds,
                "file_mb": row.file_bytes / 1e6,
                "zipped_mb": row.zipped_bytes / 1e6,
                "accuracy_low": low,
                "accuracy_high": high,
                "images": row.total,
                "ms_low": row.ms_low,
                "ms_high": row.ms_high,
                "busy": row.busy,
                "pruned": row.described,
                "recovery": row.recovery,
                "precision": row.precision,
                "agreement": row.agreement,
                "seed": row.seed,
            }
        )
    return pd.DataFrame(lines)
