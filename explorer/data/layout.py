"""The layout of a folder of labelled images: its classes, and which image is for what.

Read are the homework's layout (``training/0_12.jpg``, the label before the underscore), that of the year before
(``training/labeled/00/12.jpg``), one folder per class (``training/Bread/12.jpg``), and any of them without splits.
Class folders are numbered in plain alphabetical order, as torchvision's ImageFolder does, but numbers count as numbers:
2 comes before 10. Nothing is ever written there.

Without a validation split it is cut from what there is by a rule without random numbers: of each
class, in the order of the file names, every fifth image is a validation image.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from explorer.data.notices import Notice
from explorer.errors import ExplorerError

FOOD11 = (
    "Bread",
    "Dairy product",
    "Dessert",
    "Egg",
    "Fried food",
    "Meat",
    "Noodles/pasta",
    "Rice",
    "Seafood",
    "Soup",
    "Vegetable/fruit",
)
IMAGES = (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")
# May lie beside the images. Endings of whole names: of "teacher.pth.tar" pathlib's suffix is only ".tar".
CHECKPOINT_SUFFIXES = (".ckpt", ".pt", ".pt2", ".pth", ".safetensors", ".pth.tar", ".bin", ".pkl")
MAX_CLASSES = 1000  # also what the networks are limited to
FIFTH = 5
PACKED = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")
WRAPPERS = 4  # so many folders in each other are stepped into
NOT_DATA = (
    "__macosx",
    "__pycache__",
    "thumbs.db",
    "desktop.ini",
)  # left behind by systems, besides hidden files
LABELLED_PARTS = ("labeled", "labelled")
UNLABELLED_PARTS = ("unlabeled", "unlabelled")
STRAY = 0.01  # of all images: a label far off the others that no more have is a mistake
MANY = 5  # names of classes that an order is told by

Split = Literal["training", "validation", "evaluation"]
SPLIT_NAMES: dict[str, Split] = {
    "training": "training",
    "train": "training",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "evaluation": "evaluation",
    "eval": "evaluation",
    "testing": "evaluation",
    "test": "evaluation",
}
_UNSURE = (
    "Labels 0 to 10",
    "may be Food-11's or others', so the classes are named by number: if they are, name the folder Food-11",
)
_LABELLED = re.compile(r"(\d{1,3})_")

Key = int | str
"""What images of one class share: the number before the underscore of their names, or the name of their folder."""
Pile = dict[Key, list[Path]]


@dataclass(frozen=True)
class Item:
    """One labelled image file."""

    path: Path
    label: int


@dataclass(frozen=True)
class Folder:
    """What a folder holds.

    Attributes:
        root: the folder.
        classes: the class names, in label order.
        training: its training images, in order of their names.
        validation: its validation images, likewise.
        rule: in one sentence, which images became which.
        notices: what was left out or is good to know.
    """

    root: Path
    classes: tuple[str, ...]
    training: tuple[Item, ...]
    validation: tuple[Item, ...]
    rule: str
    notices: tuple[Notice, ...]


def subset(items: Sequence[Item], count: int, seed: int = 0) -> tuple[Item, ...]:
    """``count`` of the images, plainly at random by a fixed seed, in random order.

    Not balanced over the classes: the accuracy on them estimates that on all. A smaller subset is
    the beginning of a larger one, and so is any prefix.
    """
    order = np.random.default_rng(seed).permutation(len(items))[:count]
    return tuple(items[position] for position in order)


def scan(root: Path) -> Folder:
    """What the folder at ``root`` holds, read off the file names; no image is opened.

    Raises:
        ExplorerError: there is no such folder, or it has no labelled images of two classes.
    """
    named = root.expanduser()
    _check_is_folder(named)
    scanner = _Scanner(_inner(named))
    root, splits = scanner.root, _splits(scanner)
    piles = {split: scanner.pile(folder) for split, folder in splits.items()}
    if splits:
        for path in scanner.visible(root):
            if path.name.lower() not in SPLIT_NAMES or not path.is_dir():
                scanner.stray(path)
    else:
        piles["training"] = scanner.pile(root)
    _drop_strays(piles, scanner)
    classes, number = _classes({key for pile in piles.values() for key in pile}, scanner, named, splits)
    items = {
        split: tuple(
            Item(path, number[key]) for key in sorted(pile, key=number.__getitem__) for path in pile[key]
        )
        for split, pile in piles.items()
    }
    training, validation, rule = _roles(items, splits, scanner)
    _check_is_enough(training, validation, scanner)
    for split, part in (("training", training), ("validation", validation)):
        for label in sorted(set(range(len(classes))) - {item.label for item in part}) if part else ():
            scanner.tell(f"Class {classes[label]} (label {label})", f"has no {split} images")
    return Folder(root, classes, training, validation, rule, tuple(scanner.notices))


def _check_is_folder(root: Path) -> None:
    if root.is_file():
        if root.suffix.lower() in PACKED:
            raise ExplorerError(f"{root} is packed: unpack it, and name the folder that comes out.")
        raise ExplorerError(f"{root} is a file: name the folder that it lies in.")
    if not root.is_dir():
        raise ExplorerError(f"There is no folder {root}: check the path.")


def _check_is_enough(training: Sequence[Item], validation: Sequence[Item], scanner: "_Scanner") -> None:
    """Refuse a folder of which too few labelled images are left."""
    root, count = scanner.root, len({item.label for item in (*training, *validation)})
    if count < 2:
        packed = [path.name for path in scanner.visible(root) if path.suffix.lower() in PACKED]
        if packed:
            raise ExplorerError(f"{root} holds {packed[0]}, which is packed: unpack it there.")
        raise ExplorerError(
            f"{root} has labelled images of {count or 'no'} class{'' if count == 1 else 'es'}: it needs at least 2, "
            "as class folders (Bread/12.jpg) or labels in the names (0_12.jpg), with or without training and "
            "validation folders."
        )
    if not validation:
        raise ExplorerError(
            f"{root} has no validation images: give a class at least {FIFTH} images, or add a validation folder."
        )


def _holds_checkpoints(folder: Path) -> bool:
    """Whether a training seems to have written into a folder or one below it."""
    inside = (path for pattern in ("*", "*/*") for path in folder.glob(pattern))
    return any(path.name.lower().endswith(CHECKPOINT_SUFFIXES) for path in inside)


def _is_data(path: Path) -> bool:
    return not path.name.startswith(".") and path.name.lower() not in NOT_DATA


def _inner(root: Path) -> Path:
    """A download often wraps the folder in others of its own: step into a lone one of folders."""
    for _ in range(WRAPPERS):
        entries = [path for path in root.iterdir() if _is_data(path)]
        folders = [path for path in entries if path.is_dir()]
        if len(folders) != 1 or _has_splits(root) or any(path.suffix.lower() in IMAGES for path in entries):
            break
        inside = [path for path in folders[0].iterdir() if _is_data(path)]
        images = any(path.suffix.lower() in IMAGES for path in inside)
        if images or not any(path.is_dir() for path in inside):
            break
        root = folders[0]
    return root


def _has_splits(root: Path) -> bool:
    return any(path.name.lower() in SPLIT_NAMES and path.is_dir() for path in root.iterdir())


def _splits(scanner: "_Scanner") -> dict[Split, Path]:
    """The folders of the splits; of two for one split the first in the order of ``SPLIT_NAMES``."""
    order = list(SPLIT_NAMES)
    found = [
        path for path in scanner.visible(scanner.root) if path.name.lower() in SPLIT_NAMES and path.is_dir()
    ]
    splits: dict[Split, Path] = {}
    for path in sorted(found, key=lambda path: (order.index(path.name.lower()), path.name)):
        split = SPLIT_NAMES[path.name.lower()]
        if split in splits:
            scanner.tell(path, f"is not read: the {split} images are those of {splits[split].name}")
        splits.setdefault(split, path)
    return splits


class _Scanner:
    """Reads the folders of one root and notes what it cannot use."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.notices: list[Notice] = []

    def tell(self, what: Path | str, text: str, *, lost: bool = True) -> None:
        if isinstance(what, Path):
            what = what.relative_to(self.root).as_posix() if what != self.root else what.name
        self.notices.append(Notice(what, text, lost))

    def visible(self, folder: Path) -> list[Path]:
        """What lies in a folder, in natural order (2.jpg before 10.jpg), hidden files aside."""
        try:
            return sorted(filter(_is_data, folder.iterdir()), key=_natural)
        except OSError:
            self.tell(folder, "cannot be opened, so it was left out")
            return []

    def stray(self, path: Path) -> None:
        """Tell of what lies where no image is expected."""
        if path.is_dir():
            if path.parent == self.root and _holds_checkpoints(path):
                return  # where a training writes to
            self.tell(path, "is a folder where none is expected, so it was left out")
        elif path.suffix.lower() in IMAGES:
            self.tell(path, "lies outside the folders of the classes or splits, so it was left out")
        elif path.parent != self.root or not path.name.lower().endswith(CHECKPOINT_SUFFIXES):
            self.tell(path, "is not an image, so it was left out")

    def images(self, entries: Iterable[Path]) -> list[Path]:
        """The images among these files; the rest is told."""
        images = []
        for path in entries:
            if path.suffix.lower() in IMAGES and not path.is_dir():
                images.append(path)
            else:
                self.stray(path)
        return images

    def pile(self, folder: Path) -> Pile:
        """The images of one split by class: by folder name, or by the number in the file's name."""
        entries = self.visible(folder)
        folders = {path: self.visible(path) for path in entries if path.is_dir()}
        labelled = [path for path in folders if path.name.lower() in LABELLED_PARTS]
        if len(labelled) == 1:
            for path in entries:
                if path not in labelled:
                    self.beside_labelled(path)
            return self.pile(labelled[0])
        if not any(folders.values()):
            return self.pile_of_files(folder, entries)
        for path in entries:
            if path not in folders:
                self.stray(path)
        return {
            path.name: self.images(inside) for path, inside in folders.items() if self.is_class(path, inside)
        }

    def beside_labelled(self, path: Path) -> None:
        """Tell of what lies beside the labelled part of a split."""
        if path.name.lower() in UNLABELLED_PARTS and path.is_dir():
            count = sum(each.suffix.lower() in IMAGES for each in path.rglob("*"))
            self.tell(path, f"holds {count:,} images without labels, so they are not used", lost=False)
        else:
            self.stray(path)

    def pile_of_files(self, folder: Path, entries: Sequence[Path]) -> Pile:
        """The images of one split by the number in the file's name."""
        pile: Pile = {}
        nameless: list[Path] = []
        for path in self.images(entries):
            if match := _LABELLED.match(path.name):
                pile.setdefault(int(match[1]), []).append(path)
            else:
                nameless.append(path)
        if nameless and not pile:
            self.tell(
                folder,
                f"holds {len(nameless):,} images without labels ({nameless[0].name}), so they are not used",
                lost=SPLIT_NAMES.get(folder.name.lower()) != "evaluation",
            )
        for path in nameless if pile else ():
            self.tell(path, "has no label in its name as 0_12.jpg has, so it was left out")
        return pile

    def is_class(self, folder: Path, inside: list[Path]) -> bool:
        """Whether a folder is a class: an empty one may be, one that holds other things alone is none."""
        if not inside or any(path.suffix.lower() in IMAGES for path in inside):
            return True
        self.tell(
            folder, "holds no images of its own, so it is no class", lost=not _holds_checkpoints(folder)
        )
        return False


def _drop_strays(piles: Mapping[Split, Pile], scanner: _Scanner) -> None:
    """Leave out a highest label that few images have and that would more than double the number of classes.

    One file of a wrong name (``110_3.jpg``) would else make a hundred classes without images.
    """
    counts = Counter[int]()
    for pile in piles.values():
        counts.update({key: len(paths) for key, paths in pile.items() if isinstance(key, int)})
    few = max(1, round(STRAY * counts.total()))
    while len(counts) > 2:
        below, last = sorted(counts)[-2:]
        if last + 1 <= 2 * (below + 1) or counts[last] > few:
            return
        for pile in piles.values():
            for path in pile.pop(last, []):
                scanner.tell(path, f"has a label far above the others' (0 to {below}), so it was left out")
        del counts[last]


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sorting key under which 2.jpg comes before 10.jpg."""
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def _classes(
    keys: Set[Key], scanner: _Scanner, named: Path, splits: Mapping[Split, Path]
) -> tuple[tuple[str, ...], dict[Key, int]]:
    """The class names in label order, and the label of each key."""
    root = scanner.root
    numbers = sorted(key for key in keys if isinstance(key, int))
    names = sorted(key for key in keys if isinstance(key, str))
    if numbers and names:
        raise ExplorerError(
            f"{root} has class folders in one split and labels in the names (0_12.jpg) in another: "
            "use one layout for both."
        )
    if len(names) > MAX_CLASSES:
        raise ExplorerError(f"{root} has {len(names):,} class folders: there may be {MAX_CLASSES:,} at most.")
    if names and all(name.isdecimal() for name in names):
        names.sort(key=lambda name: (int(name), name))
        padded = len({len(name) for name in names}) == 1
        if not padded and [*names] != sorted(names):
            scanner.tell(
                "Class folders",
                f"are in the order of their numbers ({_in_order(names)}); torchvision's ImageFolder has them in that "
                f"of text ({_in_order(sorted(names))}), and so has a network that was trained with it",
                lost=False,
            )
        if [int(name) for name in names] == list(range(len(FOOD11))):
            if _is_course(named, root, splits):
                return FOOD11, {name: int(name) for name in names}
            scanner.tell(*_UNSURE, lost=False)
        return tuple(names), {name: label for label, name in enumerate(names)}
    if numbers == list(range(len(FOOD11))):
        if _is_course(named, root, splits):
            return FOOD11, {key: key for key in numbers}
        scanner.tell(*_UNSURE, lost=False)
    if numbers:
        return tuple(f"class {label}" for label in range(numbers[-1] + 1)), {key: key for key in numbers}
    return _named_classes(names, scanner)


def _named_classes(names: Sequence[str], scanner: _Scanner) -> tuple[tuple[str, ...], dict[Key, int]]:
    """The classes of folders with names: Food-11's in the course's order, else as they are sorted."""
    food = {_letters(name): label for label, name in enumerate(FOOD11)}
    alike = [name for name in names if _letters(name) in food]
    if len(alike) == len(names) == len(food):
        return FOOD11, {name: food[_letters(name)] for name in names}
    if 2 * len(alike) > len(food) and len(names) == len(food):
        others = ", ".join(name for name in names if name not in alike)
        scanner.tell(
            others,
            f"is none of Food-11's 11 classes though the other {len(alike)} are, so all are in alphabetical order "
            f"({_in_order(names)}), which is not the course's",
            lost=False,
        )
    return tuple(names), {name: label for label, name in enumerate(names)}


def _in_order(names: Sequence[str]) -> str:
    """The first names, in the order of their labels."""
    return ", ".join([*names[:MANY], *(["..."] if len(names) > MANY else [])])


def _is_course(named: Path, root: Path, splits: Mapping[Split, Path]) -> bool:
    """Whether a folder with labels 0 to 10 is the course's Food-11, whose class names it then gets.

    Any eleven classes have such labels, so they alone do not say it. The folder's name does, also above a split
    (``Food-11/training``). So does the course's own layout: files ``0_12.jpg`` in ``training`` and ``validation``, or
    the year before ``training/labeled/00``. The course's folder has been handed out under several names, and its own
    teacher must find its classes in it.
    """
    path, inner = named.absolute(), root.absolute()
    above = 2 if path.name.lower() in SPLIT_NAMES else 1
    names = (*path.parts[-above:], *inner.parts[len(path.parts) :])
    if any("food11" in re.sub(r"[^a-z0-9]", "", name.lower()) for name in names):
        return True
    if {path.name for path in splits.values()} >= {"training", "validation"}:
        inside = [path for path in splits["training"].iterdir() if path.is_dir() and _is_data(path)]
        return not inside or any(path.name in LABELLED_PARTS for path in inside)
    return False


def _letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _roles(
    items: dict[Split, tuple[Item, ...]], splits: dict[Split, Path], scanner: _Scanner
) -> tuple[tuple[Item, ...], tuple[Item, ...], str]:
    """Training images, validation images, and the rule that made them so."""
    training, validation, rest = (items.get(each, ()) for each in ("training", "validation", "evaluation"))
    if training and validation:
        if rest:
            text = (
                f"holds {len(rest):,} labelled images that are not used: accuracy is measured on validation"
            )
            scanner.tell(splits["evaluation"], text, lost=False)
        return training, validation, "Training and validation images are those of their folders."
    if validation:
        return (
            (),
            validation,
            "There are no training images, so nothing can be trained or recalibrated on it.",
        )
    if rest:
        name = splits["evaluation"].name
        return training, rest, f"There are no validation images, so those of {name} take their place."
    seen: dict[int, int] = {}
    held_out: list[Item] = []
    kept: list[Item] = []
    for item in training:
        nth = seen[item.label] = seen.get(item.label, 0) + 1
        (kept if nth % FIFTH else held_out).append(item)
    rule = "There is no validation folder: of each class, in file order, every fifth image is for validation."
    return tuple(kept), tuple(held_out), rule
