"""Pages and a clock: who waits for whom, and that nobody waits for ever."""

import threading
from collections.abc import Callable

import pytest

from explorer.work import quiet
from explorer.work.quiet import Quiet


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Quiet:
    monkeypatch.setattr(quiet, "PAGE_WAITS", 0.2)
    monkeypatch.setattr(quiet, "CLOCK_WAITS", 0.2)
    return Quiet()


def begun(pages: Quiet) -> threading.Event:
    """Set when a page script on a thread of its own has begun."""
    drawing = threading.Event()

    def script() -> None:
        with pages.noise():
            drawing.set()

    threading.Thread(target=script).start()
    return drawing


def soon(true: Callable[[], bool]) -> bool:
    return any(true() for _ in range(1000))


def test_a_clock_comes_when_no_page_is_drawn(pages: Quiet) -> None:
    pages.ask()
    assert pages.come(0.0)


def test_a_clock_waits_for_a_page_but_not_for_ever(pages: Quiet) -> None:
    with pages.noise():
        pages.ask()
        assert not pages.come(0.01)
        assert soon(lambda: pages.come(0.01))


def test_a_page_that_only_waits_makes_no_noise(pages: Quiet) -> None:
    with pages.noise():
        with pages.rest():
            pages.ask()
            assert pages.come(0.0)
        pages.end()
        pages.ask()
        assert not pages.come(0.01)


def test_what_is_no_page_has_nothing_to_rest_from(pages: Quiet) -> None:
    with pages.rest():
        pages.ask()
        assert pages.come(0.0)
    assert pages.come(0.0)


def test_a_page_begins_when_the_clock_was_read_or_after_a_while(
    pages: Quiet, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages.ask()
    assert begun(pages).wait(30), "after a while"
    monkeypatch.setattr(quiet, "PAGE_WAITS", 3600.0)
    waiting = begun(pages)
    assert not waiting.wait(0.05)
    pages.end()
    assert waiting.wait(30)


def test_an_ended_page_makes_no_noise_any_more(pages: Quiet) -> None:
    with pytest.raises(RuntimeError), pages.noise():
        raise RuntimeError("as Streamlit ends a script")
    pages.ask()
    assert pages.come(0.0)
