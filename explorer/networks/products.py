"""A convolution that leaves a few pixels as one product of matrices: the same sums, several times faster.

The last convolutions of a network on small images see 2 x 2 or 4 x 4 pixels, most of every window is padding, and a
library's loops over pixels have nothing to loop over: a ResNet-18 at 64 pixels spends half its time there. Written out
for each pair of pixels, the weights are the matrix of a linear layer, and a batch is one product.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

MOST_OUTPUTS = 4  # pixels; with more of them the library's own loops are as fast
FEWEST_IMAGES = 16  # a product with a single row is no faster than the loops, and the matrix has to be read


def with_products(model: nn.Module) -> nn.Module:
    """A copy of ``model`` that shares its weights and runs such convolutions as products, where it is worth it.

    The weights must not be written to afterwards: a matrix is made of them at the first pass.
    """
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    network = copy.deepcopy(model, shared)
    for name, module in model.named_modules():
        if type(module) is nn.Conv2d and module.groups == 1 and module.padding_mode == "zeros":
            conv = network.get_submodule(name)
            assert isinstance(conv, nn.Conv2d)
            network.set_submodule(name, ConvAsProduct(conv))
    return network


class ConvAsProduct(nn.Module):
    """A convolution that is a product where it reads few pixels and makes fewer; else it runs as it is.

    Args:
        conv: without groups, padded with zeros.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        self._written: tuple[tuple[int, int], Tensor, Tensor | None] | None = None

    def forward(self, images: Tensor) -> Tensor:
        """What the convolution gives for images (N, C, H, W)."""
        sides = (images.shape[2], images.shape[3])
        height, width = _outputs(self.conv, sides)
        # The matrix holds a weight for each pair of pixels, most of them zeros where windows are small.
        worth = sides[0] * sides[1] <= 2 * self.conv.kernel_size[0] * self.conv.kernel_size[1]
        if not worth or height * width > MOST_OUTPUTS or len(images) < FEWEST_IMAGES:
            made: Tensor = self.conv(images)
            return made
        if self._written is None or self._written[0] != sides:
            bias = None if self.conv.bias is None else self.conv.bias.detach().repeat(height * width)
            self._written = sides, written_out(self.conv, sides), bias
        _, matrix, bias = self._written
        rows = images.permute(0, 2, 3, 1).reshape(len(images), -1)  # as they lie in channels_last memory
        made = functional.linear(rows, matrix, bias)
        return made.view(len(images), height, width, -1).permute(0, 3, 1, 2)


@torch.no_grad()
def written_out(conv: nn.Conv2d, sides: tuple[int, int]) -> Tensor:
    """The weights between every entry of an image and every output: (H' x W' x O, H x W x C), pixels first."""
    height, width = _outputs(conv, sides)
    top, left = _padding(conv)
    weight = conv.weight
    matrix = weight.new_zeros(height, width, weight.shape[0], *sides, weight.shape[1])
    for y in range(height):
        for x in range(width):
            for ky in range(conv.kernel_size[0]):
                for kx in range(conv.kernel_size[1]):
                    row = y * conv.stride[0] - top + ky * conv.dilation[0]
                    column = x * conv.stride[1] - left + kx * conv.dilation[1]
                    if 0 <= row < sides[0] and 0 <= column < sides[1]:
                        matrix[y, x, :, row, column] = weight[:, :, ky, kx]
    return matrix.reshape(height * width * weight.shape[0], -1)


def _padding(conv: nn.Conv2d) -> tuple[int, int]:
    """Pixels of padding at the top and at the left, also where the layer says "same"."""
    left, _, top, _ = conv._reversed_padding_repeated_twice
    return top, left


def _outputs(conv: nn.Conv2d, sides: tuple[int, int]) -> tuple[int, int]:
    """Height and width of what the convolution makes. Source: the shape formula of ``nn.Conv2d``."""
    left, right, top, bottom = conv._reversed_padding_repeated_twice
    height, width = (
        (side + before + after - dilation * (kernel - 1) - 1) // stride + 1
        for side, before, after, kernel, stride, dilation in zip(
            sides, (top, left), (bottom, right), conv.kernel_size, conv.stride, conv.dilation, strict=True
        )
    )
    return height, width
