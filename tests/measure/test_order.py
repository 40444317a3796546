import pytest
import torch
from torch import Tensor

from explorer.measure import other_order

CLASSES = 11
AS_TEXT = tuple(
    sorted(range(CLASSES), key=str)
)  # 0, 1, 10, 2, ...: what torchvision's ImageFolder makes of numbers


def answers(
    labels: Tensor, right: float, order: tuple[int, ...] = tuple(range(CLASSES)), seed: int = 0
) -> Tensor:
    """Logits of a network that knows a share of the images, its n-th logit standing for the label ``order[n]``."""
    torch.manual_seed(seed)
    guessed = torch.where(torch.rand(len(labels)) < right, labels, torch.randint(CLASSES, (len(labels),)))
    logit = torch.tensor([order.index(label) for label in range(CLASSES)])[guessed]
    return torch.nn.functional.one_hot(logit, CLASSES).float()


@pytest.fixture
def labels() -> Tensor:
    torch.manual_seed(1)
    return torch.randint(CLASSES, (300,))


@pytest.mark.parametrize("order", [AS_TEXT, tuple(reversed(range(CLASSES))), (1, 0, *range(2, CLASSES))])
@pytest.mark.parametrize("right", [0.95, 0.7])
def test_another_order_is_found(labels: Tensor, order: tuple[int, ...], right: float) -> None:
    if order[2:] == tuple(range(2, CLASSES)):
        labels = labels % 4  # of two classes that are exchanged many images are needed
    assert other_order(answers(labels, right, order), labels)[:4] == order[:4]


@pytest.mark.parametrize("right", [1.0, 0.6, 0.2, 0.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_network_in_the_labels_order_or_one_that_guesses_has_no_other(
    labels: Tensor, right: float, seed: int
) -> None:
    assert other_order(answers(labels, right, seed=seed), labels) == ()


def test_a_network_that_always_says_the_same_has_no_other_order(labels: Tensor) -> None:
    assert other_order(answers(torch.full_like(labels, 7), 1.0), labels) == ()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_of_few_images_nothing_is_said(count: int) -> None:
    labels = torch.arange(count)
    assert other_order(answers(labels, 1.0, AS_TEXT), labels) == ()


def test_classes_without_images_stay_where_they_are() -> None:
    labels = torch.arange(200) % 2
    assert other_order(answers(labels, 1.0, (1, 0, *range(2, CLASSES))), labels) == (1, 0, *range(2, CLASSES))
