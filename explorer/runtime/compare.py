"""One network in several runtimes, in float32 and int8: the same weights, the same images, timed in turn."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd
import torch
from torch import Tensor, nn

from explorer.data import ImageSet, Inputs
from explorer.measure import Accuracy, accuracy, at_once, latencies, logits, state_bytes, use_threads
from explorer.networks import cost_of, fold_batchnorm, spec_of
from explorer.runtime.compiler import compiled
from explorer.runtime.int8 import to_int8
from explorer.runtime.onnx_file import to_onnx
from explorer.runtime.session import OnnxNetwork
from explorer.work.identity import setting
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.progress import Update

BATCHES = (1, 32)
REPEATS = 15
CALIBRATION = 128

KIND = "runtimes"

Runtime = Literal["torch", "torch.compile", "onnxruntime", "int8", "int8, 7-bit weights", "int8, not fused"]
HOW: Mapping[Runtime, str] = {
    "torch": "float32, as the lessons run it: BatchNorm folded, channels last.",
    "torch.compile": "the same, as C++ that torch writes and compiles.",
    "onnxruntime": "the same float32 weights, exported.",
    "int8": "weights and activations in 8 bits, multiplied as whole numbers, in onnxruntime.",
    "int8, 7-bit weights": "likewise, the weights in 7 bits: for CPUs that add products in 16 bits.",
    "int8, not fused": "the same int8 file, each layer run as it is written: numbers are rounded, and read back before "
    "every layer, which then multiplies float32.",
}
"""By what, and in which numbers; what is called int8 is run by onnxruntime."""
INT8: tuple[Runtime, ...] = ("int8", "int8, 7-bit weights", "int8, not fused")


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
        images: how many of the images are counted, each class by its share.
        training: key of the training images that int8 is calibrated on.
        calibration: how many of them, evenly spread over the set.
        repeats: timed passes of each.
        compiled: whether ``torch.compile`` is among them, which takes a compiler, and a minute or more.
    """

    images: int = setting("images", "{:,}".format)
    training: str = setting("training images", lambda key: key[:6])
    calibration: int = setting("calibration images", default=CALIBRATION)
    repeats: int = setting("timed passes", default=REPEATS)
    compiled: bool = setting("torch.compile", lambda yes: "yes" if yes else "no", default=False)


def written(settings: RuntimesSettings) -> dict[str, Any]:
    """What of the settings stored rows do not tell themselves."""
    return {name: value for name, value in asdict(settings).items() if name != "images"}


def calibration_batches(images: ImageSet, count: int) -> list[Tensor]:
    """So many images, evenly spread over a set and so over its classes, in batches of 32 (B, 3, H, W)."""
    count = min(count, len(images))
    # A folder's images come class by class: the first ones would all be of one.
    chosen = images.select(torch.linspace(0, len(images) - 1, count).round().long().numpy())
    return list(torch.split(chosen.inputs(), 32))


def compare(
    model: nn.Module,
    inputs: Tensor | Inputs,
    targets: Tensor,
    calibration: Sequence[Tensor],
    *,
    with_compile: bool = False,
    repeats: int = REPEATS,
) -> Iterator[RuntimeRow | Update]:
    """Run a network in every runtime, at every batch size, on one thread and on all; rows as they are measured.

    Args:
        model: in eval mode, on the CPU; it is only read.
        inputs: images (N, 3, H, W).
        targets: labels (N,).
        calibration: batches of training images (B, 3, H, W).
        with_compile: whether ``torch.compile`` is tried as well.
        repeats: timed passes of each.

    Raises:
        ExplorerError: onnxruntime is not installed.
    """
    size = inputs[:1].shape[-1]
    yield Update("writing the ONNX file", 0, 4)
    content = to_onnx(model, size)
    yield Update("calibrating int8", 1, 4)
    small = to_int8(content, calibration)
    yield Update("calibrating int8 with 7-bit weights", 2, 4)
    reduced = to_int8(content, calibration, reduce_range=True)
    yield Update("counting", 3, 4)
    plain = fold_batchnorm(model).to(memory_format=torch.channels_last)
    files: dict[Runtime, bytes] = {"onnxruntime": content, "int8": small, "int8, 7-bit weights": reduced}
    files["int8, not fused"] = small
    every = torch.get_num_threads()
    networks = _networks(plain, files, every, with_compile)
    sizes: dict[Runtime, int] = {runtime: len(files[runtime]) for runtime in networks if runtime in files}
    answers = {runtime: logits(network, inputs) for runtime, network in networks.items()}
    expected = answers["torch"].argmax(1)
    try:
        for threads in dict.fromkeys((1, every)):
            use_threads(threads)
            networks = _networks(plain, files, threads, with_compile)
            for batch in (at_once(size, count) for count in BATCHES):
                few = inputs[:batch].to(memory_format=torch.channels_last)
                times = dict(
                    zip(networks, latencies(list(networks.values()), few, repeats, mixed=True), strict=True)
                )
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
                        sizes.get(runtime, state_bytes(plain.state_dict())[0]),
                        timed.busy,
                    )
    finally:
        use_threads(every)


def _networks(
    plain: nn.Module, files: Mapping[Runtime, bytes], threads: int, with_compile: bool
) -> dict[Runtime, nn.Module]:
    """The network in every runtime, torch first."""
    networks: dict[Runtime, nn.Module] = {"torch": plain}
    if with_compile:
        networks["torch.compile"] = compiled(plain)
    for runtime, file in files.items():
        networks[runtime] = OnnxNetwork(file, threads, fused=runtime != "int8, not fused")
    return networks


class Runtimes(Instrument[RuntimesSettings, RuntimeRow]):
    """The comparison as an instrument."""

    key = KIND
    title = "the runtimes"
    unit = "timings"

    def steps(self, spec: InstrumentSpec[RuntimesSettings]) -> int:
        """Every runtime, two batch sizes, one thread and all."""
        runtimes = len(HOW) - (not spec.settings.compiled)
        return runtimes * len(BATCHES) * len(dict.fromkeys((1, torch.get_num_threads())))

    def work(self, spec: InstrumentSpec[RuntimesSettings]) -> float:
        """Every image through each runtime, the calibrations, and the clock's passes."""
        settings = spec.settings
        one = cost_of(spec_of(spec.network.load()), spec.data.input_size).mult_adds
        timed = settings.repeats * sum(BATCHES) * self.steps(spec) / len(BATCHES)
        return one * (len(HOW) * settings.images + 2 * settings.calibration + timed)

    def run(
        self, spec: InstrumentSpec[RuntimesSettings], done: Sequence[RuntimeRow] = ()
    ) -> Generator[Update | RuntimeRow, None, None]:
        """All of them: they are timed in turn, so none can be left out."""
        del done
        settings = spec.settings
        images = (yield from spec.data.read(spec.use)).stratified(settings.images)
        batches = calibration_batches((yield from spec.data.read("training")), settings.calibration)
        yield from compare(
            spec.network.load(),
            images.batches(),
            images.targets(),
            batches,
            with_compile=settings.compiled,
            repeats=settings.repeats,
        )

    def describe(self, part: RuntimeRow) -> str:
        """Which one it is."""
        return f"{part.runtime}, batch {part.batch}, {_threads(part.threads)}"

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
    if not {"onnxruntime", "int8"} <= set(single):
        return ""
    plain, small = single["onnxruntime"], single["int8"]
    return (
        f"One image on one thread: the same float32 weights run {plain.speed_up:.2f} times as fast in onnxruntime "
        f"as in torch, in int8 {small.speed_up:.2f} times, with {small.agreeing / small.total:.1%} of the answers "
        "unchanged."
    )


def describe_slower(rows: Sequence[RuntimeRow]) -> str:
    """Where int8 is slower than float32 in the same runtime, by how much, and why; empty where it nowhere is."""
    plain = {(row.batch, row.threads): row for row in rows if row.runtime == "onnxruntime"}
    said = []
    for runtime, why in (
        (
            "int8, not fused",
            "it still multiplies float32, and rounds and reads back around every layer besides",
        ),
        ("int8", "rounding and reading back around its layers costs more than smaller numbers save"),
    ):
        slower = [
            (other.ms / row.ms, row)
            for row in rows
            if row.runtime == runtime
            and row.ms is not None
            and (other := plain[row.batch, row.threads]).ms is not None
            and row.ms_low is not None
            and other.ms_high is not None
            # The middle halves of their passes lie apart: another measurement would not turn them round.
            and other.ms_high < row.ms_low
        ]
        if slower:
            share, row = min(slower, key=lambda each: each[0])
            said.append(
                f"{runtime[0].upper()}{runtime[1:]} is **slower** than float32 in the same runtime, {share:.2f} times "
                f"as fast at batch {row.batch} on {_threads(row.threads)}: {why}"
            )
    return ". ".join(said) + "." if said else ""


def describe_overflow(rows: Sequence[RuntimeRow]) -> str:
    """Whether 8-bit weights answer otherwise here than 7-bit ones, whose sums always fit; empty without both.

    A CPU that adds pairs of products in 16 bits cuts off the largest: 8-bit weights then change answers that 7-bit
    weights leave alone, without a word.
    """
    named = {row.runtime: row for row in rows}
    whole, reduced = named.get("int8"), named.get("int8, 7-bit weights")
    if whole is None or reduced is None:
        return ""
    said = (
        f"Of {whole.total:,} answers int8 leaves {whole.agreeing:,} as they were with 8-bit weights, "
        f"{reduced.agreeing:,} with 7-bit ones"
    )
    kept, other = (Accuracy(row.agreeing, row.total).interval() for row in (whole, reduced))
    if kept[1] < other[0]:
        return f"{said}: sums were cut off (**the overflow trap**), so take 7 bits on such a CPU."
    return f"{said}: nothing was cut off that shows."


def _threads(count: int) -> str:
    return "one thread" if count == 1 else f"{count} threads"
