"""The shuffled mask: global L1's count in every layer, other places."""

import torch

from explorer.pruning.masks import Masker
from explorer.pruning.methods import METHODS
from explorer.pruning.methods.shuffled import SHUFFLED
from tests.pruning import toy


def test_a_layer_keeps_as_many_weights_as_with_global_l1_but_others() -> None:
    model = toy.ToyNetwork().load()
    shuffled, again, other = (Masker(model, SHUFFLED, seed) for seed in (0, 0, 1))
    ranked = Masker(model, METHODS["global-l1"])
    for ratio in (0.3, 0.8):
        masks, chosen = shuffled.masks(ratio), ranked.masks(ratio)
        assert {name: int(mask.sum()) for name, mask in masks.items()} == {
            name: int(mask.sum()) for name, mask in chosen.items()
        }
        assert not torch.equal(masks["fc"], chosen["fc"])
        assert all(torch.equal(mask, again.masks(ratio)[name]) for name, mask in masks.items())
        assert not torch.equal(masks["fc"], other.masks(ratio)["fc"])
