import re

import pytest
import torch

from explorer.distillation.formula import compare_image_with_mean, loss_formula, part_names
from explorer.distillation.loss import loss_fn_kd, loss_parts

GENERATOR = torch.Generator().manual_seed(0)
STUDENT, TEACHER = (3 * torch.randn(12, 5, dtype=torch.float64, generator=GENERATOR) for _ in range(2))
LABELS = torch.randint(5, (12,), generator=GENERATOR)


def calculated(text: str) -> float:
    """What the line of numbers in the formula comes to, read off the LaTeX and worked out."""
    numbers = re.search(
        r"([\d.e-]+) \\cdot ([\d.]+)\^2 \\cdot ([-\d.]+).*?\+ ([\d.e-]+) \\cdot ([-\d.]+)", text
    )
    assert numbers, text
    alpha, temperature, kl, rest, ce = map(float, numbers.groups())
    return alpha * temperature**2 * kl + rest * ce


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("alpha", "temperature"), [(0.3, 4.0), (0.5, 1.0), (0.85, 2.5), (0.0, 4.0), (1.0, 8.0)]
)
def test_the_numbers_of_the_formula_work_out_to_its_result(
    alpha: float, temperature: float, reverse: bool
) -> None:
    parts = loss_parts(STUDENT, LABELS, TEACHER, alpha, temperature, reverse=reverse)
    for alpha_weighs_soft in (True, False):
        text = loss_formula(parts, alpha, temperature, reverse=reverse, alpha_weighs_soft=alpha_weighs_soft)
        result = float(re.search(r"mathbf\{([\d.]+)\}", text)[1])
        assert result == pytest.approx(parts.total.item(), abs=5e-5)
        assert calculated(text) == pytest.approx(result, abs=1e-4 * (1 + temperature**2))
        assert r"T^2\, \mathrm{KL}" in text


def test_the_letters_follow_both_conventions() -> None:
    parts = loss_parts(STUDENT, LABELS, TEACHER, 0.3, 4.0)
    text = loss_formula(parts, 0.3, 4.0)
    assert r"\alpha\, T^2\, \mathrm{KL}(p_{teacher} \| q_{student})" in text
    assert r"+ (1-\alpha)\, \mathrm{CE}" in text
    other = loss_formula(parts, 0.3, 4.0, reverse=True, alpha_weighs_soft=False)
    assert r"(1-\alpha)\, T^2\, \mathrm{KL}(q_{student} \| p_{teacher})" in other
    assert r"+ \alpha\, \mathrm{CE}" in other
    assert part_names() == ("alpha T² KL(teacher || student)", "(1 - alpha) CE")
    assert part_names(reverse=True, alpha_weighs_soft=False) == (
        "(1 - alpha) T² KL(student || teacher)",
        "alpha CE",
    )


def test_what_weighs_nothing_is_grey() -> None:
    for alpha, grey in ((0.0, r"\alpha\, T^2"), (1.0, r"+ (1-\alpha)\, \mathrm{CE}")):
        text = loss_formula(loss_parts(STUDENT, LABELS, TEACHER, alpha, 4.0), alpha, 4.0)
        assert text.count(r"\color{gray}") == 2
        assert rf"{{\color{{gray}}{grey}" in text


def test_the_whole_formula_reads_as_it_should() -> None:
    parts = loss_parts(STUDENT, LABELS, TEACHER, 0.25, 4.0)
    assert loss_formula(parts, 0.25, 4.0) == (
        r"\begin{aligned} L ={} & {\alpha\, T^2\, \mathrm{KL}(p_{teacher} \| q_{student})} \\"
        r" & {+ (1-\alpha)\, \mathrm{CE}} \\"
        rf" ={{}} & {{0.25 \cdot 4^2 \cdot {parts.kl:.4f}}} \\"
        rf" & {{+ 0.75 \cdot {parts.hard:.4f}}} \\"
        rf" ={{}} & \mathbf{{{parts.total:.4f}}}\ \mathrm{{nats}} \end{{aligned}}"
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
