"""The page that a network is taken home in: one HTML file that asks for nothing else, from a disk as from a server."""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from jinja2 import Environment, FileSystemLoader, Template
from markupsafe import Markup
from torch import Tensor, nn
from torch.nn import functional

from explorer import palette
from explorer.data import ImageSet
from explorer.measure import logits
from explorer.networks import nonzero_count, parameter_count
from explorer.onefile.steps import separable, written
from explorer.onefile.tensors import Codes, TensorStore

MOST_PHOTOGRAPHS = 20
PER_CLASS = 2
_BESIDE = Path(__file__).parent
_COLOURS = {"bar": palette.STUDENT, "right": palette.WITHIN, "wrong": palette.OVER}
_LIGHT = {"paper": palette.LIGHT, "ink": palette.LIGHT_INK}
_DARK = {"paper": palette.DARK, "ink": palette.DARK_INK}


@dataclass(frozen=True)
class Described:
    """What is said of a network on its page.

    Attributes:
        title: what it is called.
        sentences: how it was made and what was measured of it, each with its images; plain text.
    """

    title: str
    sentences: tuple[str, ...] = ()


def html_file(
    model: nn.Module, images: ImageSet, described: Described, codes: Mapping[str, Codes] | None = None
) -> bytes:
    """A network with a few of the images as an HTML file that runs it, one image at a time, by itself.

    The logits that torch gives for these images are in it: the page computes its own and says how far they are apart.

    Args:
        model: in eval mode, on the CPU; it is only read.
        images: labelled images; ``first_of_each`` are taken along, grey or in colour as they are.
        described: what is said of it.
        codes: of weights that were rounded, by their names in the state_dict; stored as what they are.

    Raises:
        ExplorerError: the network uses something that a page cannot compute.
    """
    chosen = images.select(first_of_each(images))
    weights, pixels = TensorStore(codes), TensorStore()
    wiring = written(model, images.input_size, weights)
    pixels.add("photographs", torch.from_numpy(np.ascontiguousarray(chosen.images)))
    expected = logits(model, chosen.inputs())
    params, packed = parameter_count(model), weights.compressed()
    data = {
        "classes": images.classes,
        "labels": chosen.labels.tolist(),
        "captions": [chosen.caption(position) for position in range(len(chosen))],
        "expected": expected.tolist(),
        "image": _image(images),
        "parameters": params,
        "zeros": params - nonzero_count(model),
        "weightBytes": len(packed),
        "network": {"image": wiring.image, "steps": wiring.steps, "logits": wiring.logits},
        "entries": {"weights": weights.entries, "photographs": pixels.entries},
    }
    # A browser reads to the next "</script", wherever it stands.
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    page = _template().render(
        title=described.title,
        sentences=described.sentences,
        colours=_COLOURS,
        light=_LIGHT,
        dark=_DARK,
        style=_beside("document.css"),
        scripts=[_beside("interpreter.js"), _beside("document.js")],
        data=Markup(text),  # noqa: S704 (no "<" is left in it)
        weights=b64encode(packed).decode(),
        photographs=b64encode(pixels.compressed()).decode(),
    )
    return page.encode()


def first_of_each(images: ImageSet) -> list[int]:
    """Positions of the first two images of each class, one where classes are many, twenty at most.

    >>> labels = np.array([1, 0, 1, 1], np.int64)
    >>> first_of_each(ImageSet("some", np.zeros((4, 2, 2), np.uint8), labels, ("a", "b")))
    [1, 0, 2]
    """
    each = max(1, min(PER_CLASS, MOST_PHOTOGRAPHS // len(images.classes)))
    positions = [np.flatnonzero(images.labels == label)[:each] for label in range(len(images.classes))]
    return [int(position) for position in np.concatenate(positions)][:MOST_PHOTOGRAPHS]


def _image(images: ImageSet) -> dict[str, object]:
    """How pixels become what the network is fed: see ``Transform``."""
    transform, side = images.transform, int(images.images.shape[1])
    grey = images.images.ndim == 3

    def resized(image: Tensor) -> Tensor:
        return functional.interpolate(image, (transform.size,) * 2, mode="bilinear", align_corners=False)

    tables = {}
    if grey:
        found = separable(resized, (side, side))
        tables = {"sides": [side, side], "rows": found.rows, "columns": found.columns}
    return {"side": side, "grey": grey, "mean": transform.mean, "std": transform.std, "resize": tables}


@cache
def _beside(name: str) -> Markup:
    """A file beside this one, ours, as it stands."""
    return Markup((_BESIDE / name).read_text(encoding="utf-8"))  # noqa: S704


@cache
def _template() -> Template:
    return Environment(loader=FileSystemLoader(_BESIDE), autoescape=True).get_template("document.html")
