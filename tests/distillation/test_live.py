import pickle
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest
import torch

from explorer.data import ImageSet
from explorer.distillation.live import WAYS, PairStep, TrainedPair, TrainingPairSpec, train_pair
from explorer.distillation.loss import DistillationLoss
from explorer.errors import ExplorerError
from explorer.measure import accuracy, logits
from explorer.networks import StudentSpec
from explorer.training import labels_alone, train
from tests.stored import stored_view_logits

TINY = StudentSpec(2, (2, 3, 4, 4), classes=10)
SPEC = TrainingPairSpec(TINY, alpha=0.8, temperature=3.0, epochs=1)


@pytest.fixture(scope="module")
def images(shard: ImageSet) -> ImageSet:
    return shard.select(slice(128))


@pytest.fixture(scope="module")
def held_out(validation: ImageSet) -> ImageSet:
    return validation.select(slice(0, 5000, 100))


@pytest.fixture(scope="module")
def teacher_logits() -> torch.Tensor:
    return stored_view_logits()[:, :128]


def weights(steps: Iterator[PairStep]) -> dict[str, bytes]:
    """The last weights of either copy."""
    return {step.way: step.end.weights for step in steps if step.end}


def test_both_copies_are_equal_to_the_bit_at_alpha_0_and_differ_because_of_the_loss(
    images: ImageSet, held_out: ImageSet, teacher_logits: torch.Tensor
) -> None:
    plain = weights(train_pair(replace(SPEC, alpha=0.0), images, held_out, teacher_logits))
    assert plain["distilled"] == plain["labels alone"]
    taught = weights(train_pair(replace(SPEC, alpha=1.0), images, held_out, teacher_logits))
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
    spec = replace(SPEC, alpha=alpha, temperature=temperature, reverse=reverse, seed=3)
    trained = weights(train_pair(spec, images, held_out, teacher_logits))
    networks = TrainedPair(spec, list(train_pair(spec, images, held_out, teacher_logits))).networks()
    for way, loss in (
        ("labels alone", labels_alone),
        ("distilled", DistillationLoss(alpha, temperature, reverse)),
    ):
        torch.manual_seed(3)
        alone = TINY.build().to(memory_format=torch.channels_last)
        list(train(alone, images, held_out, spec.recipe, loss, teacher_logits=teacher_logits))
        for key, tensor in alone.state_dict().items():
            assert torch.equal(networks[way].state_dict()[key], tensor), (way, key)
    others = {
        "alpha": replace(spec, alpha=1 - alpha),
        "T": replace(spec, temperature=temperature + 1),
        "direction": replace(spec, reverse=not reverse),
    }
    for what, other in others.items():
        changed = weights(train_pair(other, images, held_out, teacher_logits))
        assert changed["distilled"] != trained["distilled"], f"{what} makes no difference"
        assert changed["labels alone"] == trained["labels alone"]
    elsewhere = weights(
        train_pair(spec, held_out.select([*range(50)] * 3).select(slice(128)), held_out, teacher_logits)
    )
    assert elsewhere["labels alone"] != trained["labels alone"]


def test_the_steps_tell_how_far_it_is_and_the_copies_take_turns_epoch_by_epoch(
    images: ImageSet, held_out: ImageSet, teacher_logits: torch.Tensor
) -> None:
    steps = list(train_pair(replace(SPEC, epochs=2), images, held_out, teacher_logits))
    assert [(step.way, step.epoch, step.end is not None) for step in steps] == [
        (way, epoch, last) for epoch in (1, 2) for way in WAYS for last in (False, True)
    ]
    assert [step.done for step in steps] == pytest.approx([(number + 1) / 8 for number in range(8)])
    assert [step.seconds for step in steps] == sorted(step.seconds for step in steps)


def test_a_stop_keeps_networks_that_have_the_accuracies_on_record(
    images: ImageSet, held_out: ImageSet, teacher_logits: torch.Tensor
) -> None:
    spec = replace(SPEC, epochs=3)
    steps = train_pair(spec, images, held_out, teacher_logits)
    ends = [step for step in islice(steps, 7) if step.end]
    steps.close()
    trained = TrainedPair(spec, ends)
    assert [(step.way, step.epoch) for step in ends] == [(WAYS[0], 1), (WAYS[1], 1), (WAYS[0], 2)]
    assert trained.common_epoch == 1
    assert TrainedPair(spec, ends[:1]).common_epoch == 0
    assert TrainedPair(spec, []).networks() == {}
    assert TrainedPair(spec, []).curves().empty
    networks, curves = trained.networks(), trained.curves()
    assert list(curves["accuracy"]) == [step.end.validation_accuracy for step in ends]
    for way, epoch in ((WAYS[0], 2), (WAYS[1], 1)):
        assert not networks[way].training
        counted = accuracy(logits(networks[way], held_out.inputs()), held_out.targets()).value
        recorded = curves[(curves["way"] == way) & (curves["epoch"] == epoch)]["accuracy"].item()
        assert counted == recorded


def test_specs_and_steps_can_go_to_another_process(
    images: ImageSet, held_out: ImageSet, teacher_logits: torch.Tensor
) -> None:
    assert pickle.loads(pickle.dumps(SPEC)) == SPEC  # noqa: S301 (our own bytes)
    steps = list(train_pair(SPEC, images, held_out, teacher_logits))
    assert pickle.loads(pickle.dumps(steps)) == steps  # noqa: S301 (our own bytes)


def test_it_ends_after_its_time_and_refuses_to_have_none(
    images: ImageSet, held_out: ImageSet, teacher_logits: torch.Tensor
) -> None:
    hasty = replace(SPEC, epochs=20, seconds=1e-6)
    assert len(list(train_pair(hasty, images, held_out, teacher_logits))) == 1
    for seconds in (0, -1):
        with pytest.raises(ExplorerError, match="needs some time"):
            TrainingPairSpec(TINY, seconds=seconds)
    with pytest.raises(ExplorerError, match="alpha"):
        TrainingPairSpec(TINY, alpha=2)
    with pytest.raises(ExplorerError, match="temperature"):
        TrainingPairSpec(TINY, temperature=0)


def test_the_shipped_logits_of_the_shards_views_are_the_teachers(shard: ImageSet) -> None:
    from explorer.checkpoints import load
    from explorer.training import view_logits

    recipe, sample = SPEC.recipe, shard.select(slice(6))
    table = stored_view_logits()
    assert table.shape == (len(recipe.views), 5_000, 10)
    fresh = torch.stack(list(view_logits(load("teacher"), sample, recipe)))
    assert torch.allclose(table[:, :6].float(), fresh, atol=0.02, rtol=2e-3)
