"""What the pruning page opens with beside the sweep: the sensitivity of a checkpoint's layers, and its forms."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, TypeVar

from explorer.checkpoints import SHIPPED
from explorer.checkpoints.evidence import write_rows
from explorer.data import DataSet, ImageSet
from explorer.errors import ExplorerError
from explorer.pruning.forms import FORMS, FormsSettings
from explorer.pruning.sensitivity import SENSITIVITY, SensitivitySettings
from explorer.runtime.needed import missing
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.progress import Update
from explorer.workspace import NetworkSource

PartType = TypeVar("PartType")
RATIO = 0.5
IMAGES = 1000


def examine(
    source: NetworkSource, data: DataSet, images: ImageSet, folder: Path = SHIPPED, *, timed: bool = True
) -> Iterator[str]:
    """Measure and store the sensitivity and the forms of a checkpoint; yields what is done.

    Args:
        source: the network.
        data: the data set.
        images: so many of its test images, each class by its share.
        folder: the folder of checkpoints that the results are stored in.
        timed: whether the forms are among it, which takes a quiet machine.

    Raises:
        ExplorerError: the machine was too busy to time the forms; nothing of them is stored.
    """
    use, count = "test", len(images)
    cells = yield from _run(
        SENSITIVITY, InstrumentSpec(source, data, use, images.whole, SensitivitySettings(count))
    )
    write_rows("sensitivity", cells, source.card, images, folder)
    if not timed:
        return
    training = "" if missing() else data.key_of("training")
    rows = yield from _run(
        FORMS, InstrumentSpec(source, data, use, images.whole, FormsSettings(count, RATIO, training))
    )
    if any(form.busy for form in rows):
        raise ExplorerError("Other programs used the processors, so the forms were not stored: try again.")
    write_rows("forms", rows, source.card, images, folder, settings={"ratio": RATIO, "training": training})
    yield f"forms at {RATIO:.0%}"


def _run(
    instrument: Instrument[Any, PartType], spec: InstrumentSpec[Any]
) -> Generator[str, None, tuple[PartType, ...]]:
    parts = []
    for step in instrument.run(spec):
        if not isinstance(step, Update):
            parts.append(step)
            yield instrument.describe(step)
    return tuple(parts)
