import math

import pytest
import torch

from explorer.distillation import soften
from explorer.distillation.soften import ImageOrder
from explorer.errors import ExplorerError

CLASSES = ("a", "b", "c")
TEACHER = torch.tensor(
    [[9.0, 0.0, 0.0], [1.0, 1.1, 1.0], [0.0, 5.0, 1.0], [2.0, 0.0, 4.0]], dtype=torch.float64
)
STUDENT = torch.tensor(
    [[5.0, 0.0, 0.0], [0.0, 3.0, 0.0], [7.0, 0.0, 1.0], [3.0, 0.0, 1.0]], dtype=torch.float64
)
LABELS = torch.tensor([0, 1, 0, 2])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0, 20.0])
def test_softening_is_torchs_softmax_of_the_divided_logits(temperature: float) -> None:
    assert torch.allclose(soften.soften(TEACHER, temperature), (TEACHER / temperature).softmax(1))
    expected = torch.distributions.Categorical(logits=TEACHER / temperature).entropy()
    assert torch.allclose(soften.entropy(TEACHER, temperature), expected)


def test_a_higher_temperature_is_softer_and_keeps_the_ranking() -> None:
    entropies = torch.stack([soften.entropy(TEACHER, step) for step in soften.TEMPERATURE_LADDER])
    assert (entropies.diff(dim=0) > 0).all()
    assert (entropies <= math.log(3)).all()
    for step in soften.TEMPERATURE_LADDER:
        assert torch.equal(soften.soften(TEACHER, step).argmax(1), TEACHER.argmax(1))


@pytest.mark.parametrize(
    ("order", "positions"),
    [
        (ImageOrder.AMBIGUOUS, [1, 3, 2, 0]),
        (ImageOrder.DISAGREE, [2, 3]),
        (ImageOrder.TEACHER_WRONG, [2]),
        (ImageOrder.ONE_PER_CLASS, [2, 1, 3]),
        (ImageOrder.INDEX, [0, 1, 2, 3]),
    ],
)
def test_images_are_chosen_as_promised(order: ImageOrder, positions: list[int]) -> None:
    assert soften.order_images(order, TEACHER, STUDENT, LABELS).tolist() == positions


def test_the_table_of_one_image_has_both_networks_and_sums_to_one() -> None:
    rows = soften.distribution_rows({"teacher": TEACHER[0], "student": STUDENT[0]}, CLASSES, 0, 2.0)
    assert rows.groupby("network")["probability"].sum().tolist() == pytest.approx([1.0, 1.0])
    assert rows[rows["is_label"]]["class"].unique().tolist() == ["a"]
    assert rows["logit"].tolist() == [9.0, 0.0, 0.0, 5.0, 0.0, 0.0]
    assert rows["class"].tolist() == ["a", "b", "c"] * 2
    with pytest.raises(ExplorerError, match=r"^Every network must have a logit for each of the classes\.$"):
        soften.distribution_rows({"teacher": TEACHER[0]}, CLASSES[:2], 0, 2.0)


def test_the_five_temperatures_are_those_of_both_networks() -> None:
    rows = soften.ladder_rows({"teacher": TEACHER[2], "student": STUDENT[2]}, CLASSES)
    probabilities = rows[(rows["network"] == "student") & (rows["temperature"] == "8")][
        "probability"
    ].tolist()
    assert probabilities == pytest.approx((STUDENT[2] / 8).softmax(0).tolist())
    assert list(rows["temperature"].unique()) == ["1", "2", "4", "8", "16"]
    assert rows["class"].tolist() == list("abc") * 10
    assert list(rows.columns) == ["network", "temperature", "class", "probability"]
    with pytest.raises(ValueError, match="zip"):
        soften.ladder_rows({"teacher": TEACHER[2]}, CLASSES[:2])


def test_effective_classes_count_equally_likely_ones() -> None:
    logits = torch.tensor([[0.0, 0.0, -800.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    assert soften.effective_classes(logits, 1.0).tolist() == pytest.approx([2.0, 3.0])
    assert soften.effective_classes(logits, 400.0)[0].item() == pytest.approx(
        torch.distributions.Categorical(logits=logits[0] / 400).perplexity().item()
    )


def test_certainties_are_compared_at_temperature_1() -> None:
    """Three distributions whose order by entropy, or by largest probability, is another at a higher T."""
    spread = torch.tensor([3.2, 0.0, 0.0, 0.0, 0.0]).double()  # p = 0.86 at T = 1, 0.35 at T = 4
    pair = torch.tensor([1.5, 0.0, -90.0, -90.0, -90.0]).double()  # p = 0.82 at T = 1, 0.59 at T = 4
    teacher, student = torch.stack([pair, spread]), torch.zeros(2, 5).double()
    student[:, 4] = 1.0
    labels = torch.tensor([4, 4])
    for order in (ImageOrder.TEACHER_WRONG, ImageOrder.DISAGREE):
        assert soften.order_images(order, teacher, student, labels).tolist() == [1, 0]
    peak = torch.tensor(
        [4.5, 0.0, 0.0, 0.0, 0.0]
    ).double()  # entropy 0.24 at T = 1, 1.0 at T = 2; the pair's 0.48, 0.63
    ambiguous = soften.order_images(ImageOrder.AMBIGUOUS, torch.stack([peak, pair]), student, labels)
    assert ambiguous.tolist() == [1, 0]
    students = torch.stack([pair, spread]).roll(1, 1)
    sure = torch.zeros(2, 5).double()
    sure[:, 4] = 9.0
    assert soften.order_images(ImageOrder.DISAGREE, sure, students, labels).tolist() == [1, 0]
