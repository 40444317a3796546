import pickle
from collections.abc import Generator, Iterator
from dataclasses import replace

import pytest
import torch

from explorer.data import ImageSet, Use
from explorer.data.fashion_mnist import FashionMNIST
from explorer.distillation.live import (
    PAIR_TRAINING,
    WAYS,
    EpochEnd,
    TrainedPair,
    TrainingPairSettings,
    pack_logits,
    train_pair,
)
from explorer.distillation.loss import DistillationLoss
from explorer.errors import ExplorerError
from explorer.measure import accuracy, logits
from explorer.networks import StudentSpec, cost_of
from explorer.training import labels_alone, train, view_logits
from explorer.work.identity import differences
from explorer.work.instrument import InstrumentSpec, measure
from explorer.work.progress import Update
from explorer.workspace import NetworkSource, trained_network
from tests.stored import stored_view_logits

TINY = StudentSpec(2, (2, 3, 4, 4), classes=10)
SETTINGS = TrainingPairSettings(TINY, alpha=0.8, temperature=3.0, epochs=1)


@pytest.fixture(scope="module")
def images(shard: ImageSet) -> ImageSet:
    return shard.select(slice(128))


@pytest.fixture(scope="module")
def held_out(validation: ImageSet) -> ImageSet:
    return validation.select(slice(0, 5000, 100))


@pytest.fixture(scope="module")
def teacher_logits() -> torch.Tensor:
    return stored_view_logits()[:, :128]


def weights(steps: Iterator[Update | EpochEnd]) -> dict[str, bytes]:
    """The last weights of either copy."""
    return {step.way: step.weights for step in steps if isinstance(step, EpochEnd)}


def test_both_copies_are_equal_to_the_bit_at_alpha_0_and_differ_because_of_the_loss(
    images: ImageSet, held_out: ImageSet, teacher_logits: torch.Tensor
) -> None:
    plain = weights(train_pair(replace(SETTINGS, alpha=0.0), images, held_out, teacher_logits))
    assert plain["distilled"] == plain["labels alone"]
    taught = weights(train_pair(replace(SETTINGS, alpha=1.0), images, held_out, teacher_logits))
    assert taught["labels alone"] == plain["labels alone"], "the teacher has no part in this copy"
    assert taught["distilled"] != plain["distilled"]


@pytest.mark.parametrize(("alpha", "temperature", "reverse"), [(0.8, 3.0, False), (0.3, 1.0, True)])
def test_each_copy_is_what_the_training_loop_makes_with_its_loss_on_the_training_images(
    images: ImageSet,
    held_out: ImageSet,
    teacher_logits: torch.Tensor,
    alpha: float,
    temperature: float,
    reverse: bool,
) -> None:
    settings = replace(SETTINGS, alpha=alpha, temperature=temperature, reverse=reverse, seed=3)
    trained = weights(train_pair(settings, images, held_out, teacher_logits))
    steps = train_pair(settings, images, held_out, teacher_logits)
    networks = TrainedPair(settings, [step for step in steps if isinstance(step, EpochEnd)]).networks()
    for way, loss in (
        ("labels alone", labels_alone),
        ("distilled", DistillationLoss(alpha, temperature, reverse)),
    ):
        torch.manual_seed(3)
        alone = TINY.build().to(memory_format=torch.channels_last)
        list(train(alone, images, held_out, settings.recipe, loss, teacher_logits=teacher_logits))
        for key, tensor in alone.state_dict().items():
            assert torch.equal(networks[way].state_dict()[key], tensor), (way, key)
    others = {
        "alpha": replace(settings, alpha=1 - alpha),
        "T": replace(settings, temperature=temperature + 1),
        "direction": replace(settings, reverse=not reverse),
    }
    for what, other in others.items():
        changed = weights(train_pair(other, images, held_out, teacher_logits))
        assert changed["distilled"] != trained["distilled"], f"{what} makes no difference"
        assert changed["labels alone"] == trained["labels alone"]
    elsewhere = weights(
        train_pair(settings, held_out.select([*range(50)] * 3).select(slice(128)), held_out, teacher_logits)
    )
    assert elsewhere["labels alone"] != trained["labels alone"]


def test_the_steps_tell_how_far_it_is_and_the_copies_take_turns_epoch_by_epoch(
    images: ImageSet, held_out: ImageSet, teacher_logits: torch.Tensor
) -> None:
    steps = list(train_pair(replace(SETTINGS, epochs=2), images, held_out, teacher_logits))
    updates = [step for step in steps if isinstance(step, Update)]
    assert [(step.stage.rpartition(", loss")[0], step.done, step.total) for step in updates] == [
        ("epoch 1 of 2, labels alone", 1, 4),
        ("epoch 1 of 2, distilled", 1, 4),
        ("epoch 2 of 2, labels alone", 3, 4),
        ("epoch 2 of 2, distilled", 3, 4),
    ]
    ends = [step for step in steps if isinstance(step, EpochEnd)]
    assert [(end.way, end.epoch) for end in ends] == [(way, epoch) for epoch in (1, 2) for way in WAYS]
    assert steps[1::2] == ends
    assert [end.seconds for end in ends] == sorted(end.seconds for end in ends)


def test_a_stop_keeps_networks_that_have_the_accuracies_on_record(
    images: ImageSet, held_out: ImageSet, teacher_logits: torch.Tensor
) -> None:
    settings = replace(SETTINGS, epochs=3)
    ends: tuple[EpochEnd, ...] = ()
    for step in train_pair(settings, images, held_out, teacher_logits):
        if isinstance(step, EpochEnd):
            ends = PAIR_TRAINING.collect(ends, step)
        if len(ends) == 3:
            break
    trained = TrainedPair(settings, ends)
    assert [(end.way, end.epoch) for end in ends] == [(WAYS[0], 1), (WAYS[1], 1), (WAYS[0], 2)]
    assert [bool(end.weights) for end in ends] == [False, True, True], "only the newest are kept"
    assert trained.common_epoch == 1
    assert TrainedPair(settings, ends[:1]).common_epoch == 0
    assert TrainedPair(settings, []).networks() == {}
    assert TrainedPair(settings, []).curves().empty
    networks, curves = trained.networks(), trained.curves()
    assert list(curves["accuracy"]) == [end.validation_accuracy for end in ends]
    for way, epoch in ((WAYS[0], 2), (WAYS[1], 1)):
        assert not networks[way].training
        counted = accuracy(logits(networks[way], held_out.inputs()), held_out.targets()).value
        recorded = curves[(curves["way"] == way) & (curves["epoch"] == epoch)]["accuracy"].item()
        assert counted == recorded


class FewImages(FashionMNIST):
    """The bundled images, 128 to train on and 50 to validate; in a class so that it can be pickled."""

    def read(self, use: Use) -> Generator[Update, None, ImageSet]:
        images = yield from super().read(use)
        return images.select(slice(0, 128) if use == "training" else slice(0, 5000, 100))


def teacher(seed: int) -> NetworkSource:
    torch.manual_seed(seed)
    return trained_network("teacher", TINY.build(), input_size=64, trained_on="nothing")


def spec_of(settings: TrainingPairSettings, seed: int = 0) -> InstrumentSpec[TrainingPairSettings]:
    data = FewImages()
    return InstrumentSpec(teacher(seed), data, "training", data.key_of("training"), settings)


def test_the_instrument_trains_on_the_training_images_with_this_teachers_logits(
    images: ImageSet, held_out: ImageSet
) -> None:
    parts = measure(PAIR_TRAINING, spec_of(SETTINGS))
    assert [(part.way, part.epoch) for part in parts] == [(way, 1) for way in WAYS]
    table = torch.stack(list(view_logits(teacher(0).load(), images, SETTINGS.recipe)))
    expected = weights(train_pair(SETTINGS, images, held_out, table.half()))
    assert weights(iter(parts)) == expected
    other = weights(iter(measure(PAIR_TRAINING, spec_of(SETTINGS, seed=1))))
    assert other["distilled"] != expected["distilled"], "another teacher teaches something else"
    assert other["labels alone"] == expected["labels alone"]
    assert PAIR_TRAINING.describe(parts[1]).startswith("distilled, validation accuracy ")


def test_the_instrument_says_what_it_takes() -> None:
    spec = spec_of(replace(SETTINGS, epochs=3, seconds=17.0))
    assert PAIR_TRAINING.steps(spec) == 6
    assert PAIR_TRAINING.longest(spec) == 17.0
    sizes = spec.data.sizes
    looks = 6 * (3 * sizes["training"] + sizes["validation"]) + 10 * sizes["training"]
    assert PAIR_TRAINING.work(spec) == cost_of(TINY, 64).mult_adds * looks, "the teacher is as small here"


def test_pairs_are_told_apart_by_teacher_images_and_settings() -> None:
    identity = PAIR_TRAINING.identity(spec_of(SETTINGS))
    assert PAIR_TRAINING.identity(spec_of(SETTINGS)) == identity
    others = {
        PAIR_TRAINING.identity(spec_of(replace(SETTINGS, **{name: value})))
        for name, value in {
            "student": replace(TINY, stem=3),
            "alpha": 0.2,
            "temperature": 5.0,
            "reverse": True,
            "epochs": 4,
            "seconds": 5.0,
            "validation": "others",
            "seed": 2,
        }.items()
    } | {PAIR_TRAINING.identity(spec_of(SETTINGS, seed=1))}
    assert len(others) == 9
    assert identity not in others
    said = differences(SETTINGS, replace(SETTINGS, reverse=True, alpha=0.25))
    assert list(map(str, said)) == [
        "weight of the soft term: shown 0.8, asked 0.25",
        "direction: shown KL(teacher || student), asked KL(student || teacher)",
    ]


def test_specs_and_parts_can_go_to_another_process() -> None:
    spec = spec_of(SETTINGS)
    sent = pickle.loads(pickle.dumps(spec))  # noqa: S301 (our own bytes)
    assert PAIR_TRAINING.identity(sent) == PAIR_TRAINING.identity(spec)
    parts = measure(PAIR_TRAINING, sent)
    assert pickle.loads(pickle.dumps(parts)) == parts  # noqa: S301 (our own bytes)


def test_it_ends_after_its_time_and_refuses_to_have_none(
    images: ImageSet, held_out: ImageSet, teacher_logits: torch.Tensor
) -> None:
    hasty = replace(SETTINGS, epochs=20, seconds=1e-6)
    assert len(list(train_pair(hasty, images, held_out, teacher_logits))) == 1
    for seconds in (0, -1):
        with pytest.raises(ExplorerError, match="needs some time"):
            TrainingPairSettings(TINY, seconds=seconds)
    with pytest.raises(ExplorerError, match="alpha"):
        TrainingPairSettings(TINY, alpha=2)
    with pytest.raises(ExplorerError, match="temperature"):
        TrainingPairSettings(TINY, temperature=0)


def test_the_shipped_logits_of_the_shards_views_are_the_teachers(shard: ImageSet) -> None:
    from explorer.checkpoints import load
    from explorer.training import view_logits

    recipe, sample = SETTINGS.recipe, shard.select(slice(6))
    table = stored_view_logits()
    assert table.shape == (len(recipe.views), 5_000, 10)
    fresh = torch.stack(list(view_logits(load("teacher"), sample, recipe)))
    assert torch.allclose(table[:, :6].float(), fresh, atol=0.02, rtol=2e-3)


def test_whether_the_two_can_be_told_apart_is_said_from_their_answers_to_the_same_images() -> None:
    labels = torch.zeros(50, dtype=torch.int64)

    def end(way: str, right: range, epoch: int = 1) -> EpochEnd:
        scores = torch.tensor([[1.0, 0.0] if number in right else [0.0, 1.0] for number in range(50)])
        return EpochEnd(way, epoch, 0.0, 0.0, len(right) / 50, b"", pack_logits(scores))

    near = TrainedPair(SETTINGS, (end("labels alone", range(40)), end("distilled", range(1, 43))))
    assert near.tell_apart(labels) == (
        "Of the same 50 images 1 are right with labels alone only and 3 distilled only: by McNemar's test the two "
        "cannot be told apart (p = 0.62)."
    )
    far = TrainedPair(SETTINGS, (end("labels alone", range(20)), end("distilled", range(40))))
    assert "the two can be told apart (p = 1.9e-06)" in far.tell_apart(labels)
    assert TrainedPair(SETTINGS, near.ends[:1]).tell_apart(labels) == "", "one is not there yet"
    ahead = (*near.ends, end("labels alone", range(45), 2))
    assert TrainedPair(SETTINGS, ahead).tell_apart(labels) == "", "one is an epoch ahead"
