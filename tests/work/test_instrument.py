"""A spec goes into another process and parts come back, equal to those that are measured here."""

import pickle
import subprocess
import sys
from pathlib import Path

from explorer.data import BUNDLED
from explorer.pruning.sensitivity import SENSITIVITY, SensitivitySettings
from explorer.work.instrument import InstrumentSpec, measure
from explorer.workspace import open_workspace

THERE = """
import pickle, sys
from explorer.work.instrument import measure
path = sys.argv[1]
with open(path, "rb") as file:
    instrument, spec = pickle.load(file)
with open(path, "wb") as file:
    pickle.dump(measure(instrument, spec), file)
"""


def test_a_spec_measured_in_another_process_gives_equal_parts(tmp_path: Path) -> None:
    source = open_workspace(BUNDLED).source("student-5k")
    spec = InstrumentSpec(source, BUNDLED, "test", BUNDLED.key_of("test"), SensitivitySettings(20, (0.9,)))
    again = pickle.loads(pickle.dumps(spec))  # noqa: S301 (our own)
    assert SENSITIVITY.identity(again) == SENSITIVITY.identity(spec)
    # Not through multiprocessing: Streamlit's test runner, as its server, leaves a page's script as the main
    # module, which a spawned process would run again.
    path = tmp_path / "spec.pickle"
    path.write_bytes(pickle.dumps((SENSITIVITY, spec)))
    subprocess.run([sys.executable, "-c", THERE, str(path)], check=True, timeout=120)
    there = pickle.loads(path.read_bytes())  # noqa: S301 (our own)
    here = measure(SENSITIVITY, spec)
    assert there == here
    assert len(here) == SENSITIVITY.steps(spec)
    assert len({cell.correct for cell in here}) > 1


def test_a_stopped_map_goes_on_where_it_was() -> None:
    source = open_workspace(BUNDLED).source("student-5k")
    spec = InstrumentSpec(
        source, BUNDLED, "test", BUNDLED.key_of("test"), SensitivitySettings(20, (0.5, 0.9))
    )
    whole = measure(SENSITIVITY, spec)
    rest = tuple(SENSITIVITY.run(spec, whole[:5]))
    assert (*whole[:5], *rest) == whole


def test_the_work_of_a_map_grows_with_images_and_ratios() -> None:
    source = open_workspace(BUNDLED).source("student-5k")

    def work(images: int, ratios: tuple[float, ...]) -> float:
        return SENSITIVITY.work(
            InstrumentSpec(source, BUNDLED, "test", "key", SensitivitySettings(images, ratios))
        )

    assert work(200, (0.5,)) == 2 * work(100, (0.5,))
    # Each further ratio costs the same, less than a whole pass for every layer but not nothing.
    dense = 2 * work(100, (0.5,)) - work(100, (0.5, 0.9))
    assert 0 < dense < work(100, (0.5,))
