"""The report's instrument: rows of the ledger recomputed."""

import hashlib
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass

from explorer.data import BUNDLED, USES, DataSet
from explorer.errors import ExplorerError
from explorer.ledger import Comparable, LedgerRow, to_json
from explorer.report.rebuild import CountedOn, recompute, why_not_counted
from explorer.work.identity import setting
from explorer.work.instrument import Instrument, InstrumentSpec, SeveralNetworks
from explorer.work.progress import Update
from explorer.workspace import NetworkSource

PER_PARAMETER = 500
"""Compressing one parameter takes about as long as so many multiply-adds; roughly, until a run has been timed."""


@dataclass(frozen=True)
class RecountSettings:
    """The rows to recompute, and on what; without that on what each says itself."""

    rows: tuple[LedgerRow, ...] = setting("rows", lambda rows: f"{len(rows)}")
    on: CountedOn | None = setting(
        "counted on", lambda on: f"{on.total:,} images of {on.images}" if on else "their own", default=None
    )


@dataclass(frozen=True)
class RecountedRow:
    """One row, recomputed, or why it cannot be.

    Attributes:
        before: the row as it was.
        row: the same recomputed here; None if that is not possible.
        problem: why not, as a sentence.
    """

    before: LedgerRow
    row: LedgerRow | None
    problem: str = ""


class Recount(Instrument[RecountSettings, RecountedRow]):
    """Rebuilds each row's network from its weights and counts it again, with right answers if the row has them."""

    key, title, unit, resumes = "recount", "these rows", "rows", True

    def steps(self, spec: InstrumentSpec[RecountSettings]) -> int:
        """One part for each row."""
        return len(spec.settings.rows)

    def work(self, spec: InstrumentSpec[RecountSettings]) -> float:
        """The passes over the images, and compressing the weights."""
        rows, on = spec.settings.rows, spec.settings.on
        totals = [on.total if on else row.total or 0 for row in rows]
        return float(
            sum(
                row.mult_adds * total + PER_PARAMETER * row.params
                for row, total in zip(rows, totals, strict=True)
            )
        )

    def run(
        self, spec: InstrumentSpec[RecountSettings], done: Sequence[RecountedRow] = ()
    ) -> Generator[Update | RecountedRow, None, None]:
        """Each row in turn; one that cannot be recomputed says why and does not end the run."""
        assert isinstance(spec.data, DataSet)
        sources, sets = _networks(spec), data_sets(spec.data)
        for row in spec.settings.rows[len(done) :]:
            try:
                recounted = yield from recompute(row, sources, sets, spec.settings.on)
                yield RecountedRow(row, recounted)
            except ExplorerError as error:
                yield RecountedRow(row, None, str(error))

    def describe(self, part: RecountedRow) -> str:
        """Its title."""
        return part.before.title


def recount_spec(
    rows: Sequence[LedgerRow],
    sources: Sequence[NetworkSource],
    data: DataSet,
    on: CountedOn | None = None,
) -> InstrumentSpec[RecountSettings]:
    """What recomputes these rows with the networks at hand, on a data set or on the bundled one.

    With ``on`` all of them on the same images, so that they can be compared.
    """
    # The rows name their images themselves; the text stands for the keys of all of them.
    images = hashlib.sha256(f"{to_json(rows)} {on}".encode()).hexdigest()
    return InstrumentSpec(
        SeveralNetworks(tuple(sources)), data, "test", images, RecountSettings(tuple(rows), on)
    )


RECOUNT = Recount()


class CountTogether(Recount):
    """The same on the same images: another run of the same page, with its own button and progress."""

    key, title = "count-together", "these rows on the same images"


COUNT_TOGETHER = CountTogether()


@dataclass(frozen=True)
class Countable:
    """The rows that can be counted on the images, or at the input size, of others; and why some cannot.

    Attributes:
        title: what they agree in, for people.
        on: these images and this size.
        rows: those that were counted on others, and can be counted on these.
        problems: a sentence for each that cannot.
    """

    title: str
    on: CountedOn
    rows: tuple[LedgerRow, ...]
    problems: tuple[str, ...]


def countable_together(
    sets: Sequence[Comparable],
    pinned: Iterable[LedgerRow],
    sources: Sequence[NetworkSource],
    data_sets: Sequence[DataSet],
) -> Countable | None:
    """Which pinned rows can be counted as those of the largest set were, and so join it: see ``Countable``.

    The largest set of which the images are at hand; None if there is none. A trained network can be counted on other
    images of its data set, a design at another size. Milliseconds cannot be read again for the machine and the minute
    in which others were read.
    """
    here = {data.key_of(use) for data in data_sets for use in USES}
    usable = (one for one in sets if "images" not in one.depends_on or one.rows[0].images_key in here)
    if (target := next(usable, None)) is None:
        return None
    on, rows, problems = CountedOn.of(target.rows[0]), [], []
    for row in pinned:
        own = CountedOn.of(row)
        if "images" in target.depends_on:
            if not row.accuracy or (own.images_key, own.total) == (on.images_key, on.total):
                continue
            if why := why_not_counted(row, on, sources, data_sets):
                problems.append(f"{row.title}: {why}")
                continue
        elif "input size" not in target.depends_on or row.weights or own.input_size == on.input_size:
            continue
        rows.append(row)
    return Countable(target.title, on, tuple(rows), tuple(problems))


def _networks(
    spec: InstrumentSpec[RecountSettings],
) -> tuple[NetworkSource, ...]:
    assert isinstance(spec.network, SeveralNetworks)
    return spec.network.networks


def data_sets(data: DataSet) -> tuple[DataSet, ...]:
    """The data set at hand, and the one that every copy of the explorer has."""
    return tuple(dict.fromkeys((data, BUNDLED)))
