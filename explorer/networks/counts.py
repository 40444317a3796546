"""What can be counted of a network's weights."""

import copy

import torch
from torch import Tensor, nn

from explorer.networks.graph import graph_of


def without_numbers(model: nn.Module) -> nn.Module:
    """A copy on the meta device: shapes, but no weights; for what hangs hooks on a network or only counts."""
    # Noted as copied already, no tensor's numbers are copied, not even to be thrown away.
    shapes: dict[int, object] = {
        id(tensor): nn.Parameter(tensor.to("meta"), tensor.requires_grad) for tensor in model.parameters()
    }
    shapes |= {id(tensor): tensor.to("meta") for tensor in model.buffers()}
    return copy.deepcopy(model, shapes)


def parameter_count(model: nn.Module) -> int:
    """Number of parameters, as the homework counts them: BatchNorm buffers not included."""
    return sum(parameter.numel() for parameter in model.parameters())


def nonzero_count(model: nn.Module) -> int:
    """Number of parameters that are not zero."""
    return sum(int(torch.count_nonzero(parameter)) for parameter in model.parameters())


def maskable_weights(model: nn.Module) -> dict[str, Tensor]:
    """The weights that masks may set to zero: of every convolution and linear layer, by module name, in graph order."""
    layers = (
        step.layer for step in graph_of(model).steps if step.operator.channels in ("convolution", "linear")
    )
    return {layer: model.get_submodule(layer).weight for layer in dict.fromkeys(layers)}  # type: ignore[misc]
