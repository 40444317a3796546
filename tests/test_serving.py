"""What a serving process does once: each in a process of its own, since tests have imported torch already."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import altair as alt

from tests.app import arrive

ROOT = Path(__file__).parents[1]

# The house never comes, so what is drawn is what stands on the screen before it.
OPENING = """
import streamlit as st
from streamlit.testing.v1 import AppTest
from explorer import serving

serving._bring_in = lambda: None
serving.wait_for_house = st.stop
app = AppTest.from_file("streamlit_app.py").run()
said = {"titles": [each.value for each in app.title], "texts": [each.value for each in app.markdown]}
"""

PREPARED = """
import gc
import weakref
from collections import deque
import altair as alt
from explorer import serving

first, second = serving.prepare_process(), serving.prepare_process()
first.join()
followed = len(gc.get_objects())

class Visit:
    def __init__(self):
        self.itself = self

# Each stays until it is old, as a session does, and is garbage then.
here, all_visits = deque(maxlen=2_000), weakref.WeakSet()
for _ in range(60_000):
    visit = Visit()
    here.append(visit)
    all_visits.add(visit)
said = {
    "once": first is second,
    "frozen": gc.get_freeze_count(),
    "followed": followed,
    "left": len(all_visits),
    "checked": alt.utils.schemapi.DEBUG_MODE,
    "compiler": "torch._dynamo" in sys.modules,
    "missing": [name for name in serving.house() if name not in sys.modules],
}
"""
IMPORTED = """
said["imported"] = sorted({"torch", "torchvision", "scipy"} & set(sys.modules))
print(json.dumps(said))
"""


def run(program: str) -> dict[str, Any]:
    """What a program says of itself, and which of the packages that take long it has imported."""
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys{program}{IMPORTED}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def test_the_first_numbers_are_drawn_before_torch_is_imported() -> None:
    said = run(OPENING)
    assert said["imported"] == []
    assert said["titles"] == ["Compression Explorer"]
    cards = json.loads((ROOT / "checkpoints" / "manifest.json").read_text("utf-8"))["checkpoints"]
    by_size = {card["params"]: card for card in sorted(cards, key=lambda card: card["test_accuracy"])}
    small, large = by_size[min(by_size)], by_size[max(by_size)]
    assert said["texts"][-1] == (
        f"Take a real network apart. **{len(cards)}** trained ones ship with it, from **{small['params']:,}** "
        f"parameters, which get "
        f"**{100 * small['test_accuracy']:.1f}%** of 10,000 test images right, to **{large['params']:,}**, which get "
        f"**{100 * large['test_accuracy']:.1f}%**."
    )


def test_what_is_imported_is_out_of_the_collectors_sight() -> None:
    said = run(PREPARED)
    assert said["once"]
    assert not said["checked"]
    assert said["missing"] == []
    assert said["imported"] == ["torch"]
    assert not said["compiler"]
    assert said["frozen"] > 100_000
    assert said["followed"] < said["frozen"] / 20
    assert said["left"] < 20_000


def test_in_the_tests_every_chart_of_a_page_is_checked_against_its_schema() -> None:
    arrive("start")
    assert alt.utils.schemapi.DEBUG_MODE
