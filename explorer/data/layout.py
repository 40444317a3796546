"""The layout of a folder of labelled images: its classes, and which image is for what.

Read are the homework's layout (``training/0_12.jpg``, the label before the underscore), one folder
per class (``training/Bread/12.jpg``), and either of them without splits. Class folders are
numbered in plain alphabetical order, as torchvision's ImageFolder does. Nothing is ever written there.

Without a validation split it is cut from what there is by a rule without random numbers: of each
class, in the order of the file names, every fifth image is a validation image.
"""

import re
from collections.abc import Iterable, Sequence
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
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")
# May lie beside the images. Endings of whole names: of "teacher.pth.tar" pathlib's suffix is only ".tar".
CHECKPOINT_SUFFIXES = (".ckpt", ".pt", ".pt2", ".pth", ".safetensors", ".pth.tar", ".bin", ".pkl")
MAX_CLASSES = 1000  # also what the networks are limited to
FIFTH = 5

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
_LABELLED = re.compile(r"(\d{1,3})_")


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
    root = root.expanduser()
    if root.is_file():
        raise ExplorerError(f"{root} is a file: name the folder that it lies in.")
    if not root.is_dir():
        raise ExplorerError(f"There is no folder {root}: check the path.")
    scanner = _Scanner(_inner(root))
    root, splits = scanner.root, _splits(scanner.root)
    piles = {split: scanner.pile(folder) for split, folder in splits.items()}
    if splits:
        for path in scanner.visible(root):
            if path not in splits.values():
                scanner.stray(path)
    else:
        piles["training"] = scanner.pile(root)
    keys = {key for pile in piles.values() for key in pile}
    classes, number = _classes(keys, root)
    items = {
        split: tuple(
            Item(path, number[key]) for key in sorted(pile, key=number.__getitem__) for path in pile[key]
        )
        for split, pile in piles.items()
    }
    training, validation, rule = _roles(items, splits, scanner)
    count = len({item.label for item in (*training, *validation)})
    if count < 2:
        raise ExplorerError(
            f"{root} has labelled images of {count or 'no'} class{'' if count == 1 else 'es'}: it needs at least 2, "
            "as class folders (Bread/12.jpg) or labels in the names (0_12.jpg), with or without training and "
            "validation folders."
        )
    if not validation:
        raise ExplorerError(
            f"{root} has no validation images: give a class at least {FIFTH} images, or add a validation folder."
        )
    for split, part in (("training", training), ("validation", validation)):
        for label in sorted(set(range(len(classes))) - {item.label for item in part}) if part else ():
            scanner.tell(f"Class {classes[label]}", f"(label {label}) has no {split} images")
    return Folder(root, classes, training, validation, rule, tuple(scanner.notices))


def _inner(root: Path) -> Path:
    """A download often wraps the folder in another of its own: step into a lone one of folders."""
    entries = [path for path in root.iterdir() if not path.name.startswith(".")]
    folders = [path for path in entries if path.is_dir()]
    if len(folders) != 1 or _splits(root) or any(path.suffix.lower() in IMAGES for path in entries):
        return root
    inside = [path for path in folders[0].iterdir() if not path.name.startswith(".")]
    wraps = any(path.is_dir() for path in inside) and not any(
        path.suffix.lower() in IMAGES for path in inside
    )
    return folders[0] if wraps else root


def _splits(root: Path) -> dict[Split, Path]:
    splits: dict[Split, Path] = {}
    for path in sorted(root.iterdir()):
        if path.name.lower() in SPLIT_NAMES and path.is_dir():
            splits.setdefault(SPLIT_NAMES[path.name.lower()], path)
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
            return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=_natural)
        except OSError:
            self.tell(folder, "cannot be opened, so it was left out")
            return []

    def stray(self, path: Path) -> None:
        """Tell of what lies where no image is expected."""
        if path.is_dir():
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

    def pile(self, folder: Path) -> dict[int | str, list[Path]]:
        """The images of one split by class: by folder name, or by the number in the file's name."""
        entries = self.visible(folder)
        folders = {path: self.visible(path) for path in entries if path.is_dir()}
        if any(folders.values()):
            for path in entries:
                if path not in folders:
                    self.stray(path)
            return {path.name: self.images(inside) for path, inside in folders.items()}
        pile: dict[int | str, list[Path]] = {}
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


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sorting key under which 2.jpg comes before 10.jpg."""
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def _classes(keys: set[int | str], root: Path) -> tuple[tuple[str, ...], dict[int | str, int]]:
    """The class names in label order, and the label of each key."""
    numbers = sorted(key for key in keys if isinstance(key, int))
    names = sorted(key for key in keys if isinstance(key, str))
    if numbers and names:
        raise ExplorerError(
            f"{root} has class folders in one split and labels in the names (0_12.jpg) in another: "
            "use one layout for both."
        )
    if len(names) > MAX_CLASSES:
        raise ExplorerError(f"{root} has {len(names):,} class folders: there may be {MAX_CLASSES:,} at most.")
    if numbers:
        is_food = numbers == list(range(len(FOOD11)))
        titles = FOOD11 if is_food else tuple(f"class {label}" for label in range(numbers[-1] + 1))
        return titles, {key: key for key in numbers}
    food = {_letters(name): label for label, name in enumerate(FOOD11)}
    if {_letters(name) for name in names} == set(food) and len(names) == len(food):
        return FOOD11, {name: food[_letters(name)] for name in names}
    return tuple(names), {name: label for label, name in enumerate(names)}


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
