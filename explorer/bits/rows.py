"""What this lesson shows as rows of the ledger: a rounded network, and a network in another runtime.

A row's bytes are those of a file that is written for it, so the network is made again when one is pinned.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace

from torch import nn

from explorer.bits.network import round_network
from explorer.bits.packed import packed
from explorer.bits.rounding import describe_rounding
from explorer.bits.sweep import BitsRow
from explorer.data import DataSet
from explorer.ledger import Export, LedgerRow, Origin, Round, Step, count_network, origin_of
from explorer.measure import state_bytes, with_threads, zipped_bytes
from explorer.networks import describe
from explorer.runtime.compare import CALIBRATION, Runtime, RuntimeRow, calibration_batches
from explorer.runtime.int8 import to_int8
from explorer.runtime.onnx_file import to_onnx
from explorer.selection import USE
from explorer.work.progress import Update
from explorer.workspace import NetworkSource


@dataclass(frozen=True)
class Shown:
    """Whose rows they are, and where their figures come from.

    Attributes:
        source: the network as it was before.
        data: whose images were counted.
        calibration: training images that ranges of activations were taken from.
        origin: whether it was measured here or stored.
        where: the same as a sentence.
        machine: that the milliseconds were read on, see ``describe_machine``.
    """

    source: NetworkSource
    data: DataSet
    calibration: int
    origin: Origin
    where: str
    machine: str = ""


def rounded_row(shown: Shown, row: BitsRow) -> Generator[Update, None, LedgerRow]:
    """A rounded network as a row; yields an update before its file is written."""
    yield Update("writing its file", 0, 1)
    network = round_network(shown.source.load(), row.rounding)
    # Without activations nothing is calibrated: two ways to say so would be two rows.
    calibration = shown.calibration if row.activations else CALIBRATION
    step = Round(row.bits, row.per, row.symmetric, row.activations, calibration)
    after = f", activations of {row.activations} bits" if row.activations else ""
    title = f"{describe_rounding(row.rounding)}{after}"
    return _row(
        shown, title, network.model, (step,), state_bytes(packed(network)), (row.correct, row.total), None
    )


EXPORTS: Mapping[Runtime, tuple[bool, bool]] = {
    "onnxruntime": (False, False),
    "int8": (True, False),
    "int8, 7-bit weights": (True, True),
}
"""Of the runtimes that a recipe knows besides torch: whether in int8, and whether with 7-bit weights."""
PINNED: tuple[Runtime, ...] = ("torch", *EXPORTS)


def runtime_row(shown: Shown, row: RuntimeRow) -> Generator[Update, None, LedgerRow]:
    """A network in one of the runtimes of ``PINNED`` as a row, with its milliseconds; yields updates."""
    yield Update("writing its file", 0, 2)
    model = shown.source.load()
    counted = row.correct, row.total
    if row.runtime == "torch":
        return _row(shown, "in torch", model, (), state_bytes(model.state_dict()), counted, row)
    small, reduced = EXPORTS[row.runtime]
    step = Export("int8" if small else "float32", shown.calibration if small else CALIBRATION, reduced)
    content = to_onnx(model, shown.data.input_size)
    if small:
        training = yield from shown.data.read("training")
        yield Update("calibrating int8", 1, 2)
        content = to_int8(content, calibration_batches(training, shown.calibration), reduce_range=reduced)
    sizes = len(content), zipped_bytes(content)
    title = row.runtime if row.runtime == "onnxruntime" else f"onnxruntime {row.runtime}"
    return _row(shown, title, model, (step,), sizes, counted, row)


def _row(
    shown: Shown,
    title: str,
    model: nn.Module,
    steps: tuple[Step, ...],
    sizes: tuple[int, int],
    counted: tuple[int, int],
    timed: RuntimeRow | None,
) -> LedgerRow:
    data = shown.data
    weights, recipe = origin_of(shown.source, data.key_of("training"), *steps)
    row = LedgerRow(
        f"{shown.source.card.title}, {title}",
        "bits",
        describe(model),
        *count_network(model, data.input_size),
        data.input_size,
        shown.origin,
        shown.where,
        weights=weights,
        recipe=recipe,
        file_bytes=sizes[0],
        zipped_bytes=sizes[1],
        correct=counted[0],
        total=counted[1],
        images=data.name_of(USE),
        images_key=data.key_of(USE),
    )
    if timed is None or timed.ms is None:
        return row
    return replace(
        row,
        ms=timed.ms,
        ms_low=timed.ms_low,
        ms_high=timed.ms_high,
        batch=timed.batch,
        timed_on=with_threads(shown.machine, timed.threads),
    )
