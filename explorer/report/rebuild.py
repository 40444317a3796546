"""From a ledger's row back to the network: rebuilt from its weights and recipe, counted and measured again.

Weights are looked up by their sha256, images by their key. A recipe is plain values: for a design that was not
trained ``{"network": kind, "spec": {...}}``; nothing for a network as it is; ``method``, ``ratio`` and ``seed`` for
one that was pruned, with ``recovery`` or ``precision`` where it was trained again or measured in another one.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from explorer.data import USES, DataSet, ImageSet
from explorer.errors import ExplorerError
from explorer.ledger import LedgerRow, count_network, network_row
from explorer.measure import Accuracy, accuracy, logit_batches, state_bytes
from explorer.networks import NetworkSpec, StudentSpec, builder_of, check_size
from explorer.pruning.engine import prune_network
from explorer.pruning.methods import METHODS, get_method
from explorer.work.progress import Update
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
    if recipe.get("recovery"):
        return f"This row cannot be rebuilt: after the pruning it was {recipe['recovery']}."
    if (method := METHODS.get(str(recipe.get("method")))) is not None and method.images:
        return "This row cannot be rebuilt: its channels were ranked by training images."
    if recipe.get("precision"):
        return f"This row cannot be rebuilt: it was measured in {recipe['precision']}."
    return ""


def rebuild(weights: str, recipe: Mapping[str, Any], sources: Iterable[NetworkSource]) -> nn.Module:
    """The network of a row, in eval mode.

    Args:
        weights: sha256 of its checkpoint; empty for a design that was not trained.
        recipe: what was done with it.
        sources: the networks at hand.

    Raises:
        ExplorerError: its checkpoint is not among them, or the recipe is not one of ours.
    """
    if not weights and "spec" in recipe:
        return _spec(recipe).build().eval()
    refusal = why_not_rebuilt(recipe)
    if refusal:
        raise ExplorerError(refusal)
    model, method = find_weights(weights, sources).load(), recipe.get("method")
    if method is None:
        return model
    ratio, seed = recipe.get("ratio"), recipe.get("seed", 0)
    if not isinstance(method, str) or not isinstance(ratio, int | float) or not isinstance(seed, int):
        raise ExplorerError(
            "This row cannot be rebuilt: its method is no name, or its ratio or seed no number."
        )
    return prune_network(model, get_method(method), ratio, seed)


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
    """The first so many images of a set, and the side of the input: what a row's figures are of.

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
                return images.select(slice(on.total))
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
    model = rebuild(row.weights, row.recipe, sources)
    file_bytes, zipped_bytes = state_bytes(model.state_dict())
    params, nonzero, mult_adds = count_network(model, on.input_size)
    correct = counted = None
    if counts:
        images = yield from find_images(on, data_sets)
        correct = counted = 0
        for scores in logit_batches(model, images.batches()):
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
