import copy

import pytest
import torch
from torch import nn

from explorer.checkpoints import load
from explorer.data import BUNDLED, ImageSet
from explorer.errors import ExplorerError
from explorer.measure import accuracy, logits
from explorer.networks import StudentNet, StudentSpec, maskable_weights
from explorer.pruning.masks import Masker
from explorer.pruning.methods import METHODS
from explorer.pruning.plan import SweepPlan
from explorer.pruning.recovery import finetune, recalibrate
from explorer.pruning.sweep import SweepRow, sweep


def net() -> StudentNet:
    torch.manual_seed(0)
    return StudentNet(StudentSpec(4, (5, 6, 7, 8), classes=10)).eval()


def test_recalibrated_statistics_are_the_average_over_the_batches(shard: ImageSet) -> None:
    """The first BatchNorm's, counted by hand: mean and unbiased variance of what its convolution gives."""
    model = net()
    before = copy.deepcopy(model.state_dict())
    recalibrate(model, shard, 2)
    with torch.no_grad():
        outputs = [model.conv1(batch) for batch in shard.select(slice(200)).inputs().split(100)]
    mean = torch.stack([output.mean((0, 2, 3)) for output in outputs]).mean(0)
    variance = torch.stack([output.var((0, 2, 3)) for output in outputs]).mean(0)
    assert torch.allclose(model.bn1.running_mean, mean, atol=1e-5)
    assert torch.allclose(model.bn1.running_var, variance, rtol=1e-3)
    assert not model.training
    assert all(torch.equal(before[name], weight) for name, weight in model.named_parameters())
    assert model.bn1.momentum == nn.BatchNorm2d(1).momentum


def test_one_batch_brings_much_of_the_accuracy_back(shard: ImageSet, validation: ImageSet) -> None:
    model, some = load("student-60k"), validation.select(slice(200))
    Masker(model, METHODS["global-l1"]).apply(0.8)
    before = accuracy(logits(model, some.inputs()), some.targets()).value
    recalibrate(model, shard, 1)
    assert accuracy(logits(model, some.inputs()), some.targets()).value > before + 0.3


@pytest.mark.parametrize("steps", [1, 5])
def test_fine_tuning_keeps_every_mask_and_moves_the_rest(steps: int, shard: ImageSet) -> None:
    model = net()
    Masker(model, METHODS["global-l1"]).apply(0.6)
    before = {name: weight.detach().clone() for name, weight in maskable_weights(model).items()}
    done = 0
    for _ in finetune(model, shard.select(slice(128)), steps):
        done += 1
        assert all((weight[before[name] == 0] == 0).all() for name, weight in maskable_weights(model).items())
    assert done == steps
    assert not model.training
    assert not torch.equal(before["conv1"], model.conv1.weight)


def test_fine_tuning_follows_its_seed(shard: ImageSet) -> None:
    losses = [
        [step.loss for step in finetune(net(), shard.select(slice(128)), 2, seed)] for seed in (1, 1, 2)
    ]
    assert losses[0] == losses[1] != losses[2]


def test_what_cannot_be_recovered_on_is_refused(shard: ImageSet) -> None:
    with pytest.raises(ExplorerError, match="1 to 2 batches of 100 images, not 3"):
        recalibrate(net(), shard.select(slice(250)), 3)
    with pytest.raises(ExplorerError, match="64 images or more"):
        next(finetune(net(), shard.select(slice(63)), 1))


def test_the_seed_of_a_sweep_reaches_its_fine_tuning(shard: ImageSet) -> None:
    images = BUNDLED.load("test").select(slice(4))
    sizes = []
    for seed in (0, 1):
        plan = SweepPlan(("global-l1",), (0.5,), repeats=0, finetune=2, seed=seed)
        rows = sweep(load("student-5k"), images.inputs(), images.targets(), plan, shard=shard)
        sizes.append([row.zipped_bytes for row in rows if isinstance(row, SweepRow)])
    assert sizes[0][0] == sizes[1][0], "no random number is drawn for the masks"
    assert sizes[0][1] != sizes[1][1]
