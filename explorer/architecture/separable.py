"""Depthwise-separable convolutions beside the standard ones that they stand in for."""

from collections import Counter
from math import prod

import pandas as pd
from torch import nn

from explorer.networks import (
    NetworkGraph,
    NetworkSpec,
    cost_model_of_spec,
    depthwise_layers,
    graph_of,
    parts_of,
    wiring_of,
)
from explorer.networks.operators import NORM, SAME

SIZE = 224


def separable_pairs(model: nn.Module) -> tuple[tuple[str, str], ...]:
    """Every depthwise convolution with the pointwise one that reads it, past BatchNorm and activations."""
    graph, depthwise = graph_of(model), depthwise_layers(model)
    return tuple(
        (step.layer, reader)
        for step in graph.steps
        if step.layer in depthwise
        for reader in _pointwise_after(model, graph, step.name)
    )


def _pointwise_after(model: nn.Module, graph: NetworkGraph, value: str) -> tuple[str, ...]:
    """The 1x1 convolutions that read a value, or what BatchNorm and activations make of it."""
    layers: list[str] = []
    for step in graph.readers(value):
        module = model.get_submodule(step.layer) if step.layer else None
        if isinstance(module, nn.Conv2d):
            if module.kernel_size == (1, 1) and module.groups == 1:
                layers.append(step.layer)
        elif step.operator in (
            NORM,
            SAME,
        ):  # a pooling is neither: the squeeze of an SE block begins with one
            layers += _pointwise_after(model, graph, step.name)
    return tuple(layers)


def against_standard(spec: NetworkSpec) -> pd.DataFrame:
    """Each depthwise and pointwise convolution beside the standard convolution that they stand in for.

    Columns part, separable, standard (weights, without biases and BatchNorm), factor. The factor is
    k^2 o / (k^2 + o) for kernels of side k and o output channels. Source: Howard et al. 2017, arXiv 1704.04861.
    """
    model = wiring_of(spec)
    weights = cost_model_of_spec(spec, SIZE).layer_weights(spec.channels)
    pairs, parts = separable_pairs(model), parts_of(model)
    often = Counter(parts[depthwise] for depthwise, _ in pairs)
    rows = []
    for depthwise, pointwise in pairs:
        part, conv = parts[depthwise], model.get_submodule(depthwise)
        assert isinstance(conv, nn.Conv2d)
        separable = weights[depthwise] + weights[pointwise]
        # A depthwise convolution that makes several channels of each hands the pointwise one so many times more.
        multiplier = conv.out_channels // conv.in_channels
        standard = weights[pointwise] // multiplier * prod(conv.kernel_size)
        rows.append(
            {
                "part": part if often[part] == 1 else f"{part}, {depthwise}",
                "separable": separable,
                "standard": standard,
                "factor": standard / separable,
            }
        )
    return pd.DataFrame(rows, columns=["part", "separable", "standard", "factor"])
