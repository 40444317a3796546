"""Lessons by link: those that ship are whole, and one of a teacher's own is all in its link."""

from urllib.parse import parse_qs

import pytest

from explorer.errors import ExplorerError
from explorer.packing import packed, unpacked
from explorer.ui.address import EVERYWHERE, TABLE
from explorer.walks.walk import MOST_BYTES, MOST_LETTERS, MOST_STEPS, Step, find, own, shipped

STEPS = (Step("pruning", "predict=curve", "Ein Blick <b>hinein</b>", "Wie viel bleibt?"), Step("start"))


def test_three_walks_of_fifteen_minutes_ship() -> None:
    assert len(shipped()) == 3
    for walk in shipped().values():
        assert walk.minutes == 15
        assert walk.title
        assert walk.about


@pytest.mark.parametrize("key", shipped())
def test_every_step_that_ships_says_and_asks_something_short_and_names_keys_of_its_page(key: str) -> None:
    for step in find(key).steps:
        assert 0 < len(step.say) <= 120
        assert 0 < len(step.ask) <= 120
        for name in parse_qs(step.state):
            entry = TABLE[name]
            assert entry.page in (step.page, EVERYWHERE) or step.page in entry.carried, (name, step.page)


def test_a_walk_of_ones_own_is_all_in_its_key() -> None:
    walk = own("Stunde 3", STEPS)
    again = find(walk.key)
    assert (again.title, again.steps, again.key) == ("Stunde 3", STEPS, walk.key)
    assert len(walk.key) < 300


@pytest.mark.parametrize(
    "key",
    [
        "nobody",
        "%%%",
        own("", STEPS).key[:40],
        packed("[]"),
        packed('{"title": "x"}'),
        packed('{"title": "x", "steps": [["pruning", "", "no question"]]}'),
        packed('{"title": "x", "steps": [["pruning", 3, "", ""]]}'),
        packed('{"title": 3, "steps": [["pruning", "", "", ""]]}'),
        packed(f'{{"title": "{"x" * MOST_BYTES}", "steps": []}}'),
    ],
)
def test_what_is_no_walk_is_refused_in_one_sentence(key: str) -> None:
    with pytest.raises(ExplorerError, match="copy the whole link again"):
        find(key)


def test_walks_without_end_and_long_speeches_are_refused() -> None:
    with pytest.raises(ExplorerError, match=f"1 to {MOST_STEPS} steps"):
        find(own("", STEPS * MOST_STEPS).key)
    with pytest.raises(ExplorerError, match=f"1 to {MOST_STEPS} steps"):
        find(own("", ()).key)
    for step in (Step("start", say="x" * (MOST_LETTERS + 1)), Step("start", ask="x" * (MOST_LETTERS + 1))):
        with pytest.raises(ExplorerError, match=f"at most {MOST_LETTERS} letters"):
            find(own("", (step,)).key)


def test_a_packed_text_is_unpacked_within_its_bound_or_not_at_all() -> None:
    text = "Grüße, " * 100
    assert unpacked(packed(text), len(text.encode())).decode() == text
    for value, most in ((packed(text), len(text)), (packed(text)[:-8], 10_000), ("", 10), ("%", 10)):
        with pytest.raises(ValueError, match=r"packed|cut off|base64|Incorrect"):
            unpacked(value, most)
