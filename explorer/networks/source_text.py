"""Expressions of Python as text, laid out as formatters lay them out."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any

from torch import fx

WIDTH = 88
"""Characters in a line, the usual of formatters."""


@dataclass(frozen=True)
class Text:
    """Code that can be broken between its items: ``before`` ends and ``after`` begins with a bracket.

    >>> str(Text("nn.Linear(", (Text("3"), Text("2")), ")"))
    'nn.Linear(3, 2)'
    """

    before: str
    items: tuple["Text", ...] = ()
    after: str = ""

    def __str__(self) -> str:
        return f"{self.before}{', '.join(map(str, self.items))}{self.after}"

    def put(self, before: str, after: str = "") -> "Text":
        """The same with something before and after it."""
        return Text(before + self.before, self.items, self.after + after)

    def lines(self, indent: int) -> Iterator[str]:
        """It on one line if it fits, else an item a line."""
        line = " " * indent + str(self)
        if not self.items or len(line) <= WIDTH:
            yield line
            return
        yield " " * indent + self.before
        # Formatters put a comma after the last item as well, but not after the only argument of a call.
        comma = "," if len(self.items) > 1 or self.before.endswith(("[", "{")) else ""
        for item in self.items:
            yield from item.put("", comma).lines(indent + 4)
        yield " " * indent + self.after


def text_of(value: Any, variables: Mapping[str, str]) -> Text:
    """A plain value, or one that the graph computes, by the variable that holds it.

    >>> str(text_of([1, (2.5, "same")], {}))
    '[1, (2.5, "same")]'
    """
    if isinstance(value, Text):
        return value
    if isinstance(value, fx.Node):
        return Text(variables[value.name])
    if isinstance(value, list):
        return Text("[", tuple(text_of(each, variables) for each in value), "]")
    if isinstance(value, tuple):
        only = "," if len(value) == 1 else ""
        return Text("(", tuple(text_of(each, variables) for each in value), f"{only})")
    return Text(quoted(value) if isinstance(value, str) else repr(value))


def quoted(text: str) -> str:
    """A string as code."""
    return json.dumps(text)


def is_name(text: str) -> bool:
    """Whether it can be the name of an attribute or argument."""
    return text.isidentifier() and not iskeyword(text)
