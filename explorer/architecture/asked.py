"""What a class is asked about a design before it sees the verdict.

About a design always the sample report's: widths are under the hand, and a question must not change with every move.
"""

from collections.abc import Sequence

from explorer.architecture.budget import budget
from explorer.architecture.torchsummary import SideEffect, describe_side_effect
from explorer.classroom import Question
from explorer.networks import NetworkSpec, StudentSpec, params_of

ASKED = StudentSpec()


def halved_question(spec: NetworkSpec = ASKED) -> Question:
    """What is left of the parameters when every width is halved."""
    half = spec.with_channels(tuple(max(1, width // 2) for width in spec.channels))
    before, after = params_of(spec), params_of(half)
    return Question(
        "verdict",
        f"The sample report's StudentNet has {before:,} parameters. Every width is halved: what share of them is left?",
        (repr(spec),),
        "%",
        digits=1,
        answer=100 * after / before,
        because=f"{after:,} are left: a convolution from all channels to all shrinks to a quarter, BatchNorm and what "
        "looks at one channel alone to a half.",
    )


def busiest_question(spec: NetworkSpec = ASKED, size: int = 224) -> Question:
    """Which part of the network computes the most."""
    parts = budget(spec, size).part_table()
    busiest = int(parts["mult-adds"].argmax())
    adds, params = (parts[name] / parts[name].sum() for name in ("mult-adds", "parameters"))
    return Question(
        "layers",
        f"One image of {size} pixels, the sample report's StudentNet: which part multiplies and adds the most?",
        (repr(spec), str(size)),
        options=tuple(parts["part"]),
        answer=busiest,
        because=f"{parts['part'][busiest]}: {adds[busiest]:.0%} of the multiply-adds, with {params[busiest]:.0%} of "
        "the parameters.",
    )


def summary_question(title: str, weights: str, images: str, rows: Sequence[SideEffect]) -> Question | None:
    """How much a network still knows after the most summaries that were tried; None where nothing was.

    Args:
        title: of the network.
        weights: sha256 of its weights.
        images: key of what was counted.
        rows: what was counted.
    """
    tried = [row for row in rows if row.passes]
    if not tried:
        return None
    most = max(row.passes for row in tried)
    after = [row.accuracy.value for row in tried if row.passes == most]
    return Question(
        "summary",
        f"{title}, loaded and in train mode: torchsummary prints its table {most} times. What share of the validation "
        "images does it then get right?",
        (weights, images),
        "%",
        digits=1,
        answer=100 * sum(after) / len(after),
        because=describe_side_effect(rows),
    )
