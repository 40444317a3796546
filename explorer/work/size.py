"""About how many bytes of memory a value holds."""

import sys
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any

import numpy as np


def size_of(value: object) -> int:
    """Bytes of a value and all that it holds; what it holds twice counts once.

    Of tensors, arrays and networks it is their numbers. What is mapped from a file counts nothing: the system drops it
    from memory when it needs the room.
    """
    return _Counter()(value)


class _Counter:
    def __init__(self) -> None:
        self._seen: dict[
            int, object
        ] = {}  # with the objects, so that no other one gets the number of one of them

    def __call__(self, value: Any) -> int:
        if id(value) in self._seen:
            return 0
        self._seen[id(value)] = value
        if isinstance(value, np.memmap):
            return 0
        if isinstance(size := getattr(value, "nbytes", None), int):
            return size
        if hasattr(value, "state_dict"):  # a network
            return sum(map(self, value.state_dict().values()))
        if isinstance(value, Mapping):
            return sum(map(self, value.keys())) + sum(map(self, value.values()))
        if isinstance(value, list | tuple | set | frozenset):
            return sum(map(self, value))
        if is_dataclass(value) and hasattr(value, "__dict__"):
            return sum(map(self, vars(value).values()))
        return sys.getsizeof(value)
