"""The homework's own curve: each convolution's smallest weights masked, more and more of them, on validation images.

It is what question 3-1 asks for: ``torch.nn.utils.prune.l1_unstructured`` on every Conv2d, at ratios 0 to 0.95 in
steps of 0.05, each network counted on the validation images, none retrained. No clock: masks save no time.
"""

from collections.abc import Sequence

from explorer.data import Use
from explorer.pruning.plan import SweepSettings
from explorer.pruning.seeds import fold_seeds, reach
from explorer.pruning.sweep import Sweep, SweepRow

KIND = "homework"
METHOD = "homework"
USE: Use = "validation"
RATIOS = tuple(round(0.05 * step, 2) for step in range(20))


class HomeworkCurve(Sweep):
    """The curve as an instrument: a row for each ratio."""

    key = KIND
    title = "the homework's curve"


HOMEWORK = HomeworkCurve()


def homework_settings(images: int) -> SweepSettings:
    """What the homework asks for, on so many validation images."""
    return SweepSettings((METHOD,), RATIOS, repeats=0, images=images)


def describe_homework(rows: Sequence[SweepRow], title: str) -> str:
    """What the curve says: how far masks cost at most one point, and where half of the accuracy is gone; in sentences.

    Args:
        rows: of the curve, ratio 0 among them.
        title: of the network.
    """
    curve = sorted(rows, key=lambda row: row.ratio)
    dense = curve[0]
    cheap = reach(fold_seeds(rows), dense.accuracy.value, 1.0)
    last = next(row for row in curve if row.ratio == cheap)
    halved = next((row for row in curve if 2 * row.correct < dense.correct), None)
    said = f"{title} as it is: **{dense.accuracy.value:.1%}** of {dense.total:,} images. "
    if last is dense:
        said += (
            f"Already {curve[1].ratio:.0%} masked costs more than one point ({curve[1].accuracy.value:.1%})."
        )
    else:
        said += (
            f"Up to **{last.ratio:.0%}** of each convolution's weights masked costs at most one point "
            f"({last.accuracy.value:.1%} there)."
        )
    if halved is not None:
        said += f" From {halved.ratio:.0%} on, less than half of it is left ({halved.accuracy.value:.1%})."
    return said
