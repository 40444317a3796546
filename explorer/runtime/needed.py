"""The packages that another runtime needs; the explorer runs without them."""

import importlib
import importlib.util
from typing import Any

from explorer.errors import ExplorerError


class NotInstalledError(ExplorerError):
    """What is asked for needs something that is not installed; the sentence says what."""


EXTRA = "runtime"
PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def needed(name: str) -> Any:
    """A module of theirs.

    Raises:
        NotInstalledError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise NotInstalledError(_install(name.partition(".")[0])) from error


def missing() -> str:
    """What to install, in a sentence, where one of the packages is not there; empty where all are."""
    absent = (name for name in PACKAGES if importlib.util.find_spec(name) is None)
    name = next(absent, None)
    return "" if name is None else _install(name)


def _install(package: str) -> str:
    return f"This needs {package}, which is not installed: pip install 'compression-explorer[{EXTRA}]'."
