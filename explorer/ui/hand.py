"""A component that follows the hand: what it has told, and where the page wishes it to be.

The hand moves something in the browser and tells where it let go; a link, Back or another tab move it from the page. A
wish counts once: since then the hand knows better, and is not pulled away while it drags. So what is sent to the
browser stays the same as long as only the hand moves, and figures that are large are sent only once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from explorer.ui.session import session

At = tuple[Any, ...]


@dataclass(frozen=True)
class Wish:
    """Where the page has last put a component.

    Attributes:
        at: the place.
        heard: what the hand had last told then; None before it told anything.
        number: how many wishes there were.
    """

    at: At
    heard: At | None
    number: int


@dataclass(frozen=True)
class _Wishes:
    """The last wish of each component of this visitor, by its key."""

    of: Mapping[str, Wish] = field(default_factory=dict)


def told(board: str) -> dict[str, Any] | None:
    """What the component with this key has told as its state ``at`` when the hand let go last; None before it did."""
    # Streamlit tells a component's callback its values in no other way.
    return st.session_state[board].get("at") if board in st.session_state else None


def wish(board: str, asked: At, heard: At | None) -> Wish:
    """What the component is to open at, the same as long as the address only follows the hand.

    Args:
        board: key of the component.
        asked: where the address wants it.
        heard: where the hand has let go last, in the same terms.
    """
    wishes = session().last(_Wishes) or _Wishes()
    last = wishes.of.get(board)
    there = last.at if last is not None and last.heard == heard else heard
    if last is None or there != asked:
        last = Wish(asked, heard, 1 + (last.number if last else 0))
        session().keep(_Wishes({**wishes.of, board: last}))
    return last
