"""What the report and the ledger show, compared with plain computations from what their link says."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torchinfo
from streamlit.testing.v1 import AppTest
from torch.nn import functional

from explorer.checkpoints import card
from explorer.data import BUNDLED
from explorer.ledger import LedgerRow, from_link
from explorer.networks import StudentNet, StudentSpec
from explorer.pruning.forms import Form
from explorer.pruning.homework import HOMEWORK, homework_settings
from explorer.pruning.selection import FormsShown, MeasuredNetwork, SweepShown
from explorer.pruning.sweep import SweepRow
from explorer.ui.instrument import results
from explorer.work.instrument import InstrumentSpec
from explorer.work.results import KeptResult
from explorer.workspace import open_workspace
from tests.charts import data_of, fields, spec_of
from tests.conftest import PageOutput
from tests.stored import stored_logits
from tests.test_ledger import DENSE, DESIGN

ROOT = Path(__file__).parents[2]
SPEC = StudentSpec(12, (20, 9, 33, 17), 7, kernel=5, conv_bias=True)
LINK = {
    "report_tab": "The six answers",
    "stem": "12",
    "block1": "20",
    "block2": "9",
    "block3": "33",
    "block4": "17",
    "classes": "7",
    "kernel": "5",
    "bias": "yes",
    "size": "96",
    "limit": "own",
    "own_limit": "4000",
    "alpha": "0.3",
    "temperature": "3",
    "student": "student-5k",
    "checkpoint": "teacher",
}


def opened(link: dict[str, str], *rows: LedgerRow) -> AppTest:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120)
    app.run()
    app.session_state["session"].pinned = rows
    for key, value in link.items():
        app.query_params[key] = value
    app.switch_page("explorer/report/page.py").run()
    assert not app.exception
    assert not [text.value for text in app.warning if "The link" in text.value]
    return app


def table_with(app: AppTest, column: str) -> pd.DataFrame:
    return next(frame.value for frame in app.dataframe if column in frame.value)


def test_the_architecture_is_that_of_the_link(output: PageOutput) -> None:
    app = opened(LINK)
    counted = torchinfo.summary(StudentNet(SPEC).eval(), (1, 3, 96, 96), verbose=0, device="cpu")
    params = counted.total_params
    verdict = next(text.value for text in app.error if "against a limit" in text.value)
    assert f"**{params:,}** parameters against a limit of 4,000, {params - 4000:,} over" in verdict
    assert any("for one image of 3 x 96 x 96" in text.value for text in app.markdown)
    bar = next(spec for spec in map(spec_of, output.figures) if "part" in fields(spec["layer"][0]).values())
    assert data_of(bar, bar["layer"][2])[0]["limit"] == 4000
    assert sum(row["parameters"] for row in data_of(bar, bar["layer"][0])) == params


@pytest.mark.parametrize("weighs", ["soft term", "hard term"])
def test_the_loss_is_of_the_links_networks_at_its_alpha_and_t(weighs: str) -> None:
    """Also where the link's alpha weighs the hard term: the report always writes the weight of the soft one."""
    app = opened(LINK | ({"hard_alpha": "yes"} if weighs == "hard term" else {}))
    alpha = 0.7 if weighs == "hard term" else 0.3
    listing = next(code.value for code in app.code if "def loss_fn_kd" in code.value)
    assert "alpha=0.5, temperature=1.0)" in listing, "as the homework asks, whatever the link says"
    z, v = stored_logits("student-5k").double(), stored_logits("teacher").double()
    labels = BUNDLED.load("validation").targets()
    p, q = (v / 3).softmax(1), (z / 3).softmax(1)
    soft, hard = (p * (p.log() - q.log())).sum(1).mean(), functional.cross_entropy(z, labels)
    own = table_with(app, "engine").iloc[-1]
    assert (own["alpha"], own["T"]) == (f"{alpha:g}", "3")
    assert any(
        f"At your alpha {alpha:g} and T 3: **{float(own['loss']):.4f}**" in text.value for text in app.info
    )
    assert float(own["loss"]) == pytest.approx((9 * alpha * soft + (1 - alpha) * hard).item(), abs=1e-6)
    assert any("About StudentNet" in text.value and "alpha 0." in text.value for text in app.markdown)


def test_entropies_are_the_teachers_and_without_a_t_in_the_link_it_is_1() -> None:
    app = opened({key: value for key, value in LINK.items() if key != "temperature"})
    rows = table_with(app, "effective classes").set_index("T")
    assert "3" not in rows.index
    for temperature in ("1", "4"):
        p = (stored_logits("teacher") / float(temperature)).softmax(1)
        entropies = -(p * p.clamp_min(1e-30).log()).sum(1)
        assert float(rows.loc[temperature, "entropy"]) == pytest.approx(entropies.mean().item(), abs=1e-3)
        top = p.max(1).values.mean().item()
        assert rows.loc[temperature, "largest probability"] == f"{top:.1%}"
    assert any("alpha 0.3 and T 1 between" in text.value for text in app.markdown)


def test_what_a_lesson_measured_of_the_links_network_is_in_the_report_and_nothing_else() -> None:
    """A sweep and forms of other weights, of other images, or of a network under another name stay out."""
    workspace = open_workspace(BUNDLED)
    sweep, forms = (
        workspace.find_rows(kind, row, "teacher") for kind, row in (("sweep", SweepRow), ("forms", Form))
    )
    assert sweep is not None
    assert forms is not None
    shown = []
    for weights, name in (
        (card("student-5k").sha256, "student-5k"),
        ("0" * 64, "student-5k"),
        (card("student-5k").sha256, "student-10k"),
    ):
        app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120)
        app.run()
        measured = MeasuredNetwork(name, "any title", weights, BUNDLED.key_of("test"))
        session = app.session_state["session"]
        session.keep(SweepShown(measured, sweep.rows, "measured", "in a test"))
        session.keep(FormsShown(measured, forms.rows, 0.35, "measured", "in a test"))
        for key, value in (LINK | {"checkpoint": "student-5k"}).items():
            app.query_params[key] = value
        app.switch_page("explorer/report/page.py").run()
        assert not app.exception
        texts = [text.value for text in (*app.markdown, *app.info)]
        shown.append((any("in a test" in text for text in texts), any("35%" in text for text in texts)))
    assert shown == [(True, True), (False, False), (False, False)]


def test_a_homework_curve_that_was_measured_here_answers_question_3_1_in_place_of_the_stored_one() -> None:
    workspace, name = open_workspace(BUNDLED), "student-5k"
    stored = workspace.find_rows("homework", SweepRow, name, "validation")
    assert stored is not None
    settings, images = homework_settings(5000), BUNDLED.key_of("validation")
    spec = InstrumentSpec(workspace.source(name), BUNDLED, "validation", images, settings)
    rows = tuple(replace(row, correct=round(5000 * (0.9 - row.ratio / 2))) for row in stored.rows)
    said = []
    for parts, state in ((rows[:3], "stopped"), (rows, "finished")):
        result = KeptResult(HOMEWORK.identity(spec), steps=20).with_parts(parts, 1.0)
        results().keep(result.ended(state))
        app = opened(LINK | {"checkpoint": name})
        said.append(" ".join(text.value for text in app.info))
    results().clear()
    assert (
        f"Dense, “{workspace.source(name).card.title}” gets **90.0%** of the 5,000 validation images"
        in said[1]
    )
    assert "gets **90.0%**" not in said[0], "a curve that was stopped is none"


ROWS = (
    DENSE,
    replace(DENSE, title="slim", params=10, mult_adds=200_000_000, correct=20),
    replace(DENSE, title="quick", params=20_000_000, mult_adds=10, correct=10),
    replace(DENSE, title="beaten", params=30_000_000, mult_adds=300_000_000, correct=5),
    DESIGN,
)


@pytest.mark.parametrize(
    ("x", "y", "front"),
    [
        ("parameters", "mult_adds", {"slim", "quick", "mine"}),
        ("mult_adds", "accuracy", {"teacher", "quick"}),
        ("parameters", "accuracy", {"teacher", "slim"}),
    ],
)
def test_the_ledgers_chart_is_of_the_links_axes_and_joins_what_nothing_beats_on_them(
    x: str, y: str, front: set[str], output: PageOutput
) -> None:
    opened({"across": x, "up": y, "shipped": "no"}, *ROWS)
    spec = spec_of(output.figures[-1])
    _, points, _ = spec["layer"]
    assert (fields(points)["x"], fields(points)["y"]) == (x, y)
    drawn = data_of(spec, points)
    assert {row["title"] for row in drawn if row["front"]} == front
    assert all(row["named"] for row in drawn)
    assert output.tables["ledger.csv"]["title"].tolist() == [row.title for row in ROWS]


def test_beside_the_shipped_networks_only_what_is_pinned_is_named_and_saved(
    output: PageOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[list[LedgerRow]] = []
    monkeypatch.setattr("explorer.ledger.to_json", lambda rows: saved.append(list(rows)) or "{}")
    mine = replace(DENSE, images_key=BUNDLED.key_of("test"), correct=9500, total=10_000)
    app = opened({"shipped": "yes"}, mine)
    spec = spec_of(output.figures[-1])
    drawn = data_of(spec, spec["layer"][1])
    assert len(drawn) > 5
    assert [(row["title"], row["number"]) for row in drawn if row["named"]] == [(mine.title, 1)]
    link = app.code[0].value
    carried = from_link(re.search(r"ledger=([\w-]+)", link)[1])  # type: ignore[index]
    assert [row.title for row in carried] == [mine.title]
    assert saved[-1] == [mine]


def test_another_visitor_sees_nothing_of_what_one_has_pinned_or_set() -> None:
    first = opened({"shipped": "no"}, DENSE)
    second = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120)
    second.run()
    mine, other = first.session_state["session"], second.session_state["session"]
    for name, value in vars(mine).items():
        if isinstance(value, dict | set | list):
            assert value is not vars(other)[name], name
    assert mine.address is not other.address
    assert other.pinned == ()


HOSTILE = "<img src=x onerror=alert(1)> **x** [here](http://evil) :red[y]"


def test_titles_that_came_in_a_link_stand_for_themselves_on_the_page() -> None:
    rows = tuple(replace(row, title=HOSTILE, where=HOSTILE, images=HOSTILE) for row in (ROWS[0], ROWS[2]))
    rows = (rows[0], replace(rows[1], images_key="other", input_size=32))
    app = opened({"shipped": "no", "across": "mult_adds"}, *rows)
    texts = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error]
    assert any("cannot be compared" in text.value for text in app.caption)
    for text in texts:
        # A backslash before the sign that would begin something else.
        assert not re.search(r"(?<!\\)<img|(?<!\\)\*\*x|(?<!\\)\[here|:red\[", text.value), text.value
