"""The images from a terminal: ``data check`` and ``data build``."""

import argparse
import json
from pathlib import Path

from explorer.data import fashion_mnist, own
from explorer.data.folder import scan, summary
from explorer.data.own import Source
from explorer.terminal import Bars, data_options
from explorer.work.progress import follow


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``data`` to the terminal's commands."""
    parser = commands.add_parser(
        "data", help="check a folder of your own, or build or check the bundled images"
    )
    parser.add_argument("action", choices=["build", "check"])
    data_options(parser)
    parser.add_argument("--out", type=Path, default=fashion_mnist.BUNDLED, help="folder to write to")
    parser.add_argument("--json", action="store_true", help="print a JSON object (own folder only)")
    parser.set_defaults(command=_data)


def _data(options: argparse.Namespace) -> int:
    folder = options.data or own.named()
    if options.action == "build":
        return _build(options)
    if folder is None or fashion_mnist.is_original(folder):
        return _check_bundle(options)
    return _check_own(folder, options)


def _build(options: argparse.Namespace) -> int:
    files = list(fashion_mnist.build(fashion_mnist.find_originals(options.data), options.out))
    for path, size in files:
        print(f"{size:>10,} bytes  {path.name}")
    print(f"{sum(size for _, size in files):>10,} bytes together")
    return 0


def _check_bundle(options: argparse.Namespace) -> int:
    same = True
    for name, images, labels in fashion_mnist.original_splits(fashion_mnist.find_originals(options.data)):
        bundled = fashion_mnist.load(name, options.out)
        equal = bool((bundled.images == images).all() and (bundled.labels == labels).all())
        print(f"{name}: {len(images):,} images, {'equal' if equal else 'NOT EQUAL'}")
        same &= equal
    return 0 if same else 1


def _check_own(path: Path, options: argparse.Namespace) -> int:
    """Open the images of a folder; status 1 when anything had to be left out."""
    folder = scan(path)
    training = len(folder.training) if options.training_images is None else options.training_images
    source = Source(folder, options.images, training, options.size)
    notices, opened = list(folder.notices), {}
    for split in ("training", "validation"):
        if getattr(folder, split):
            images, found = follow(source.read(split), Bars())
            notices += found
            opened[split] = len(images)
    counts = folder.counts().pivot_table(
        index=["label", "class"], columns="split", values="images", sort=False
    )
    lost = any(notice.lost for notice in notices)
    if options.json:
        print(
            json.dumps(
                {
                    "data": folder.name,
                    "classes": folder.classes,
                    "counts": folder.counts().to_dict("records"),
                    "opened": opened,
                    "rule": folder.rule,
                    "notices": [{"file": one.file, "text": one.text, "lost": one.lost} for one in notices],
                },
                indent=2,
            )
        )
        return 1 if lost else 0
    print(f"{folder.name}: {len(folder.classes)} classes. {folder.rule}")
    print(counts.astype(int).to_string())
    print(", ".join(f"{count:,} {split} images opened" for split, count in opened.items()))
    for sentence in summary(notices):
        print(sentence)
    return 1 if lost else 0
