"""Weights with a label: a safetensors file that says which network they belong to.

A state_dict does not tell strides, activations or pooling, and of a network of no known kind nothing can be read off
its shapes. So what is written here carries the network's spec as metadata, plain JSON, and its sha256 is one of
weights and wiring.
"""

import json
from pathlib import Path

import safetensors
import torch
from safetensors.torch import save
from torch import nn

from explorer.checkpoints.catalogue import stored
from explorer.errors import ExplorerError
from explorer.networks import NetworkSpec, builder_of, spec_of

LABEL = "explorer"


def labelled(model: nn.Module, dtype: torch.dtype = torch.float32) -> bytes:
    """The weights of a network as a safetensors file with its spec."""
    spec = spec_of(model)
    label = {"network": spec.kind, "classes": spec.classes, "spec": spec.to_dict()}
    return save(stored(model, dtype), {LABEL: json.dumps(label, sort_keys=True)})


def label_of(path: Path) -> NetworkSpec | None:
    """The spec that a file was written with; None for a file without one. It may be a stranger's.

    Raises:
        ExplorerError: the label is damaged, or says what cannot be built.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(LABEL)
    except (OSError, safetensors.SafetensorError):
        return None  # whoever reads its tensors says what is wrong with it
    if text is None:
        return None
    try:
        label = json.loads(text)
        return builder_of(label["network"]).from_dict(label["spec"], label["classes"])
    except ExplorerError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ExplorerError(f"{path.name} says of itself that it is a network, but not which.") from error
