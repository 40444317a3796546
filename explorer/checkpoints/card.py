"""The card of a checkpoint: where it comes from and what it was measured to do."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from torch import nn

from explorer.data import INPUT_SIZE
from explorer.measure import Accuracy
from explorer.networks import NetworkSpec, builder_of


@dataclass(frozen=True)
class Card:
    """Where a checkpoint comes from and what it was measured to do.

    Attributes:
        name: the key in the catalogue and the stem of the file's name.
        title: for people.
        network: key of the builder that makes it, see ``explorer.networks``.
        classes: number of classes.
        params: number of parameters.
        dtype: of the stored weights; the accuracies are those of the weights as stored.
        bytes: size of the file.
        sha256: of the file.
        dataset: data set, split and number of the training images.
        recipe: the training recipe (seed, epochs, augmentation and the rest).
        distillation: teacher, alpha and temperature; empty when trained with labels alone.
        validation_accuracy: on the validation images; NaN if it was not measured.
        test_accuracy: on the images of ``measured_on``; NaN if it was not measured.
        torch: version that trained and measured it.
        seconds: wall time of the training, all its sittings together, without the teacher's logits, which
            other trainings look up, too.
        spec: what the builder makes it from, as plain values.
        measured_on: the images of the test accuracy.
        images: how many they are.
        input_size: side in pixels of what the network was fed.
        featured: whether the lessons open with it, of those that could be taken.
    """

    name: str
    title: str
    network: str
    classes: int
    params: int
    dtype: str
    bytes: int
    sha256: str
    dataset: str
    recipe: dict[str, Any]
    validation_accuracy: float
    test_accuracy: float
    torch: str
    seconds: float
    spec: dict[str, Any] = field(default_factory=dict)
    distillation: dict[str, Any] = field(default_factory=dict)
    measured_on: str = ""
    images: int = 0
    input_size: int = INPUT_SIZE
    featured: bool = False

    @property
    def file(self) -> str:
        """Name of the weights file, beside the manifest."""
        return f"{self.name}.safetensors"

    @property
    def measured(self) -> bool:
        """Whether it carries a test accuracy."""
        return not math.isnan(self.test_accuracy)

    @property
    def test_interval(self) -> tuple[float, float]:
        """95% Wilson interval of the test accuracy."""
        return Accuracy(round(self.test_accuracy * self.images), self.images).interval()

    def network_spec(self) -> NetworkSpec:
        """The spec of the network that this card describes.

        Raises:
            ExplorerError: there is no such kind of network, or its values are not allowed.
        """
        return builder_of(self.network).from_dict(self.spec, self.classes)

    def build(self) -> nn.Module:
        """The network this card describes, with fresh weights."""
        return self.network_spec().build()


def cards_table(cards: Iterable[Card]) -> pd.DataFrame:
    """The cards for people, one row each.

    Columns network, test accuracy, parameters, 95% Wilson interval, trained with, epochs (None where the card
    does not say), validation accuracy.
    """
    rows = []
    for entry in cards:
        taught = entry.distillation
        low, high = entry.test_interval
        rows.append(
            {
                "network": entry.title,
                "test accuracy": entry.test_accuracy,
                "parameters": entry.params,
                "95% Wilson interval": f"{low:.1%} to {high:.1%}",
                "trained with": f"labels and {taught['teacher']}, alpha {taught['alpha']:g}, "
                f"T {taught['temperature']:g}"
                if taught
                else "labels alone",
                "epochs": entry.recipe.get("epochs"),
                "validation accuracy": entry.validation_accuracy,
            }
        )
    return pd.DataFrame(rows)
