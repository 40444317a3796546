"""Rows of what a lesson shows: a design that is not trained, or a network with its right answers."""

from typing import Any

import torch
from torch import nn

from explorer.ledger.state import Lesson, Origin, State
from explorer.measure import Accuracy, multiply_adds, state_bytes
from explorer.networks import (
    StudentNet,
    StudentSpec,
    describe,
    nonzero_count,
    parameter_count,
    without_numbers,
)


def counts(model: nn.Module, size: int) -> tuple[int, int, int]:
    """Parameters, those that are not zero, and multiply-adds for one image of ``size`` x ``size`` pixels."""
    return (
        parameter_count(model),
        nonzero_count(model),
        multiply_adds(without_numbers(model), torch.zeros(1, 3, size, size, device="meta")),
    )


def of_design(spec: StudentSpec, size: int) -> State:
    """The row of a StudentNet that is not trained, at an input of ``size`` pixels.

    All its parameters count as not zero; a compressed size would be that of random numbers, so there is none.
    """
    model = StudentNet(spec)
    params, _, mult_adds = counts(model, size)
    return State(
        describe(model),
        "architecture",
        describe(model),
        params,
        params,
        mult_adds,
        size,
        "computed",
        f"a design of {spec.classes} classes, not trained",
        file_bytes=state_bytes(model.state_dict())[0],
        recipe={"spec": spec.to_dict()},
    )


def of_network(
    title: str,
    lesson: Lesson,
    model: nn.Module,
    size: int,
    found: Accuracy,
    images: str,
    *,
    origin: Origin = "computed",
    where: str,
    recipe: dict[str, Any] | None = None,
) -> State:
    """The row of a trained network: its counts and bytes, and its right answers on the named images."""
    file_bytes, zipped_bytes = state_bytes(model.state_dict())
    return State(
        title,
        lesson,
        describe(model),
        *counts(model, size),
        size,
        origin,
        where,
        file_bytes=file_bytes,
        zipped_bytes=zipped_bytes,
        correct=found.correct,
        total=found.total,
        images=images,
        recipe=recipe or {},
    )
