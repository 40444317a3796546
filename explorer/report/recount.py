"""The report's instrument: rows of the ledger recomputed."""

import hashlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from explorer.data import BUNDLED, DataSet
from explorer.errors import ExplorerError
from explorer.ledger import LedgerRow, from_json, to_json
from explorer.report.rebuild import recompute
from explorer.work.identity import setting
from explorer.work.instrument import Instrument, InstrumentSpec, SeveralNetworks
from explorer.work.progress import Update
from explorer.workspace import NetworkSource

PER_PARAMETER = 500
"""Compressing one parameter takes about as long as so many multiply-adds; roughly, until a run has been timed."""


@dataclass(frozen=True)
class RecountSettings:
    """The rows to recompute, as the text of a ledger's file."""

    rows: str = setting("rows", lambda text: f"{len(from_json(text))}")


@dataclass(frozen=True)
class RecountedRow:
    """One row, recomputed, or why it cannot be.

    Attributes:
        before: the row as it came, marked as carried.
        row: the same recomputed here; None if that is not possible.
        problem: why not, as a sentence.
    """

    before: LedgerRow
    row: LedgerRow | None
    problem: str = ""


class Recount(Instrument[RecountSettings, RecountedRow]):
    """Rebuilds each row's network from its weights and counts it again, with right answers if the row has them."""

    key, title, unit, resumes = "recount", "the rows that came in a file or link", "rows", True

    def steps(self, spec: InstrumentSpec[RecountSettings]) -> int:
        """One part for each row."""
        return len(from_json(spec.settings.rows))

    def work(self, spec: InstrumentSpec[RecountSettings]) -> float:
        """The passes over the images, and compressing the weights."""
        rows = from_json(spec.settings.rows)
        return float(sum(row.mult_adds * (row.total or 0) + PER_PARAMETER * row.params for row in rows))

    def run(
        self, spec: InstrumentSpec[RecountSettings], done: Sequence[RecountedRow] = ()
    ) -> Generator[Update | RecountedRow, None, None]:
        """Each row in turn; one that cannot be recomputed says why and does not end the run."""
        sources, data_sets = _networks(spec), _data_sets(spec)
        for row in from_json(spec.settings.rows)[len(done) :]:
            try:
                recounted = yield from recompute(row, sources, data_sets)
                yield RecountedRow(row, recounted)
            except ExplorerError as error:
                yield RecountedRow(row, None, str(error))

    def describe(self, part: RecountedRow) -> str:
        """Its title."""
        return part.before.title


def recount_spec(
    rows: Sequence[LedgerRow], sources: Sequence[NetworkSource], data: DataSet
) -> InstrumentSpec[RecountSettings]:
    """What recomputes these rows with the networks at hand, on a data set or on the bundled one."""
    text = to_json(rows)
    # The rows name their images themselves; the text stands for the keys of all of them.
    images = hashlib.sha256(text.encode()).hexdigest()
    return InstrumentSpec(SeveralNetworks(tuple(sources)), data, "test", images, RecountSettings(text))


RECOUNT = Recount()


def _networks(
    spec: InstrumentSpec[RecountSettings],
) -> tuple[NetworkSource, ...]:
    assert isinstance(spec.network, SeveralNetworks)
    return spec.network.networks


def _data_sets(spec: InstrumentSpec[RecountSettings]) -> tuple[DataSet, ...]:
    """The spec's data set, and the one that every copy of the explorer has."""
    assert isinstance(spec.data, DataSet)
    return tuple(dict.fromkeys((spec.data, BUNDLED)))
