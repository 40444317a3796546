"""The clients that measure serving: what they make of messages, times and memory; and one real answer."""

import json
from pathlib import Path

import pytest
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.NumberInput_pb2 import NumberInput

from benchmarks.figure import APP, served
from benchmarks.serving.client import Answer, Screen, Visitor, state_of, visit
from benchmarks.serving.load import OURS, Times, edit, is_training, percentile, ratio
from benchmarks.serving.memory import resident, tree
from explorer.errors import ExplorerError
from tests.coroutine import run


def _begin(*fragments: str) -> ForwardMsg:
    message = ForwardMsg()
    message.new_session.page_script_hash = "page"
    message.metadata.run.fragment_ids.extend(fragments)
    return message


def _draw(element: Element, *path: int, fragment: str = "") -> ForwardMsg:
    message = ForwardMsg()
    message.delta.new_element.CopyFrom(element)
    message.delta.fragment_id = fragment
    message.metadata.delta_path.extend(path)
    return message


def _end(
    status: "ForwardMsg.ScriptFinishedStatus.ValueType" = ForwardMsg.FINISHED_SUCCESSFULLY,
) -> ForwardMsg:
    return ForwardMsg(script_finished=status)


def _metric(label: str, body: str) -> Element:
    element = Element()
    element.metric.label, element.metric.body = label, body
    return element


def _shown(screen: Screen, label: str) -> str | None:
    """The text of the metric with this label."""
    return next((each.body for each in screen.elements("metric") if each.label == label), None)


def _verdict(params: int) -> Element:
    element = Element()
    element.bidi_component.component_name = "drawing"
    element.bidi_component.json = json.dumps({"said": {"params": params}})
    return element


def _box(key: str = "stem", label: str = "Stem channels", value: int = 8) -> Element:
    element = Element()
    element.number_input.id = f"$$ID-0123abc-{key}"
    element.number_input.label, element.number_input.default = label, value
    element.number_input.data_type = NumberInput.INT
    return element


def _screen(*messages: ForwardMsg) -> Screen:
    screen = Screen()
    for message in messages:
        screen.take(message)
    return screen


def test_what_a_run_does_not_draw_again_is_gone_when_it_has_ended() -> None:
    first = [_begin(), _draw(_metric("Parameters", "1"), 0, 0), _draw(_metric("Limit", "2"), 0, 1), _end()]
    screen = _screen(*first, _begin(), _draw(_metric("Parameters", "3"), 0, 0))
    assert (_shown(screen, "Parameters"), _shown(screen, "Limit")) == ("3", "2")
    screen.take(_end(ForwardMsg.FINISHED_EARLY_FOR_RERUN))
    assert _shown(screen, "Limit") == "2"
    screen.take(_end())
    assert _shown(screen, "Limit") is None


def test_a_fragment_leaves_what_stands_outside_of_it() -> None:
    inside, other = (
        _draw(_metric("In", "1"), 0, 1, fragment="f"),
        _draw(_metric("In too", "1"), 0, 2, fragment="f"),
    )
    screen = _screen(_begin(), _draw(_metric("Out", "1"), 0, 0), inside, other, _end())
    for message in (_begin("f"), inside, _end(ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)):
        screen.take(message)
    assert (_shown(screen, "Out"), _shown(screen, "In"), _shown(screen, "In too")) == ("1", "1", None)


def test_a_message_that_the_client_holds_is_not_sent_again_and_still_shows() -> None:
    large = _draw(_metric("Parameters", "7"), 0, 0)
    large.hash, large.metadata.cacheable = "large", True
    screen = _screen(_begin(), large, _end())
    assert screen.cached == ["large"]
    again = ForwardMsg(ref_hash="large")
    again.metadata.delta_path.extend((0, 5))
    for message in (_begin(), again, _end()):
        screen.take(message)
    assert _shown(screen, "Parameters") == "7"
    assert list(screen.shown) == [(0, 5)]


def test_a_widget_is_found_by_its_key_and_else_by_its_label() -> None:
    screen = _screen(_begin(), _draw(_box(), 0, 0), _draw(_box("own_stem", "stem"), 0, 1))
    assert screen.widget("stem").id.endswith("-stem")
    assert screen.widget("Stem channels").id == screen.widget("stem").id
    with pytest.raises(ExplorerError, match="only Stem channels, stem"):
        screen.widget("block1")


def test_a_rerun_carries_what_a_hand_has_set_and_the_rest_as_it_stands() -> None:
    screen = _screen(_begin(), _draw(_box(), 0, 0), _draw(_box("block1", "Block 1", 16), 0, 1))
    hand = {screen.widget("stem").id: state_of(_box(), 9)}
    assert [state.int_value for state in screen.states(hand)] == [9, 16]
    assert state_of(_box(), 9).WhichOneof("value") == "int_value"


def test_what_the_server_sets_takes_the_place_of_what_a_hand_has_set() -> None:
    visitor, box = Visitor("http://127.0.0.1:1"), _box()
    visitor._hand[box.number_input.id] = state_of(box, 9)
    box.number_input.set_value, box.number_input.value = True, 24
    visitor._take(_draw(box, 0, 0))
    assert [state.int_value for state in visitor.screen.states(visitor._hand)] == [24]


def test_a_training_is_told_from_another_bar() -> None:
    bar = Element()
    bar.progress.text = "decoding: 3 of 5"
    assert not is_training(_screen(_begin(), _draw(bar, 0, 0)))
    bar.progress.text = "epoch 1 of 20, labels alone: 3 of 5"
    assert is_training(_screen(_begin(), _draw(bar, 0, 0)))


def test_a_percentile_is_one_of_the_values_and_of_none_it_is_infinite() -> None:
    values = list(range(1, 21))
    assert [percentile(values, share) for share in (0.0, 0.5, 0.95, 1.0)] == [1, 10, 19, 20]
    assert ratio(percentile([], 0.5), 1.0) == ratio(1.0, percentile([], 0.5)) == float("inf")
    assert ratio(1.0, 2.0) == 0.5


def test_a_wrong_answer_is_counted() -> None:
    class Wrong(Visitor):
        async def set(self, name: str, value: object, until: object = None) -> Answer:
            self.screen.take(_draw(_verdict(7), 0, 0))
            return Answer(2.0, 1.0)

    times = Times()
    run(edit(Wrong("http://127.0.0.1:1"), OURS, 12, times))
    assert times.drawn == [2.0]
    assert times.wrong == [f"stem = 12: 7, must be {OURS.right(12)}"]


def test_memory_is_that_of_a_process_and_all_below_it(tmp_path: Path) -> None:
    for pid, parent in ((1, 0), (7, 1), (8, 7), (9, 1)):
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "stat").write_text(f"{pid} (a ) name) S {parent} 1 1")
        (folder / "smaps_rollup").write_text("1-4 ---p 0 00:00 0 [rollup]\nRss: 99 kB\nPss_Anon: 21 kB\n")
        (folder / "smaps").write_text(
            f"1-2 r-xp 0 00:00 5   /lib/large file.so\nRss: {10 * pid} kB\nPss: {pid} kB\nAnonymous: 1 kB\n"
            "VmFlags: rd ex\n3-4 rw-p 0 00:00 0\nRss: 20 kB\nPss: 20 kB\nAnonymous: 20 kB\n"
        )
    assert tree(7, tmp_path) == [7, 8]
    held = resident(7, tmp_path)
    assert (held.pss, held.rss, held.processes) == ((15 + 40) * 1024, (150 + 40) * 1024, 2)
    assert held.size == (2 * (20 + 1) + 80 - 1) * 1024  # the file once, as the larger process holds it
    with pytest.raises(ExplorerError, match="Linux"):
        resident(2, tmp_path)


def test_a_client_gets_the_right_number_from_the_served_app() -> None:
    async def asked(address: str) -> tuple[Times, str | None]:
        times = Times()
        async with visit(address) as visitor:
            await visitor.open("architecture", "stem=20")
            opened = OURS.shown(visitor.screen)
            await edit(visitor, OURS, 33, times)
        return times, opened

    with served(APP) as server:
        times, opened = run(asked(server.address))
    assert opened == OURS.right(20)
    assert not times.wrong
    assert len(times.drawn) == 1
