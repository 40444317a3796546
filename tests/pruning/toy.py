"""A network and a data set of a few grey images, for tests of what an instrument measures on what."""

from collections.abc import Generator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

from explorer.data import ImageSet
from explorer.data.imageset import Transform
from explorer.networks import StudentNet, StudentSpec
from explorer.work.instrument import InstrumentSpec
from explorer.work.progress import Update

CLASSES = ("dark", "light", "striped")
SPEC = StudentSpec(4, (6, 8, 8, 6), classes=3)
SIDE = 32


@dataclass(frozen=True)
class ToyNetwork:
    """A network whose weights are those of its seed."""

    seed: int = 0

    @property
    def card(self) -> Any:
        return SimpleNamespace(sha256=f"toy-{self.seed}")

    def load(self) -> nn.Module:
        torch.manual_seed(self.seed)
        model = StudentNet(SPEC)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.bias)
                nn.init.uniform_(module.weight, 0.2, 2.0)
        return model.eval()


@dataclass(frozen=True)
class ToyImages:
    """Splits that nobody can take for each other: other pixels, and other shares of the classes."""

    input_size: int = SIDE

    def read(self, use: str) -> Generator[Update, None, ImageSet]:
        yield Update(f"reading {use}", 1, 1)
        return images(use)


def images(use: str) -> ImageSet:
    generator = np.random.default_rng({"training": 1, "validation": 2, "test": 3}[use])
    count = {"training": 640, "validation": 30, "test": 130}[use]
    labels = generator.integers(0, 3, count) if use == "test" else np.full(count, int(use == "training"))
    pixels = generator.integers(0, 256, (count, 28, 28))
    brightness = 0.3 + 0.3 * labels[:, None, None]
    return ImageSet(
        f"toy, {use}",
        (pixels * brightness).astype(np.uint8),
        labels.astype(np.int64),
        CLASSES,
        f"toy-{use}",
        f"{use} image",
        Transform((0.5,), (0.5,), SIDE),
    )


def spec_of(settings: Any, seed: int = 0) -> InstrumentSpec[Any]:
    return InstrumentSpec(ToyNetwork(seed), ToyImages(), "test", "toy-test", settings)
