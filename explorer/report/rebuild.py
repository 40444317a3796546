"""From a ledger's row back to the network: rebuilt from its recipe, counted and measured again.

A recipe is plain values: ``{"spec": {...}}`` for a design that was not trained, or
``{"checkpoint": name, "sha256": ...}`` for a trained network, with ``method``, ``ratio`` and ``seed``
if it was pruned.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from explorer.checkpoints import SHIPPED, card, catalogue, load
from explorer.data import BUNDLED, USES
from explorer.errors import ExplorerError
from explorer.ledger import State, counts, of_network
from explorer.measure import Accuracy, accuracy, logits, state_bytes
from explorer.networks import StudentNet, StudentSpec
from explorer.pruning.engine import prune_network
from explorer.pruning.methods import get_method

BUNDLED_USES = {BUNDLED.name_of(use): use for use in USES}
"""What the image sets that every copy of the explorer has are for, by their names."""


def rebuild(recipe: Mapping[str, Any], folder: Path = SHIPPED) -> nn.Module:
    """The network of a recipe, in eval mode.

    Raises:
        ExplorerError: the recipe is not complete, or its checkpoint is not here or has other weights.
    """
    if "spec" in recipe:
        return StudentNet(_spec(recipe["spec"])).eval()
    name = recipe.get("checkpoint")
    if not isinstance(name, str):
        raise ExplorerError("This row cannot be rebuilt: it does not say from which checkpoint.")
    expected = recipe.get("sha256")
    if expected is not None and card(name, folder).sha256 != expected:
        raise ExplorerError(f"The checkpoint {name!r} here has other weights than the one in this row.")
    model, method = load(name, folder), recipe.get("method")
    if method is None:
        return model
    ratio, seed = recipe.get("ratio"), recipe.get("seed", 0)
    if not isinstance(method, str) or not isinstance(ratio, int | float) or not isinstance(seed, int):
        raise ExplorerError(
            "This row cannot be rebuilt: its method is no name, or its ratio or seed no number."
        )
    return prune_network(model, get_method(method), ratio, seed)


def _spec(values: Any) -> StudentSpec:
    try:
        return StudentSpec.from_dict(values)
    except (TypeError, KeyError) as error:
        raise ExplorerError(
            "This row cannot be rebuilt: its widths are not those of a StudentNet."
        ) from error


def recompute(state: State, folder: Path = SHIPPED) -> State:
    """The row with its counts, and its accuracy if it had one, computed here from its recipe.

    Milliseconds belong to the machine they were measured on, so they are dropped.

    Raises:
        ExplorerError: as for ``rebuild``, or its images are not bundled.
    """
    model = rebuild(state.recipe, folder)
    trained = "checkpoint" in state.recipe
    file_bytes, zipped_bytes = state_bytes(model.state_dict())
    params, nonzero, mult_adds = counts(model, state.input_size)
    correct = total = None
    if state.total is not None:
        if state.images not in BUNDLED_USES:
            raise ExplorerError(f"{state.title}: the images {state.images!r} are not here.")
        images = BUNDLED.load(BUNDLED_USES[state.images]).select(slice(state.total))
        found = accuracy(logits(model, images.inputs()), images.targets())
        correct, total = found.correct, found.total
    return replace(
        state,
        params=params,
        nonzero=nonzero,
        mult_adds=mult_adds,
        file_bytes=file_bytes,
        zipped_bytes=zipped_bytes if trained else None,
        ms=None,
        ms_low=None,
        ms_high=None,
        batch=None,
        correct=correct,
        total=total,
        origin="computed",
        where="recomputed here from its recipe",
    )


def shipped(folder: Path = SHIPPED) -> tuple[State, ...]:
    """The shipped networks as rows: counts and bytes computed here, test accuracies from their cards."""
    states = []
    for name, entry in catalogue(folder).items():
        model = load(name, folder)
        states.append(
            of_network(
                entry.title,
                "distillation",
                model,
                entry.input_size,
                Accuracy(round(entry.test_accuracy * entry.images), entry.images),
                entry.measured_on,
                origin="precomputed",
                where=f"test accuracy from its card, torch {entry.torch}",
                recipe={"checkpoint": name, "sha256": entry.sha256},
            )
        )
    return tuple(states)
