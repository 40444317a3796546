import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from explorer.errors import ExplorerError
from explorer.networks import StudentNet, StudentSpec, maskable_weights, resnet18_teacher
from explorer.pruning.masks import Masker
from explorer.pruning.methods import METHODS

GLOBAL_L1 = METHODS["global-l1"]
SPEC = StudentSpec(7, (9, 11, 13, 10), classes=6)


def net(seed: int = 0) -> StudentNet:
    torch.manual_seed(seed)
    return StudentNet(SPEC).eval()


def layers(model: nn.Module) -> list[tuple[nn.Module, str]]:
    return [(module, "weight") for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.5, 0.8, 0.95, 0.999])
@pytest.mark.parametrize("build", [net, lambda: resnet18_teacher(10).eval()], ids=["student", "resnet18"])
def test_global_l1_is_torchs(build, ratio: float) -> None:
    torch.manual_seed(1)
    theirs = build()
    ours = build()
    ours.load_state_dict(theirs.state_dict())
    Masker(ours, GLOBAL_L1).apply(ratio)
    prune.global_unstructured(layers(theirs), prune.L1Unstructured, amount=ratio)
    for (module, _), weight in zip(layers(theirs), maskable_weights(ours).values(), strict=True):
        assert torch.equal(module.weight, weight)


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.9])
def test_layer_wise_l1_is_torchs(ratio: float) -> None:
    ours, theirs = net(), net()
    Masker(ours, METHODS["layer-l1"]).apply(ratio)
    for (module, name), weight in zip(layers(theirs), maskable_weights(ours).values(), strict=True):
        prune.l1_unstructured(module, name, amount=ratio)
        assert torch.equal(module.weight, weight)


def test_random_masks_have_the_exact_share_and_follow_their_seed() -> None:
    first, again, other = (Masker(net(), METHODS["random"], seed).masks(0.7) for seed in (0, 0, 1))
    count = sum(mask.numel() for mask in first.values())
    assert sum(int(mask.sum()) for mask in first.values()) == count - round(0.7 * count)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_equal_weights_are_masked_to_the_exact_count() -> None:
    model = net()
    for weight in maskable_weights(model).values():
        nn.init.ones_(weight)
    masker = Masker(model, GLOBAL_L1)
    count = sum(weight.numel() for weight in masker.weights.values())
    assert masker.apply(0.4) == count - round(0.4 * count)
    kept = torch.cat([mask.flatten() for mask in masker.masks(0.4).values()])
    assert torch.equal(kept, torch.arange(count) >= round(0.4 * count)), "of equal ones the later stay"


@pytest.mark.parametrize("method", [GLOBAL_L1, METHODS["layer-l1"]], ids=["global", "layer"])
@pytest.mark.parametrize("ratio", [0.0, 0.5])
def test_a_mask_is_true_where_a_weight_stays_and_shaped_like_the_weights(method, ratio: float) -> None:
    model = net()
    for name, mask in Masker(model, method).masks(ratio).items():
        assert (mask.dtype, mask.shape) == (torch.bool, maskable_weights(model)[name].shape)


def test_masked_weights_are_plain_zeros() -> None:
    """A negative zero would not compress."""
    model = net()
    Masker(model, GLOBAL_L1).apply(0.5)
    for weight in maskable_weights(model).values():
        assert not torch.signbit(weight[weight == 0]).any()


def test_ratios_may_come_in_any_order_and_the_dense_weights_come_back() -> None:
    model, untouched = net(), net()
    masker = Masker(model, GLOBAL_L1)
    masker.apply(0.9)
    masker.apply(0.2)
    once = net()
    Masker(once, GLOBAL_L1).apply(0.2)
    for weight, expected in zip(
        maskable_weights(model).values(), maskable_weights(once).values(), strict=True
    ):
        assert torch.equal(weight, expected)
    masker.apply(0.0)
    for key, tensor in untouched.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[key])


@pytest.mark.parametrize("ratio", [1, 1.5, -0.1, float("nan")])
def test_an_impossible_ratio_is_refused(ratio: float) -> None:
    with pytest.raises(ExplorerError, match="from 0 to below 1"):
        Masker(net(), GLOBAL_L1).masks(ratio)


def test_a_method_that_removes_channels_has_no_masks() -> None:
    with pytest.raises(ExplorerError, match="'channels-l1' removes channels; it has no masks"):
        Masker(net(), METHODS["channels-l1"])
