"""Channels by BatchNorm scale and by Taylor importance, against torch-pruning and by hand."""

from collections.abc import Iterator

import pytest
import torch
import torch_pruning
from torch import Tensor, nn
from torch.nn import functional

from explorer.errors import ExplorerError
from explorer.networks import ChannelGroup, channel_groups
from explorer.pruning import engine
from explorer.pruning.engine import prune_network, prunings
from explorer.pruning.gradients import loss_gradients
from explorer.pruning.methods import Basis
from explorer.pruning.methods.batchnorm import CHANNELS_BATCHNORM
from explorer.pruning.methods.norms import CHANNELS_L1
from explorer.pruning.methods.taylor import CHANNELS_TAYLOR
from explorer.pruning.plan import SweepPlan
from explorer.pruning.removal import removable_groups
from tests.networks.examples import KINDS, images, trained_like
from tests.pruning import toy


def theirs(model: nn.Module) -> Iterator[tuple[ChannelGroup, torch_pruning.Group]]:
    """Each group of channels, by us and by torch-pruning."""
    graph = torch_pruning.DependencyGraph().build_dependency(model, example_inputs=images())
    for group in removable_groups(model):
        made = model.get_submodule(group.producers[0])
        yield (
            group,
            graph.get_pruning_group(made, torch_pruning.prune_conv_out_channels, list(range(group.width))),
        )


def ranked(scores: Tensor) -> list[int]:
    return torch.argsort(scores, stable=True).tolist()


@pytest.mark.parametrize("name", ["StudentNet", "ResNet-like"])
def test_batchnorm_scale_is_that_of_torch_pruning(name: str) -> None:
    model = trained_like(KINDS[name])
    importance = torch_pruning.importance.BNScaleImportance(normalizer=None)
    for ours, group in theirs(model):
        scores = CHANNELS_BATCHNORM.channel_scores(Basis(model), ours)
        torch.testing.assert_close(scores, importance(group))


@pytest.mark.parametrize("name", ["StudentNet", "ResNet-like"])
def test_taylor_importance_ranks_as_torch_pruning_does(name: str) -> None:
    """Theirs also looks at the layers that read a channel: the groups are cut down to what makes it."""
    model = trained_like(KINDS[name])
    scores = model(images())
    functional.cross_entropy(scores, torch.arange(len(scores)) % scores.shape[1]).backward()
    gradients = {key: parameter.grad for key, parameter in model.named_parameters()}
    importance = torch_pruning.importance.GroupTaylorImportance(
        group_reduction="sum", normalizer=None, target_types=[nn.Conv2d]
    )
    for ours, group in theirs(model):
        group._group = [each for each in group if each.dep.handler == torch_pruning.prune_conv_out_channels]
        torch.testing.assert_close(
            CHANNELS_TAYLOR.channel_scores(Basis(model, gradients=gradients), ours), importance(group)
        )


def test_channels_without_a_batchnorm_are_ranked_by_their_filters() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    (group, *_) = channel_groups(model)
    by_scale, by_norm = (
        method.channel_scores(Basis(model), group) for method in (CHANNELS_BATCHNORM, CHANNELS_L1)
    )
    assert torch.equal(by_scale, by_norm)


def test_gradients_are_those_of_the_mean_loss_and_leave_the_network_alone() -> None:
    model, shard = toy.ToyNetwork().load(), toy.images("training").select(slice(130))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = loss_gradients(model, shard)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    functional.cross_entropy(model(shard.inputs()), shard.targets()).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-3, atol=1e-6)


def test_taylor_needs_training_images_and_takes_its_first_ones() -> None:
    model, shard = toy.ToyNetwork().load(), toy.images("training")
    with pytest.raises(ExplorerError, match="'channels-taylor' ranks by training images"):
        prune_network(model, CHANNELS_TAYLOR, 0.5)
    pruned = prune_network(model, CHANNELS_TAYLOR, 0.5, images=shard)
    basis = Basis(model, gradients=loss_gradients(model, shard.select(slice(CHANNELS_TAYLOR.images))))
    kept = next(prunings(model, CHANNELS_TAYLOR, (0.5,), images=shard)).kept
    for group, stay in kept.items():
        best = ranked(-CHANNELS_TAYLOR.channel_scores(basis, group))[: len(stay)]
        assert stay.tolist() == sorted(best)
    assert sum(p.numel() for p in pruned.parameters()) < sum(p.numel() for p in model.parameters())


def test_a_method_looks_at_as_many_images_as_it_says_and_once_for_all_ratios(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, looked_at = toy.ToyNetwork().load(), []

    def watched(network, images):
        looked_at.append(images.key)
        return loss_gradients(network, images)

    monkeypatch.setattr(engine, "loss_gradients", watched)
    shard = toy.images("training")
    list(prunings(model, CHANNELS_TAYLOR, (0.25, 0.5), images=shard))
    list(prunings(model, CHANNELS_L1, (0.5,), images=shard))
    assert looked_at == [shard.select(slice(CHANNELS_TAYLOR.images)).key]


def test_a_plan_knows_that_it_needs_training_images() -> None:
    assert SweepPlan(("channels-taylor",)).needs_training
    assert not SweepPlan(("channels-bn", "channels-l1")).needs_training
    assert SweepPlan(("channels-l1",), refit=8).needs_training
