"""What the terminal's commands share: how data, networks and images are named, progress bars, running an instrument."""

import argparse
import sys
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

from tqdm import tqdm

from explorer.arguments import checkpoints_option, network_option
from explorer.checkpoints import MANIFEST
from explorer.data import BUNDLED, DataSet, ImageSet, Use, decode, folder, open_data_set
from explorer.errors import ExplorerError
from explorer.user_code import Given, read_given
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.progress import Update, follow
from explorer.workspace import NetworkSource, Workspace, open_workspace

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
            self.bar = tqdm(desc=update.stage, total=update.total, initial=max(0, update.done - 1))
        self.bar.set_postfix(update.figures, refresh=False)
        self.bar.update(update.done - self.bar.n)


# --- How data, networks and images are named, the same in every command --------------------------------


def data_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--data``: which images the command works on."""
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="your folder of labelled images, or the original files of the bundled images; by default the folder "
        f"that the environment variable {folder.VARIABLE} names, else the bundled images",
    )


def folder_options(parser: argparse.ArgumentParser) -> None:
    """Add what bounds the images of a user's folder that a network learns from: ``--size``, ``--training-images``."""
    parser.add_argument(
        "--size", type=int, default=decode.SIZE, metavar="PIXELS", help="side of your images as fed"
    )
    parser.add_argument(
        "--training-images",
        type=int,
        metavar="N",
        help="of your training images at most so many; all by default",
    )


def images_option(parser: argparse.ArgumentParser, measured: int | None = None) -> None:
    """Add ``--images``: how many images are measured on, or of a user's folder are used at all."""
    said = "of your validation images at most so many" if measured is None else "measure on so many images"
    default = folder.VALIDATION if measured is None else measured
    parser.add_argument(
        "--images", type=int, default=default, metavar="N", help=f"{said}; by default {default:,}"
    )


def workspace_options(parser: argparse.ArgumentParser, measured: int | None = None) -> None:
    """Add the images and the networks that ``workspace_of`` opens; ``measured`` as in ``images_option``."""
    network_option(parser)
    data_options(parser)
    images_option(parser, measured)
    folder_options(parser)
    checkpoints_option(parser)


def subject_options(parser: argparse.ArgumentParser, measured: int | None = None) -> None:
    """Add the same, and the name of the one network of them that ``subject_of`` gives."""
    parser.add_argument("name", nargs="?", help="of the checkpoint; without it the one of --network")
    workspace_options(parser, measured)


def given_networks(options: argparse.Namespace, size: int) -> tuple[NetworkSource, ...]:
    """The networks that ``--network`` names, in this order; code is exported with images of ``size`` pixels.

    Raises:
        ExplorerError: one cannot be used.
    """
    return tuple(
        follow(read_given(Given(text, size)), Bars()) for text in getattr(options, "network", None) or ()
    )


def folder_of_networks(options: argparse.Namespace) -> Path | None:
    """The folder that ``--checkpoints`` names; None if it was not given.

    Raises:
        ExplorerError: there is no such folder.
    """
    path: Path | None = getattr(options, "checkpoints", None)
    if path is not None and not path.is_dir():
        raise ExplorerError(f"There is no folder {path}.")
    return path


def evidence_folder(options: argparse.Namespace, workspace: Workspace) -> Path:
    """Where results are stored beside the networks' cards.

    Raises:
        ExplorerError: the networks have no cards.
    """
    folder: Path = folder_of_networks(options) or workspace.data.checkpoints or Path()
    if not (folder / MANIFEST).exists():
        raise ExplorerError(
            "Only results of a checkpoint with a card are stored as evidence: name a folder with a "
            f"{MANIFEST} as --checkpoints."
        )
    return folder


def data_set(options: argparse.Namespace, *, size: int | None = None, bundled: DataSet = BUNDLED) -> DataSet:
    """The data set that the options ask for.

    Args:
        options: of a command with ``data_options``; of the others those that it has.
        size: side in pixels as fed, where the command knows it better than an option.
        bundled: the data set that is used where no folder is named.

    Raises:
        ExplorerError: the folder is no folder of labelled images.
    """
    return open_data_set(
        options.data or folder.named_folder(),
        getattr(options, "images", folder.VALIDATION),
        getattr(options, "training_images", None),
        getattr(options, "size", decode.SIZE) if size is None else size,
        bundled=bundled,
    )


def workspace_of(options: argparse.Namespace) -> Workspace:
    """The images and networks that the options ask for, those of ``--network`` first.

    A network is named as ``Workspace.find`` takes it; ``network_name`` gives the one that a command is to work on.

    Raises:
        ExplorerError: the folder is no folder of labelled images, there is no folder of networks, or a network that
            is named cannot be used.
    """
    workspace = open_workspace(data_set(options), folder_of_networks(options))
    for sentence in workspace.damaged:
        tqdm.write(sentence, file=sys.stderr)
    given = given_networks(options, workspace.data.input_size)
    return replace(workspace, networks=(*given, *workspace.networks))


def network_name(workspace: Workspace, options: argparse.Namespace, name: str | None) -> str:
    """The network of ``workspace_of(options)`` that a command works on: of this name, else the first of ``--network``.

    Raises:
        ExplorerError: neither names one, or it does not fit the images.
    """
    if name is None and not options.network:
        raise ExplorerError("Name a network, or give your own with --network.")
    named = name if name is not None else next(iter(workspace.all_sources))
    return workspace.find(named)


def subject_of(workspace: Workspace, options: argparse.Namespace) -> NetworkSource:
    """The network that a command with ``subject_options`` works on.

    Raises:
        ExplorerError: none is named, or it does not fit the images.
    """
    return workspace.source(network_name(workspace, options, options.name))


def counted_images(workspace: Workspace, use: Use, count: int) -> ImageSet:
    """So many images for a use, each class by its share: those that accuracies are counted on.

    Raises:
        ExplorerError: there are not so many.
    """
    whole = follow(workspace.images(use), Bars())
    # Of a folder, files that cannot be read are left out: asking for as many as there are is no mistake.
    if not 1 <= count <= max(len(whole), workspace.data.sizes[use]):
        raise ExplorerError(f"There are {len(whole):,} images: take 1 to {len(whole):,} of them.")
    return whole.stratified(min(count, len(whole)))


def whole_numbers(text: str) -> tuple[int, ...]:
    """The whole numbers between commas."""
    return tuple(int(part) for part in text.split(","))


def decimals(text: str) -> tuple[float, ...]:
    """The numbers between commas."""
    return tuple(float(part) for part in text.split(","))


# --- Long work ------------------------------------------------------------------------------------------


def run_instrument(instrument: Instrument[Any, PartType], spec: InstrumentSpec[Any]) -> tuple[PartType, ...]:
    """Run a spec to its end and give all parts, with a bar for them and others for what takes long in between."""
    return show_progress(instrument, spec, _collected(instrument.run(spec)))


def show_progress(
    instrument: Instrument[Any, PartType],
    spec: InstrumentSpec[Any],
    steps: Generator[Update | PartType, None, tuple[PartType, ...]],
    there: int = 0,
) -> tuple[PartType, ...]:
    """Go through the steps of a run of this spec, with a bar for its parts and others for what takes long in between.

    ``there`` parts are there already.

    Returns:
        What the steps return.
    """
    bars = Bars()
    with tqdm(desc=instrument.unit, total=instrument.steps(spec), initial=there) as bar:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                return cast(tuple[PartType, ...], end.value)
            if isinstance(step, Update):
                bars(step)
            else:
                bar.update()


def _collected(
    steps: Generator[Update | PartType, None, None],
) -> Generator[Update | PartType, None, tuple[PartType, ...]]:
    parts = []
    for step in steps:
        if not isinstance(step, Update):
            parts.append(step)
        yield step
    return tuple(parts)
