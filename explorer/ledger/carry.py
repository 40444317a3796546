"""A ledger as a file and inside a link; what arrives that way is marked as carried."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any, get_args

from explorer.errors import ExplorerError
from explorer.ledger.recipe import Recipe
from explorer.ledger.row import LedgerRow, Lesson, Origin
from explorer.packing import packed, unpacked

VERSION = 3  # of 1 the rows did not say of which weights and images they are, of 2 not in steps what was done
MOST_ROWS = 100
MOST_BYTES = 4_000_000  # the design of a large network of one's own takes 150,000


def to_json(rows: Sequence[LedgerRow]) -> str:
    """The ledger as the text of a file."""
    return json.dumps({"compression_explorer_ledger": VERSION, "rows": [asdict(row) for row in rows]})


def from_json(text: str | bytes) -> tuple[LedgerRow, ...]:
    """The rows of a file that ``to_json`` wrote; each is marked as carried.

    Raises:
        ExplorerError: it is not a ledger, of another version, too long, or a row has impossible values.
    """
    if len(text) > MOST_BYTES:
        raise ExplorerError(f"A ledger has at most {MOST_BYTES:,} bytes, this file has {len(text):,}.")
    try:
        content = json.loads(text)
        version, rows = content["compression_explorer_ledger"], content["rows"]
    except (ValueError, KeyError, TypeError) as error:
        raise ExplorerError("This is not a ledger: open a JSON file that was downloaded here.") from error
    if version != VERSION:
        raise ExplorerError(
            f"This ledger is of version {version!r}; this explorer reads version {VERSION}: pin its rows again."
        )
    if not isinstance(rows, list) or len(rows) > MOST_ROWS:
        raise ExplorerError(f"A ledger is a list of at most {MOST_ROWS} rows.")
    return tuple(_row(row, number) for number, row in enumerate(rows, start=1))


def to_link(rows: Sequence[LedgerRow]) -> str:
    """The ledger as one value for a link; about 200 bytes a row, a design of one's own wiring more."""
    return packed(to_json(rows))


def from_link(value: str) -> tuple[LedgerRow, ...]:
    """The rows in a link's value, marked as carried; errors as for ``from_json``."""
    try:
        text = unpacked(value, MOST_BYTES)
    except ValueError as error:
        raise ExplorerError("The link's ledger cannot be read: copy the whole link again.") from error
    return from_json(text)


_WHOLE = (
    "params",
    "nonzero",
    "mult_adds",
    "input_size",
    "file_bytes",
    "zipped_bytes",
    "batch",
    "correct",
    "total",
)
_TEXT = ("title", "network", "where", "timed_on", "images", "images_key", "link")
_SHA256 = re.compile(r"[0-9a-f]{64}|")


def _row(row: Any, number: int) -> LedgerRow:
    known = {entry.name: entry for entry in fields(LedgerRow)}
    required = {
        "title",
        "lesson",
        "network",
        "params",
        "nonzero",
        "mult_adds",
        "input_size",
        "origin",
        "where",
    }
    if not isinstance(row, dict) or not required <= set(row) <= set(known):
        raise ExplorerError(f"Row {number} of the ledger does not have the fields of a ledger's row.")
    for name, value in row.items():
        if not _possible(name, value):
            raise ExplorerError(f"Row {number} of the ledger has an impossible {name}: {str(value)[:40]!r}.")
    if row.get("correct") is not None and not row["correct"] <= (row.get("total") or 0):
        raise ExplorerError(f"Row {number} of the ledger has more right answers than images.")
    if row.get("correct") is not None and not row.get("images_key"):
        raise ExplorerError(f"Row {number} of the ledger does not say on which images it was counted.")
    if row.get("weights"):
        try:
            Recipe.from_dict(row.get("recipe", {}))
        except ExplorerError as error:
            raise ExplorerError(f"Row {number} of the ledger has an impossible recipe: {error}") from error
    return LedgerRow(**row | {"origin": "carried"})


def _possible(name: str, value: Any) -> bool:
    if name in _WHOLE:
        required = name in ("params", "nonzero", "mult_adds", "input_size")
        whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
        return whole or (value is None and not required)
    if name in ("ms", "ms_low", "ms_high"):
        # True is a whole number to Python, and a row of that time would be told as 1 ms.
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return value is None or (number and 0 <= value < 1e9)
    if name in ("lesson", "origin"):
        return value in get_args(Lesson if name == "lesson" else Origin)
    if name == "recipe":
        return isinstance(value, dict)
    if name == "weights":
        return isinstance(value, str) and bool(_SHA256.fullmatch(value))
    if name == "link":
        # Never an address of another host, or a script.
        return isinstance(value, str) and (not value or bool(_LINK.fullmatch(value)))
    return name in _TEXT and isinstance(value, str) and len(value) <= 1000


_LINK = re.compile(rf"({'|'.join((*get_args(Lesson), 'report'))})(\?[^\s\"'<>]*)?")
