import pytest
import torch

from explorer.distillation.formula import compare_image_with_mean, part_names
from explorer.distillation.loss import loss_fn_kd, loss_parts

GENERATOR = torch.Generator().manual_seed(0)
STUDENT, TEACHER = (3 * torch.randn(12, 5, dtype=torch.float64, generator=GENERATOR) for _ in range(2))
LABELS = torch.randint(5, (12,), generator=GENERATOR)


def test_the_letters_follow_both_conventions() -> None:
    assert part_names() == ("alpha T² KL(teacher || student)", "(1 - alpha) CE")
    assert part_names(reverse=True, alpha_weighs_soft=False) == (
        "(1 - alpha) T² KL(student || teacher)",
        "alpha CE",
    )


@pytest.mark.parametrize("reverse", [False, True])
def test_the_bars_are_the_weighted_parts_of_the_chosen_image_and_of_the_mean(reverse: bool) -> None:
    compared = compare_image_with_mean(
        STUDENT, LABELS, TEACHER, 0.3, 4.0, 2, names=("soft", "hard"), reverse=reverse
    )
    image = loss_parts(STUDENT[2:3], LABELS[2:3], TEACHER[2:3], 0.3, 4.0, reverse=reverse)
    mean = loss_parts(STUDENT, LABELS, TEACHER, 0.3, 4.0, reverse=reverse)
    assert compared.image == image
    assert compared.mean == mean
    assert list(compared.rows.itertuples(index=False, name=None)) == [
        ("this image", "soft", pytest.approx(0.3 * 16 * image.kl.item())),
        ("this image", "hard", pytest.approx(0.7 * image.hard.item())),
        ("mean of 12", "soft", pytest.approx(0.3 * 16 * mean.kl.item())),
        ("mean of 12", "hard", pytest.approx(0.7 * mean.hard.item())),
    ]


def test_the_bars_are_called_terms_unless_the_page_names_them() -> None:
    compared = compare_image_with_mean(STUDENT, LABELS, TEACHER, 0.3, 4.0, 2)
    assert compared.rows["part"].tolist() == ["soft term", "hard term"] * 2
    assert list(compared.rows.columns) == ["images", "part", "value"]
    assert compared.mean.total.item() == pytest.approx(loss_fn_kd(STUDENT, LABELS, TEACHER, 0.3, 4.0).item())
