"""The options that the app is started with: described once, for the command and for the pages that ask for them."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

from explorer.errors import ExplorerError

PROGRAM = "compression-explorer"


@dataclass(frozen=True)
class Started:
    """What the app was started with.

    Attributes:
        data: the user's folder of images; None if none was named.
        networks: files or code of the user's networks, as they were named.
        checkpoints: the folder of the networks; None for the one that belongs to the images.
        code_box: whether code that is pasted may be run.
    """

    data: Path | None = None
    networks: tuple[str, ...] = ()
    checkpoints: Path | None = None
    code_box: bool = False


def started_with(arguments: Sequence[str]) -> Started:
    """What the arguments of the app ask for; others, which Streamlit or a test runner may have, are passed over.

    >>> started_with(["--data", "Food-11", "--network", "a.pt2", "--network=b.py:C"]).networks
    ('a.pt2', 'b.py:C')

    Raises:
        ExplorerError: an option lacks its value.
    """
    return _parsed(tuple(arguments))


@lru_cache(maxsize=8)  # every run of every page asks for the same ones
def _parsed(arguments: tuple[str, ...]) -> Started:
    parser = _Telling(add_help=False, allow_abbrev=False)
    app_options(parser)
    found, _ = parser.parse_known_args(arguments)
    return Started(found.data, tuple(found.network or ()), found.checkpoints, found.code_box)


def app_options(parser: argparse.ArgumentParser) -> None:
    """Add all options of the app."""
    parser.add_argument(
        "--data",
        type=_folder,
        metavar="FOLDER",
        help="your folder of labelled images, which every lesson then works on, with the checkpoints in it",
    )
    network_option(parser)
    checkpoints_option(parser)
    parser.add_argument(
        "--code-box",
        action="store_true",
        help="let the page Your data run code that is pasted into it, as long as only this machine reaches the app",
    )


def checkpoints_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--checkpoints``: where the networks are."""
    parser.add_argument(
        "--checkpoints",
        type=_folder,
        metavar="FOLDER",
        help="folder of the networks; by default the one that belongs to the images",
    )


def network_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--network``: a network of the user's own, from a file or from code."""
    parser.add_argument(
        "--network",
        action="append",
        metavar="FILE",
        help="your own network: a .pt2 or a checkpoint, or code as student.py:StudentNet (with weights: "
        "student.py:StudentNet@student.ckpt), which is run in a process of its own; may be given several times",
    )


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError(
            "expected a folder"
        )  # Path("") would be the one that the app runs in
    return Path(text)


class _Telling(argparse.ArgumentParser):
    """A parser whose complaints are shown on a page: it neither prints nor exits."""

    def error(self, message: str) -> NoReturn:
        raise ExplorerError(f"The app was started with an option that cannot be used: {message}.")
