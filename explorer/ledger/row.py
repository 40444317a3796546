"""A row of the ledger: one network in one state, and what it is a row of."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from explorer.measure import Accuracy

Lesson = Literal["architecture", "distillation", "pruning", "bits"]
Origin = Literal["measured", "precomputed", "estimated", "computed", "carried"]


@dataclass(frozen=True)
class LedgerRow:
    """One network in one state.

    What it is a row of are ``weights``, ``recipe``, ``images_key``, ``total`` and ``input_size``; titles and
    names are for people and never looked up.

    Attributes:
        title: for people, free text.
        lesson: where it was pinned.
        network: the kind and its widths.
        params: parameters stored, zeros included.
        nonzero: parameters that are not zero.
        mult_adds: multiply-adds for one image.
        input_size: side in pixels of that image.
        origin: how the figures were got; ``carried`` ones came in a file or link.
        where: the same as a sentence: device, images, date.
        weights: sha256 of the checkpoint that the network is, or was pruned from; empty for a design that was
            never trained.
        recipe: what was done with it, as plain values: nothing, a pruning, or for a design its kind and spec; see
            ``explorer.report.rebuild``.
        file_bytes: size of the weights as safetensors, bytes.
        zipped_bytes: the same through zlib.
        ms: median milliseconds of a forward pass over ``batch`` images.
        ms_low: first quartile.
        ms_high: third quartile.
        batch: images in the timed batch.
        timed_on: the machine, its device and threads; two rows with the same were timed alike.
        correct: right answers on ``total`` images of a set, each class by its share.
        total: images.
        images: what they are, for people.
        images_key: key of the whole set.
        link: the page and its state, relative to the app's address ("pruning?ratio=0.5").
    """

    title: str
    lesson: Lesson
    network: str
    params: int
    nonzero: int
    mult_adds: int
    input_size: int
    origin: Origin
    where: str
    weights: str = ""
    # Left out of the hash, as it has none; equal rows still have equal ones.
    recipe: dict[str, Any] = field(default_factory=dict, hash=False)
    file_bytes: int | None = None
    zipped_bytes: int | None = None
    ms: float | None = None
    ms_low: float | None = None
    ms_high: float | None = None
    batch: int | None = None
    timed_on: str = ""
    correct: int | None = None
    total: int | None = None
    images: str = ""
    images_key: str = ""
    link: str = ""

    @property
    def accuracy(self) -> Accuracy | None:
        """The right answers as an accuracy; None for a network that was not measured on images."""
        return Accuracy(self.correct, self.total) if self.correct is not None and self.total else None

    @property
    def identity(self) -> tuple[str, str, str, int | None, int]:
        """What it is a row of: two rows with the same identity must have the same counts and right answers."""
        # As JSON, so that neither the order of its keys matters nor that a file turns tuples into lists.
        recipe = json.dumps(self.recipe, sort_keys=True)
        return self.weights, recipe, self.images_key, self.total, self.input_size
