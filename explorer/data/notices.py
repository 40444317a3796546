"""Notices: what is told of the files of a data set."""

from collections.abc import Iterable
from dataclasses import dataclass

NAMED = 3  # files of a kind that are told by name


@dataclass(frozen=True)
class Notice:
    """What was noticed about a file: one sentence begins with its name.

    ``lost`` says that something was left out; else it is only good to know.
    """

    file: str
    text: str
    lost: bool = True

    def __str__(self) -> str:
        return f"{self.file} {self.text}."


def summarise_notices(notices: Iterable[Notice]) -> list[str]:
    """The notices in sentences, one for each kind: the files by name, and how many more are alike."""
    alike: dict[tuple[str, bool], list[str]] = {}
    for notice in sorted(notices, key=lambda one: not one.lost):
        alike.setdefault((notice.text, notice.lost), []).append(notice.file)
    sentences = []
    for (text, _), files in alike.items():
        others = files[1:NAMED] + ([f"{len(files) - NAMED:,} more"] if len(files) > NAMED else [])
        sentences.append(f"{files[0]} {text}" + (f"; likewise {', '.join(others)}." if others else "."))
    return sentences
