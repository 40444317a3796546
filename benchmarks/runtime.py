"""Another runtime, and fewer bits: what one image costs the processor in torch, in onnxruntime and in int8."""

import statistics
import time
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from benchmarks.figure import BenchFigure
from explorer.checkpoints import load
from explorer.data import BUNDLED
from explorer.measure import use_threads
from explorer.networks import fold_batchnorm
from explorer.runtime import OnnxNetwork, to_int8, to_onnx
from explorer.runtime.compare import CALIBRATION, calibration_batches

NETWORKS = ("student-60k-kd", "teacher")
ROUNDS, PASSES = 15, 10
AIM = 0.6


def figures() -> Iterator[BenchFigure]:
    """CPU time of one image on one thread: int8 against torch in float32."""
    image = BUNDLED.load("test").select(slice(1)).inputs()
    batches = calibration_batches(BUNDLED.load("training"), CALIBRATION)
    every = torch.get_num_threads()
    use_threads(1)
    try:
        for name in NETWORKS:
            network = load(name)
            content = to_onnx(network, BUNDLED.input_size)
            networks: dict[str, nn.Module] = {
                "torch": fold_batchnorm(network).to(memory_format=torch.channels_last),
                "onnxruntime": OnnxNetwork(content, 1),
                "int8": OnnxNetwork(to_int8(content, batches), 1),
            }
            yield figure(name, cpu_seconds(networks, image))
    finally:
        use_threads(every)


def figure(name: str, seconds: Mapping[str, float]) -> BenchFigure:
    """The figure of one network from its CPU seconds."""
    ratio = seconds["int8"] / seconds["torch"]
    told = ", ".join(f"{runtime} {1000 * each:.2f} ms" for runtime, each in seconds.items())
    return BenchFigure(
        f"{name} in int8 against torch in float32, one image",
        round(ratio, 3),
        "times the CPU time",
        f"at most {AIM:g}",
        ratio <= AIM,
        f"medians of {ROUNDS} rounds of {PASSES} passes in turn, one thread, by the process's CPU clock, so that other "
        f"programs do not count: {told}",
    )


@torch.inference_mode()
def cpu_seconds(networks: Mapping[str, nn.Module], image: Tensor, rounds: int = ROUNDS) -> dict[str, float]:
    """Median CPU seconds of one pass of each network, taken in turn; every other round runs backwards."""
    times: dict[str, list[float]] = {name: [] for name in networks}
    image = image.to(memory_format=torch.channels_last)
    for turn in range(rounds + 1):
        for name in list(networks)[:: -1 if turn % 2 else 1]:
            started = time.process_time()
            for _ in range(PASSES):
                networks[name](image)
            if turn:  # the first round warms up
                times[name].append((time.process_time() - started) / PASSES)
    return {name: statistics.median(each) for name, each in times.items()}
