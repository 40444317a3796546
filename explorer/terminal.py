"""What the terminal's commands share: progress bars, and the options for a folder of one's own."""

import argparse
from pathlib import Path

from tqdm import tqdm

from explorer.data import decode, own
from explorer.progress import Update


class Bars:
    """Progress bars with the time left, one for each stage of a run."""

    def __init__(self) -> None:
        self.stage, self.bar = "", tqdm(disable=True)

    def __call__(self, update: Update) -> None:
        """Show an update."""
        if update.stage != self.stage:
            self.bar.close()
            self.stage = update.stage
            self.bar = tqdm(desc=update.stage, total=update.total, initial=update.done - 1)
        self.bar.set_postfix(update.figures, refresh=False)
        self.bar.update(update.done - self.bar.n)


def data_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--data`` and what bounds the images of a folder of one's own."""
    parser.add_argument(
        "--data",
        type=Path,
        help="folder of labelled images of your own (Food-11, or any in its layouts), or of the original "
        f"Fashion-MNIST files; by default the environment variable {own.VARIABLE}",
    )
    parser.add_argument("--size", type=int, default=decode.SIZE, help="side of your images as fed, pixels")
    parser.add_argument("--images", type=int, default=own.VALIDATION, help="validation images, at most")
    parser.add_argument("--training-images", type=int, help="training images, at most; all by default")
