"""A path: one network after each of several steps, every state measured on the same images and the same clock."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import torch

from explorer.checkpoints.evidence import StoredRows, write_rows
from explorer.data import ImageSet
from explorer.ledger import LedgerRow, Recipe, Step, count_network, origin_of, recipe_of
from explorer.measure import (
    PATIENCE,
    accuracy,
    at_once,
    describe_machine,
    latencies,
    logit_batches,
)
from explorer.networks import cost_of, describe, spec_of
from explorer.steps.make import check_order, describe_step, states
from explorer.steps.state import State
from explorer.work.identity import setting
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.progress import Update
from explorer.workspace import NetworkSource

REPEATS = 15
STEP_PASSES = 2_000  # what a step takes, roughly, in forward passes of one image


@dataclass(frozen=True)
class PathSettings:
    """What is done, and on what each state is measured.

    Attributes:
        steps: in order.
        images: how many of the images are counted, each class by its share.
        training: key of the training images that some steps take.
        batch: images at once under the clock.
        repeats: timed passes of each state; 0 for no clock.
    """

    steps: tuple[Step, ...] = setting("steps", lambda steps: ", ".join(map(describe_step, steps)) or "none")
    images: int = setting("images", "{:,}".format)
    training: str = setting("training images", lambda key: key[:6])
    batch: int = setting("images at once", default=1)
    repeats: int = setting("timed passes", default=REPEATS)

    def __post_init__(self) -> None:
        check_order(self.steps)


class PathOfStates(Instrument[PathSettings, LedgerRow]):
    """The states of a path as rows of the ledger: the network as it is, then after each step."""

    key, title, unit, resumes = "path", "each step", "states", True

    def steps(self, spec: InstrumentSpec[PathSettings]) -> int:
        """The network as it is, and a state for each step."""
        return 1 + len(spec.settings.steps)

    def work(self, spec: InstrumentSpec[PathSettings]) -> float:
        """Every image and the clock's passes through each state, and what the steps take."""
        settings = spec.settings
        one = cost_of(spec_of(spec.network.load()), spec.data.input_size).mult_adds
        timed = 2 * settings.repeats * settings.batch
        return float(one * (self.steps(spec) * (settings.images + timed) + STEP_PASSES * len(settings.steps)))

    def run(
        self, spec: InstrumentSpec[PathSettings], done: Sequence[LedgerRow] = ()
    ) -> Generator[Update | LedgerRow, None, None]:
        """The rows that are not done yet; what comes before them is made again, and not measured."""
        settings, source = spec.settings, spec.network
        assert isinstance(source, NetworkSource)
        images = (yield from spec.data.read(spec.use)).stratified(settings.images)
        training = yield from spec.data.read("training")
        model = source.load()
        count, patience = 0, PATIENCE
        batch = images.select(slice(at_once(images.input_size, settings.batch))).inputs()
        for state in states(model, settings.steps, images.input_size, training):
            if isinstance(state, Update):
                yield state
                continue
            count += 1
            if count <= len(done):
                continue
            weights, recipe = origin_of(source, settings.training, *settings.steps[: count - 1])
            right = counted = 0
            for scores in logit_batches(state.network, images.batches()):
                right += accuracy(scores, images.targets()[counted : counted + len(scores)]).correct
                counted += len(scores)
                yield Update("counting right answers", counted, len(images))
            row = _row(source, state, settings.steps[: count - 1], images.input_size)
            row = replace(
                row,
                weights=weights,
                recipe=recipe,
                correct=right,
                total=counted,
                images=images.name,
                images_key=images.whole,
            )
            if settings.repeats:
                networks = (state.network, model) if state.network is not model else (model,)
                timed = latencies(networks, batch, settings.repeats, patience, mixed=True)[0]
                # Where others never rest, the path must not wait for them at every state.
                patience = 1 if timed.busy else PATIENCE
                if not timed.busy:
                    row = replace(
                        row,
                        ms=timed.median,
                        ms_low=timed.low,
                        ms_high=timed.high,
                        batch=timed.batch,
                        timed_on=describe_machine("cpu", timed.threads),
                    )
            yield row

    def describe(self, part: LedgerRow) -> str:
        """What this state still gets right."""
        assert part.accuracy is not None, "every state is counted"
        return f"{part.title}: {part.accuracy.value:.1%} right"

    def unmeasured(self, parts: Sequence[LedgerRow]) -> str:
        """Whether the clock could not be read."""
        if all(part.ms is not None for part in parts):
            return ""
        return "Other programs used this machine's processors, so some milliseconds are left out. The rest holds."


PATH = PathOfStates()
KIND = "path"


def write_path(
    rows: Sequence[LedgerRow], settings: PathSettings, source: NetworkSource, images: ImageSet, folder: Path
) -> Path:
    """Store a path beside its checkpoint's card; gives the file."""
    done = recipe_of(settings.training, *settings.steps).to_dict()
    clock = {"batch": settings.batch, "repeats": settings.repeats}
    written = {"training": settings.training, "steps": done.get("steps", [])}
    return write_rows(KIND, rows, source.card, images, folder, settings=clock | written)


def settings_of(found: StoredRows[LedgerRow]) -> PathSettings:
    """The settings with which a stored path was measured."""
    written = found.settings
    recipe = Recipe.from_dict({"steps": written["steps"]})
    return PathSettings(recipe.steps, found.images, written["training"], written["batch"], written["repeats"])


def describe_path(rows: Sequence[LedgerRow]) -> str:
    """What a path cost and brought, in sentences; empty before the second state."""
    if len(rows) < 2:
        return ""
    first, last = rows[0], rows[-1]
    rights = [row.correct or 0 for row in rows]
    total, changes = first.total or 1, [after - before for before, after in pairwise(rights)]
    said = (
        f"From {rights[0] / total:.1%} right to {rights[-1] / total:.1%}, from {first.zipped_bytes or 0:,} compressed "
        f"bytes to {last.zipped_bytes or 0:,}."
    )
    for worth, words, change in (
        (min(changes) < 0, "The dearest step is", min(changes)),
        (max(changes) > 0, "What brings back most is", max(changes)),
    ):
        if worth:
            said += f" {words} {_step_to(rows, changes.index(change))}: {100 * change / total:+.1f} points."
    if first.ms and last.ms and (first.batch, first.timed_on) == (last.batch, last.timed_on):
        said += f" The last state runs {first.ms / last.ms:.2f} times as fast as the first."
    return said


def _step_to(rows: Sequence[LedgerRow], number: int) -> str:
    """The step that leads to the state after this one, in words."""
    return describe_step(Recipe.from_dict(rows[number + 1].recipe).steps[-1])


def _row(source: NetworkSource, state: State, steps: Sequence[Step], size: int) -> LedgerRow:
    """A state as a row: its counts and bytes."""
    params, nonzero, mult_adds = count_network(state.plain, size)
    file_bytes, zipped_bytes = state.bytes
    done = ", ".join(map(describe_step, steps))
    return LedgerRow(
        f"{source.card.title}, {done}" if done else source.card.title,
        "pruning",
        describe(state.plain),
        params,
        nonzero,
        mult_adds,
        size,
        "measured",
        f"step by step, {describe_machine()}, torch {torch.__version__}",
        file_bytes=file_bytes,
        zipped_bytes=zipped_bytes,
    )
