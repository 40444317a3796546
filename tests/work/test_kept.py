"""Results of pure functions: made once, for everybody, within so many bytes."""

import threading
from functools import partial

import pandas as pd
import pytest
import torch

from explorer.work.kept import Kept, Keyed

calls: list[str] = []


@pytest.fixture(autouse=True)
def none_made() -> None:
    calls.clear()


def total(rows: pd.DataFrame, name: str = "sum") -> int:
    calls.append(name)
    return int(rows["count"].sum())


def text(length: int, letter: str = "a") -> str:
    calls.append(letter)
    return letter * length


def rows(last: int) -> pd.DataFrame:
    return pd.DataFrame({"count": [1, 2, last]})


def test_the_same_call_is_made_once_and_another_one_is_made() -> None:
    kept = Kept(10_000)
    assert kept.of(partial(total, rows(3))) == kept.of(partial(total, rows(3))) == 6
    assert calls == ["sum"]
    assert kept.of(partial(total, rows(4))) == 7
    assert kept.of(partial(total, rows(4), name="other")) == 7
    assert calls == ["sum", "sum", "other"]


def test_a_column_of_another_name_or_type_is_another_table() -> None:
    kept = Kept(10_000)
    for table in (rows(3), rows(3).astype("float64"), rows(3).assign(more=0), rows(3).set_index([[7, 8, 9]])):
        kept.of(partial(total, table))
    assert len(calls) == 4


def test_not_more_bytes_are_kept_and_the_one_not_used_for_longest_goes() -> None:
    kept = Kept(2_500)
    for letter in "abaca":
        kept.of(partial(text, 1_000, letter))
    assert calls == ["a", "b", "c"]
    assert len(kept) == 2
    assert 2_000 < kept.size <= 2_500
    kept.of(partial(text, 1_000, "b"))
    assert calls == ["a", "b", "c", "b"]


def test_what_is_larger_than_all_room_is_given_and_not_kept() -> None:
    kept = Kept(500)
    assert kept.of(partial(text, 1_000)) == "a" * 1_000
    assert (len(kept), kept.size) == (0, 0)


class Slow:
    """A function that waits until it may go on, and may fail the first time."""

    started, go_on = threading.Event(), threading.Event()
    fails = False

    @classmethod
    def run(cls) -> str:
        calls.append("slow")
        cls.started.set()
        assert cls.go_on.wait(20)
        if cls.fails:
            cls.fails = False
            raise ValueError("the visitor has left")
        return "ready"


@pytest.mark.parametrize("fails", [False, True])
def test_two_threads_at_once_make_it_once_and_a_failure_of_one_is_not_the_others(fails: bool) -> None:
    kept, brought = Kept(10_000), []
    Slow.started, Slow.go_on, Slow.fails = threading.Event(), threading.Event(), fails

    def ask() -> None:
        try:
            brought.append(kept.of(partial(Slow.run)))
        except ValueError as error:
            brought.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert Slow.started.wait(20)
    Slow.go_on.set()
    for thread in threads:
        thread.join(20)
    assert sorted(brought) == sorted(["the visitor has left"] * fails + ["ready"] * (4 - fails))
    assert len(calls) == 1 + fails


def test_two_threads_with_different_calls_do_not_wait_for_each_other() -> None:
    kept = Kept(10_000)
    Slow.started, Slow.go_on, Slow.fails = threading.Event(), threading.Event(), False
    thread = threading.Thread(target=kept.of, args=(partial(Slow.run),))
    thread.start()
    assert Slow.started.wait(20)
    assert kept.of(partial(text, 3)) == "aaa"
    Slow.go_on.set()
    thread.join(20)


def test_a_failure_is_not_kept() -> None:
    kept = Kept(10_000)
    with pytest.raises(KeyError):
        kept.of(partial(total, pd.DataFrame()))
    with pytest.raises(KeyError):
        kept.of(partial(total, pd.DataFrame()))
    assert (len(calls), len(kept)) == (2, 0)


def highest(values: torch.Tensor) -> float:
    calls.append("highest")
    return float(values.max())


def test_equal_tensors_are_the_same_and_others_are_not() -> None:
    kept = Kept(10_000)
    for values in (
        torch.zeros(2, 3),
        torch.zeros(3, 2).T.contiguous(),
        torch.zeros(2, 3),
        torch.zeros(4, 3)[::2],
    ):
        kept.of(partial(highest, values))
    assert len(calls) == 1
    for other in (torch.zeros(3, 2), torch.zeros(2, 3).double(), torch.zeros(2, 3).int(), torch.ones(2, 3)):
        kept.of(partial(highest, other))
    assert len(calls) == 5
    kept.of(partial(highest, torch.tensor(1.0, dtype=torch.bfloat16)))
    assert len(calls) == 6


def length(thing: Keyed[list[int]], more: int = 0) -> int:
    calls.append(thing.key[0])
    return len(thing.value) + more


def test_a_keyed_argument_is_told_apart_by_its_key_alone() -> None:
    kept = Kept(10_000)
    assert kept.of(partial(length, Keyed(("a",), [1, 2]))) == 2
    assert kept.of(partial(length, Keyed(("b",), [1]))) == 1
    assert kept.of(partial(length, Keyed(("a",), [7, 8, 9]))) == 2, "what it holds is not looked at"
    assert kept.of(partial(length, Keyed(("a",), [1, 2]), more=5)) == 7, "other arguments count as ever"
    assert calls == ["a", "b", "a"]
