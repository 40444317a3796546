"""The packages that another runtime needs; the explorer runs without them."""

import importlib
from typing import Any

from explorer.errors import ExplorerError

EXTRA = "runtime"


def needed(name: str) -> Any:
    """A module of theirs.

    Raises:
        ExplorerError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ExplorerError(
            f"This needs {name.partition('.')[0]}, which is not installed: pip install 'compression-explorer[{EXTRA}]'."
        ) from error
