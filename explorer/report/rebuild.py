"""From a ledger's row back to the network: rebuilt from its weights and recipe, counted and measured again.

Weights are looked up by their sha256, images by their key. A recipe is plain values: for a design that was not
trained ``{"network": kind, "spec": {...}}``; nothing for a network as it is; ``method``, ``ratio`` and ``seed`` for
one that was pruned, with ``recovery`` or ``precision`` where it was trained again or measured in another one.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from explorer.data import USES, DataSet, ImageSet
from explorer.errors import ExplorerError
from explorer.ledger import LedgerRow, count_network, network_row
from explorer.measure import Accuracy, accuracy, logit_batches, state_bytes
from explorer.networks import NetworkSpec, StudentSpec, builder_of, check_size
from explorer.pruning.engine import prune_network
from explorer.pruning.methods import get_method
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


def find_images(row: LedgerRow, data_sets: Iterable[DataSet]) -> Generator[Update, None, ImageSet]:
    """The very images that a row was counted on; yields updates while files are decoded.

    Raises:
        ExplorerError: no data set here has them.
    """
    for data in data_sets:
        for use in USES:
            if data.key_of(use) == row.images_key:
                images = yield from data.read(use)
                return images.select(slice(row.total))
    raise ExplorerError(f"Its images, {row.images!r}, are not here.")


def recompute(
    row: LedgerRow, sources: Sequence[NetworkSource], data_sets: Sequence[DataSet]
) -> Generator[Update, None, LedgerRow]:
    """The row with its counts, and its accuracy if it had one, computed here; yields updates.

    Milliseconds belong to the machine they were measured on, so they are dropped.

    Raises:
        ExplorerError: as for ``rebuild`` and ``find_images``.
    """
    model = rebuild(row.weights, row.recipe, sources)
    file_bytes, zipped_bytes = state_bytes(model.state_dict())
    params, nonzero, mult_adds = count_network(model, row.input_size)
    correct = total = None
    if row.total is not None:
        images = yield from find_images(row, data_sets)
        correct, total = 0, len(images)
        counted = 0
        for scores in logit_batches(model, images.batches()):
            correct += accuracy(scores, images.targets()[counted : counted + len(scores)]).correct
            counted += len(scores)
            yield Update("counting right answers", counted, total)
    return replace(
        row,
        params=params,
        nonzero=nonzero if row.weights else params,
        mult_adds=mult_adds,
        file_bytes=file_bytes,
        # Of a network that was never trained it would be that of random numbers.
        zipped_bytes=zipped_bytes if row.weights else None,
        ms=None,
        ms_low=None,
        ms_high=None,
        batch=None,
        correct=correct,
        total=total,
        origin="computed",
        where="recomputed here from its weights" if row.weights else "recomputed here from its widths",
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
