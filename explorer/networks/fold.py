"""BatchNorm folded into the convolution before it: fewer layers, the same output.

In eval mode BatchNorm is a factor and a shift for each channel, which the convolution's weights and bias can take
over. Source: ``torch.nn.utils.fusion``. Which convolution comes before is told by the graph, since the order in
which a network registers its layers need not be the order in which it calls them.
"""

import copy
from typing import cast

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from explorer.networks.graph import NetworkGraph, Step, graph_of


def fold_batchnorm(model: nn.Module) -> nn.Module:
    """A copy of ``model`` in eval mode without the BatchNorm layers that a convolution before them can take over.

    Those stay whose input is no convolution's, or a convolution's that something else reads as well, and those
    that have no running statistics.
    """
    folded = copy.deepcopy(model).eval()
    graph = graph_of(model)
    for norm in graph.steps:
        conv = _convolution_before(norm, graph)
        if conv is None:
            continue
        before = cast(nn.Conv2d, folded.get_submodule(conv.layer))
        after = cast(nn.BatchNorm2d, folded.get_submodule(norm.layer))
        if after.running_mean is not None:
            folded.set_submodule(conv.layer, fuse_conv_bn_eval(before, after))
            folded.set_submodule(norm.layer, nn.Identity())
    return folded


def _convolution_before(norm: Step, graph: NetworkGraph) -> Step | None:
    """The convolution that only this BatchNorm reads, if there is one."""
    if norm.target is not nn.BatchNorm2d or norm.inputs[0] == graph.logits:
        return None
    calls = [step.layer for step in graph.steps]
    for step in graph.steps:
        if step.name == norm.inputs[0] and step.operator.channels == "convolution":
            # A layer that is used twice would hand the factor on to its other use.
            once = calls.count(step.layer) == calls.count(norm.layer) == 1
            return step if once and graph.readers(step.name) == (norm,) else None
    return None
