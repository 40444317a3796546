"""How fast a network runs here, roughly and at once: for estimates of how long a measurement will take."""

import time

import torch
from torch import nn

from explorer.measure.forward import at_once
from explorer.networks import cost_of_network

IMAGES, PASSES = 16, 3


@torch.inference_mode()
def forward_speed(model: nn.Module, size: int) -> float:
    """Multiply-adds per second of short forward passes of a network in eval mode; it is only read.

    Args:
        model: the network, on the CPU.
        size: side of its input in pixels.
    """
    inputs = torch.zeros(at_once(size, IMAGES), 3, size, size).to(memory_format=torch.channels_last)
    work = cost_of_network(model, size).mult_adds * len(inputs)
    model(inputs)  # warms the caches up
    seconds = []
    for _ in range(PASSES):
        started = time.perf_counter()
        model(inputs)
        seconds.append(time.perf_counter() - started)
    # The quickest: whatever else the machine does can only make a pass slower.
    return work / min(seconds)
