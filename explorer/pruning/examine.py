"""What the pruning page opens with beside the sweep: the sensitivity of a checkpoint's layers, and its three forms."""

from collections.abc import Iterator
from pathlib import Path

from torch import nn

from explorer.checkpoints import SHIPPED, Card
from explorer.checkpoints.evidence import write_rows
from explorer.data import ImageSet
from explorer.errors import ExplorerError
from explorer.pruning import forms, sensitivity

RATIO = 0.5
IMAGES = 1000


def examine(model: nn.Module, card: Card, images: ImageSet, folder: Path = SHIPPED) -> Iterator[str]:
    """Measure and store the sensitivity and the three forms of a checkpoint; yields what is done.

    Raises:
        ExplorerError: the machine was too busy to time the three forms; nothing of them is stored.
    """
    inputs, targets = images.inputs(), images.targets()
    cells = []
    for cell in sensitivity.scan(model, inputs, targets):
        cells.append(cell)
        yield f"{cell.layer} at {cell.ratio:.0%}: {cell.correct} of {cell.total} right"
    write_rows("sensitivity", cells, card, images, folder)
    measured = list(forms.forms(model, inputs, targets, RATIO))
    if any(form.busy for form in measured):
        raise ExplorerError("Other programs used the processors, so the forms were not stored: try again.")
    write_rows("forms", measured, card, images, folder, settings={"ratio": RATIO})
    yield f"three forms at {RATIO:.0%}"
