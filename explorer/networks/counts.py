"""What can be counted of a network's weights."""

import copy
from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from explorer.networks.graph import graph_of


def without_numbers(model: nn.Module) -> nn.Module:
    """A copy on the meta device: shapes, but no weights; for what hangs hooks on a network or only counts."""
    # Noted as copied already, no tensor's numbers are copied, not even to be thrown away.
    shapes: dict[int, object] = {
        id(tensor): nn.Parameter(tensor.to("meta"), tensor.requires_grad) for tensor in model.parameters()
    }
    shapes |= {id(tensor): tensor.to("meta") for tensor in model.buffers()}
    return copy.deepcopy(model, shapes)


class ShapesAlone(TorchFunctionMode):
    """Within it, what networks mostly do to tensors without numbers gives the shape at once.

    Torch (2.14) writes these steps out in Python on the meta device, where they take longer than all convolutions; and
    to do so it imports its compiler, which takes as long as importing torch itself, and 90 MB.

    >>> last = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)).to("meta")
    >>> with ShapesAlone():
    ...     last(torch.empty(2, 8, 5, 5, device="meta")).shape
    torch.Size([2, 3])
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """The result of a function of torch's: by its shape alone where that is known, else by the function."""
        del types
        shape = _SHAPES.get(func, _unknown)(*args) if not kwargs or func in _KEEP else None
        return func(*args, **kwargs or {}) if shape is None else args[0].new_empty(shape)


def _unknown(*_: object) -> None:
    return None


def _kept(features: Tensor, *_: object) -> tuple[int, ...]:
    return tuple(features.shape)


def _pooled(features: Tensor, size: object) -> tuple[int, ...] | None:
    return (*features.shape[:-2], 1, 1) if size in (1, (1, 1)) else None


def _mixed(features: Tensor, weight: Tensor, bias: Tensor | None = None) -> tuple[int, ...] | None:
    del bias
    return (*features.shape[:-1], len(weight)) if features.shape[-1] == weight.shape[-1] else None


def _added(first: Tensor, second: Any) -> tuple[int, ...] | None:
    return tuple(first.shape) if isinstance(second, Tensor) and first.shape == second.shape else None


_KEEP = (
    functional.batch_norm,
    functional.dropout,
    functional.gelu,
    functional.hardswish,
    functional.hardtanh,
    functional.leaky_relu,
    functional.relu,
    functional.relu6,
    functional.silu,
)
# Where the shape is not as simple as that, a rule gives None, and torch does it, or refuses it.
_SHAPES: Mapping[Any, Callable[..., tuple[int, ...] | None]] = {
    **dict.fromkeys(_KEEP, _kept),
    functional.adaptive_avg_pool2d: _pooled,
    functional.linear: _mixed,
    Tensor.add: _added,
    torch.add: _added,
}


def parameter_count(model: nn.Module) -> int:
    """Number of parameters, as the homework counts them: BatchNorm buffers not included."""
    return sum(parameter.numel() for parameter in model.parameters())


def nonzero_count(model: nn.Module) -> int:
    """Number of parameters that are not zero."""
    return sum(int(torch.count_nonzero(parameter)) for parameter in model.parameters())


def maskable_weights(
    model: nn.Module, kinds: Collection[str] = ("convolution", "linear")
) -> dict[str, Tensor]:
    """The weights that masks may set to zero: of the layers of these kinds, by module name, in graph order."""
    layers = (step.layer for step in graph_of(model).steps if step.operator.channels in kinds)
    return {layer: model.get_submodule(layer).weight for layer in dict.fromkeys(layers)}  # type: ignore[misc]
