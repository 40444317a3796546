"""What the terminal's commands share: progress bars, and the options that choose the data set."""

import argparse
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from explorer.data import BUNDLED, DataSet, decode, folder, open_data_set
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.progress import Update
from explorer.workspace import Workspace, open_workspace

PartType = TypeVar("PartType")


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


def run_instrument(instrument: Instrument[Any, PartType], spec: InstrumentSpec[Any]) -> tuple[PartType, ...]:
    """Run a spec to its end and give all parts, with a bar for them and others for what takes long in between."""
    bars, parts = Bars(), []
    with tqdm(desc=instrument.unit, total=instrument.steps(spec)) as bar:
        for step in instrument.run(spec):
            if isinstance(step, Update):
                bars(step)
            else:
                parts.append(step)
                bar.update()
    return tuple(parts)


def data_options(parser: argparse.ArgumentParser, *, measured_only: bool = False) -> None:
    """Add ``--data`` and what bounds the images of a user's folder."""
    parser.add_argument(
        "--data",
        type=Path,
        help="folder of labelled images of your own (Food-11, or any in its layouts), or of the original "
        f"{BUNDLED.name} files; by default the environment variable {folder.VARIABLE}",
    )
    parser.add_argument("--images", type=int, default=folder.VALIDATION, help="validation images, at most")
    if measured_only:
        return
    parser.add_argument("--size", type=int, default=decode.SIZE, help="side of your images as fed, pixels")
    parser.add_argument("--training-images", type=int, help="training images, at most; all by default")


def whole_numbers(text: str) -> tuple[int, ...]:
    """The whole numbers between commas."""
    return tuple(int(part) for part in text.split(","))


def numbers(text: str) -> tuple[float, ...]:
    """The numbers between commas."""
    return tuple(float(part) for part in text.split(","))


def workspace_of(options: argparse.Namespace) -> Workspace:
    """The images and networks that the options of ``data_options`` ask for.

    Raises:
        ExplorerError: the folder is no folder of labelled images.
    """
    return open_workspace(data_set(options), options.checkpoints if "checkpoints" in options else None)


def data_set(options: argparse.Namespace, bundled: DataSet = BUNDLED) -> DataSet:
    """The data set that the options of ``data_options`` ask for.

    Raises:
        ExplorerError: the folder is no folder of labelled images.
    """
    path = options.data or folder.named_folder()
    return open_data_set(path, options.images, options.training_images, options.size, bundled=bundled)
