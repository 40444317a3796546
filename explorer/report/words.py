"""The student's own words, one text for each question: in a link, and back out of a report's file."""

import json
from collections.abc import Mapping

from explorer.errors import ExplorerError
from explorer.packing import packed, unpacked
from explorer.report.quoted import QUESTIONS

MOST = 500
"""Letters for each question: six such texts still fit into a link, whatever the script."""
MOST_BYTES = 4 * MOST * len(QUESTIONS) + 1024
MOST_FILE_BYTES = 2**20


def check_words(words: Mapping[str, object]) -> dict[str, str]:
    """Of each question the text, without those that are empty.

    Raises:
        ExplorerError: a text is too long or none, or is of no question.
    """
    found: dict[str, str] = {}
    for number, text in words.items():
        if number not in QUESTIONS or not isinstance(text, str):
            raise ExplorerError(f"Your own words are one text for each of {', '.join(QUESTIONS)}.")
        if len(text) > MOST:
            raise ExplorerError(f"Your own words on {number} have {len(text):,} letters: {MOST} are taken.")
        if text.strip():
            found[number] = text.strip()
    return found


def pack_words(words: Mapping[str, str]) -> str:
    """The words as a value of a link; empty for none."""
    kept = check_words(words)
    return packed(json.dumps(kept, ensure_ascii=False, separators=(",", ":"))) if kept else ""


def unpack_words(value: str) -> dict[str, str]:
    """The words of a link's value.

    Raises:
        ExplorerError: there are none in it.
    """
    if not value:
        return {}
    try:
        return check_words(_mapping(unpacked(value, MOST_BYTES)))
    except ValueError as error:
        raise ExplorerError("The link's own words cannot be read: copy the whole link again.") from error


def words_in_file(content: bytes) -> dict[str, str]:
    """The words in a report's file of numbers.

    Raises:
        ExplorerError: it is no such file.
    """
    refusal = "This is no file of a report's numbers: take the .json that was saved with it."
    if len(content) > MOST_FILE_BYTES:
        raise ExplorerError(refusal)
    try:
        return check_words(_mapping(json.dumps(_mapping(content).get("words")).encode()))
    except ValueError as error:
        raise ExplorerError(refusal) from error


def _mapping(text: bytes) -> dict[str, object]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("no mapping")
    return found
