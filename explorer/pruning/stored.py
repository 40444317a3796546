"""Precomputed results of the pruning lesson, tied to a checkpoint's weights by their sha256."""

import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, Literal, TypeVar

import torch

from explorer.checkpoints import SHIPPED, card, load
from explorer.data import BUNDLED
from explorer.errors import ExplorerError
from explorer.evidence import FOLDER
from explorer.pruning import forms, sensitivity

RowType = TypeVar("RowType")
Kind = Literal["sweep", "forms", "sensitivity"]
RATIO = 0.5
IMAGES = 1000


@dataclass(frozen=True)
class Stored(Generic[RowType]):
    """A precomputed result: its rows, the ratio where there is one for all, and where they come from."""

    rows: tuple[RowType, ...]
    checkpoint: str
    ratio: float | None
    date: str
    machine: str
    torch: str


def path(kind: Kind, checkpoint: str, folder: Path = SHIPPED) -> Path:
    """Where the precomputed result of a checkpoint is kept."""
    return folder / FOLDER / f"{kind}-{checkpoint}.json"


def write(
    kind: Kind, rows: Sequence[object], checkpoint: str, ratio: float | None, folder: Path = SHIPPED
) -> Path:
    """Store rows (dataclasses) measured on this machine, now."""
    target = path(kind, checkpoint, folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "sha256": card(checkpoint, folder).sha256,
        "checkpoint": checkpoint,
        "ratio": ratio,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()} {platform.system()}, cpu, {torch.get_num_threads()} threads",
        "torch": str(torch.__version__),
        "rows": [asdict(row) for row in rows],  # type: ignore[call-overload]
    }
    target.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return target


def read(kind: Kind, row: type[RowType], checkpoint: str, folder: Path = SHIPPED) -> Stored[RowType] | None:
    """The precomputed result of a checkpoint; None if there is none for these weights.

    Raises:
        ExplorerError: the file is not such a result.
    """
    source = path(kind, checkpoint, folder)
    if not source.exists():
        return None  # also for a name that is no checkpoint at all
    try:
        content = json.loads(source.read_text(encoding="utf-8"))
        if content.pop("sha256") != card(checkpoint, folder).sha256:
            return None
        return Stored(tuple(row(**each) for each in content.pop("rows")), **content)
    except (ValueError, KeyError, TypeError) as error:
        raise ExplorerError(f"{source.name} is not a stored result: compute it again.") from error


def precompute(checkpoint: str, folder: Path = SHIPPED, count: int = IMAGES) -> Iterator[str]:
    """Measure and store the three forms and the sensitivity of a checkpoint; yields what is done.

    Raises:
        ExplorerError: the machine was too busy to time the three forms; nothing of them is stored.
    """
    model, images = load(checkpoint, folder), BUNDLED.load("test").select(slice(count))
    inputs, targets = images.inputs(), images.targets()
    cells = []
    for cell in sensitivity.scan(model, inputs, targets):
        cells.append(cell)
        yield f"{cell.layer} at {cell.ratio:.0%}: {cell.correct} of {cell.total} right"
    write("sensitivity", cells, checkpoint, None, folder)
    measured = list(forms.forms(model, inputs, targets, RATIO))
    if any(form.busy for form in measured):
        raise ExplorerError("Other programs used the processors, so the forms were not stored: try again.")
    write("forms", measured, checkpoint, RATIO, folder)
    yield f"three forms at {RATIO:.0%}"
