"""What the first page says, compared with plain computations from what ships."""

import re

import pytest
import torch
from streamlit.testing.v1 import AppTest

from explorer.checkpoints import card
from explorer.data import BUNDLED
from explorer.pruning.faster import describe_ways, ways_to_run
from explorer.pruning.forms import Form
from explorer.pruning.sweep import SweepRow
from explorer.runtime.compare import RuntimeRow
from explorer.walks.walk import shipped
from explorer.workspace import open_workspace
from tests.app import ROOT, address, arrive, component
from tests.stored import stored_logits

TOLD = {"global-l1": "weights masked", "channels-l1": "channels removed"}


@pytest.fixture(scope="module")
def app() -> AppTest:
    return arrive("start")


@pytest.fixture(scope="module")
def said(app: AppTest) -> str:
    return "\n".join(text.value for text in (*app.markdown, *app.caption))


def test_what_is_touched_are_the_stored_answers_of_the_best_network_of_each_size(app: AppTest) -> None:
    sent, images = component(app, "sizes"), BUNDLED.load("validation")
    cards = [each.card for each in open_workspace(BUNDLED).sources.values()]
    expected = sorted(
        (
            each
            for each in cards
            if not any(
                (other.params, -other.test_accuracy) < (each.params, -each.test_accuracy)
                and other.test_accuracy >= each.test_accuracy
                for other in cards
            )
        ),
        key=lambda each: -each.params,
    )
    shown = [(each["name"], each["parameters"], each["right"], each["images"]) for each in sent["networks"]]
    assert shown == [(each.name, each.params, each.test_accuracy, each.images) for each in expected]
    assert sent["shown"] == expected[0].name, "it opens with the largest"
    captions = [images.caption(position) for position in range(len(images))]
    positions = [captions.index(each["caption"]) for each in sent["photographs"]]
    assert [each["label"] for each in sent["photographs"]] == images.targets()[positions].tolist()
    for network in sent["networks"]:
        table = stored_logits(network["name"])[positions].softmax(1)
        assert torch.allclose(torch.tensor(network["probabilities"]), table, atol=1e-5)
    first, decided = (group["count"] for group in sent["groups"])
    assert first == len(images.classes)
    assert first + decided == len(positions)
    assert sent["photograph"] == first, "it opens where size decides"
    right = {name: stored_logits(name).argmax(1) == images.targets() for name in (shown[0][0], shown[-1][0])}
    lost = (right[shown[0][0]] & ~right[shown[-1][0]]).float().mean()
    assert f"{lost:.1%} of all" in sent["groups"][1]["title"]


def opened(**link: str) -> AppTest:
    """The first page at a link: the first run of a session reads it."""
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    app.query_params.update(link)
    app.run()
    assert not app.exception
    return app


def test_a_link_opens_a_network_and_a_photograph_and_nonsense_is_told() -> None:
    link = {"shown": "student-5k", "photograph": "2"}
    app = opened(**link)
    sent = component(app, "sizes")
    assert (sent["shown"], sent["photograph"]) == ("student-5k", 2)
    assert address(app) == {key: [value] for key, value in link.items()}
    app = opened(shown="nobody", photograph="99")
    assert component(app, "sizes")["shown"] == "teacher"
    assert len([each for each in app.warning if "not possible here" in each.value]) == 2


def test_the_report_has_99060_parameters_over_the_limit_of_60000(said: str) -> None:
    assert "It has **99,060**, **39,060** over the limit of 60,000" in said


def test_the_image_is_the_one_the_teacher_is_least_sure_about(said: str) -> None:
    scores, images = stored_logits("teacher"), BUNDLED.load("validation")
    p = scores.softmax(1)
    position = int((-(p * p.log()).sum(1)).argmax())
    label = images.classes[images.labels[position]]
    sharp, soft = (
        float((-(q * q.log()).sum()).exp())
        for q in (scores[position].softmax(0), (scores[position] / 4).softmax(0))
    )
    assert f"The label says **{label}**, one class" in said
    assert f"sees **{sharp:.1f}** classes here at T = 1 and **{soft:.1f}** at T = 4" in said


def test_one_masked_and_one_removed_network_are_told_with_their_own_figures(said: str) -> None:
    stored = open_workspace(BUNDLED).find_rows("sweep", SweepRow, "teacher")
    assert stored is not None
    assert stored.weights == card("teacher").sha256
    # Half of its channels removed, the teacher only guesses, which tells nothing.
    for key, ratio in (("global-l1", 0.8), ("channels-l1", 0.2)):
        row = next(row for row in stored.rows if row.row == (key, ratio, "none", 0))
        assert row.ms is not None
        assert row.dense_ms is not None
        (sentence,) = re.findall(
            rf"\*\*{row.ratio:.0%}\*\* of the teacher's {TOLD[key]}: .*? as fast\.", said
        )
        assert f"accuracy **{row.correct / row.total:.1%}**" in sentence
        assert f"**{row.dense_ms / row.ms:.2f}** times as fast." in sentence


def test_a_lesson_begins_at_its_first_step(app: AppTest) -> None:
    app = arrive("start")
    buttons = [each for each in app.button if (each.key or "").startswith("walk_")]
    assert len(buttons) == len(shipped())
    first = next(iter(shipped().values()))
    buttons[0].click().run()
    assert not app.exception
    assert address(app)["walk"] == [first.key]


def test_what_makes_it_faster_is_one_table_of_what_is_stored(app: AppTest, said: str) -> None:
    shipped = open_workspace(BUNDLED)
    (table,) = (frame.value for frame in app.dataframe if "what is done" in frame.value)
    assert "What makes a network faster?" in said
    for name in ("student-60k-kd", "teacher"):
        stored, title = shipped.find_rows("forms", Form, name), shipped.source(name).card.title
        assert stored is not None
        named = {row.name: row for row in stored.rows}
        ways = table[table["network"] == title].set_index("what is done")
        removed = ways.loc["50% of the channels removed"]
        assert named["dense"].ms is not None
        assert removed["speed_up"] == pytest.approx(named["dense"].ms / named["sliced"].ms)
        assert removed["accuracy"] == named["sliced"].correct / named["sliced"].total
        runtimes = shipped.find_rows("runtimes", RuntimeRow, name)
        assert ("int8 in onnxruntime" in ways.index) == (runtimes is not None)
        told = describe_ways(ways_to_run(stored.rows, 0.5, runtimes.rows if runtimes else ()))
        assert f"**{title}.** {told}" in said
        assert f"{stored.where}; 1,000 test images, each class by its share" in said
