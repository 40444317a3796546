"""What ships beside the checkpoints, as tests need it."""

from torch import Tensor

from explorer.checkpoints import card
from explorer.checkpoints.evidence import LOGITS, find_tensor
from explorer.data import BUNDLED
from explorer.training import Recipe


def stored_logits(name: str) -> Tensor:
    """The stored logits (5,000, C) of a shipped network on the validation images."""
    values = find_tensor(LOGITS, card(name).sha256, BUNDLED.load("validation"))
    assert values is not None
    return values


def stored_view_logits() -> Tensor:
    """The stored logits (10, 5,000, C) of the shipped teacher on the views of the training images."""
    images = BUNDLED.load("training")
    values = find_tensor(Recipe(epochs=1).views_key, card("teacher").sha256, images)
    assert values is not None
    return values
