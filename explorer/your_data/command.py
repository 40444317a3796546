"""The images from a terminal: ``data check`` and ``data build``."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from explorer.data import BUNDLED
from explorer.terminal import Bars, data_options, data_set, folder_options, images_option
from explorer.work.progress import follow


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``data`` to the terminal's commands."""
    parser = commands.add_parser("data", help="check a folder of yours, or build or check the bundled images")
    parser.add_argument("action", choices=["build", "check"])
    data_options(parser)
    images_option(parser)
    folder_options(parser)
    parser.add_argument(
        "--out", type=Path, default=BUNDLED.files, help="folder of the bundled images: written to, or checked"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    parser.set_defaults(command=_data)


def _data(options: argparse.Namespace) -> int:
    bundled = replace(BUNDLED, files=options.out)
    if options.action == "build":
        files = list(bundled.build(options.data))
        for path, size in files:
            print(f"{size:>10,} bytes  {path.name}")
        print(f"{sum(size for _, size in files):>10,} bytes together")
        return 0
    bars = Bars()
    check = follow(data_set(options, bundled=bundled).check(options.data), bars)
    bars.bar.close()
    print(json.dumps(check.facts, indent=2) if options.json else "\n".join(check.lines))
    return 0 if check.holds else 1
