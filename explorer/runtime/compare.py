"""One network in torch and in onnxruntime, in float32 and int8: the same weights, the same images, timed in turn."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import torch
from torch import Tensor, nn

from explorer.data import ImageSet
from explorer.measure import Accuracy, accuracy, at_once, latencies, logits, state_bytes, use_threads
from explorer.networks import cost_of, fold_batchnorm, spec_of
from explorer.runtime.int8 import to_int8
from explorer.runtime.onnx_file import to_onnx
from explorer.runtime.session import OnnxNetwork
from explorer.work.identity import setting
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.progress import Update

BATCHES = (1, 32)
REPEATS = 15
CALIBRATION = 128

Runtime = Literal["torch", "onnxruntime", "onnxruntime int8"]


@dataclass(frozen=True)
class RuntimeRow:
    """One way to run a network, at one batch size on one number of threads.

    Attributes:
        runtime: by what, and in which numbers.
        batch: images at once.
        threads: CPU threads.
        ms: median milliseconds for the batch; None where the machine was too busy to tell.
        ms_low: first quartile.
        ms_high: third quartile.
        torch_ms: torch's median in float32, timed in turn with this.
        correct: right answers.
        agreeing: answers that equal torch's in float32.
        total: images.
        file_bytes: of its file: safetensors (BatchNorm folded) for torch, else .onnx.
        busy: whether other processes took so much of the machine that nothing could be timed.
    """

    runtime: Runtime
    batch: int
    threads: int
    ms: float | None
    ms_low: float | None
    ms_high: float | None
    torch_ms: float | None
    correct: int
    agreeing: int
    total: int
    file_bytes: int
    busy: bool

    @property
    def speed_up(self) -> float | None:
        """How many times faster than torch in float32; None if untimed."""
        return None if self.ms is None or self.torch_ms is None else self.torch_ms / self.ms

    @property
    def accuracy(self) -> Accuracy:
        """The right answers as an accuracy."""
        return Accuracy(self.correct, self.total)


@dataclass(frozen=True)
class RuntimesSettings:
    """On what the runtimes are compared.

    Attributes:
        images: how many of the images are counted, the first so many.
        training: key of the training images that int8 is calibrated on.
        calibration: how many of them, evenly spread over the set.
        reduce_range: 7-bit weights, for CPUs without VNNI.
        repeats: timed passes of each.
    """

    images: int = setting("images", "{:,}".format)
    training: str = setting("training images", lambda key: key[:6])
    calibration: int = setting("calibration images", default=CALIBRATION)
    reduce_range: bool = setting("7-bit weights", lambda yes: "yes" if yes else "no", default=False)
    repeats: int = setting("timed passes", default=REPEATS)


def calibration_batches(images: ImageSet, count: int) -> list[Tensor]:
    """So many images, evenly spread over a set and so over its classes, in batches of 32 (B, 3, H, W)."""
    count = min(count, len(images))
    # A folder's images come class by class: the first ones would all be of one.
    chosen = images.select(torch.linspace(0, len(images) - 1, count).round().long().numpy())
    return list(torch.split(chosen.inputs(), 32))


def compare(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    calibration: Sequence[Tensor],
    *,
    reduce_range: bool = False,
    repeats: int = REPEATS,
) -> Iterator[RuntimeRow | Update]:
    """Run a network in every runtime, at every batch size, on one thread and on all; rows as they are measured.

    Args:
        model: in eval mode, on the CPU; it is only read.
        inputs: images (N, 3, H, W).
        targets: labels (N,).
        calibration: batches of training images (B, 3, H, W).
        reduce_range: see ``to_int8``.
        repeats: timed passes of each.

    Raises:
        ExplorerError: onnxruntime is not installed.
    """
    yield Update("writing the ONNX file", 0, 3)
    content = to_onnx(model, inputs.shape[-1])
    yield Update("calibrating int8", 1, 3)
    small = to_int8(content, calibration, reduce_range=reduce_range)
    yield Update("counting", 2, 3)
    plain = fold_batchnorm(model).to(memory_format=torch.channels_last)
    files: dict[Runtime, bytes] = {"onnxruntime": content, "onnxruntime int8": small}
    sizes: dict[Runtime, int] = {"torch": state_bytes(plain.state_dict())[0]}
    sizes |= {runtime: len(file) for runtime, file in files.items()}
    every = torch.get_num_threads()
    answers: dict[Runtime, Tensor] = {"torch": logits(plain, inputs)}
    answers |= {runtime: logits(OnnxNetwork(file, every), inputs) for runtime, file in files.items()}
    expected = answers["torch"].argmax(1)
    try:
        for threads in dict.fromkeys((1, every)):
            use_threads(threads)
            networks: dict[Runtime, nn.Module] = {"torch": plain}
            networks |= {runtime: OnnxNetwork(file, threads) for runtime, file in files.items()}
            for batch in (at_once(inputs.shape[-1], count) for count in BATCHES):
                few = inputs[:batch].to(memory_format=torch.channels_last)
                times = dict(zip(networks, latencies(list(networks.values()), few, repeats), strict=True))
                for runtime, timed in times.items():
                    counted = accuracy(answers[runtime], targets)
                    yield RuntimeRow(
                        runtime,
                        len(few),
                        threads,
                        timed.median,
                        timed.low,
                        timed.high,
                        times["torch"].median,
                        counted.correct,
                        int((answers[runtime].argmax(1) == expected).sum()),
                        counted.total,
                        sizes[runtime],
                        timed.busy,
                    )
    finally:
        use_threads(every)


class Runtimes(Instrument[RuntimesSettings, RuntimeRow]):
    """The comparison as an instrument."""

    key = "runtimes"
    title = "the runtimes"
    unit = "timings"

    def steps(self, spec: InstrumentSpec[RuntimesSettings]) -> int:
        """Three runtimes, two batch sizes, one thread and all."""
        del spec
        return 3 * len(BATCHES) * len(dict.fromkeys((1, torch.get_num_threads())))

    def work(self, spec: InstrumentSpec[RuntimesSettings]) -> float:
        """Every image through each runtime, the calibration, and the clock's passes."""
        settings = spec.settings
        one = cost_of(spec_of(spec.network.load()), spec.data.input_size).mult_adds
        timed = settings.repeats * sum(BATCHES) * self.steps(spec) / len(BATCHES)
        return one * (3 * settings.images + settings.calibration + timed)

    def run(
        self, spec: InstrumentSpec[RuntimesSettings], done: Sequence[RuntimeRow] = ()
    ) -> Generator[Update | RuntimeRow, None, None]:
        """All of them: they are timed in turn, so none can be left out."""
        del done
        settings = spec.settings
        images = (yield from spec.data.read(spec.use)).select(slice(settings.images))
        batches = calibration_batches((yield from spec.data.read("training")), settings.calibration)
        yield from compare(
            spec.network.load(),
            images.inputs(),
            images.targets(),
            batches,
            reduce_range=settings.reduce_range,
            repeats=settings.repeats,
        )

    def describe(self, part: RuntimeRow) -> str:
        """Which one it is."""
        return f"{part.runtime}, batch {part.batch}, {part.threads} threads"

    def unmeasured(self, parts: Sequence[RuntimeRow]) -> str:
        """How many could not be timed."""
        if not any(row.busy for row in parts):
            return ""
        return "Other programs used this machine's processors, so there are no milliseconds. The rest holds."


RUNTIMES = Runtimes()


def runtime_table(rows: Sequence[RuntimeRow]) -> pd.DataFrame:
    """The rows for people: what answers first, one line each; files in kilobytes of 1,000."""
    return pd.DataFrame(
        [
            {
                "runtime": row.runtime,
                "batch": row.batch,
                "threads": row.threads,
                "ms": row.ms,
                "speed_up": row.speed_up,
                "accuracy": row.accuracy.value,
                "agreement": row.agreeing / row.total,
                "file_kb": row.file_bytes / 1e3,
                "ms_low": row.ms_low,
                "ms_high": row.ms_high,
                "images": row.total,
            }
            for row in rows
        ]
    )


def describe_runtimes(rows: Sequence[RuntimeRow]) -> str:
    """What another runtime and int8 bring on one thread at batch 1, in a sentence; empty where nothing was timed."""
    single = {row.runtime: row for row in rows if row.batch == 1 and row.threads == 1 and row.speed_up}
    if not {"onnxruntime", "onnxruntime int8"} <= set(single):
        return ""
    plain, small = single["onnxruntime"], single["onnxruntime int8"]
    return (
        f"One image on one thread: the same float32 weights run {plain.speed_up:.2f} times as fast in onnxruntime "
        f"as in torch, in int8 {small.speed_up:.2f} times, with {small.agreeing / small.total:.1%} of the answers "
        "unchanged."
    )
