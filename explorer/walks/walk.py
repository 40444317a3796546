"""A walk: steps that each open a page in a state, with a sentence to say and a question to ask.

Those that ship are files beside this one, ``NAME.toml``. One of a teacher's own is nowhere but in its link.
"""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from explorer.errors import ExplorerError
from explorer.packing import packed, unpacked

MOST_STEPS = 20
MOST_LETTERS = 300  # of a sentence or a question: more hides the page that it is about
MOST_BYTES = 60_000  # of a walk of one's own before it is packed
UNREADABLE = "The link's lesson cannot be read: copy the whole link again."


@dataclass(frozen=True)
class Step:
    """One step of a walk.

    Attributes:
        page: the last part of the page's path.
        state: of the page, as its address holds it behind the question mark; keys that are not named are at their
            defaults. What is locked until a guess is made is a key of it too.
        say: a sentence on what is seen.
        ask: a question to the class; may be empty.
        minutes: how long the step takes, about.
    """

    page: str
    state: str = ""
    say: str = ""
    ask: str = ""
    minutes: int = 0


@dataclass(frozen=True)
class Walk:
    """Steps that belong together.

    Attributes:
        key: what its link names it by: the name of a walk that ships, or all that it is.
        title: what it is called.
        steps: in order, at least one.
        about: whom it is for and what it leads to, in a sentence.
    """

    key: str
    title: str
    steps: tuple[Step, ...]
    about: str = ""

    @property
    def minutes(self) -> int:
        """How long it takes, about."""
        return sum(step.minutes for step in self.steps)


@cache
def shipped() -> Mapping[str, Walk]:
    """The walks that ship, by name, in the order of their names."""
    found = sorted(Path(__file__).parent.glob("*.toml"))
    return {path.stem: _walk(path.stem, tomllib.loads(path.read_text(encoding="utf-8"))) for path in found}


def own(title: str, steps: Iterable[Step]) -> Walk:
    """A walk of one's own; its key holds all of it."""
    steps = tuple(steps)
    whole = {"title": title, "steps": [[step.page, step.state, step.say, step.ask] for step in steps]}
    return Walk(packed(json.dumps(whole, separators=(",", ":"), ensure_ascii=False)), title, steps)


@cache
def find(key: str) -> Walk:
    """The walk that a link names.

    Raises:
        ExplorerError: no walk that ships has this name, and it is no walk of one's own either.
    """
    if key in shipped():
        return shipped()[key]
    names = ("page", "state", "say", "ask")
    try:
        whole = json.loads(unpacked(key, MOST_BYTES))
        steps = [dict(zip(names, step, strict=True)) for step in whole["steps"]]
        title = whole["title"]
    except (ValueError, KeyError, TypeError) as error:
        raise ExplorerError(UNREADABLE) from error
    return _walk(key, {"title": title, "steps": steps})


def _walk(key: str, whole: dict[str, Any]) -> Walk:
    steps = tuple(Step(**step) for step in whole["steps"])
    walk = Walk(key, whole["title"], steps, whole.get("about", ""))
    texts = [walk.title, *(text for step in steps for text in (step.page, step.state, step.say, step.ask))]
    if not all(isinstance(text, str) for text in texts):
        raise ExplorerError(UNREADABLE)
    if not 0 < len(steps) <= MOST_STEPS:
        raise ExplorerError(f"A lesson has 1 to {MOST_STEPS} steps.")
    if any(len(text) > MOST_LETTERS for step in steps for text in (walk.title, step.say, step.ask)):
        raise ExplorerError(f"A sentence or question of a lesson has at most {MOST_LETTERS} letters.")
    return walk
