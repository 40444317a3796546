"""Speed of the pruning lesson: the sweep against a homework's plain loop, and what pruning does to time."""

import copy
import io
import multiprocessing
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.utils import prune
from torch.utils.data import DataLoader, Dataset

from benchmarks.figure import BenchFigure
from explorer.checkpoints import load
from explorer.data import BUNDLED, ImageSet
from explorer.data.fashion_mnist import TRANSFORM
from explorer.measure import BUSY, cpu_time, has_bfloat16, latencies, logits, others_between
from explorer.networks import maskable_weights, resnet18_teacher
from explorer.pruning.engine import Setting, prunings
from explorer.pruning.methods import METHODS

IMAGES, ROUNDS = 1000, 3
RATIOS = tuple(tenth / 10 for tenth in range(10))
TIMED_BATCH, REPEATS, PATIENCE = 32, 60, 40


def figures() -> Iterator[BenchFigure]:
    """The sweep's figures, then those of pruned networks."""
    yield from _sweep(BUNDLED.load("test").select(slice(IMAGES)))
    yield from _pruned_times()


@dataclass(frozen=True)
class TimedSweep:
    """One sweep: seconds from the checkpoint to the last prediction, and the predictions (ratios, N).

    ``sweep`` and ``forward`` are the seconds of the sweep alone and of as many dense passes, taken in
    turn with its ratios, ``counting`` those of the sweep with ``Setting.counting``, and ``counted`` what that
    predicts; ``others`` is the share of the machine that other programs used.
    """

    seconds: float
    predictions: Tensor
    others: float
    sweep: float = 0.0
    forward: float = 0.0
    counting: float = 0.0
    counted: Tensor | None = None


class Pictures(Dataset[tuple[Tensor, int]]):
    """PNG files in memory, decoded and transformed each time they are asked for."""

    def __init__(self, files: list[bytes]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        """The picture as (3, 64, 64), and its number."""
        pixels = torch.from_numpy(np.array(Image.open(io.BytesIO(self.files[number]))))
        return TRANSFORM.to_inputs(pixels[None])[0].contiguous(), number


def plain_loop(checkpoint: Path, files: list[bytes], ratios: tuple[float, ...] = RATIOS) -> TimedSweep:
    """Every ratio as a homework does it: reload, torch's own pruning, a DataLoader, hooks left on."""
    before, started = cpu_time(), time.perf_counter()
    found = []
    for ratio in ratios:
        model = resnet18_teacher(10)
        model.load_state_dict(torch.load(checkpoint, weights_only=True))
        model.eval()
        layers = [(model.get_submodule(name), "weight") for name in maskable_weights(model)]
        prune.global_unstructured(layers, prune.L1Unstructured, amount=ratio)
        with torch.no_grad():
            batches = DataLoader(Pictures(files), batch_size=64)
            found.append(torch.cat([model(inputs).argmax(1) for inputs, _ in batches]))
    seconds = time.perf_counter() - started
    return TimedSweep(seconds, torch.stack(found), others_between(before, cpu_time()) or 0.0)


def engine_sweep(images: ImageSet, setting: Setting, ratios: tuple[float, ...] = RATIOS) -> TimedSweep:
    """The same ratios as the explorer's sweep does them, with a dense pass after each for comparison."""
    before, started = cpu_time(), time.perf_counter()
    model, inputs = load("teacher"), setting.prepare(images.inputs())
    loaded = time.perf_counter() - started
    dense = setting.ready(model)
    networks = prunings(model, METHODS["global-l1"], ratios, setting=setting)
    sweep = forward = counting = 0.0
    found, counted = [], []
    for _ in ratios:
        started = time.perf_counter()
        pruned = next(networks)
        made = time.perf_counter()
        found.append(logits(pruned.fast, inputs).argmax(1))
        between = time.perf_counter()
        logits(dense, inputs)
        passed = time.perf_counter()
        counted.append(logits(setting.counting(pruned.fast), inputs).argmax(1))
        sweep += between - started
        forward += passed - between
        counting += time.perf_counter() - passed + made - started
    others = others_between(before, cpu_time()) or 0.0
    return TimedSweep(
        loaded + counting, torch.stack(found), others, sweep, forward, counting, torch.stack(counted)
    )


def _sweep(images: ImageSet) -> Iterator[BenchFigure]:
    files = [_png(picture) for picture in images.images]
    settings = [Setting()] + ([Setting(precision="bfloat16")] if has_bfloat16() else [])
    ours: dict[str, list[TimedSweep]] = {setting.precision: [] for setting in settings}
    theirs: list[TimedSweep] = []
    # The plain loop runs in a process of its own, where no allocator setting of ours helps it.
    context: Any = multiprocessing.get_context("spawn")
    with TemporaryDirectory() as folder, ProcessPoolExecutor(1, context) as pool:
        checkpoint = Path(folder) / "teacher.ckpt"
        torch.save(load("teacher").state_dict(), checkpoint)
        pool.submit(plain_loop, checkpoint, files[:64], RATIOS[:1]).result()
        for setting in settings:
            engine_sweep(images.select(slice(64)), setting, RATIOS[:1])
        for _ in range(ROUNDS):
            theirs.append(pool.submit(plain_loop, checkpoint, files).result())
            for setting in settings:
                ours[setting.precision].append(engine_sweep(images, setting))
    busy = max(run.others for run in (*theirs, *(run for runs in ours.values() for run in runs)))
    yield from _sweep_figures(
        images, ours, theirs, f"{len(RATIOS)} ratios x {len(images):,} images{_said(busy)}"
    )


def _sweep_figures(
    images: ImageSet, ours: dict[str, list[TimedSweep]], theirs: list[TimedSweep], what: str
) -> Iterator[BenchFigure]:
    exact = ours["float32"]
    cost = statistics.median(run.sweep / run.forward for run in exact)
    yield BenchFigure(
        "a sweep of masks against as many passes of the dense network",
        round(cost, 3),
        "times as long",
        "at most 1.05",
        cost <= 1.05,
        f"median of {ROUNDS} runs, the passes in turn with the ratios; {what}: "
        f"{_median(run.sweep for run in exact):.2f} s and {_median(run.forward for run in exact):.2f} s",
    )
    quick = statistics.median(run.counting / run.forward for run in exact)
    turned = sum(int((run.counted != run.predictions).sum()) for run in exact if run.counted is not None)
    yield BenchFigure(
        "the same by the fastest exact route: convolutions of a few pixels as products of matrices",
        round(quick, 3),
        "times as long",
        "below 0.7",
        quick < 0.7 and turned == 0,
        f"in turn with these; {turned} predictions differ from those of the sweep above; {what}: "
        f"{_median(run.counting for run in exact):.2f} s",
    )
    how = (
        f"median of {ROUNDS} runs in turn, from the checkpoint to the last prediction; the plain loop loads it for "
        f"every ratio, prunes with torch.nn.utils.prune, leaves the hooks on, decodes PNG in a DataLoader "
        f"of 64; {what}"
    )
    aims = {"float32": 2.5, "bfloat16": 4.0}
    for precision, runs in ours.items():
        ratio = statistics.median(
            plain.seconds / run.seconds for plain, run in zip(theirs, runs, strict=True)
        )
        differ = int((runs[0].predictions != exact[0].predictions).sum())
        beside = f"; {differ} predictions differ from float32's" if precision == "bfloat16" else ""
        yield BenchFigure(
            f"a sweep of masks in {precision} against a homework's plain loop",
            round(ratio, 2),
            "times faster",
            f"at least {aims[precision]:g}",
            ratio >= aims[precision],
            f"{how}: {_median(run.seconds for run in runs):.2f} s and "
            f"{_median(run.seconds for run in theirs):.2f} s{beside}",
        )
    other = exact[0].predictions != theirs[0].predictions
    wrong = _not_by_ties(images, other, theirs[0].predictions)
    yield BenchFigure(
        "predictions of the sweep that differ from the plain loop's, with the same choice among equal weights",
        wrong,
        "predictions",
        "0",
        wrong == 0,
        f"image for image; {int(other.sum())} differ at first. Weights stored in float16 are often equal, and torch's "
        "topk leaves open which of those at the threshold are masked: these are counted again with its own masks in "
        f"our network; {what}",
    )


def _not_by_ties(images: ImageSet, other: Tensor, expected: Tensor) -> int:
    """How many differing predictions (ratios, N) stay when torch's own masks are put into the fast network."""
    teacher, setting, count = load("teacher"), Setting(), 0
    for which in torch.nonzero(other.any(1)).flatten().tolist():
        hooked = copy.deepcopy(teacher)
        layers = [(hooked.get_submodule(name), "weight") for name in maskable_weights(hooked)]
        prune.global_unstructured(layers, prune.L1Unstructured, amount=RATIOS[which])
        for layer, name in layers:
            prune.remove(layer, name)  # type: ignore[no-untyped-call]
        positions = torch.nonzero(other[which]).flatten().numpy()
        inputs = setting.prepare(images.select(positions).inputs())
        found = logits(setting.ready(hooked), inputs).argmax(1)
        count += int((found != expected[which][torch.from_numpy(positions)]).sum())
    return count


def _pruned_times() -> Iterator[BenchFigure]:
    """What 80 % masks and half the channels do to the time of one pass."""
    teacher, setting = load("teacher"), Setting()
    inputs = setting.prepare(BUNDLED.load("test").select(slice(TIMED_BATCH)).inputs())
    networks: list[nn.Module] = [setting.ready(teacher)]
    for method, ratio in (("global-l1", 0.8), ("channels-l1", 0.5)):
        networks.append(next(prunings(teacher, METHODS[method], [ratio])).fast)
    dense, masked, half = latencies(networks, inputs, REPEATS, PATIENCE)
    names = ("dense against 80 % masked, one pass", "dense against half the channels removed, one pass")
    aims = ((0.97, 1.03), (2.5, 4.0))
    for name, (low, high), pruned in zip(names, aims, (masked, half), strict=True):
        aim = f"{low:g} to {high:g}"
        if dense.median is None or pruned.median is None:
            how = f"not measured: the machine was busy{_said(dense.others)}"
            yield BenchFigure(name, None, "times faster", aim, False, how)
            continue
        ratio = dense.median / pruned.median
        yield BenchFigure(
            name,
            round(ratio, 3),
            "times faster",
            aim,
            low <= ratio <= high,
            f"medians of {dense.repeats} passes in turn, batch of {dense.batch}, {dense.threads} threads, BatchNorm "
            f"folded: {dense.median:.2f} ms and {pruned.median:.2f} ms",
        )


def _said(others: float | None) -> str:
    """A busy machine, in words."""
    if others is None or others <= BUSY:
        return ""
    return f" (other programs used up to {others:.0%} of the machine: repeat this when it is quiet)"


def _median(values: Iterator[float]) -> float:
    return statistics.median(values)


def _png(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
