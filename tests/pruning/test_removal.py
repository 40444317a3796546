import numpy as np
import pytest
import torch
from torch import nn

from explorer.errors import ExplorerError
from explorer.networks import StudentNet, StudentSpec, parameter_count, remove, resnet18_teacher, zero
from explorer.pruning.methods import METHODS, Basis
from explorer.pruning.removal import kept_channels
from tests.networks.examples import KINDS, SMALL, images, trained_like

L1, L2, RANDOM = (METHODS[key] for key in ("channels-l1", "channels-l2", "channels-random"))


@pytest.fixture(scope="module", params=["student", "resnet18"])
def model(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    if request.param == "student":
        return StudentNet(StudentSpec(13, (9, 17, 21, 11), classes=7)).eval()
    return resnet18_teacher(10).eval()


def test_every_group_keeps_at_least_one_channel(model: nn.Module) -> None:
    assert {len(stay) for stay in kept_channels(model, 0.999, L1).values()} == {1}


@pytest.mark.parametrize(("method", "order"), [(L1, 1), (L2, 2)], ids=["L1", "L2"])
def test_a_norm_keeps_the_filters_that_numpy_ranks_highest(model: nn.Module, method, order: int) -> None:
    """Of every group, the filters of all its convolutions together."""
    for group, kept in kept_channels(model, 0.4, method).items():
        filters = [model.get_parameter(f"{name}.weight").detach().numpy() for name in group.producers]
        flat = np.concatenate([each.reshape(len(each), -1) for each in filters], axis=1).astype(np.float64)
        strength = (np.abs(flat) ** order).sum(1)
        stay = len(flat) - round(0.4 * len(flat))
        assert kept.tolist() == sorted(np.argsort(-strength, kind="stable")[:stay].tolist())


def test_l1_and_l2_disagree_where_a_filter_has_one_large_weight() -> None:
    model = StudentNet(StudentSpec(4, (4, 4, 4, 4), classes=2)).eval()
    with torch.no_grad():
        model.conv1.weight.fill_(0.1)  # 147 weights: L1 norm 14.7, L2 norm 1.2
        model.conv1.weight[2] = 0
        model.conv1.weight[2, 0, 0, 0] = 5
    first = [next(iter(kept_channels(model, 0.25, method).values())).tolist() for method in (L1, L2)]
    assert 2 not in first[0]
    assert 2 in first[1]


def test_channels_at_random_follow_their_seed_and_differ_between_seeds_and_groups(model: nn.Module) -> None:
    first, again, other = (list(kept_channels(model, 0.5, RANDOM, seed).values()) for seed in (0, 0, 1))
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not all(torch.equal(one, two) for one, two in zip(first, other, strict=True))
    assert len({tuple(kept.tolist()) for kept in first}) == len(first), "each group draws anew"


def test_a_mask_removes_no_channels(model: nn.Module) -> None:
    with pytest.raises(ExplorerError, match="'global-l1' masks weights; it removes no channels"):
        kept_channels(model, 0.5, METHODS["global-l1"])


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("method", [L1, L2, RANDOM], ids=lambda method: method.key)
@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.5, 0.97, 0.999])
@torch.no_grad()
def test_the_smaller_network_computes_what_the_silenced_one_does(name: str, method, ratio: float) -> None:
    model = trained_like(KINDS[name])
    kept = kept_channels(model, ratio, method)
    small = remove(model, kept)
    assert torch.allclose(small(images()), zero(model, kept)(images()), atol=1e-5)
    assert torch.equal(small(images()), model(images())) == (ratio == 0)


def test_half_the_channels_are_about_a_quarter_of_the_parameters() -> None:
    model = resnet18_teacher(10).eval()
    assert parameter_count(remove(model, kept_channels(model, 0.5, L1))) == 2_801_450
    assert parameter_count(model) == 11_181_642, "the network itself is left as it is"


@pytest.mark.parametrize("name", SMALL)
def test_any_network_gives_up_the_channels_that_score_lowest(name: str) -> None:
    model = trained_like(SMALL[name])
    for group, kept in kept_channels(model, 0.5, L1).items():
        scores = L1.channel_scores(Basis(model), group)
        gone = [scores[channel] for channel in range(group.width) if channel not in kept.tolist()]
        assert len(kept) == group.width - round(0.5 * group.width) or group.width == 1
        assert not gone or max(gone) <= min(scores[kept])
