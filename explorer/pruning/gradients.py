"""Gradients of a network's loss on training images, for rankings that ask what removing a channel would change."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.data import ImageSet
from explorer.measure import BATCH


def loss_gradients(model: nn.Module, images: ImageSet) -> Mapping[str, Tensor]:
    """The gradient of the mean cross-entropy on these images by every parameter, by its name.

    Args:
        model: in eval mode, so that BatchNorm does not learn from the images; only read.
        images: training images.
    """
    # Gradients are kept on the parameters, and the network belongs to others, too.
    private = copy.deepcopy(model).requires_grad_(True)
    with torch.enable_grad():
        for start in range(0, len(images), BATCH):
            part = images.select(slice(start, start + BATCH))
            loss = functional.cross_entropy(private(part.inputs()), part.targets(), reduction="sum")
            (loss / len(images)).backward()  # type: ignore[no-untyped-call]
    return {
        name: torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        # Under every name that a shared parameter has.
        for name, parameter in private.named_parameters(remove_duplicate=False)
    }
