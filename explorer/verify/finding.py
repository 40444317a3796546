"""What became of a claim."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["holds", "differs", "not checked"]


@dataclass(frozen=True)
class Finding:
    """One claim of a card or of a file of evidence.

    Attributes:
        of: the network, or the file.
        claim: what is claimed, in a few words.
        verdict: what became of it.
        found: what was found in its place, or why it was not checked; empty where it holds.
    """

    of: str
    claim: str
    verdict: Verdict
    found: str = ""


def compared(of: str, claim: str, holds: bool, found: str) -> Finding:
    """A claim that was checked: ``found`` is what is said where it does not hold."""
    return Finding(of, claim, "holds") if holds else Finding(of, claim, "differs", found)


def unchecked(of: str, claim: str, why: str) -> Finding:
    """A claim that was not checked, and why."""
    return Finding(of, claim, "not checked", why)
