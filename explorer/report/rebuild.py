"""From a ledger's row back to the network: rebuilt from its weights and recipe, counted and measured again.

Weights are looked up by their sha256, images by their key. For a design that was not trained the recipe is
``{"network": kind, "spec": {...}}``; for all else what was done with the checkpoint, see ``explorer.ledger.recipe``.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from explorer.data import BUNDLED, USES, DataSet, ImageSet
from explorer.data.imageset import INPUT_SIZE
from explorer.errors import ExplorerError
from explorer.ledger import LedgerRow, Recipe, count_network, network_row
from explorer.measure import Accuracy, accuracy, logit_batches
from explorer.networks import NetworkSpec, StudentSpec, builder_of, check_size
from explorer.steps.make import made
from explorer.steps.state import State
from explorer.work.progress import Update, follow
from explorer.workspace import NetworkSource


def find_weights(weights: str, sources: Iterable[NetworkSource]) -> NetworkSource:
    """The network whose weights have this sha256.

    Raises:
        ExplorerError: none of these has.
    """
    for source in sources:
        if source.card.sha256 == weights:
            return source
    raise ExplorerError(
        f"This row cannot be rebuilt: no network here has its weights (sha256 {weights[:8] or 'not given'})."
    )


def why_not_rebuilt(recipe: Mapping[str, Any]) -> str:
    """Why what was done cannot be done again from the checkpoint alone, as a sentence; empty if it can."""
    try:
        precision = Recipe.from_dict(recipe).precision
    except ExplorerError as error:
        return str(error)
    return "" if precision == "float32" else f"This row cannot be rebuilt: it was measured in {precision}."


def rebuild(
    weights: str,
    recipe: Mapping[str, Any],
    sources: Iterable[NetworkSource],
    data_sets: Sequence[DataSet] = (BUNDLED,),
    size: int = INPUT_SIZE,
) -> State:
    """The network of a row, see ``rebuilding``, which tells of its progress."""
    return follow(rebuilding(weights, recipe, sources, data_sets, size), lambda update: None)


def rebuilding(
    weights: str,
    recipe: Mapping[str, Any],
    sources: Iterable[NetworkSource],
    data_sets: Sequence[DataSet],
    size: int,
) -> Generator[Update, None, State]:
    """The network of a row after all its steps; yields updates.

    Args:
        weights: sha256 of its checkpoint; empty for a design that was not trained.
        recipe: what was done with it.
        sources: the networks at hand.
        data_sets: where the training images are that some steps take.
        size: side of the images in pixels.

    Raises:
        ExplorerError: its checkpoint or training images are not among them, or the recipe is not one of ours.
    """
    if not weights and "spec" in recipe:
        design = _spec(recipe).build().eval()
        return State(design, design)
    if refusal := why_not_rebuilt(recipe):
        raise ExplorerError(refusal)
    model = find_weights(weights, sources).load()
    return (yield from made(model, Recipe.from_dict(recipe), size, data_sets))


def _spec(recipe: Mapping[str, Any]) -> NetworkSpec:
    """The spec of a design; its kind checks what a stranger's file may say. Older rows are all of StudentNets."""
    kind, values = recipe.get("network", StudentSpec.kind), recipe["spec"]
    if not isinstance(kind, str) or not isinstance(values, dict):
        raise ExplorerError("This row cannot be rebuilt: it does not say which kind of network it is.")
    builder = builder_of(kind)
    try:
        spec = builder.from_dict(values, values.get("classes", 0))
    except (TypeError, KeyError) as error:
        raise ExplorerError(
            f"This row cannot be rebuilt: its widths are not those of a {builder.title}."
        ) from error
    check_size(spec)
    return spec


@dataclass(frozen=True)
class CountedOn:
    """So many images of a set, each class by its share, and the side of the input: what a row's figures are of.

    Attributes:
        images_key: key of the whole set.
        total: how many of its images.
        images: what they are, for people.
        input_size: side in pixels, at which multiply-adds are counted.
    """

    images_key: str
    total: int
    images: str
    input_size: int

    @classmethod
    def of(cls, row: LedgerRow) -> "CountedOn":
        """What a row was counted on; of no images if it has no right answers."""
        return cls(row.images_key, row.total or 0, row.images, row.input_size)


def why_not_counted(
    row: LedgerRow, on: CountedOn, sources: Iterable[NetworkSource], data_sets: Iterable[DataSet]
) -> str:
    """Why right answers of a row's network cannot be counted on these images, as a sentence; empty if they can.

    Seen without loading anything. Images of another data set are other classes, even if they are as many.
    """
    home = next((data for data in data_sets if on.images_key in map(data.key_of, USES)), None)
    if home is None:
        return f"Its images, {on.images!r}, are not here."
    if row.images_key not in map(home.key_of, USES):
        return f"It was counted on images of another data set than {home.name}."
    try:
        find_weights(row.weights, sources)
    except ExplorerError as error:
        return str(error)
    return why_not_rebuilt(row.recipe)


def find_images(on: CountedOn, data_sets: Iterable[DataSet]) -> Generator[Update, None, ImageSet]:
    """The very images that a row was counted on; yields updates while files are decoded.

    Raises:
        ExplorerError: no data set here has them.
    """
    for data in data_sets:
        for use in USES:
            if data.key_of(use) == on.images_key:
                images = yield from data.read(use)
                return images.stratified(on.total)
    raise ExplorerError(f"Its images, {on.images!r}, are not here.")


def recompute(
    row: LedgerRow,
    sources: Sequence[NetworkSource],
    data_sets: Sequence[DataSet],
    on: CountedOn | None = None,
) -> Generator[Update, None, LedgerRow]:
    """The row with its counts, and the accuracy of a trained network, computed here; yields updates.

    Milliseconds belong to the machine they were measured on: those that came in a file or link are dropped.

    Args:
        row: what is recomputed.
        sources: the networks at hand.
        data_sets: the images at hand.
        on: other images than the row's, so that it can be compared with rows of these.

    Raises:
        ExplorerError: as for ``rebuild`` and ``find_images``, or it tells other classes apart than the images have.
    """
    on = on or CountedOn.of(row)
    counts = bool(row.weights and on.total)
    if counts and (refusal := why_not_counted(row, on, sources, data_sets)):
        raise ExplorerError(refusal)
    state = yield from rebuilding(row.weights, row.recipe, sources, data_sets, on.input_size)
    file_bytes, zipped_bytes = state.bytes
    params, nonzero, mult_adds = count_network(state.plain, on.input_size)
    correct = counted = None
    if counts:
        images = yield from find_images(on, data_sets)
        correct = counted = 0
        for scores in logit_batches(state.network, images.batches()):
            correct += accuracy(scores, images.targets()[counted : counted + len(scores)]).correct
            counted += len(scores)
            yield Update("counting right answers", counted, len(images))
    carried = row.origin == "carried"
    counted_on = on if correct is not None else replace(on, images_key="", images="")
    return replace(
        row,
        params=params,
        nonzero=nonzero if row.weights else params,
        mult_adds=mult_adds,
        input_size=on.input_size,
        file_bytes=file_bytes,
        # Of a network that was never trained it would be that of random numbers.
        zipped_bytes=zipped_bytes if row.weights else None,
        ms=None if carried else row.ms,
        ms_low=None if carried else row.ms_low,
        ms_high=None if carried else row.ms_high,
        batch=None if carried else row.batch,
        timed_on="" if carried else row.timed_on,
        correct=correct,
        total=counted,
        images=counted_on.images,
        images_key=counted_on.images_key,
        origin="computed",
        where=f"recomputed here from its {'weights' if row.weights else 'widths'}"
        + ("" if carried or row.ms is None else f"; timed before: {row.where}"),
    )


def card_row(source: NetworkSource, data: DataSet) -> LedgerRow:
    """A trained network as a row: counts and bytes computed here, the test accuracy from its card.

    Args:
        source: a network whose card has a test accuracy.
        data: the data set that was measured on.
    """
    card = source.card
    return network_row(
        card.title,
        "distillation",
        source.load(),
        card.input_size,
        Accuracy(round(card.test_accuracy * card.images), card.images),
        card.measured_on,
        data.key_of("test"),
        weights=card.sha256,
        origin="precomputed",
        where=f"test accuracy from its card, torch {card.torch}",
    )
