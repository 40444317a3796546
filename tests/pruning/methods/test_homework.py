"""The homework's masks are those of torch.nn.utils.prune, run as the homework runs it."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from explorer.checkpoints import load
from explorer.data import BUNDLED
from explorer.measure import logits
from explorer.networks import StudentNet, StudentSpec
from explorer.pruning.engine import prune_network
from explorer.pruning.masks import Masker
from explorer.pruning.methods import METHODS

HOMEWORK = METHODS["homework"]


def pruned_by_torch(model: nn.Module, ratio: float) -> nn.Module:
    """A copy with the masks of torch made permanent."""
    theirs = copy.deepcopy(model)
    for module in theirs.modules():
        if isinstance(module, nn.Conv2d):
            prune.l1_unstructured(module, "weight", amount=ratio)
            prune.remove(module, "weight")
    return theirs


@pytest.mark.parametrize("ratio", [0.05, 0.5, 0.95])
def test_the_weights_are_those_that_torch_leaves_where_none_are_equal(ratio: float) -> None:
    torch.manual_seed(3)
    model = StudentNet(StudentSpec(8, (9, 10, 11, 12), classes=4)).eval()
    ours, theirs = (
        prune_network(model, HOMEWORK, ratio).state_dict(),
        pruned_by_torch(model, ratio).state_dict(),
    )
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name


@pytest.mark.parametrize("ratio", [0.5, 0.8, 0.95])
def test_a_shipped_student_answers_image_for_image_as_after_torch(ratio: float) -> None:
    model = load("student-60k-kd")
    images = BUNDLED.load("validation").select(slice(None, None, 20)).inputs()
    ours, theirs = (
        logits(network, images).argmax(1)
        for network in (prune_network(model, HOMEWORK, ratio), pruned_by_torch(model, ratio).eval())
    )
    assert torch.equal(ours, theirs)


def test_linear_layers_stay_whole_and_the_share_says_so() -> None:
    torch.manual_seed(0)
    model = StudentNet(StudentSpec(6, (7, 8, 9, 10), classes=4)).eval()
    masks = Masker(model, HOMEWORK).masks(0.5)
    assert "fc" not in masks
    assert "fc" in Masker(model, METHODS["layer-l1"]).masks(0.5)
    assert HOMEWORK.share == "of each convolution layer's weights masked"
