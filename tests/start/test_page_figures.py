"""What the first page says, compared with plain computations from what ships."""

import re
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from explorer.checkpoints import card
from explorer.data import BUNDLED
from explorer.pruning.methods import METHODS
from explorer.pruning.sweep import SweepRow
from explorer.workspace import open_workspace
from tests.charts import data_of, spec_of
from tests.conftest import PageOutput
from tests.stored import stored_logits

ROOT = Path(__file__).parents[2]
TOLD = {"global-l1": "weights masked", "channels-l1": "channels removed"}


@pytest.fixture
def said(output: PageOutput) -> str:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60).run()
    assert not app.exception
    return "\n".join(text.value for text in (*app.markdown, *app.caption))


def test_the_report_has_99060_parameters_over_the_limit_of_60000(said: str, output: PageOutput) -> None:
    assert "It has **99,060**, **39,060** over the limit of 60,000" in said
    bar = spec_of(output.figures[0])
    assert data_of(bar, bar["layer"][2])[0]["limit"] == 60_000
    assert sum(row["parameters"] for row in data_of(bar, bar["layer"][0])) == 99_060


def test_the_image_is_the_one_the_teacher_is_least_sure_about(said: str, output: PageOutput) -> None:
    scores, images = stored_logits("teacher"), BUNDLED.load("validation")
    p = scores.softmax(1)
    position = int((-(p * p.log()).sum(1)).argmax())
    label = images.classes[images.labels[position]]
    sharp, soft = (
        float((-(q * q.log()).sum()).exp())
        for q in (scores[position].softmax(0), (scores[position] / 4).softmax(0))
    )
    assert f"The label says **{label}**, one class" in said
    assert f"sees **{sharp:.1f}** classes in this image at T = 1 and **{soft:.1f}** at T = 4" in said
    assert images.caption(position) in said
    ladder = spec_of(output.figures[1])
    rows = pd.DataFrame(data_of(ladder, ladder["layer"][0]))
    at_1 = rows[rows["temperature"].astype(float) == 1].set_index("class")["probability"]
    assert at_1[label] == pytest.approx(float(p[position][images.labels[position]]), abs=1e-5)


def test_one_masked_and_one_removed_network_are_told_with_their_own_figures(
    said: str, output: PageOutput
) -> None:
    stored = open_workspace(BUNDLED).find_rows("sweep", SweepRow, "teacher")
    assert stored is not None
    assert stored.weights == card("teacher").sha256
    for key in ("global-l1", "channels-l1"):
        method = METHODS[key]
        row = next(
            row
            for row in stored.rows
            if (row.method, row.recovery) == (key, "none")
            and row.ratio == pytest.approx(method.headline_ratio)
        )
        assert row.ms is not None
        assert row.dense_ms is not None
        (sentence,) = re.findall(
            rf"\*\*{row.ratio:.0%}\*\* of the teacher's {TOLD[key]}: .*? as fast\.", said
        )
        assert f"accuracy **{row.correct / row.total:.1%}**" in sentence
        assert f"**{row.dense_ms / row.ms:.2f}** times as fast." in sentence
    curve = spec_of(output.figures[2])
    drawn = {row["method"] for row in data_of(curve, curve["layer"][1])}
    assert drawn == {METHODS[key].title for key in ("global-l1", "random", "channels-l1")}
