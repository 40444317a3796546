"""Results of pure functions, kept under what they were called with: made once for all visitors."""

import copyreg
import hashlib
import pickle
import sys
import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any, Generic, TypeVar

ResultType = TypeVar("ResultType")
ValueType = TypeVar("ValueType")


@dataclass(frozen=True)
class _Result:
    """A result and its size in bytes."""

    value: Any
    size: int


@dataclass(frozen=True, eq=False)
class Keyed(Generic[ValueType]):
    """An argument of a call that is told apart by its key alone, because it is large: weights, logits, images.

    Attributes:
        key: texts that say all that there is in the value: sha256 of weights, keys of images.
        value: the thing itself.
    """

    key: tuple[str, ...]
    value: ValueType

    def __reduce__(self) -> tuple[type["Keyed[None]"], tuple[tuple[str, ...], None]]:
        # How it is pickled, by which ``Kept`` compares: what it holds would take longer than many a call.
        return Keyed, (self.key, None)


def _content(call: "partial[Any]") -> bytes:
    """All that a call holds."""
    buffer = BytesIO()
    pickler = pickle.Pickler(buffer, pickle.HIGHEST_PROTOCOL)
    if (torch := sys.modules.get("torch")) is not None:  # else no argument is a tensor
        pickler.dispatch_table = {**copyreg.dispatch_table, torch.Tensor: _reduced}
    pickler.dump(call)
    return buffer.getvalue()


def _reduced(tensor: Any) -> tuple[type[bytes], tuple[bytes], str]:
    # As torch itself pickles one, it also says where it lies in memory: equal ones would be told apart.
    numbers = tensor.detach().contiguous().flatten().view(sys.modules["torch"].uint8).numpy()
    return bytes, (numbers.tobytes(),), f"{tensor.dtype} {tuple(tensor.shape)}"


class Kept:
    """Results by the calls that brought them; at most so many bytes, the one not used for longest dropped first.

    A call is a ``functools.partial`` of a function of some module and its arguments, not called yet. Two calls
    are the same if they are pickled alike, so arguments are compared by all that they hold, tables included. Results
    are shared by everybody who makes the same call: they are only ever read.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._size = 0
        self._lock = threading.Lock()
        self._results: OrderedDict[bytes, _Result] = OrderedDict()
        self._running: dict[bytes, Future[Any]] = {}

    def of(self, call: "partial[ResultType]") -> ResultType:
        """What this call brings, from memory if it has been made before.

        Where another thread is just making the same call, its result is waited for.
        """
        key = hashlib.blake2b(_content(call), digest_size=32).digest()
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
                value: ResultType = self._results[key].value
                return value
            others = self._running.get(key)
            if others is None:
                mine = self._running[key] = Future()
        if others is not None:
            # A failure there is not ours: a visitor who leaves ends the thread that works for them.
            return self.of(call) if others.exception() else others.result()
        try:
            value = call()
            size = len(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
        except BaseException as error:
            with self._lock:
                del self._running[key]
            mine.set_exception(error)
            raise
        with self._lock:
            del self._running[key]
            self._results[key] = _Result(value, size)
            self._size += size
            while self._size > self._most:
                self._size -= self._results.popitem(last=False)[1].size
        mine.set_result(value)
        return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._results.clear()
            self._size = 0

    @property
    def size(self) -> int:
        """Bytes of all results together."""
        with self._lock:
            return self._size

    def __len__(self) -> int:
        with self._lock:
            return len(self._results)
