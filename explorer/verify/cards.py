"""What a card claims: its file, its network, and its accuracies, counted again from the weights."""

import math
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from explorer.checkpoints import MANIFEST, SHIPPED, Card, catalogue, read_state
from explorer.checkpoints.evidence import LOGITS, find_tensor
from explorer.data import DataSet, ImageSet
from explorer.errors import ExplorerError
from explorer.measure import Accuracy, accuracy, logit_batches
from explorer.networks import parameter_count
from explorer.runs import KNOWN_RUNS, finish_card
from explorer.verify.finding import Finding, compared, unchecked
from explorer.work.progress import Update
from explorer.workspace import NetworkSource

CLOSE = 1e-3
"""Logits may differ by so much: another processor, or another number of threads, adds in another order."""
UNKNOWABLE = "only a training would tell: `train NAME` repeats it"


def check_card(
    source: NetworkSource, data: DataSet, *, count: bool = True
) -> Generator[Update | Finding, None, None]:
    """Every claim of a card beside its weights, each as soon as it is known.

    Args:
        source: the network, of a folder with a manifest.
        data: the images that it was measured on.
        count: whether the accuracies are counted; else it is said that they were not.
    """
    card, path = source.card, source.path
    assert path is not None, "a network of a folder has a file"
    try:
        model = source.load()
    except ExplorerError as error:
        yield Finding(card.name, "weights", "differs", str(error))
        return
    yield Finding(card.name, "sha256", "holds")
    size = path.stat().st_size
    yield compared(card.name, f"{card.bytes:,} bytes", size == card.bytes, f"the file has {size:,}")
    params = parameter_count(model)
    yield compared(card.name, f"{card.params:,} parameters", params == card.params, f"there are {params:,}")
    dtypes = {str(value.dtype).removeprefix("torch.") for value in _floats(path)}
    yield compared(
        card.name, card.dtype, dtypes == {card.dtype}, f"its weights are {', '.join(sorted(dtypes))}"
    )
    yield from _teaching(card, path.parent)
    yield from _accuracies(card, model, data, path.parent, count=count)
    yield unchecked(card.name, "recipe, training images and seconds", UNKNOWABLE)


def _floats(path: Path) -> list[Tensor]:
    return [value for value in read_state(path).values() if value.is_floating_point()]


def _teaching(card: Card, folder: Path) -> Generator[Finding, None, None]:
    """Whether its teacher is there, and whether the command that trains it would train it so."""
    if card.distillation:
        teacher = str(card.distillation["teacher"])
        # The students of a folder within the shipped one were taught by its teacher.
        there = {
            name for each in (folder, folder.parent) if (each / MANIFEST).exists() for name in catalogue(each)
        }
        yield compared(
            card.name, f"taught by {teacher}", teacher in there, "there is no such network beside it"
        )
    run = KNOWN_RUNS.get(card.name)
    if folder == SHIPPED and run is not None:
        same = card.recipe == asdict(run.recipe) | finish_card(run) and card.distillation == run.distillation
        yield compared(
            card.name, "the recipe is that of `train`", same, f"`train {card.name}` trains it in another way"
        )


def _accuracies(
    card: Card, model: nn.Module, data: DataSet, folder: Path, *, count: bool
) -> Generator[Update | Finding, None, None]:
    """Validation and test accuracy, and the stored logits behind the first."""
    if not count:
        yield unchecked(card.name, "validation and test accuracy", "--all counts them, too")
        return
    if not math.isnan(card.validation_accuracy):
        validation = yield from data.read("validation")
        scores = yield from _scores(card, model, validation)
        yield _accuracy(
            card.name, "validation", card.validation_accuracy, accuracy(scores, validation.targets())
        )
        stored = find_tensor(LOGITS, card.sha256, validation, folder)
        if stored is not None:
            apart = float((stored - scores).abs().max())
            yield compared(
                card.name,
                f"logits of {len(scores):,} images",
                apart < CLOSE,
                f"they are up to {apart:.2g} away",
            )
    if card.measured:
        test = yield from data.read("test")
        if card.images != len(test):
            yield Finding(
                card.name, f"measured on {card.images:,} images", "differs", f"there are {len(test):,}"
            )
        scores = yield from _scores(card, model, test)
        yield _accuracy(card.name, "test", card.test_accuracy, accuracy(scores, test.targets()))


def _scores(card: Card, model: nn.Module, images: ImageSet) -> Generator[Update, None, Tensor]:
    parts: list[Tensor] = []
    done = 0
    for scores in logit_batches(model, images.batches()):
        parts.append(scores)
        done += len(scores)
        yield Update(f"{card.name}, {images.name}", done, len(images))
    return torch.cat(parts)


def _accuracy(of: str, which: str, claimed: float, counted: Accuracy) -> Finding:
    return compared(
        of,
        f"{which} accuracy {claimed:.4f}",
        counted.value == claimed,
        f"counted {counted.value:.4f}, {counted.correct:,} of {counted.total:,} images",
    )
