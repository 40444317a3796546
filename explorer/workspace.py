"""What the lessons work on: one data set, the networks that fit it, and how to get these networks' logits.

Networks come from the catalogue beside the data set, from loose files, from an upload or from a training in
this session: all of them are a ``NetworkSource``, told apart by the sha256 of their weights. Logits are
stored with the networks, or computed once and kept on disk, by that sha256 and the key of the images.
"""

import hashlib
import math
import os
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import torch
from safetensors.torch import load
from torch import Tensor, nn

from explorer.checkpoints import (
    MANIFEST,
    MAX_MEGABYTES,
    SHIPPED,
    Card,
    catalogue,
    check_name,
    identity,
    labelled,
    open_checkpoint,
    read_state,
)
from explorer.checkpoints.evidence import FOLDER as EVIDENCE
from explorer.checkpoints.evidence import LOGITS, StoredRows, damaged, find_rows, find_tensor, has_tensor
from explorer.checkpoints.tables import read_table, write_table
from explorer.data import CHECKPOINT_SUFFIXES, DataSet, ImageSet, Use
from explorer.data.layout import IMAGES, SPLIT_NAMES
from explorer.errors import ExplorerError
from explorer.files import cache_folder, temporary_folder
from explorer.measure import logit_batches
from explorer.networks import builder_of, load_weights, parameter_count, spec_of, why_not_fed
from explorer.training import Recipe, view_logits
from explorer.work.progress import Update

MOST_CHECKPOINTS = 20
MOST_DEEP = 2  # so many folders down checkpoints are looked for
MOST_ENTRIES = 20_000
FEW = 50  # entries by which a folder of images is known
SHORT = 6  # characters of a sha256 that tell two networks of one title apart

RowType = TypeVar("RowType")
LogitsOrigin = Literal["precomputed", "computed"]


@dataclass(frozen=True, eq=False)
class NetworkSource:
    """A network and where its weights are; it never changes and can be pickled.

    Attributes:
        card: what is known of it; ``card.sha256`` identifies its weights.
        path: its file, where it has one.
        content: its weights as a safetensors file in memory, where it has none.
        part: which network of the file it is, where that holds several.
        notices: what was done to a file of the user's and what was assumed of it, in sentences.
        base: sha256 of the checkpoint that it was made from in this session, step by step; empty if it was not.
        recipe: these steps, see ``explorer.ledger.recipe``.
    """

    card: Card
    path: Path | None = None
    content: bytes | None = field(default=None, repr=False)
    part: str = ""
    notices: tuple[str, ...] = ()
    base: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> nn.Module:
        """A private copy in eval mode, float32.

        Raises:
            ExplorerError: its file has changed or is gone.
        """
        if self.content is not None:
            return load_weights(self.card.build(), load(self.content), self.card.title).eval()
        assert self.path is not None, "a network is in memory or in a file"
        if not self.path.is_file():
            raise ExplorerError(f"There is no file {self.path}.")
        if identity(self.path, self.part) != self.card.sha256:
            # A card is older than this process; what has none was opened by it.
            catalogued = self.path.name == self.card.file and (self.path.parent / MANIFEST).exists()
            raise ExplorerError(
                f"{self.path.name} is damaged: it is not the file that its card describes (its sha256 differs), so "
                "fetch it again."
                if catalogued
                else f"{self.path.name} has changed since it was read: reload the page."
            )
        return load_weights(self.card.build(), read_state(self.path, self.part), self.path.name).eval()

    @property
    def ships(self) -> bool:
        """Whether it is one of the networks that every copy of the explorer has."""
        return self.path == SHIPPED / self.card.file


@dataclass(frozen=True)
class Refused:
    """A file that by its name is a checkpoint and cannot be used: ``sentence`` says why."""

    path: Path
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def networks_in(folder: Path | None) -> tuple[tuple[NetworkSource, ...], tuple[Refused, ...]]:
    """The networks in a folder, and the files that cannot be used.

    Those of a manifest come first, with their cards, unopened; loose checkpoints are opened and recognised.
    """
    if folder is None:
        return (), ()
    sources: list[NetworkSource] = []
    refused: list[Refused] = []
    if (folder / MANIFEST).exists():
        try:
            sources += (NetworkSource(card, folder / card.file) for card in catalogue(folder).values())
        except ExplorerError as error:
            refused.append(Refused(folder / MANIFEST, str(error)))
    known = {source.path for source in sources}
    loose = [path for path in checkpoint_files(folder) if path not in known]
    for path in loose[:MOST_CHECKPOINTS]:
        try:
            sources += (
                NetworkSource(found.card, path, part=found.part, notices=found.notices)
                for found in open_checkpoint(path, path.relative_to(folder).as_posix())
            )
        except ExplorerError as error:
            refused.append(Refused(path, str(error)))
    for path in loose[MOST_CHECKPOINTS:]:
        sentence = f"Only the first {MOST_CHECKPOINTS} of {len(loose)} checkpoints in {folder} were opened."
        refused.append(Refused(path, sentence))
    return tuple(sources), tuple(refused)


def checkpoint_files(folder: Path) -> list[Path]:
    """The files in a folder that by their names are checkpoints, then those in folders below it.

    Trainings write into folders of their own (``outputs/run-3/best.ckpt``), so ``MOST_DEEP`` folders down is looked,
    but not among the images, and at ``MOST_ENTRIES`` entries in all: this is asked at every turn of a page.
    """
    found: list[Path] = []
    folders, left = [(folder, 0)], MOST_ENTRIES
    while folders:  # nearer ones first
        here, depth = folders.pop(0)
        files, below, seen = _listed(here, left, whole=depth == 0)
        left -= seen
        found += files
        if depth < MOST_DEEP:
            folders += ((path, depth + 1) for path in below)
    return found


def _listed(folder: Path, most: int, *, whole: bool) -> tuple[list[Path], list[Path], int]:
    """The checkpoints and the folders to look into in a folder, sorted, and how many entries were seen.

    Unless ``whole``, a folder of which the first entries are images and nothing else is not read to its end.
    """
    files: list[Path] = []
    folders: list[Path] = []
    seen = 0
    images_alone = not whole
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not whole and (seen == most or (images_alone and seen == FEW)):
                    break
                seen += 1
                name = entry.name.lower()
                images_alone = images_alone and name.endswith(IMAGES)
                if name.endswith(CHECKPOINT_SUFFIXES):
                    if entry.is_file():
                        files.append(Path(entry.path))
                elif name.startswith((".", "_")) or name in (*SPLIT_NAMES, EVIDENCE):
                    continue
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
    except OSError:
        pass  # a folder that may not be read has nothing to offer
    return sorted(files), sorted(folders), seen


def signature(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of change of the checkpoints in a folder and of its manifest: changes when one does."""
    manifest = folder / MANIFEST
    paths = [*checkpoint_files(folder), *([manifest] if manifest.exists() else [])]
    return tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths)


def uploaded_networks(name: str, content: bytes) -> tuple[NetworkSource, ...]:
    """The networks in an uploaded checkpoint; nothing of it stays on disk.

    Raises:
        ExplorerError: it is too large, cannot be opened safely, or is no network of ours.
    """
    file = Path(name.replace("\\", "/")).name
    if len(content) > MAX_MEGABYTES * 2**20:
        raise ExplorerError(
            f"{file} has {len(content) / 2**20:,.0f} MB: at most {MAX_MEGABYTES} MB are taken."
        )
    check_name(file)
    with temporary_folder() as folder:
        path = folder / file
        path.write_bytes(content)
        opened = open_checkpoint(path)
    return tuple(
        NetworkSource(found.card, content=labelled(found.model), notices=found.notices) for found in opened
    )


def trained_network(
    title: str,
    model: nn.Module,
    *,
    input_size: int,
    trained_on: str,
    base: str = "",
    recipe: Mapping[str, Any] = MappingProxyType({}),
) -> NetworkSource:
    """A network that was trained or pruned in this session, as it is now; told apart by its weights and wiring.

    ``trained_on`` says in a few words on what; ``base`` and ``recipe`` from which checkpoint it was made, and how.
    """
    content = labelled(model)
    digest = hashlib.sha256(content).hexdigest()
    spec = spec_of(model)
    card = Card(
        name=f"{title}-{digest[:8]}",
        title=title,
        network=spec.kind,
        classes=spec.classes,
        params=parameter_count(model),
        dtype="float32",
        bytes=len(content),
        sha256=digest,
        dataset=trained_on,
        recipe={},
        validation_accuracy=math.nan,
        test_accuracy=math.nan,
        torch=str(torch.__version__),
        seconds=0.0,
        spec=spec.to_dict(),
        input_size=input_size,
    )
    return NetworkSource(card, content=content, base=base, recipe=dict(recipe))


@dataclass(frozen=True, eq=False)
class Logits:
    """Logits, and how they were really got.

    Attributes:
        values: (N, C) of N images, or (views, N, C).
        origin: ``precomputed`` if they are stored with the networks, else ``computed`` on this machine.
        network: title of the network that gave them.
        images: on what, in words.
    """

    values: Tensor
    origin: LogitsOrigin
    network: str
    images: str


def origin_of(*parts: Logits) -> tuple[LogitsOrigin, str]:
    """Where figures that need several logits come from: precomputed only if all of these were."""
    origin: LogitsOrigin = (
        "precomputed" if all(part.origin == "precomputed" for part in parts) else "computed"
    )
    said: dict[str, list[str]] = {}
    for part in parts:
        said.setdefault(part.images, []).append(part.network)
    return origin, "; ".join(
        f"logits of {' and '.join(dict.fromkeys(networks))} on {images}" for images, networks in said.items()
    )


@dataclass(frozen=True, eq=False)
class Workspace:
    """One data set and the networks that the lessons may choose from.

    Attributes:
        data: the images.
        networks: all networks at hand, those for another number of classes included; these are not offered.
        refused: the files that might have been networks and are none.
    """

    data: DataSet
    networks: tuple[NetworkSource, ...] = ()
    refused: tuple[Refused, ...] = ()

    @cached_property
    def _by_name(self) -> dict[str, NetworkSource]:
        """Every network under a name that no other has; of the same weights under the same name, one."""
        named: dict[str, NetworkSource] = {}
        for source in self.networks:
            name = source.card.name
            if name in named and named[name].card.sha256 != source.card.sha256:
                name = f"{name}-{source.card.sha256[:8]}"
            named.setdefault(name, source)
        return named

    @cached_property
    def all_sources(self) -> dict[str, NetworkSource]:
        """Every network by name, also those that do not fit; no two have the same title on their cards."""
        times = Counter(source.card.title for source in self._by_name.values())
        return {
            name: replace(source, card=replace(source.card, title=_distinct_title(source.card, times)))
            for name, source in self._by_name.items()
        }

    @cached_property
    def sources(self) -> dict[str, NetworkSource]:
        """The networks that fit these images, by name."""
        return {name: source for name, source in self.all_sources.items() if not self.misfit(name)}

    @property
    def cards(self) -> dict[str, Card]:
        """The cards of the networks that fit these images, by name; no two have the same title."""
        return {name: source.card for name, source in self.sources.items()}

    @property
    def misfits(self) -> tuple[str, ...]:
        """A sentence for each network that these images do not suit."""
        return tuple(filter(None, map(self.misfit, self.all_sources)))

    def misfit(self, name: str) -> str:
        """Why these images do not suit a network, as a sentence; empty if they do."""
        card = self.all_sources[name].card
        if card.classes != len(self.data.classes):
            return (
                f"{card.title} tells {card.classes} classes apart and {self.data.title} has {len(self.data.classes)}, "
                f"so it can be counted but not measured here: it needs images of {card.classes} classes."
            )
        why = why_not_fed(card.network_spec(), self.data.input_size)
        return f"{card.title} can be counted but not measured here: {why}." if why else ""

    @cached_property
    def teachers(self) -> tuple[str, ...]:
        """The networks that may teach and fit, the default first: any of the user's, and the teacher that ships.

        The homework's teacher comes before others, then what is called a teacher, then the larger network.
        """
        names = [name for name, source in self.sources.items() if not source.ships or self._teaches(name)]

        def order(name: str) -> tuple[bool, bool, int]:
            return not self._teaches(name), "teacher" not in name.lower(), -self.cards[name].params

        return tuple(sorted(names, key=order))

    @cached_property
    def students(self) -> tuple[str, ...]:
        """The networks that may be taught and fit: any of the user's, and the students that ship."""
        names = [name for name, source in self.sources.items() if not source.ships or not self._teaches(name)]
        return tuple(sorted(names, key=self._teaches))

    def _teaches(self, name: str) -> bool:
        """Whether a network is of the kind of the homework's teacher."""
        return builder_of(self.sources[name].card.network).role == "teacher"

    def students_of(self, teacher: str) -> tuple[str, ...]:
        """The networks that this one may teach: all students but itself."""
        return tuple(name for name in self.students if name != teacher)

    def default_student_of(self, teacher: str) -> str | None:
        """The student to begin with: a featured one, else the first; None if there is none."""
        students = self.students_of(teacher)
        featured = [name for name in students if self.cards[name].featured]
        return next(iter([*featured, *students]), None)

    def find(self, text: str) -> str:
        """The name of the network that a text means: its name, its title, or its file's name if only one has it.

        Raises:
            ExplorerError: there is none here, there are several, or its file could not be used; the message tells
                what there is, or why.
        """
        cards = self.cards
        for name, card in cards.items():
            if text in (name, card.title):
                return name
        same = [name for name in cards if text in _file_names(self._by_name[name])]
        if len(same) == 1:
            return same[0]
        for name, source in self.all_sources.items():
            if text in (name, source.card.title, *_file_names(source)) and (why := self.misfit(name)):
                raise ExplorerError(why)
        if same:
            titles = ", ".join(cards[name].title for name in same)
            raise ExplorerError(f"There are several networks {text!r} here: name one of {titles}.")
        for file in self.refused:
            parts = Path(text).parts
            if parts and file.path.parts[-len(parts) :] == parts:
                raise ExplorerError(file.sentence)
        # Of name and title what is quicker to type: a checkpoint's name is short, an upload's ends in a sha256.
        there = ", ".join(min(name, card.title, key=len) for name, card in cards.items())
        raise ExplorerError(f"There is no network {text!r} here; there are {there or 'none'}.")

    def source(self, name: str) -> NetworkSource:
        """The network of a name or title, not loaded.

        Raises:
            ExplorerError: there is none here.
        """
        return self.sources[self.find(name)]

    def network(self, name: str) -> nn.Module:
        """A private copy of a network, in eval mode.

        Raises:
            ExplorerError: there is none of that name here, or its file has changed.
        """
        return self.source(name).load()

    def images(self, use: Use) -> Generator[Update, None, ImageSet]:
        """The images for a use; yields updates while files are decoded."""
        return (yield from self.data.read(use))

    @property
    def evidence(self) -> Path | None:
        """The folder of checkpoints whose evidence may be shown here; None if there is none."""
        folder = self.data.checkpoints
        return folder if folder is not None and (folder / MANIFEST).exists() else None

    @property
    def damaged(self) -> tuple[str, ...]:
        """A sentence for each file of evidence that is left out here because it is damaged."""
        return () if self.evidence is None else damaged(self.evidence)

    def find_rows(
        self, kind: str, row: type[RowType], name: str, use: Use = "test"
    ) -> StoredRows[RowType] | None:
        """The stored result of a kind for a network of this workspace on its images; None if there is none."""
        if self.evidence is None:
            return None
        return find_rows(kind, row, self.source(name).card.sha256, self.data.key_of(use), self.evidence)

    def _find_tensor(self, kind: str, card: Card, images: ImageSet) -> Tensor | None:
        return None if self.evidence is None else find_tensor(kind, card.sha256, images, self.evidence)

    def logits(self, name: str, images: ImageSet) -> Generator[Update, None, Logits]:
        """The logits (N, C) of a network on images: stored with it, kept on this disk, or computed now.

        Raises:
            ExplorerError: there is no such network, or it answers with NaN or infinity.
        """
        source = self.source(name)
        card = source.card
        values = self._find_tensor(LOGITS, card, images)
        if values is not None:
            return Logits(values, "precomputed", card.title, _describe(images))
        path = _cache_path(card, images, LOGITS)
        values = read_table(path)
        if values is None or len(values) != len(images):
            parts: list[Tensor] = []
            done = 0
            yield Update(f"logits of {card.title}", done, len(images))
            for scores in logit_batches(source.load(), images.batches()):
                parts.append(scores)
                done += len(scores)
                yield Update(f"logits of {card.title}", done, len(images))
            values = torch.cat(parts)
            if not bool(values.isfinite().all()):
                raise ExplorerError(
                    f"{card.title} answers these images with NaN or infinity: it cannot be used."
                )
            _keep(path, values)
        return Logits(values, "computed", card.title, _describe(images))

    def view_logits(self, name: str, images: ImageSet, recipe: Recipe) -> Generator[Update, None, Logits]:
        """The logits (views, N, C), float16, of a teacher on training images, as ``training.train`` takes them."""
        source = self.source(name)
        card = source.card
        seen = f"{len(recipe.views)} views of {_describe(images)}"
        values = self._find_tensor(recipe.views_key, card, images)
        if values is not None:
            return Logits(values, "precomputed", card.title, seen)
        path = _cache_path(card, images, recipe.views_key)
        values = read_table(path)
        if values is None or values.shape[:2] != (len(recipe.views), len(images)):
            views: list[Tensor] = []
            yield Update(f"logits of {card.title} on views", 0, len(recipe.views))
            for scores in view_logits(source.load(), images, recipe):
                views.append(scores.half())
                yield Update(f"logits of {card.title} on views", len(views), len(recipe.views))
            values = torch.stack(views)
            _keep(path, values)
        return Logits(values, "computed", card.title, seen)

    def has_view_logits(self, name: str, recipe: Recipe) -> bool:
        """Whether ``view_logits`` on the training images has nothing to compute, since they are stored."""
        card, key = self.source(name).card, self.data.key_of("training")
        return self.evidence is not None and has_tensor(recipe.views_key, card.sha256, key, self.evidence)


def open_workspace(data: DataSet, folder: Path | None = None) -> Workspace:
    """The workspace of a data set with the networks in a folder, by default in that beside the images."""
    return Workspace(data, *networks_in(folder or data.checkpoints))


def logits_of(source: NetworkSource, data: DataSet) -> Generator[Update, None, Logits]:
    """The logits of one network on a data set's validation images, see ``Workspace.logits``; it fits them."""
    images = yield from data.read("validation")
    alone = Workspace(data, (source,))
    (name,) = alone.sources
    return (yield from alone.logits(name, images))


def view_logits_of(source: NetworkSource, data: DataSet, recipe: Recipe) -> Generator[Update, None, Logits]:
    """The logits of one teacher on a data set's training images, see ``Workspace.view_logits``; it fits them."""
    images = yield from data.read("training")
    alone = Workspace(data, (source,))
    (name,) = alone.sources
    return (yield from alone.view_logits(name, images, recipe))


def _distinct_title(card: Card, times: Counter[str]) -> str:
    return card.title if times[card.title] == 1 else f"{card.title} ({card.sha256[:SHORT]})"


def _file_names(source: NetworkSource) -> tuple[str, ...]:
    """What a network's file may be called: its title, the name without folders, the whole path."""
    path = source.path
    return (source.card.title, *((path.name, str(path)) if path is not None else ()))


def _describe(images: ImageSet) -> str:
    return f"{len(images):,} {images.noun}s ({images.name})"


def _cache_path(card: Card, images: ImageSet, kind: str) -> Path:
    """Where logits are kept on this machine: by weights and images."""
    return cache_folder() / "logits" / f"{card.sha256}-{images.key}-{kind}.safetensors"


def _keep(path: Path, values: Tensor) -> None:
    """Keep logits; where the cache cannot be written they are only computed again next time."""
    with suppress(ExplorerError):
        write_table(path, values)
