"""The settings that a layer was built with, read off the layer."""

from inspect import Parameter, signature
from typing import Any

from torch import Tensor, nn

from explorer.errors import ExplorerError


def layer_settings(layer: nn.Module, name: str) -> dict[str, Any]:
    """The arguments that build a layer as it is now, by name, without those that are so by default.

    Raises:
        ExplorerError: the layer does not tell an argument that it needs.
    """
    settings: dict[str, Any] = {}
    for argument in list(signature(type(layer).__init__).parameters.values())[1:]:
        if argument.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            continue  # ``nn.Identity`` takes anything and uses nothing
        value = getattr(layer, argument.name, argument.default)
        if value is Parameter.empty:
            raise ExplorerError(f"{name}, a {type(layer).__name__}, does not tell its {argument.name}.")
        if argument.name == "bias":
            # A BatchNorm that is not affine has no bias for that reason.
            value = isinstance(value, Tensor) or not getattr(layer, "affine", True)
        if argument.name == "normalized_shape":
            value = value[0] if len(value) == 1 else list(value)
        elif isinstance(value, tuple) and len(set(value)) == 1:
            value = value[0]  # the same along height and width
        if value != argument.default:
            settings[argument.name] = value
    return settings
