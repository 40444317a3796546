"""Re-fitting what pruning has left: least squares, layer by layer, without gradients.

Pruned and dense network run side by side on the same images. At each convolution or linear layer the weights that
survived are chosen anew, so that the layer, given what reaches it in the *pruned* network, answers as nearly as it can
what the same layer answers in the *dense* one. What was zero stays zero. Mistakes of earlier layers are thus repaired
by later ones. Sources: layer-wise reconstruction as in ThiNet (Luo et al. 2017, arXiv 1707.06342) and Optimal Brain
Compression (Frantar et al. 2022, arXiv 2208.11580).

For an output with surviving weights S, the columns X of its inputs and the dense answers y it solves

    (X_S' X_S + r I) w_S = X_S' y + r v_S

where v are the weights as pruning left them. The ridge r keeps columns that are alike from taking weights that cancel
each other, and leaves a weight as it was where no image tells anything of it.
"""

import copy
from collections.abc import Generator
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.errors import ExplorerError
from explorer.networks import Kept, graph_of, maskable_weights, remove, zero
from explorer.networks.pieces import computed
from explorer.work.progress import Update

ROWS = 8_000  # places of the images that are looked at; with twice as many the 59k student was no better
RIDGE = 0.01  # of the mean of the diagonal of X'X
FLOOR = 1e-6  # a layer that only sees zeros, behind dead channels, could not be solved without it
BLOCK = 512  # columns that are solved at once, where every output has lost other weights


def refitted(
    dense: nn.Module, pruned: nn.Module, kept: Kept, images: Tensor
) -> Generator[Update, None, nn.Module]:
    """A re-fitted copy of ``pruned``, which is only read; yields after each layer.

    Where channels were removed, the network of the dense one's shape in which they are silent is fitted, and they are
    removed from that.

    Args:
        dense: the network before pruning.
        pruned: with zeros baked in, or smaller.
        kept: the channels that stayed; empty for a mask.
        images: (N, C, H, W) training images.
    """
    fitted = zero(dense, kept) if kept else copy.deepcopy(pruned)
    yield from refit(dense, fitted, images)
    return remove(fitted, kept) if kept else fitted


@torch.no_grad()
def refit(
    dense: nn.Module, pruned: nn.Module, images: Tensor, seed: int = 0
) -> Generator[Update, None, None]:
    """Re-fit the weights of ``pruned``, in place, layer by layer; yields after each.

    Args:
        dense: the network before pruning, in eval mode; it is only read.
        pruned: a private copy with zeros baked in, of the same shape, in eval mode.
        images: (N, C, H, W) training images, as they are fed.
        seed: of the places that are looked at.

    Raises:
        ExplorerError: the two are not the same network.
    """
    if [tensor.shape for tensor in dense.parameters()] != [tensor.shape for tensor in pruned.parameters()]:
        raise ExplorerError("Only a network with the shape of the dense one can be re-fitted against it.")
    graph, generator = graph_of(pruned), torch.Generator().manual_seed(seed)
    layers = maskable_weights(pruned)
    # The values of both; a layer that works in place must not change the other's images.
    there: dict[str, Any] = {graph.image: images.clone()}
    here: dict[str, Any] = {graph.image: images.clone()}
    last = {name: step for step in graph.steps for name in step.inputs}
    done: set[str] = set()
    for step in graph.steps:
        there[step.name] = computed(dense, step, there)
        if step.layer in layers and step.layer not in done:
            layer = cast(nn.Conv2d | nn.Linear, pruned.get_submodule(step.layer))
            _refit_layer(layer, here[step.inputs[0]], there[step.name], generator)
            done.add(step.layer)
            yield Update("re-fitting", len(done), len(layers))
        here[step.name] = computed(pruned, step, here)
        for name in step.inputs:
            if last[name] is step:
                there.pop(name, None)
                here.pop(name, None)


def _refit_layer(
    layer: nn.Conv2d | nn.Linear, inputs: Tensor, answers: Tensor, generator: torch.Generator
) -> None:
    """Give one layer the weights that answer best, on some of the places of the images."""
    groups = layer.groups if isinstance(layer, nn.Conv2d) else 1
    columns, wanted = _sampled(layer, inputs, answers, generator)
    if layer.bias is not None:
        wanted = wanted - layer.bias
    weights = layer.weight.flatten(1).chunk(groups)
    fitted = [
        solve(part.T @ part, part.T @ answer, weight != 0, weight)
        for part, answer, weight in zip(
            columns.chunk(groups, 1), wanted.chunk(groups, 1), weights, strict=True
        )
    ]
    layer.weight.copy_(torch.cat(fitted).view_as(layer.weight))


def _sampled(
    layer: nn.Conv2d | nn.Linear, inputs: Tensor, answers: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """What a layer reads and what it should answer at some places: (places, inputs x area) and (places, outputs)."""
    if isinstance(layer, nn.Linear):
        return inputs, answers
    count, _, height, width = answers.shape
    places = torch.randint(count * height * width, (ROWS,), generator=generator)
    image, row, column = places // (height * width), places // width % height, places % width
    # A view of every window, of which only those at the chosen places are copied.
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    # Left, right, above and below, in numbers also where the padding was given as a word.
    windows = functional.pad(inputs, layer._reversed_padding_repeated_twice, mode)
    for axis, (kernel, stride, dilation) in enumerate(
        zip(layer.kernel_size, layer.stride, layer.dilation, strict=True), start=2
    ):
        windows = windows.unfold(axis, dilation * (kernel - 1) + 1, stride)
        windows = windows[..., ::dilation]
    return windows[image, :, row, column].flatten(1), answers[image, :, row, column]


def solve(gram: Tensor, cross: Tensor, keep: Tensor, weights: Tensor) -> Tensor:
    """The surviving weights that answer best: (outputs, inputs), zero where ``keep`` is not.

    Args:
        gram: X'X, (inputs, inputs).
        cross: X'Y, (inputs, outputs).
        keep: which weights survived, (outputs, inputs).
        weights: as they are now, (outputs, inputs); where the columns are solved in blocks, the others are as here.
    """
    ridge = RIDGE * float(gram.diagonal().mean()) + FLOOR
    fitted, kinds = weights * keep, torch.unique(keep, dim=0)
    size = gram.shape[0] if len(kinds) == 1 else BLOCK
    for start in range(0, len(gram), size):
        block = slice(start, start + size)
        # What the other columns leave to be answered: the block alone is free.
        other = fitted.clone()
        other[:, block] = 0
        missing = cross[block] - gram[block] @ other.T + ridge * weights.T[block]
        fitted[:, block] = _solve_block(gram[block, block], missing, keep[:, block], ridge)
    return fitted


def _solve_block(gram: Tensor, cross: Tensor, keep: Tensor, ridge: float) -> Tensor:
    """As ``solve``, for columns that are all free; outputs that have lost the same weights share a factorisation."""
    fitted = torch.zeros(keep.shape)
    kinds, kind_of = torch.unique(keep, dim=0, return_inverse=True)
    for number, kind in enumerate(kinds):
        free, outputs = kind.nonzero().flatten(), (kind_of == number).nonzero().flatten()
        if len(free):
            system = gram[free][:, free]
            system.diagonal().add_(ridge)
            answer = torch.cholesky_solve(cross[free][:, outputs], torch.linalg.cholesky(system))
            fitted[outputs[:, None], free] = answer.T
    return fitted
