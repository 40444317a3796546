"""The distillation lesson's pages: what they show is computed once more here from what the link says."""

import re
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.stats import entropy as scipy_entropy
from scipy.stats import spearmanr
from streamlit.testing.v1 import AppTest
from torch.nn import functional

from explorer.checkpoints import card
from explorer.data import ImageSet
from explorer.distillation.live import PairTraining, TrainingPairSettings
from explorer.distillation.loss import DistillationLoss
from explorer.markup import escape_markup
from explorer.networks import StudentNet, StudentSpec
from explorer.training import labels_alone, train
from explorer.ui.instrument import results
from explorer.work.kept import Kept
from explorer.workspace import trained_network
from tests.app import (
    address,
    arrive,
    chart_rows,
    chart_tables,
    charts,
    component,
    downloads,
    guess,
    layers,
    press,
    said,
)
from tests.distillation.places import PLACES
from tests.stored import stored_logits, stored_view_logits

ANSWERS = "The six answers"
TINY = StudentSpec(2, (2, 3, 4, 4), classes=10)


@dataclass(frozen=True)
class Asked:
    """What a link says, and the logits and labels that follow from it, read without the page."""

    student: str
    position: int
    alpha: float
    temperature: float
    reverse: bool = False

    @property
    def link(self) -> dict[str, str]:
        return {
            "student": self.student,
            "image_by": "by index",
            "image_rank": str(self.position),
            "alpha": f"{self.alpha:g}",
            "temperature": f"{self.temperature:g}",
            "reverse": "yes" if self.reverse else "no",
        }

    @property
    def z(self) -> torch.Tensor:
        return stored_logits(self.student)

    @property
    def v(self) -> torch.Tensor:
        return stored_logits("teacher")

    def kl(self, z: torch.Tensor, v: torch.Tensor, temperature: float = 0.0) -> torch.Tensor:
        """Each image's KL at T in torch's own words."""
        step = temperature or self.temperature
        first, second = (v, z) if self.reverse else (z, v)
        return functional.kl_div(
            (first / step).log_softmax(1), (second / step).softmax(1), reduction="none"
        ).sum(1)


FIRST = Asked("student-60k-kd", 7, 0.3, 2.0)
SECOND = Asked("student-5k", 4321, 0.85, 5.5, reverse=True)
BOTH = pytest.mark.parametrize("asked", [FIRST, SECOND], ids=["first", "second"])


def opened(asked: Asked, place: str = "Soften", **more: str) -> AppTest:
    app = arrive("distillation", **(asked.link | PLACES[place] | more))
    assert not app.error, [error.value for error in app.error]
    assert not app.warning, [warning.value for warning in app.warning]
    return app


@pytest.mark.parametrize("place", PLACES)
def test_every_tab_draws_and_its_charts_have_words(place: str) -> None:
    app = opened(FIRST, place)
    assert all(chart.alt.strip() for chart in charts(app))
    # Where a pair is trained nothing is shown before it was.
    assert any("badge" in text.value for text in app.markdown) or place == "Distil it now"


# --- The bars -------------------------------------------------------------------------------------------


@BOTH
def test_the_bars_are_those_of_the_link(asked: Asked, validation: ImageSet) -> None:
    app = opened(asked)
    sent = component(app, "softening")
    assert sent["temperature"] == asked.temperature
    assert sent["label"] == validation.labels[asked.position]
    assert sent["classes"] == list(validation.classes)
    teacher, student = (network["logits"] for network in sent["networks"])
    assert teacher == pytest.approx(asked.v[asked.position].tolist())
    assert student == pytest.approx(asked.z[asked.position].tolist())
    top = (asked.v[asked.position] / 16).softmax(0).max().item()
    assert said(app, f"**{top:.2f}** at T = 16")
    says = validation.classes[int(asked.v[asked.position].argmax())]
    assert f"the teacher says {says}" in app.get("image")[0].captions[0]
    assert (sent["alpha"], sent["reverse"], sent["hard_alpha"]) == (asked.alpha, asked.reverse, False)


def test_it_opens_at_t_1_on_the_photograph_of_which_the_teacher_is_right_and_least_sure(
    validation: ImageSet,
) -> None:
    app = arrive("distillation")
    p = stored_logits("teacher").softmax(1).numpy()
    uncertain = np.where(p.argmax(1) == validation.labels, scipy_entropy(p, axis=1), -1)
    position = int(uncertain.argmax())
    sent = component(app, "softening")
    assert sent["temperature"] == 1
    assert f"image {position}, labelled" in app.get("image")[0].captions[0]
    assert sent["networks"][0]["logits"] == pytest.approx(stored_logits("teacher")[position].tolist())


@pytest.mark.parametrize(
    "order",
    [
        "right but unsure",
        "most ambiguous for the teacher",
        "teacher and student disagree",
        "teacher wrong",
        "one per class",
        "by index",
    ],
)
def test_an_order_brings_the_image_it_promises(order: str, validation: ImageSet) -> None:
    app = arrive("distillation", image_by=order, image_rank="2", student="student-5k")
    teacher, student = stored_logits("teacher"), stored_logits("student-5k")
    labels = validation.targets()
    p, q = teacher.softmax(1).numpy(), student.softmax(1).numpy()
    uncertain = scipy_entropy(p, axis=1)
    score = {
        "right but unsure": np.where(p.argmax(1) == labels.numpy(), uncertain, -1),
        "most ambiguous for the teacher": uncertain,
        "teacher and student disagree": np.where(p.argmax(1) != q.argmax(1), p.max(1) * q.max(1), -1),
        "teacher wrong": np.where(p.argmax(1) != labels.numpy(), p.max(1), -1),
        "by index": -np.arange(5000),
    }.get(order)
    if score is None:
        best = [max(np.flatnonzero(labels == label), key=uncertain.__getitem__) for label in range(10)]
        position = best[2]
    else:
        position = int(np.argsort(-score, kind="stable")[2])
    assert f"image {position}, labelled" in app.get("image")[0].captions[0]
    assert component(app, "softening")["label"] == labels[position]


def test_where_an_order_has_few_images_or_none_something_is_shown(
    validation: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = arrive("distillation", image_by="teacher wrong", image_rank="4999")
    assert said(app, "such images, so this is the last one")
    right = functional.one_hot(validation.targets(), 10).float()
    monkeypatch.setattr("explorer.ui.validation_logits", lambda *_: right)
    # These are not the logits of these weights, by which the order is kept.
    monkeypatch.setattr("explorer.ui.draw._KEPT", Kept(2**20))
    app = arrive("distillation", image_by="teacher wrong", image_rank="5")
    assert said(app, "There is no such image here")
    assert component(app, "softening")["label"] == validation.labels[5]


# --- Loss -----------------------------------------------------------------------------------------------


def loss_numbers(asked: Asked, labels: torch.Tensor) -> dict[str, tuple[float, float, float, float]]:
    """KL, T^2 KL, CE and L of the chosen image and of the mean."""
    numbers = {}
    for name, rows in (
        ("this image", slice(asked.position, asked.position + 1)),
        ("mean of 5,000", slice(None)),
    ):
        kl = asked.kl(asked.z[rows], asked.v[rows]).mean().item()
        ce = functional.cross_entropy(asked.z[rows], labels[rows]).item()
        soft = asked.temperature**2 * kl
        numbers[name] = (kl, soft, ce, asked.alpha * soft + (1 - asked.alpha) * ce)
    return numbers


@BOTH
def test_the_loss_is_that_of_the_link(asked: Asked, validation: ImageSet) -> None:
    app = opened(asked)
    numbers = loss_numbers(asked, validation.targets())
    table = app.dataframe[0].value
    assert list(table.columns) == ["images", "KL", "T² KL", "CE", "L"]
    for name, row in zip(numbers, table.itertuples(index=False), strict=True):
        assert row[0] == name
        assert row[1:] == pytest.approx(numbers[name], rel=1e-4)
    chart = charts(app)[0]
    assert layers(chart) == [{"y": "images", "x": "value", "color": "part"}]
    assert chart_rows(chart)["value"].tolist() == pytest.approx(
        [
            part
            for _, soft, ce, _ in numbers.values()
            for part in (asked.alpha * soft, (1 - asked.alpha) * ce)
        ],
        rel=1e-4,
    )


def test_two_links_that_differ_in_one_thing_give_other_numbers() -> None:
    plain = opened(FIRST).dataframe[0].value
    for change in (
        {"student": "student-10k"},
        {"image_rank": "8"},
        {"alpha": "0.7"},
        {"temperature": "3"},
        {"reverse": "yes"},
        {"hard_alpha": "yes"},
    ):
        changed = arrive("distillation", **(FIRST.link | change)).dataframe[0].value
        assert (changed["L"] != plain["L"]).any(), change


def test_alpha_of_the_hard_term_is_one_minus_that_of_the_soft_one(validation: ImageSet) -> None:
    app = opened(Asked(FIRST.student, FIRST.position, 0.7, FIRST.temperature), hard_alpha="yes")
    numbers = loss_numbers(FIRST, validation.targets())
    assert app.dataframe[0].value["L"].tolist() == pytest.approx(
        [total for *_, total in numbers.values()], rel=1e-4
    )
    sent = component(app, "softening")
    assert (sent["alpha"], sent["hard_alpha"]) == (0.7, True)
    assert "hard term" in app.slider(key="alpha").label


@pytest.mark.parametrize("weighs", ["soft", "hard"])
def test_t_stays_alive_where_the_soft_term_weighs_nothing(weighs: str) -> None:
    app = opened(
        FIRST, alpha="0" if weighs == "soft" else "1", hard_alpha="yes" if weighs == "hard" else "no"
    )
    assert not app.number_input(key="temperature").disabled
    app.number_input(key="temperature").set_value(8.0).run()
    assert component(app, "softening")["temperature"] == 8
    assert chart_rows(charts(app)[0])["value"].tolist()[0] == 0


# --- Why T^2 --------------------------------------------------------------------------------------------


@BOTH
def test_the_gradients_are_autograds_on_the_links_logits(asked: Asked, validation: ImageSet) -> None:
    app = opened(asked, "Why T²")
    norms, logit, areas = charts(app)
    labels = validation.targets()
    lines, chosen = layers(norms)
    assert lines == {"x": "temperature", "y": "norm", "color": "term", "strokeDash": "term"}
    assert chosen == {"x": "temperature"}
    marked = [rows["temperature"].tolist() for rows in chart_tables(norms) if len(rows) == 1]
    assert marked == [[asked.temperature]]
    rows = chart_rows(norms).set_index(["temperature", "term"])["norm"]
    for temperature in (1.0, 8.0):
        leaf = asked.z.clone().requires_grad_()
        asked.kl(leaf, asked.v, temperature).sum().backward()
        norm = leaf.grad.norm(dim=1).mean().item()
        assert rows[(temperature, "soft, without T²")] == pytest.approx(norm, rel=1e-3)
        assert rows[(temperature, "soft, with T²")] == pytest.approx(temperature**2 * norm, rel=1e-3)
    leaf = asked.z.clone().requires_grad_()
    functional.cross_entropy(leaf, labels, reduction="sum").backward()
    assert rows[(1.0, "hard")] == pytest.approx(leaf.grad.norm(dim=1).mean().item(), rel=1e-3)

    assert layers(logit) == [{"y": "class", "x": "gradient", "color": "term", "yOffset": "term"}]
    shown = (
        chart_rows(logit).pivot(index="class", columns="term", values="gradient").loc[[*validation.classes]]
    )
    here = slice(asked.position, asked.position + 1)
    leaf = asked.z[here].clone().requires_grad_()
    soft = asked.alpha * asked.temperature**2 * asked.kl(leaf, asked.v[here]).sum()
    soft.backward()
    assert shown["soft"].tolist() == pytest.approx(leaf.grad[0].tolist(), abs=1e-5)
    hard = (1 - asked.alpha) * functional.cross_entropy(leaf, labels[here])
    hard.backward()
    assert shown["sum"].tolist() == pytest.approx(leaf.grad[0].tolist(), abs=1e-5)

    assert layers(areas) == [
        {"x": "temperature", "y": "value", "color": "part"},
        {"y": "limit"},
        {"y": "limit"},
        {"x": "temperature"},
    ]
    forward = Asked(asked.student, asked.position, asked.alpha, asked.temperature)
    sums = chart_rows(areas).groupby("temperature")["value"].sum()
    for temperature in (1.0, 4.0, 20.0):
        expected = temperature**2 * forward.kl(asked.z, asked.v, temperature).mean().item()
        assert sums[temperature] == pytest.approx(expected, rel=1e-3)
    limit = ((asked.z - asked.v).numpy().var(axis=1) / 2).mean()
    assert said(app, f"**{limit:.3f}** nats (dashed line)")


@BOTH
def test_the_agreement_is_that_of_the_links_networks(asked: Asked, validation: ImageSet) -> None:
    app = opened(asked, "Why T²")
    z, v, labels = asked.z.numpy(), asked.v.numpy(), validation.labels
    first = (z.argmax(1) == v.argmax(1)).mean()
    ranks = [
        spearmanr(np.delete(one, label), np.delete(other, label)).statistic
        for one, other, label in zip(z, v, labels, strict=True)
    ]
    assert [metric.value for metric in app.metric] == [f"{first:.2%}", f"{np.mean(ranks):.3f}"]


# --- Dark knowledge, mistakes, evidence -----------------------------------------------------------------


@BOTH
def test_the_soft_labels_are_the_teachers_at_the_links_t(asked: Asked, validation: ImageSet) -> None:
    app = opened(asked, "Dark knowledge", pair="Shirt, also seen as Coat")
    (matrix,) = charts(app)
    where = {"x": "other", "y": "true"}
    assert layers(matrix) == [
        where | {"color": "probability", "description": "said"},
        where | {"text": "percent"},
    ]
    shown = chart_rows(matrix).set_index(["true", "other"])["probability"]
    soft, labels = (asked.v / asked.temperature).softmax(1), validation.targets()
    for true, other in (("Shirt", "Coat"), ("Bag", "Sandal")):
        row, column = validation.classes.index(true), validation.classes.index(other)
        assert shown[(true, other)] == pytest.approx(soft[labels == row, column].mean().item(), rel=1e-4)
    shirt, coat = validation.classes.index("Shirt"), validation.classes.index("Coat")
    strongest = soft[:, coat].where(labels == shirt, torch.tensor(-1.0)).topk(3)
    captions = app.get("image")[-1].captions
    for position, value in zip(strongest.indices.tolist(), strongest.values.tolist(), strict=True):
        assert f"image {position}: {value:.0%}" in captions


@BOTH
def test_the_mistakes_are_made_on_the_links_batch_and_the_file_holds_its_logits(
    asked: Asked, validation: ImageSet
) -> None:
    app = opened(asked, "Spot the bug")
    batch, labels = slice(128), validation.targets()
    kl = Asked(asked.student, 0, asked.alpha, asked.temperature).kl(asked.z[batch], asked.v[batch]).mean()
    hard = functional.cross_entropy(asked.z[batch], labels[batch])
    loss = asked.alpha * asked.temperature**2 * kl + (1 - asked.alpha) * hard
    rows = app.dataframe[0].value.set_index("version")
    assert float(rows.loc["correct", "loss"]) == pytest.approx(loss.item(), abs=2e-5)
    weak = asked.alpha * kl + (1 - asked.alpha) * hard
    assert float(rows.loc["T squared left out", "loss"]) == pytest.approx(weak.item(), abs=2e-5)
    assert rows.loc["correct", "gradient off by"] == "0.0%"
    text = next(code.value for code in app.code if "my_loss" in code.value)
    numbers = re.findall(r"^        \[(.*)\],$", text, re.MULTILINE)
    logits = torch.tensor([[float(number) for number in row.split(", ")] for row in numbers])
    assert torch.allclose(logits, torch.cat([asked.z[:8], asked.v[:8]]), atol=6e-4)
    assert f"LABELS = torch.tensor({labels[:8].tolist()})" in text


def calibration_error(logits: torch.Tensor, labels: torch.Tensor) -> float:
    confidence, answer = logits.double().softmax(1).max(1)
    bins = np.minimum(np.ceil(15 * confidence.numpy()), 15)
    right = (answer == labels).numpy()
    return float(
        sum(
            (bins == each).mean() * abs(right[bins == each].mean() - confidence.numpy()[bins == each].mean())
            for each in np.unique(bins)
        )
    )


@BOTH
def test_the_calibration_is_that_of_the_student_its_twin_and_the_teacher(
    asked: Asked, validation: ImageSet
) -> None:
    app = opened(asked, "Calibration")
    reliability = charts(app)[-1]
    here = {"x": "confidence", "y": "accuracy"}
    assert layers(reliability) == [
        here,
        here | {"color": "network"},
        here | {"color": "network", "size": "count"},
    ]
    twin = asked.student.removesuffix("-kd")
    expected = {
        name: calibration_error(stored_logits(network), validation.targets())
        for name, network in (("teacher", "teacher"), ("labels alone", twin), ("distilled", f"{twin}-kd"))
    }
    assert set(chart_rows(reliability)["network"]) == {
        f"{name}: ECE {error:.3f}" for name, error in expected.items()
    }
    ranked = ", ".join(
        f"**{name}** {expected[name]:.3f}" for name in sorted(expected, key=expected.__getitem__)
    )
    assert said(app, ranked)


def test_the_grid_shows_the_stored_trainings_by_alpha_and_t() -> None:
    grid = charts(opened(FIRST, "Alpha and T"))[0]
    assert layers(grid) == [
        {"x": "temperature", "y": "alpha", shown: column}
        for shown, column in (("color", "difference"), ("text", "shown"), ("text", "lines"))
    ]
    assert len(chart_rows(grid)) == 25


# --- Distil it now --------------------------------------------------------------------------------------


@pytest.fixture
def nothing_kept() -> None:
    results().clear()


def live(asked: Asked, **more: str) -> AppTest:
    app = arrive("start")
    app.session_state["session"].design = TINY
    link = asked.link | PLACES["Distil it now"] | {"epochs": "2", "seconds": "300"} | more
    for key, value in link.items():
        app.query_params[key] = value
    app.switch_page("explorer/distillation/page.py").run()
    assert not app.exception
    return app


@pytest.mark.usefixtures("nothing_kept")
def test_the_page_trains_what_the_link_says_on_the_training_images(
    shard: ImageSet, validation: ImageSet
) -> None:
    app = live(SECOND)
    assert said(app, "soft term weighed 0.85, T 5.5, KL reversed")
    guess(app, "distil", 99.0)
    assert said(app, "You said **99.0 points**. The answer comes with the run.")
    press(app, "Distil it now")
    settings = TrainingPairSettings(TINY, epochs=2)
    losses = {"labels alone": labels_alone, "distilled": DistillationLoss(0.85, 5.5, reverse=True)}
    trained = {source.card.title: source for source in app.session_state["session"].trained.values()}
    reached = {}
    for way, loss in losses.items():
        torch.manual_seed(settings.seed)
        alone = StudentNet(TINY).to(memory_format=torch.channels_last)
        steps = list(
            train(alone, shard, validation, settings.recipe, loss, teacher_logits=stored_view_logits())
        )
        reached[way] = [step.validation_accuracy for step in steps if step.validation_accuracy is not None]
        there = trained[f"Trained here, {way}"].load().state_dict()
        assert all(torch.equal(there[key], tensor) for key, tensor in alone.state_dict().items()), way
    assert said(app, f"After epoch 2: labels alone **{reached['labels alone'][1]:.2%}**")
    assert said(app, f"distilled **{reached['distilled'][1]:.2%}**")
    gain = 100 * (reached["distilled"][1] - reached["labels alone"][1])
    assert said(app, f"You said **99.0 points**; it is **{escape_markup(f'{gain:.1f}')} points**")
    (curves,) = charts(app)
    assert layers(curves) == [{"x": "epoch", "y": "accuracy", "color": "way"}]
    rows = chart_rows(curves)
    for way, accuracies in reached.items():
        assert rows[rows["way"] == way]["accuracy"].tolist() == accuracies
    assert said(app, "measured here")
    assert "Curves as CSV" in downloads(app)

    # Other controls than what is shown was trained with are told; what is shown stays.
    app.slider(key="alpha").set_value(0.2).run()
    assert said(app, "weight of the soft term: shown 0.85, asked 0.2")
    assert chart_rows(charts(app)[0]).equals(rows)
    # After a reload, or for the next visitor, the result is there, and so are its networks.
    again = live(SECOND)
    assert chart_rows(charts(again)[0]).equals(rows)
    assert {source.card.sha256 for source in again.session_state["session"].trained.values()} == {
        source.card.sha256 for source in trained.values()
    }
    # Another run makes two more, and all four can be chosen by what tells them apart.
    again.slider(key="epochs").set_value(3).run()
    press(again, "Distil it now")
    digests = [source.card.sha256 for source in again.session_state["session"].trained.values()]
    assert len(set(digests)) == len(digests) == 4
    again.segmented_control(key="help").set_value("Calibration").run()
    for digest in digests:
        assert any(digest[:6] in option for option in again.selectbox(key="student").options)


@pytest.mark.usefixtures("nothing_kept")
def test_a_link_that_asks_first_trains_nothing_before_a_guess() -> None:
    app = live(FIRST, predict="distil")
    (run,) = [button for button in app.button if button.label == "Distil it now"]
    assert run.disabled
    guess(app, "distil", 1.0)
    (run,) = [button for button in app.button if button.label == "Distil it now"]
    assert not run.disabled


@pytest.mark.usefixtures("nothing_kept", "work_here")
def test_a_training_that_ended_before_its_first_epoch_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    app = live(FIRST)
    assert said(app, "Nobody has trained a pair with this teacher on these images yet")
    monkeypatch.setattr(PairTraining, "run", lambda *_: (end for end in ()))
    press(app, "Distil it now")
    assert said(app, "It ended before the first epoch did")
    assert not said(app, "Nobody has trained a pair")
    assert app.session_state["session"].trained == {}


# --- Quiz, ledger, report, words ------------------------------------------------------------------------


def test_the_quiz_reveals_only_what_was_committed(validation: ImageSet) -> None:
    app = opened(FIRST)
    assert not said(app, "You said")
    guess(app, "quiz", 1)
    entropies = [scipy_entropy((FIRST.v[7] / step).softmax(0).numpy()) for step in (1, 2, 4, 8, 16)]
    (told,) = [each.value for each in app.markdown if "You said" in each.value]
    assert all(f"{value:.3f} at T" in told for value in entropies)
    assert "it is **(a) " in told.replace("\\", "")
    assert "guess_quiz" not in [each.key for each in app.radio], "the answer cannot be changed"


@BOTH
def test_a_pinned_row_counts_the_chosen_student_and_links_here(asked: Asked, validation: ImageSet) -> None:
    app = opened(asked)
    press(app, "Pin to the ledger")
    (row,) = app.session_state["session"].pinned
    assert row.correct == (asked.z.argmax(1) == validation.targets()).sum()
    assert row.total == 5000
    assert f"image_rank={asked.position}" in row.link
    assert (row.weights, row.images_key) == (card(asked.student).sha256, validation.whole)
    assert row.origin == "precomputed"


@BOTH
def test_the_report_answers_about_what_the_lesson_shows(asked: Asked, validation: ImageSet) -> None:
    carried = {key: asked.link[key] for key in ("student", "alpha", "temperature")}
    report = arrive("report", **carried, report_tab=ANSWERS)
    assert said(report, f"alpha {asked.alpha:g} and T {asked.temperature:g}")
    values = next(table.value for table in report.dataframe if "difference" in table.value.columns)
    forward = Asked(asked.student, 0, asked.alpha, asked.temperature)
    z, v = asked.z.double(), asked.v.double()
    hard = functional.cross_entropy(z, validation.targets())
    loss = asked.alpha * asked.temperature**2 * forward.kl(z, v).mean() + (1 - asked.alpha) * hard
    (own,) = values.loc[values["alpha"].astype(float) == asked.alpha, "loss"]
    assert float(own) == pytest.approx(loss.item(), abs=1e-6)


def test_provenance_says_how_the_logits_were_really_got(validation: ImageSet) -> None:
    app = arrive("start")
    torch.manual_seed(0)
    fresh = trained_network("Mine", StudentNet(TINY), input_size=64, trained_on="nothing")
    app.session_state["session"].trained["mine"] = fresh
    app.query_params["student"] = fresh.card.name
    app.switch_page("explorer/distillation/page.py").run()
    badges = [text.value for text in app.markdown if "badge" in text.value]
    assert "computed here" in badges[0]
    assert "Mine" in badges[0]
    assert not any("precomputed" in badge and "Mine" in badge for badge in badges)
    app.selectbox(key="student").set_value("student-60k").run()
    badges = [text.value for text in app.markdown if "badge" in text.value]
    assert "precomputed" in badges[0]
    assert not any("Mine" in badge for badge in badges)


def test_the_same_weights_under_another_title_are_called_by_that_title() -> None:
    torch.manual_seed(1)
    network = StudentNet(TINY)
    for title in ("Mine", "Yours"):
        source = trained_network(title, network, input_size=64, trained_on="nothing")
        app = arrive("distillation", [source], student=source.card.name)
        badge = next(text.value for text in app.markdown if "badge" in text.value)
        assert f"and {title} on" in badge, "what is kept by weights was computed under the first title"


@pytest.mark.parametrize("place", PLACES)
def test_a_title_is_never_html(place: str) -> None:
    title = "<img src=x onerror=alert(1)>"
    app = arrive("start")
    torch.manual_seed(0)
    hostile = trained_network(title, StudentNet(TINY), input_size=64, trained_on=title)
    app.session_state["session"].trained["hostile"] = hostile
    for key, value in ({"student": hostile.card.name} | PLACES[place]).items():
        app.query_params[key] = value
    app.switch_page("explorer/distillation/page.py").run()
    assert not app.exception
    texts = [text for kind in (app.markdown, app.caption, app.info, app.warning) for text in kind]
    assert not any("<img" in text.value for text in texts if getattr(text, "allow_html", False))
    badges = [text.value for text in app.markdown if "badge" in text.value]
    if place in ("Soften", "Why T²", "Spot the bug"):  # the others say nothing of the student
        assert any(r"\<img src=x" in badge for badge in badges), "it is shown as the text that it is"
    assert not any(re.search(r"(?<!\\)<img", badge) for badge in badges)


def test_the_address_keeps_what_the_controls_choose() -> None:
    app = opened(SECOND, "Why T²", log_scale="yes")
    link = {key: [value] for key, value in SECOND.link.items()}
    where = {key: [value] for key, value in PLACES["Why T²"].items()}
    assert address(app) == link | where | {"log_scale": ["yes"]}
    app.number_input(key="temperature").set_value(1.0).run()
    assert "temperature" not in address(app), "the default is not written"
