"""Networks of a user's own, small and quick, for tests of what the lessons do with any network."""

from pathlib import Path

import torch
from torch import nn

from explorer.networks import NetworkSpec, spec_of
from explorer.workspace import NetworkSource, trained_network
from tests.networks.examples import images, trained_like
from tests.networks.field import FIELD

CLASSES = 10
"""Those of the bundled images."""


def own_spec(name: str, classes: int = CLASSES, narrow: int = 1) -> NetworkSpec:
    """A network of the field for so many classes, its channel groups ``narrow`` times narrower."""
    spec = spec_of(FIELD[name][0]())
    if classes != spec.classes:
        spec = spec.with_classes(classes)
    return spec.with_channels(tuple(max(2, width // narrow) for width in spec.channels))


def own_model(spec: NetworkSpec, seed: int = 0) -> nn.Module:
    """The network of a spec in eval mode, with BatchNorm statistics that are not those of a new one."""
    return trained_like(spec.build, seed)


def own_network(
    name: str, title: str = "", classes: int = CLASSES, narrow: int = 2, seed: int = 0
) -> NetworkSource:
    """A network of the field as the lessons are handed it."""
    model = own_model(own_spec(name, classes, narrow), seed)
    return trained_network(title or f"my {name}", model, input_size=64, trained_on="nothing")


def export(model: nn.Module, path: Path, size: int = 64) -> Path:
    """The network written as an exported program, as a user writes it."""
    open_batch = {"dynamic_shapes": ({0: torch.export.Dim.DYNAMIC},)}
    torch.export.save(torch.export.export(model.eval(), (images(size),), **open_batch), path)
    return path
