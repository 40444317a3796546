"""The loss as LaTeX with live numbers in it, in either convention for alpha and either direction of KL."""

from explorer.distillation.loss import LossParts


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
    grey = r"\color{gray}" if alpha == 0 else ""
    return (
        r"\begin{aligned} L ={} & {" + grey + rf"{soft}\, T^2\, \mathrm{{KL}}({first} \| {second})" + r"} \\"
        rf" & + {hard}\, \mathrm{{CE}} \\"
        rf" ={{}} & {{{grey}{alpha:.4g} \cdot {temperature:g}^2 \cdot {parts.kl:.4f}}} \\"
        rf" & + {1 - alpha:.4g} \cdot {parts.hard:.4f} \\"
        rf" ={{}} & \mathbf{{{parts.total:.4f}}}\ \mathrm{{nats}} \end{{aligned}}"
    )
