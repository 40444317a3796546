"""The loss as LaTeX with live numbers in it, in either convention for alpha and either direction of KL."""

from explorer.distillation.loss import LossParts


def part_names(*, reverse: bool = False, course: bool = True) -> tuple[str, str]:
    """What a chart calls the soft and the hard part.

    >>> part_names(course=False)
    ('(1 - alpha) T² KL(teacher || student)', 'alpha CE')
    """
    soft, hard = ("alpha", "(1 - alpha)") if course else ("(1 - alpha)", "alpha")
    direction = "student || teacher" if reverse else "teacher || student"
    return f"{soft} T² KL({direction})", f"{hard} CE"


def formula(
    parts: LossParts, alpha: float, temperature: float, *, reverse: bool = False, course: bool = True
) -> str:
    """The loss in letters and in the numbers of ``parts``.

    Args:
        parts: the parts at this alpha and T.
        alpha: the weight of the soft term, whatever the convention calls it.
        temperature: T.
        reverse: whether the KL is KL(student || teacher).
        course: whether alpha names the soft term's weight, as in the course, or the hard term's.
    """
    soft, hard = (r"\alpha", r"(1-\alpha)") if course else (r"(1-\alpha)", r"\alpha")
    first, second = ("q_{student}", "p_{teacher}") if reverse else ("p_{teacher}", "q_{student}")
    no_soft, no_hard = (r"\color{gray}" if weight == 0 else "" for weight in (alpha, 1 - alpha))
    return (
        rf"\begin{{aligned}} L ={{}} & {{{no_soft}{soft}\, T^2\, \mathrm{{KL}}({first} \| {second})}} \\"
        rf" & {{{no_hard}+ {hard}\, \mathrm{{CE}}}} \\"
        rf" ={{}} & {{{no_soft}{alpha:.4g} \cdot {temperature:g}^2 \cdot {parts.kl:.4f}}} \\"
        rf" & {{{no_hard}+ {1 - alpha:.4g} \cdot {parts.hard:.4f}}} \\"
        rf" ={{}} & \mathbf{{{parts.total:.4f}}}\ \mathrm{{nats}} \end{{aligned}}"
    )
