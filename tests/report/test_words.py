"""The student's own words: through a link and a file unchanged, whatever they say."""

import json

import pytest

from explorer.errors import ExplorerError
from explorer.report.quoted import QUESTIONS
from explorer.report.words import MOST, check_words, pack_words, unpack_words, words_in_file

WORDS = {"1-1": "Why <b>not</b>?\nA second line.", "3-2": "因為零也要相乘"}


def test_words_come_back_from_a_link() -> None:
    assert unpack_words(pack_words(WORDS)) == WORDS
    assert pack_words({"1-1": "  \n"}) == "", "nothing is written"
    assert unpack_words("") == {}


def test_the_longest_words_still_fit_into_a_link() -> None:
    """A line of a request may have 8,192 bytes before the proxies of the deployment."""
    letters = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(MOST))
    words = {number: letters[index:] + letters[:index] for index, number in enumerate(QUESTIONS)}
    assert len(pack_words(words)) < 7_000
    assert unpack_words(pack_words(words)) == words


@pytest.mark.parametrize("value", ["nonsense", pack_words(WORDS)[:-9], "eJwrSS0uAQAEXQHB"])
def test_a_broken_link_gets_one_sentence(value: str) -> None:
    with pytest.raises(ExplorerError, match="own words cannot be read"):
        unpack_words(value)


def test_words_come_back_from_a_reports_numbers() -> None:
    assert words_in_file(json.dumps({"about": "", "words": WORDS}).encode()) == WORDS
    for content in (b"", b"[]", b'{"answers": {}}', b"\xff\xfe", b'{"words": [1]}'):
        with pytest.raises(ExplorerError, match="no file of a report"):
            words_in_file(content)


def test_words_of_no_question_and_too_many_are_refused() -> None:
    with pytest.raises(ExplorerError, match="one text for each"):
        check_words({"4-1": "more"})
    with pytest.raises(ExplorerError, match="one text for each"):
        check_words({"1-1": 3})
    with pytest.raises(ExplorerError, match="have 501 letters: 500 are taken"):
        check_words({"1-1": "a" * (MOST + 1)})
