"""The images: the bundled Fashion-MNIST splits, shown as they are and fed at 64x64."""

from explorer.data.imageset import INPUT_SIZE, ImageSet, to_inputs

__all__ = ["INPUT_SIZE", "ImageSet", "to_inputs"]
