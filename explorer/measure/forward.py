"""Forward passes over many images: logits batch by batch, in bounded memory."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from explorer.data import INPUT_SIZE, Inputs
from explorer.measure.devices import device_of

BATCH = 250


def logits(model: nn.Module, inputs: Tensor | Inputs, batch: int = BATCH) -> Tensor:
    """Logits (N, classes), float32 on the CPU, of inputs (N, 3, H, W); the model must be in eval mode."""
    return torch.cat(list(logit_batches(model, inputs, batch)))


@torch.inference_mode()
def logit_batches(model: nn.Module, inputs: Tensor | Inputs, batch: int = BATCH) -> Iterator[Tensor]:
    """The logits of ``inputs``, batch by batch, on the device the model is on.

    ``batch`` is meant for 64 pixels: larger images go fewer at a time, in as much memory.
    """
    if model.training:
        raise RuntimeError("measure a network in eval mode: call model.eval() first")
    device = device_of(model)
    batch = at_once(inputs[:1].shape[-1], batch)
    for start in range(0, len(inputs), batch):
        yield model(inputs[start : start + batch].to(device)).float().cpu()


def at_once(size: int, batch: int = BATCH) -> int:
    """How many images of ``size`` pixels a side take the memory of ``batch`` at 64 pixels; at least 1.

    >>> at_once(64), at_once(224)
    (250, 20)
    """
    return min(batch, max(1, batch * INPUT_SIZE**2 // size**2))


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[nn.Module]:
    """The model in eval mode inside the block, back in its former mode after it."""
    training = model.training
    model.eval()
    try:
        yield model
    finally:
        model.train(training)
