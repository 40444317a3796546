"""Getting accuracy back after pruning: BatchNorm recalibration, and a short fine-tuning.

A pruned network's BatchNorm still divides by the statistics of the dense one. Re-estimating them on a
few batches of training images moves no weight and brings much of the accuracy back (EagleEye, Li et
al. 2020, arXiv 2007.02491, section 3.3). Fine-tuning trains on; what was masked stays exactly zero.

Both change the network they are given: hand them a private copy.
"""

import math
from collections.abc import Iterator

import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from explorer.data import ImageSet
from explorer.errors import ExplorerError
from explorer.networks import maskable_weights
from explorer.training import Progress, Recipe, labels_alone, train

RECALIBRATION_BATCH = 100
FINETUNE_BATCH = 64
FINETUNE_RATE = 0.02


def recalibrate(model: nn.Module, images: ImageSet, batches: int) -> None:
    """Replace BatchNorm's running statistics by their average over batches of 100 training images.

    Raises:
        ExplorerError: there are not so many images.
    """
    count = batches * RECALIBRATION_BATCH
    if not 0 < count <= len(images):
        raise ExplorerError(
            f"BatchNorm is recalibrated on 1 to {len(images) // RECALIBRATION_BATCH} batches of "
            f"{RECALIBRATION_BATCH} images, not {batches}."
        )
    device = next(model.parameters()).device
    update_bn(torch.split(images.select(slice(count)).inputs(), RECALIBRATION_BATCH), model, device)
    model.eval()


def finetune(
    model: nn.Module, images: ImageSet, steps: int, seed: int = 0, rate: float = FINETUNE_RATE
) -> Iterator[Progress]:
    """Train on for ``steps`` steps of 64 images, with labels alone; yields after every step.

    The one-cycle schedule spans these steps and has its peak at ``rate``. Convolution and linear weights
    that are zero at the start are zero after every step, so masks are kept.

    Raises:
        ExplorerError: there are fewer images than one batch.
    """
    per_epoch = len(images) // FINETUNE_BATCH
    if steps < 1 or not per_epoch:
        raise ExplorerError(f"Fine-tuning takes 1 step or more, and {FINETUNE_BATCH} images or more.")
    epochs = math.ceil(steps / per_epoch)
    chosen = images.select(slice(math.ceil(steps / epochs) * FINETUNE_BATCH))
    recipe = Recipe(epochs, FINETUNE_BATCH, rate, seed=seed)
    masked = [(weight, weight == 0) for weight in maskable_weights(model).values()]
    training = train(model, chosen, images.select(slice(1)), recipe, labels_alone)
    for done, progress in enumerate(training, start=1):
        with torch.no_grad():
            for weight, zero in masked:
                weight.masked_fill_(zero, 0.0)
        yield progress
        if done == steps:
            break
    model.eval()
