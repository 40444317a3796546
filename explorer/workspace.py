"""What the lessons work on: which images, which networks, and how to get these networks' logits.

Either the Fashion-MNIST that ships with its networks, whose logits are stored, or a folder of one's
own with the checkpoints that lie in it; uploaded and freshly trained networks join either. Logits of
one's own networks are computed once and kept on disk, by the weights' sha256 and the images' key.
"""

import copy
import hashlib
import math
import os
import tempfile
import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from explorer import checkpoints, evidence
from explorer.checkpoints import MAX_MEGABYTES, Card, open_checkpoint
from explorer.data import BUNDLED, CHECKPOINT_SUFFIXES, DataSet, ImageSet, Use
from explorer.data.decode import cache_folder
from explorer.errors import ExplorerError
from explorer.measure import logit_batches
from explorer.networks import NetworkSpec, builder_of, parameter_count
from explorer.training import Recipe, view_logits
from explorer.work.progress import Update

MOST_CHECKPOINTS = 20


@dataclass(frozen=True, eq=False)
class Own:
    """A network of one's own: its card without accuracies, and where its weights are.

    Attributes:
        card: what it was recognised to be.
        model: the network, if it is kept in memory (uploaded or trained here); only ever read.
        path: its file, if it lies in the folder.
    """

    card: Card
    model: nn.Module | None = None
    path: Path | None = None

    def network(self) -> nn.Module:
        """A private copy in eval mode.

        Raises:
            ExplorerError: its file has changed or is gone.
        """
        if self.model is not None:
            return copy.deepcopy(self.model).eval()
        assert self.path is not None
        card, model = open_checkpoint(self.path)
        if card.sha256 != self.card.sha256:
            raise ExplorerError(f"{self.path.name} has changed since it was read: reload the page.")
        return model


def from_folder(root: Path) -> tuple[dict[str, Own], tuple[str, ...]]:
    """The checkpoints in a folder's root by name, and a sentence for each that cannot be used."""
    found: dict[str, Own] = {}
    problems = []
    paths = [
        path
        for path in sorted(root.iterdir())
        if path.suffix.lower() in CHECKPOINT_SUFFIXES and path.is_file()
    ]
    for path in paths[:MOST_CHECKPOINTS]:
        try:
            card, _ = open_checkpoint(path)
            found[card.name] = Own(card, path=path)
        except ExplorerError as error:
            problems.append(str(error))
    if len(paths) > MOST_CHECKPOINTS:
        problems.append(
            f"Only the first {MOST_CHECKPOINTS} of {len(paths)} checkpoints in {root} were opened."
        )
    return found, tuple(problems)


def from_upload(name: str, content: bytes) -> Own:
    """An uploaded checkpoint; nothing of it stays on disk.

    Raises:
        ExplorerError: it is too large, cannot be opened safely, or is no network of ours.
    """
    file = Path(name.replace("\\", "/")).name
    if len(content) > MAX_MEGABYTES * 2**20:
        raise ExplorerError(
            f"{file} has {len(content) / 2**20:,.0f} MB: at most {MAX_MEGABYTES} MB are taken."
        )
    if Path(file).suffix.lower() not in CHECKPOINT_SUFFIXES:
        raise ExplorerError(
            f"{file} is not a checkpoint: its name must end in {', '.join(CHECKPOINT_SUFFIXES)}."
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file
        path.write_bytes(content)
        card, model = open_checkpoint(path)
    return Own(card, model)


def trained(title: str, model: nn.Module, classes: int) -> Own:
    """A network that was trained in this session, told apart by its weights."""
    digest = hashlib.sha256()
    for tensor in model.state_dict().values():
        digest.update(tensor.contiguous().numpy().tobytes())
    network: NetworkSpec = model.spec  # type: ignore[assignment]  # every builder puts it there
    sha256, params, kind, spec = digest.hexdigest(), parameter_count(model), network.kind, network.to_dict()
    return Own(
        Card(title, title, kind, classes, params, "float32", 4 * params, sha256, "trained here", {},
             math.nan, math.nan, torch.__version__, 0.0, spec),
        model,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Workspace:
    """Images and networks that the lessons work on.

    Attributes:
        data: the images.
        own: networks of one's own by name; those for another number of classes are not offered.
    """

    data: DataSet = BUNDLED
    own: Mapping[str, Own] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Tells workspaces with other images apart, for what a page keeps."""
        return self.data.key

    @property
    def title(self) -> str:
        """What it is called on screen."""
        return self.data.title

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names in label order."""
        return self.data.classes

    @property
    def cards(self) -> dict[str, Card]:
        """The networks that fit these images, by name: the shipped ones first, where they belong."""
        folder = self.data.checkpoints
        found = checkpoints.catalogue(folder) if folder and (folder / "manifest.json").exists() else {}
        return found | {name: one.card for name, one in self.own.items() if self._fits(one.card)}

    @property
    def misfits(self) -> tuple[str, ...]:
        """A sentence for each network of one's own that these images do not suit."""
        return tuple(
            f"{one.card.title} tells {one.card.classes} classes apart and {self.title} has {len(self.classes)}, so it "
            f"can be counted but not measured here: it needs images of {one.card.classes} classes."
            for one in self.own.values()
            if not self._fits(one.card)
        )

    def _fits(self, card: Card) -> bool:
        return card.classes == len(self.classes)

    @property
    def teachers(self) -> tuple[str, ...]:
        """The networks that may teach and fit, one called a teacher first."""
        found = [name for name, card in self.cards.items() if builder_of(card.network).role == "teacher"]
        return tuple(sorted(found, key=lambda name: "teacher" not in name.lower()))

    @property
    def students(self) -> tuple[str, ...]:
        """The networks that may be taught and fit."""
        return tuple(name for name, card in self.cards.items() if builder_of(card.network).role == "student")

    def find(self, title: str) -> str:
        """The name of a network by its name or title; of its own networks the file's name will do.

        Raises:
            ExplorerError: there is none here; the message tells what there is.
        """
        for name, card in self.cards.items():
            if title in (name, card.title):
                return name
        there = ", ".join(card.title if name in self.own else name for name, card in self.cards.items())
        raise ExplorerError(f"There is no network {title!r} here; there are {there or 'none'}.")

    def network(self, name: str) -> nn.Module:
        """A private copy of a network, in eval mode.

        Raises:
            ExplorerError: there is none of that name here, or its file is damaged.
        """
        if name in self.own:
            return self.own[name].network()
        return checkpoints.load(self.find(name))

    def images(self, use: Use) -> Generator[Update, None, ImageSet]:
        """The images for a use; yields updates while files are decoded."""
        return (yield from self.data.read(use))

    def logits(self, name: str, images: ImageSet) -> Generator[Update, None, Tensor]:
        """The logits (N, C) of a network on its validation images: stored, kept on disk, or computed now."""
        if name not in self.own:
            return evidence.read_logits(name)
        card = self.own[name].card
        path = _kept(card, images, "validation")
        found = _read(path)
        if found is None or len(found) != len(images):
            parts: list[Tensor] = []
            done = 0
            for scores in logit_batches(self.network(name), images.batches()):
                parts.append(scores)
                done += len(scores)
                yield Update(f"logits of {card.title}", done, len(images))
            found = torch.cat(parts)
            if not bool(found.isfinite().all()):
                raise ExplorerError(
                    f"{card.title} answers these images with NaN or infinity: it cannot be used."
                )
            _write(path, found)
        return found

    def view_logits(self, name: str, images: ImageSet, recipe: Recipe) -> Generator[Update, None, Tensor]:
        """The logits (views, N, C) of a teacher on training images, as ``training.train`` takes them.

        Those of the shipped teacher are stored; others are computed once, float16, and kept on disk.
        """
        if name not in self.own:
            return evidence.read_shard_views()
        card = self.own[name].card
        path = _kept(card, images, f"views-{recipe.shift}{'d' if recipe.diagonal else ''}")
        found = _read(path)
        if found is None or found.shape[1] != len(images):
            views: list[Tensor] = []
            for scores in view_logits(self.network(name), images, recipe):
                views.append(scores.half())
                yield Update(f"logits of {card.title} on views", len(views), len(recipe.views))
            found = torch.stack(views)
            _write(path, found)
        return found


def _kept(card: Card, images: ImageSet, what: str) -> Path:
    """Where logits are kept: by weights and images."""
    return cache_folder() / "logits" / f"{card.sha256[:24]}-{images.key}-{what}.safetensors"


def _read(path: Path) -> Tensor | None:
    try:
        return load_file(path)["logits"]
    except (OSError, KeyError, safetensors.SafetensorError):
        return None  # not there, or damaged: it is computed again


def _write(path: Path, found: Tensor) -> None:
    """Keep logits; where the cache cannot be written they are only computed again next time."""
    partial = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({"logits": found}, partial)
        partial.replace(path)
    except (OSError, safetensors.SafetensorError):
        partial.unlink(missing_ok=True)


def signature(root: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of change of the checkpoints in a folder's root: changes when one does."""
    paths: Sequence[Path] = sorted(
        path for path in root.iterdir() if path.suffix.lower() in CHECKPOINT_SUFFIXES
    )
    return tuple(
        (path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths if path.is_file()
    )
