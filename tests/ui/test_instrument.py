"""The panel of every instrument: what it says before, keeps on a stop, shows again, and never shows for another."""

import os
import re
import signal
import threading
import time
from collections.abc import Generator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from explorer import ui
from explorer.ui.instrument import results
from explorer.ui.work import _queue, worker
from explorer.work.identity import Identity
from explorer.work.results import KeptResult
from explorer.work.worker import Worker
from tests.ui.counting import COUNTING, SLOW, Counting, CountingSettings, Number, spec_of


@pytest.fixture(scope="module", autouse=True)
def ready() -> None:
    """The worker is started once for all of these tests."""
    for _ in worker().get_ready():
        pass


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """With how many parts each run in the worker began, or how many arguments what was prepared has."""
    began, run = list[int](), Worker.run

    def noted(self: Worker, steps: Any, *arguments: Any) -> Generator[Any, None, Any]:
        last = arguments[-1]
        began.append(len(last) if isinstance(last, tuple | str) else 0)
        return (yield from run(self, steps, *arguments))

    monkeypatch.setattr(Worker, "run", noted)
    results().clear()
    return began


def page(most: int, fails_at: int, weights: str, stored: bool, starts_itself: bool) -> None:
    import streamlit as st

    from explorer.errors import ExplorerError
    from explorer.ui.instrument import Panel, StoredResult
    from tests.ui.counting import COUNTING, CountingSettings, Number, spec_of

    numbers = StoredResult((Number(77),), CountingSettings(3), "long ago.") if stored else None
    panel = Panel(
        COUNTING,
        spec_of(most, weights=weights, fails_at=fails_at),
        stored=numbers,
        starts_itself=starts_itself,
    )
    if not starts_itself:
        panel.controls()
    try:
        shown = panel.result(lambda spec, parts: f"{len(parts)} of {spec.settings.most}.")
    except ExplorerError as error:
        st.error(str(error))
        return
    if shown is not None:
        st.markdown(f"{shown.origin}: {[part.value for part in shown.parts]}, {shown.where}")
        if shown.beside is not None:
            st.markdown(f"beside: {[part.value for part in shown.beside.parts]}")


def opened(
    most: int,
    *,
    fails_at: int = 10**9,
    weights: str = "one",
    stored: bool = False,
    starts_itself: bool = False,
) -> AppTest:
    app = AppTest.from_function(page, args=(most, fails_at, weights, stored, starts_itself)).run()
    assert not app.exception
    return app


def press(app: AppTest, label: str = "Run it here") -> AppTest:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def texts(app: AppTest) -> list[str]:
    """What is on the page, without the day."""
    return [re.sub(r"\d{4}-\d\d-\d\d, ", "", text.value) for text in app.markdown]


def test_before_a_run_the_panel_says_what_it_takes_and_shows_nothing() -> None:
    app = opened(4)
    assert "4 numbers, about 1 s here, estimated" in app.caption[0].value
    assert "Nobody has measured the numbers of this network yet" in app.info[0].value
    assert texts(app) == []


def test_a_run_is_shown_and_a_new_session_shows_it_again(started: list[int]) -> None:
    app = press(opened(4))
    assert texts(app) == ["measured: [0, 1, 2, 3], 4 of 4."]
    assert re.search(r"\], \d{4}-\d\d-\d\d, 4 of 4", app.markdown[0].value), (
        "the day on which it was measured"
    )
    assert not app.info
    assert texts(opened(4)) == ["measured: [0, 1, 2, 3], 4 of 4."], "as after a reload"
    assert started == [0]


def test_a_run_of_other_weights_is_never_shown() -> None:
    press(opened(4))
    app = opened(4, weights="another")
    assert texts(app) == []
    assert "Nobody has measured" in app.info[0].value


def test_a_result_with_other_settings_says_in_what_it_differs() -> None:
    app = press(opened(4))
    app.args = None  # the function's arguments are the controls of this page
    other = opened(5)
    assert texts(other) == ["measured: [0, 1, 2, 3], 4 of 4."]
    assert "numbers: shown 4, asked 5" in other.warning[0].value


def test_the_stored_result_is_shown_until_something_is_measured_and_then_beside_it() -> None:
    app = opened(3, stored=True)
    assert texts(app) == ["precomputed: [77], long ago."]
    assert not app.warning
    assert "numbers: shown 3, asked 4" in opened(4, stored=True).warning[0].value
    app = press(app)
    assert texts(app) == ["measured: [0, 1, 2], 3 of 3.", "beside: [77]"]
    app = press(opened(14, stored=True))
    assert texts(app)[-1] == "beside: [77]"
    assert "13 could not be measured. The stored figures stand beside it." in app.warning[0].value


def test_another_visitors_run_does_not_push_the_stored_result_away() -> None:
    press(opened(4, stored=True))
    assert texts(opened(5, stored=True)) == ["precomputed: [77], long ago."]


def test_a_run_that_is_ended_keeps_its_parts_and_goes_on_from_there(started: list[int]) -> None:
    app = press(opened(4, fails_at=2))
    assert "ended here" in app.error[0].value
    app.run()
    assert texts(app) == ["measured: [0, 1], 2 of 4."]
    assert "Stopped after 2 of 4 numbers; they are kept" in app.info[0].value
    assert "2 of 4 numbers are kept; 2 more numbers, about" in app.caption[0].value
    press(app, "Go on")
    assert started == [0, 2]


def test_a_run_that_was_stopped_says_what_is_left_of_it() -> None:
    spec = spec_of(5)
    results().keep(KeptResult(COUNTING.identity(spec), (Number(0), Number(1)), 5, 1.0, "stopped"))
    app = opened(5)
    assert "Stopped after 2 of 5 numbers; they are kept and shown here." in app.info[0].value
    assert "2 of 5 numbers are kept; 3 more numbers, about 1 s here" in app.caption[0].value
    stored = AppTest.from_function(page, args=(6, 10**9, "one", True, True))
    stored.session_state["session"] = stopped_session(COUNTING.identity(spec_of(6)))
    stored.run()
    assert (
        "before the first of the numbers, so this run leaves nothing. The stored figures are shown."
        in stored.info[0].value
    )


def test_what_another_visitor_has_measured_just_now_was_not_stopped() -> None:
    spec = spec_of(5)
    results().keep(KeptResult(COUNTING.identity(spec), (Number(0), Number(1)), 5, 1.0, "running"))
    app = opened(5)
    assert "Another visitor has this measured just now, 2 of 5 numbers so far" in app.info[0].value
    app.session_state["session"].stopped.add(COUNTING.identity(spec))
    assert "Stopped after 2 of 5 numbers" in app.run().info[0].value


def test_what_is_stored_is_shown_where_just_that_is_asked_for_whatever_this_visitor_has_run() -> None:
    spec = spec_of(5)
    results().keep(KeptResult(COUNTING.identity(spec), tuple(map(Number, range(5))), 5, 1.0, "finished"))
    app = AppTest.from_function(page, args=(3, 10**9, "one", True, False)).run()
    app.session_state["session"].runs[COUNTING.identity(spec).subject] = COUNTING.identity(spec)
    app.run()
    assert texts(app) == ["precomputed: [77], long ago."]
    assert not app.warning


def growing_page() -> None:
    import streamlit as st

    from explorer.ui.instrument import Panel, StoredResult
    from tests.ui.counting import COUNTING, CountingSettings, Number, spec_of

    stored = StoredResult((Number(77),), CountingSettings(9), "long ago.")
    panel = Panel(COUNTING, spec_of(3), stored=stored)
    panel.controls()
    grown = st.session_state.setdefault("grown", [])
    shown = panel.result(
        lambda spec, parts: "here.", grow=lambda parts: grown.append([each.value for each in parts])
    )
    assert shown is not None
    with panel.picture:
        st.markdown(f"{len(shown.parts)} in the picture")


def test_what_grows_stands_beside_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorer.ui.instrument.REDRAW", 0)
    app = press(AppTest.from_function(growing_page).run())
    assert app.session_state["grown"] == [[0], [77], [0, 1], [77], [0, 1, 2], [77]]
    assert texts(app) == ["3 in the picture"], "the result stands where it has grown"


def asked_elsewhere_page(most: int) -> None:
    import streamlit as st

    from explorer import ui
    from explorer.ui.instrument import Panel, StoredResult
    from tests.ui.counting import COUNTING, CountingSettings, Number, spec_of

    st.button("All of it", on_click=ui.session().wanted.add, args=(COUNTING.key,))
    stored = StoredResult((Number(77),), CountingSettings(3), "long ago.")
    panel = Panel(COUNTING, spec_of(most), stored=stored)
    panel.controls()
    shown = panel.result(lambda spec, parts: "here.")
    assert shown is not None
    st.markdown(f"{shown.origin}: {len(shown.parts)}")


def test_a_button_elsewhere_runs_an_instrument_unless_its_result_is_there(started: list[int]) -> None:
    app = press(AppTest.from_function(asked_elsewhere_page, args=(3,)).run(), "All of it")
    assert texts(app) == ["precomputed: 1"]
    app = press(AppTest.from_function(asked_elsewhere_page, args=(4,)).run(), "All of it")
    assert texts(app) == ["measured: 4"]
    press(app, "All of it")
    assert started == [0]
    assert app.session_state["session"].wanted == set()


def test_after_a_run_its_button_tells_of_what_is_there_now() -> None:
    spec = spec_of(4)
    results().keep(KeptResult(COUNTING.identity(spec), (Number(0), Number(1)), 4, 1.0, "stopped"))
    app = press(opened(4), "Go on")
    assert [button.label for button in app.button] == ["Run it here"]
    assert "are kept" not in app.caption[0].value


def test_a_run_again_that_is_ended_does_not_take_the_place_of_a_whole_one() -> None:
    spec = spec_of(4, fails_at=2)
    whole = KeptResult(COUNTING.identity(spec), tuple(map(Number, range(4))), 4, 1.0, "finished")
    results().keep(whole)
    app = press(opened(4, fails_at=2))
    assert "ended here" in app.error[0].value
    assert results().get(whole.identity) == whole


def test_work_that_starts_itself_runs_once_and_not_after_its_visitor_stopped_it(started: list[int]) -> None:
    app = opened(3, starts_itself=True)
    assert texts(app) == ["measured: [0, 1, 2], 3 of 3."]
    app.run()
    opened(3, starts_itself=True)
    assert started == [0]
    spec = spec_of(5)
    results().keep(KeptResult(COUNTING.identity(spec), (Number(0),), 5, 1.0, "stopped"))
    app = AppTest.from_function(page, args=(5, 10**9, "one", False, True))
    app.session_state["session"] = stopped_session(COUNTING.identity(spec))
    app.run()
    assert texts(app) == ["measured: [0], 1 of 5."]
    press(app, "Go on")
    assert texts(app) == ["measured: [0, 1, 2, 3, 4], 5 of 5."]
    assert started == [0, 1]


def test_work_that_was_stopped_before_it_brought_anything_can_go_on() -> None:
    spec = spec_of(2)
    app = AppTest.from_function(page, args=(2, 10**9, "one", False, True))
    app.session_state["session"] = stopped_session(COUNTING.identity(spec))
    app.run()
    assert "Stopped before the first of the numbers" in app.info[0].value
    another = COUNTING.identity(spec_of(2, weights="another"))
    app.session_state["session"].stopped.add(another)
    press(app, "Go on")
    assert texts(app) == ["measured: [0, 1], 2 of 2."]
    assert app.session_state["session"].stopped == {another}, "what else was stopped stays so"


def stopped_session(identity: Identity) -> object:
    from explorer.ui.session import Session

    session = Session()
    session.stopped.add(identity)
    return session


def counting_slowly_page(weights: str) -> None:
    import streamlit as st

    from explorer.ui.instrument import Panel
    from tests.ui.counting import SLOW, spec_of

    shown = Panel(SLOW, spec_of(20, weights=weights), starts_itself=True).result(lambda spec, parts: "here.")
    if shown is not None:
        st.markdown(f"{len(shown.parts)} numbers")


def test_a_run_whose_worker_is_killed_keeps_its_parts_and_the_next_visitors_run_finds_another(
    started: list[int],
) -> None:
    def kill_after_two() -> None:
        while (kept := results().get(SLOW.identity(spec_of(20)))) is None or len(kept.parts) < 2:
            time.sleep(0.01)
        pid = worker().pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_after_two, daemon=True)
    killer.start()
    app = AppTest.from_function(counting_slowly_page, args=("one",), default_timeout=120).run()
    killer.join()
    assert len(app.error) == 1
    assert "was killed, as one is that needs too much memory: what was finished is kept" in app.error[0].value
    kept = results().get(SLOW.identity(spec_of(20)))
    assert kept is not None
    assert texts(app) == [f"{len(kept.parts)} numbers"]
    assert 2 <= len(kept.parts) < 20
    app.run()
    assert not app.error, "what has killed one worker does not begin by itself again"
    other = AppTest.from_function(counting_slowly_page, args=("another",), default_timeout=120).run()
    assert texts(other) == ["20 numbers"]
    press(app, "Go on")
    assert texts(app) == ["20 numbers"]
    assert started == [0, 0, len(kept.parts)]


def test_the_settings_of_the_example_are_told_apart() -> None:
    assert CountingSettings(3) != CountingSettings(4)


def test_what_is_prepared_is_prepared_once_for_all_in_the_worker(started: list[int]) -> None:
    def script() -> None:
        import streamlit as st

        from explorer import ui
        from tests.ui.counting import pid_of_work

        st.markdown(ui.prepare(("a", "key of this test"), pid_of_work, "ready"))

    first, second = AppTest.from_function(script).run(), AppTest.from_function(script).run()
    assert [app.markdown[0].value for app in (first, second)] == [f"ready {worker().pid}"] * 2
    assert len(started) == 1


def test_a_file_for_a_download_is_made_in_the_worker_unless_that_has_other_work() -> None:
    assert ui.make_file(os.getpid) == worker().pid
    queue = _queue()
    ticket = queue.join()
    try:
        assert ui.make_file(os.getpid) == os.getpid()
    finally:
        queue.leave(ticket)
    assert ui.make_file(os.getpid) == worker().pid


def test_the_estimate_follows_how_long_runs_of_these_weights_really_took() -> None:
    def slow_page(most: int, weights: str) -> None:
        from explorer.ui.instrument import Panel
        from tests.ui.counting import Counting, spec_of

        panel = Panel(Counting(key="slow counting", seconds=0.05), spec_of(most, weights=weights))
        panel.controls()
        panel.result(lambda spec, parts: "")

    def estimated_seconds(most: int, weights: str = "slow") -> int:
        caption: str = AppTest.from_function(slow_page, args=(most, weights)).run().caption[0].value
        assert caption.startswith(f"{most} numbers, about ")
        return int(caption.split("about ")[1].split(" s here")[0])

    # Real work takes 20 s; a trial of the network cannot know it, however busy the machine.
    assert estimated_seconds(400) < 15
    press(AppTest.from_function(slow_page, args=(8, "slow")).run())
    assert 15 <= estimated_seconds(400) <= 60
    assert estimated_seconds(400, "other weights") < 15


def hasty_page() -> None:
    import streamlit as st

    from explorer.ui.instrument import Panel
    from tests.ui.counting import HASTY, spec_of

    panel = Panel(HASTY, spec_of(1_000_000))
    panel.controls()
    shown = panel.result(lambda spec, parts: "")
    if shown is not None:
        st.markdown(f"{[part.value for part in shown.parts]}, finished {shown.finished}")


def test_work_that_ends_by_itself_says_its_longest_time_and_is_kept_as_it_collects() -> None:
    app = AppTest.from_function(hasty_page).run()
    assert "about 1 s here" in app.caption[0].value, "not the hours that so many numbers would take"
    press(app)
    assert texts(app) == ["[-1, 1], finished True"]


def test_a_run_that_goes_on_has_taken_the_seconds_of_both_parts() -> None:
    spec = spec_of(4)
    identity = COUNTING.identity(spec)
    results().keep(KeptResult(identity, (Number(0), Number(1)), 4, 100.0, "stopped"))
    press(opened(4), "Go on")
    whole = results().get(identity)
    assert whole is not None
    assert whole.finished
    assert 100 < whole.seconds < 110


def test_what_cannot_go_on_starts_anew_and_has_no_part_twice() -> None:
    def whole_page() -> None:
        import streamlit as st

        from explorer.ui.instrument import Panel
        from tests.ui.counting import Counting, spec_of

        panel = Panel(Counting(key="never goes on", resumes=False), spec_of(4))
        panel.controls()
        shown = panel.result(lambda spec, parts: "here.")
        st.markdown("" if shown is None else f"{[part.value for part in shown.parts]}")

    whole = Counting(key="never goes on", resumes=False)
    spec = spec_of(4)
    results().keep(KeptResult(whole.identity(spec), (Number(0), Number(1)), 4, 1.0, "stopped"))
    app = AppTest.from_function(whole_page).run()
    assert "4 numbers, about" in app.caption[0].value
    press(app)
    assert texts(app) == ["[0, 1, 2, 3]"]
    kept = results().get(whole.identity(spec))
    assert kept is not None
    assert kept.finished
