"""The class it never saw: the raise of one bias against logits that are really raised, and what ships."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from torch import Tensor

from explorer.checkpoints import card, catalogue, load
from explorer.checkpoints.evidence import SUMS, damaged
from explorer.checkpoints.reading import sha256
from explorer.data import BUNDLED, ImageSet
from explorer.distillation import unseen
from explorer.distillation.live import TRAINING_WITHOUT, WAYS, EpochEnd, Way, pack_logits, train_pair
from explorer.distillation.unseen import Raised, RaisedPair, UnseenPair, raise_bias, settings_for, verdict
from explorer.errors import ExplorerError
from explorer.measure import logits
from explorer.networks import StudentSpec
from explorer.runs import KNOWN_RUNS
from explorer.work.instrument import InstrumentSpec
from explorer.workspace import networks_in, open_workspace
from tests.stored import stored_logits, stored_view_logits

TINY = StudentSpec(2, (2, 3, 4, 4), classes=10)


@given(
    st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), min_size=1, max_size=6),
    st.integers(0, 2),
    st.integers(0, 80).map(lambda quarters: quarters / 4),
)
def test_raising_by_the_margin_is_raising_the_logit(rows: list[list[int]], label: int, by: float) -> None:
    scores = torch.tensor(rows, dtype=torch.float64)
    lifted = scores.clone()
    lifted[:, label] += by
    others = scores.clone()
    others[:, label] = -torch.inf
    alone = lifted[:, label] > others.max(1).values  # a tie is not yet the class's
    answers = Raised.of(scores, label).answers(label, by)
    assert answers.tolist() == torch.where(alone, label, others.argmax(1)).tolist()


def test_at_the_usual_raise_the_class_is_the_answer_as_often_as_it_occurs() -> None:
    raised = Raised.of(torch.randn(400, 10, generator=torch.Generator().manual_seed(1)) * 5, 3)
    for times in (1, 40, 399, 400):
        assert int((raised.answers(3, raised.usual(times)) == 3).sum()) == pytest.approx(times, abs=1)


@pytest.fixture(scope="module")
def lowered() -> dict[Way, Tensor]:
    """Logits of two shipped students whose shirts are hidden, the second one's less well."""
    names = {"labels alone": "student-5k", "distilled": "student-60k-kd"}
    scores = {way: stored_logits(names[way]).clone() for way in WAYS}
    for values in scores.values():
        values[:, 6] -= 6
    return scores


@pytest.fixture(scope="module")
def pair(lowered: dict[Way, Tensor], validation: ImageSet) -> RaisedPair:
    return raise_bias(lowered, validation, 6, shown=12)


def test_every_step_counts_what_the_raised_logits_answer(
    pair: RaisedPair, lowered: dict[Way, Tensor], validation: ImageSet
) -> None:
    truth = validation.targets()
    members = truth == 6
    assert (pair.members, pair.images, pair.name) == (500, 5000, "Shirt")
    assert pair.raises[0] == 0
    assert np.allclose(np.diff(pair.raises), unseen.STEP)
    for student in pair.students:
        for step in (0, len(pair.raises) // 2, len(pair.raises) - 1):
            lifted = lowered[student.way].clone()
            lifted[:, 6] += pair.raises[step] - 1e-6
            answers = lifted.argmax(1)
            assert student.found[step] == int((answers[members] == 6).sum())
            assert student.right[step] == int((answers == truth).sum())
            assert student.taken[step] == int((answers[~members] == 6).sum())
            assert list(student.instead[step]) == torch.bincount(answers[members], minlength=10).tolist()
            shown = answers[list(pair.shown)]
            lit = [margin < pair.raises[step] for margin in student.margins]
            assert [
                6 if on else other for on, other in zip(lit, student.others, strict=True)
            ] == shown.tolist()
        named = student.found[student.usual] + student.taken[student.usual]
        assert named == pytest.approx(500, abs=40), "as often as it occurs, to a step"
    assert list(validation.labels[list(pair.shown)]) == [6] * 12
    rows = pair.rows()
    assert len(rows) == 2 * len(pair.raises)
    last = rows[rows["trained"] == "distilled"].iloc[-1]
    assert (last["found"], last["right"]) == (pair.distilled.found[-1], pair.distilled.right[-1])


def test_the_two_are_told_apart_by_mcnemars_test(
    pair: RaisedPair, lowered: dict[Way, Tensor], validation: ImageSet
) -> None:
    hits = []
    for student in pair.students:
        lifted = lowered[student.way][validation.targets() == 6].clone()
        lifted[:, 6] += pair.raises[student.usual] - 1e-6
        hits.append(lifted.argmax(1) == 6)
    only = int((hits[0] & ~hits[1]).sum()), int((hits[1] & ~hits[0]).sum())
    assert min(only) > 0
    assert pair.chance == pytest.approx(binomtest(only[0], sum(only)).pvalue)


def test_the_verdict_says_where_it_works_and_where_it_does_not(pair: RaisedPair) -> None:
    def said(plain: int, taught: int, chance: float) -> str:
        students = {}
        for student, found in ((pair.labels_alone, plain), (pair.distilled, taught)):
            counts = (*student.found[: student.usual], found, *student.found[student.usual + 1 :])
            students[student.way] = replace(student, found=counts)
        return verdict(
            replace(
                pair, labels_alone=students["labels alone"], distilled=students["distilled"], chance=chance
            )
        )

    works = said(3, 300, 1e-9)
    assert "**300 of 500** are found" in works
    assert "finds **3**" in works
    right = pair.distilled.right
    assert f"**{right[pair.distilled.usual] / 5000:.1%}** are right, not {right[0] / 5000:.1%}" in works
    assert "the teacher has said" in works
    assert "does not work" not in works
    assert "A weak case" in said(3, 100, 1e-9)
    assert "labels alone find more" in said(300, 3, 1e-9)
    assert "cannot be told apart (McNemar, p = 0.3)" in said(300, 310, 0.3)


def test_a_set_without_the_class_or_of_nothing_else_is_refused(
    lowered: dict[Way, Tensor], validation: ImageSet
) -> None:
    for rows in (np.flatnonzero(validation.labels != 6), np.flatnonzero(validation.labels == 6)):
        some = {way: values[torch.from_numpy(rows)] for way, values in lowered.items()}
        with pytest.raises(ExplorerError, match="take images of several classes"):
            raise_bias(some, validation.select(rows), 6)


# --- The training ----------------------------------------------------------------------------------------


def test_neither_copy_is_shown_the_class_that_is_left_out(shard: ImageSet, validation: ImageSet) -> None:
    rows = np.concatenate([np.flatnonzero(shard.labels == label)[:20] for label in range(10)])
    images, table = shard.select(rows), stored_view_logits()[:, torch.from_numpy(rows)]
    few = validation.select(slice(0, 5000, 250))
    settings = replace(settings_for(BUNDLED, 4), student=TINY, epochs=1)
    ends = [end for end in train_pair(settings, images, few, table) if isinstance(end, EpochEnd)]
    kept = np.flatnonzero(images.labels != 4)
    without = replace(settings, left_out=None)
    expected = [
        end
        for end in train_pair(without, images.select(kept), few, table[:, torch.from_numpy(kept)])
        if isinstance(end, EpochEnd)
    ]
    assert [end.weights for end in ends] == [end.weights for end in expected]
    whole = [end for end in train_pair(without, images, few, table) if isinstance(end, EpochEnd)]
    assert all(one.weights != other.weights for one, other in zip(ends, whole, strict=True))


def test_a_training_without_another_class_is_of_other_images() -> None:
    source = open_workspace(BUNDLED).source("teacher")
    key = BUNDLED.key_of("training")
    identities = [
        TRAINING_WITHOUT.identity(
            InstrumentSpec(source, BUNDLED, "training", key, settings_for(BUNDLED, label))
        )
        for label in (4, 5)
    ]
    assert identities[0].subject != identities[1].subject, (
        "the other class's result is not shown in its place"
    )


def test_a_pair_goes_to_json_and_back() -> None:
    end = EpochEnd("distilled", 8, 0.5, 30.0, 0.9, b"weights", pack_logits(torch.zeros(2, 10)))
    pair = UnseenPair(settings_for(BUNDLED, 3), (unseen.StoredEnd.of(end),), {"distilled": "sha"}, "here")
    assert UnseenPair.from_dict(json.loads(json.dumps(pair.to_dict()))) == pair


# --- What ships ------------------------------------------------------------------------------------------


def test_every_class_ships_with_both_students_and_their_logits(validation: ImageSet) -> None:
    cards = catalogue(unseen.FOLDER)
    by_weights = {entry.sha256: entry for entry in cards.values()}
    assert damaged(unseen.FOLDER) == ()
    sums = (unseen.FOLDER / "evidence" / SUMS).read_text().splitlines()
    assert len(sums) == len(list((unseen.FOLDER / "evidence").iterdir())) - 1, "every file has its sum"
    assert len(cards) == 2 * len(BUNDLED.classes)
    for label, name in enumerate(BUNDLED.classes):
        settings = settings_for(BUNDLED, label)
        found = unseen.find_pair(settings, card("teacher").sha256, BUNDLED.key_of("training"), validation)
        assert found is not None, name
        assert {end.way for end in found[0]} == set(WAYS)
        for end in found[0]:
            entry = next(one for one in by_weights.values() if one.title == f"Never saw {name}, {end.way}")
            assert entry.dataset.endswith(f"4,500 images, without {name}")
            assert entry.network_spec() == settings.student
            counted = (end.logits.argmax(1) == validation.targets()).float().mean().item()
            assert counted == pytest.approx(end.validation_accuracy)
            assert entry.validation_accuracy == end.validation_accuracy
            assert sha256(unseen.FOLDER / entry.file) == entry.sha256
    other = replace(settings_for(BUNDLED, 0), temperature=4.0)
    assert unseen.find_pair(other, card("teacher").sha256, BUNDLED.key_of("training"), validation) is None


def test_the_stored_logits_are_those_of_the_stored_weights(validation: ImageSet) -> None:
    few = validation.select(slice(40))
    for name in ("without-sneaker", "without-sneaker-kd"):
        way: Way = "distilled" if name.endswith("-kd") else "labels alone"
        found = unseen.find_pair(
            settings_for(BUNDLED, 7), card("teacher").sha256, BUNDLED.key_of("training"), validation
        )
        assert found is not None
        stored = next(end.logits for end in found[0] if end.way == way)[:40]
        assert torch.allclose(logits(load(name, unseen.FOLDER), few.inputs()), stored, atol=1e-3)


def test_these_students_are_offered_by_no_lesson() -> None:
    sources, refused = networks_in(BUNDLED.checkpoints)
    assert {source.card.name for source in sources} == set(catalogue())
    assert {name for name in catalogue() if name.startswith("without")} == set()
    assert not refused
    assert not {name for name in KNOWN_RUNS if name.startswith("without")}
