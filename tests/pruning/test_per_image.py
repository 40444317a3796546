import numpy as np
import torch

from explorer.data import ImageSet
from explorer.pruning import per_image

CLASSES = ("cat", "dog", "fish")
LABELS = torch.tensor([0, 0, 1, 1])
BEFORE = torch.tensor([[3.0, 0, 0], [3.0, 0, 0], [2.0, 0, 0], [0, 3.0, 0]])
PHOTOGRAPHS = ImageSet("some", np.zeros((4, 2, 2), np.uint8), LABELS.numpy(), CLASSES)
AFTER = torch.tensor([[0, 0.1, 0], [0, 9.0, 0], [0, 2.0, 0], [0, 1.0, 0]])


def test_images_that_turned_come_the_largest_change_first() -> None:
    turned = per_image.flips(BEFORE, AFTER, LABELS)
    assert turned.lost == (1, 0), "image 1 lost more of its label's probability than image 0"
    assert turned.won == (2,)
    rows = per_image.flip_table(BEFORE, AFTER, PHOTOGRAPHS)
    assert rows["image"].tolist() == [1, 0, 2]
    assert rows["dense says"].tolist() == ["cat", "cat", "cat"]
    assert rows["pruned says"].tolist() == ["dog", "dog", "dog"]
    assert per_image.flip_table(BEFORE, BEFORE, PHOTOGRAPHS).empty


def test_accuracy_of_each_class_before_and_after() -> None:
    rows = per_image.per_class(BEFORE, AFTER, LABELS, CLASSES)
    assert rows["class"].tolist() == ["cat", "cat", "dog", "dog"], "no image is a fish"
    assert rows["accuracy"].tolist() == [1.0, 0.0, 0.5, 1.0]
    assert rows["called"].tolist() == [3, 0, 1, 4]
    text = per_image.describe_classes(BEFORE, AFTER, LABELS, CLASSES)
    assert text == (
        "Accuracy 75.0% before, 50.0% after. **cat** loses the most: 100% to 0%. "
        "**dog** gains the most: 50% to 100%."
    )


def test_nothing_lost_is_not_called_a_loss() -> None:
    text = per_image.describe_classes(BEFORE, BEFORE, LABELS, CLASSES)
    assert text == "Accuracy 75.0% before, 75.0% after. No class loses any."
    right = torch.eye(3)[LABELS]
    worse = torch.eye(3)[torch.tensor([2, 2, 1, 2])]
    assert per_image.describe_classes(right, worse, LABELS, CLASSES).endswith(
        "**cat** loses the most: 100% to 0%. **dog** loses the least: 100% to 50%."
    )
    one = torch.eye(3)[torch.tensor([2, 0, 1, 1])]
    assert per_image.describe_classes(right, one, LABELS, CLASSES).endswith(
        "**cat** loses the most: 100% to 50%. **dog** stays at 100%."
    )


def test_both_probabilities_of_one_image_sum_to_one() -> None:
    rows = per_image.distributions(BEFORE, AFTER, 1, CLASSES)
    assert (rows.groupby("network")["probability"].sum() - 1).abs().max() < 1e-6
