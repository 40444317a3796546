"""The images: the bundled Fashion-MNIST splits, and a folder of one's own."""

from explorer.data.imageset import INPUT_SIZE, ImageSet, Inputs, to_inputs

__all__ = ["INPUT_SIZE", "ImageSet", "Inputs", "to_inputs"]
