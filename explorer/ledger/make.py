"""Rows of what a lesson shows: a design that is not trained, or a network with its right answers."""

from typing import Any

from torch import nn

from explorer.ledger.row import LedgerRow, Lesson, Origin
from explorer.measure import Accuracy, state_bytes
from explorer.networks import (
    NetworkSpec,
    cost_of_network,
    describe,
    nonzero_count,
    parameter_count,
)


def count_network(model: nn.Module, size: int) -> tuple[int, int, int]:
    """Parameters, those that are not zero, and multiply-adds for one image of ``size`` x ``size`` pixels."""
    return parameter_count(model), nonzero_count(model), cost_of_network(model, size).mult_adds


def design_row(spec: NetworkSpec, size: int) -> LedgerRow:
    """The row of a network that is not trained, at an input of ``size`` pixels.

    All its parameters count as not zero; a compressed size would be that of random numbers, so there is none.
    """
    model = spec.build()
    params, _, mult_adds = count_network(model, size)
    return LedgerRow(
        describe(model),
        "architecture",
        describe(model),
        params,
        params,
        mult_adds,
        size,
        "computed",
        f"a design of {spec.classes} classes, not trained",
        recipe={"network": spec.kind, "spec": spec.to_dict()},
        file_bytes=state_bytes(model.state_dict())[0],
    )


def network_row(
    title: str,
    lesson: Lesson,
    model: nn.Module,
    size: int,
    right: Accuracy,
    images: str,
    images_key: str,
    *,
    weights: str,
    origin: Origin = "computed",
    where: str,
    recipe: dict[str, Any] | None = None,
) -> LedgerRow:
    """The row of a trained network: its counts and bytes, and its right answers.

    Args:
        title: for people.
        lesson: that pins it.
        model: the network, which is only read.
        size: side of its input in pixels.
        right: right answers on so many images of a set, each class by its share.
        images: the set's name.
        images_key: its key.
        weights: sha256 of the checkpoint that it is, or was pruned from.
        origin: how the right answers were got.
        where: the same as a sentence.
        recipe: what was done with the checkpoint; nothing if it is the network.
    """
    file_bytes, zipped_bytes = state_bytes(model.state_dict())
    return LedgerRow(
        title,
        lesson,
        describe(model),
        *count_network(model, size),
        size,
        origin,
        where,
        weights=weights,
        recipe=recipe or {},
        file_bytes=file_bytes,
        zipped_bytes=zipped_bytes,
        correct=right.correct,
        total=right.total,
        images=images,
        images_key=images_key,
    )
