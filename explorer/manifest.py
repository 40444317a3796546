"""The manifest of a folder of trained networks, as it is written: it can be read without torch."""

import json
from pathlib import Path
from typing import Any

from explorer.errors import ExplorerError

MANIFEST = "manifest.json"


def read_manifest(folder: Path) -> list[dict[str, Any]]:
    """The entry of each network, in the manifest's order; ``checkpoints.Card`` says what is in it.

    Raises:
        ExplorerError: the manifest is missing or not one of ours.
    """
    path = folder / MANIFEST
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["checkpoints"]
        return [dict(entry) for entry in entries]
    except FileNotFoundError as error:
        raise ExplorerError(f"{folder} has no manifest.json: it is not a folder of checkpoints.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise not_a_manifest(folder) from error


def not_a_manifest(folder: Path) -> ExplorerError:
    """What is said of a manifest that cannot be used."""
    return ExplorerError(f"{folder / MANIFEST} is not a manifest of checkpoints.")
