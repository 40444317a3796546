"""Networks of visitors: bounded in bytes, the oldest dropped first and told, gone with their session."""

import gc
import weakref

import pytest

from explorer.networks import StudentNet, StudentSpec
from explorer.ui.holdings import ROOM, Holdings, Room
from explorer.workspace import NetworkSource, trained_network
from tests.app import arrive

SIZE = 1000


def network(title: str, size: int = SIZE) -> NetworkSource:
    made = trained_network(
        title, StudentNet(StudentSpec(1, (1, 1, 1, 1))), input_size=64, trained_on="nothing"
    )
    card = type(made.card)(**vars(made.card) | {"sha256": title})
    return NetworkSource(card, content=title.encode().ljust(size))


def held(room: Room) -> tuple[Holdings, list[str]]:
    forgotten: list[str] = []
    return Holdings(room, lambda source: forgotten.append(source.card.title)), forgotten


def test_beyond_the_bound_of_all_the_oldest_of_any_visitor_goes_and_is_told() -> None:
    room = Room(3 * SIZE, 3 * SIZE)
    (first, gone), (second, _) = held(room), held(room)
    first["a"], second["b"], first["c"] = network("a"), network("b"), network("c")
    assert (list(first), list(second)) == (["a", "c"], ["b"])
    second["d"] = network("d")
    assert (list(first), list(second)) == (["c"], ["b", "d"])
    assert (first.dropped, gone, second.dropped) == ({"a": "a"}, ["a"], {})
    first["a"] = network("a")
    assert (first.dropped, list(first)) == ({}, ["c", "a"]), "it can be opened again"
    assert second.dropped == {"b": "b"}
    second.clear()
    assert (len(second), second.dropped) == (0, {})


def test_one_visitor_cannot_take_all_the_room_and_the_newest_network_stays() -> None:
    room = Room(5 * SIZE, 2 * SIZE)
    (first, _), (second, _) = held(room), held(room)
    second["mine"] = network("mine")
    for name in "abcd":
        first[name] = network(name)
    assert (list(first), list(second)) == (["c", "d"], ["mine"])
    first["large"] = network("large", 9 * SIZE)
    assert list(first) == ["large"]


def test_a_file_that_many_open_is_in_memory_once() -> None:
    room = Room(2 * SIZE, 2 * SIZE)
    visitors = [held(room)[0] for _ in range(30)]
    for each in visitors:
        each["teacher"] = network("teacher")
    assert all(len(each) == 1 for each in visitors)
    assert len({id(each["teacher"].content) for each in visitors}) == 1


def test_what_a_session_held_is_gone_with_it_and_makes_room() -> None:
    room = Room(2 * SIZE, 2 * SIZE)
    first, second = held(room)[0], held(room)[0]
    first["a"], first["b"] = network("a"), network("b")
    seen = weakref.ref(first["a"])
    del first
    gc.collect()
    assert seen() is None
    second["c"], second["d"] = network("c"), network("d")
    assert list(second) == ["c", "d"]


def test_a_visitor_is_told_of_a_dropped_network_and_works_on(monkeypatch: pytest.MonkeyPatch) -> None:
    app = arrive("your_data")
    mine = app.session_state["session"]
    monkeypatch.setattr(ROOM, "_most_each", 1)
    mine.uploads["old"] = network("old")
    app.run()
    assert any(each.content is mine.uploads["old"].content for each in mine.workspace.networks)
    mine.uploads["new"] = network("new")
    assert [each.card.title for each in mine.workspace.networks if not each.ships] == [], "let go of at once"
    app.run()
    assert not app.exception
    assert [each.value for each in app.warning if "made room" in each.value] == [
        "old made room in memory for newer networks: upload it again."
    ]
    assert [each.card.title for each in mine.workspace.networks if not each.ships] == ["new"]
