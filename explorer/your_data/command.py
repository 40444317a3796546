"""The images from a terminal: ``data check`` and ``data build``."""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from explorer.data import BUNDLED, DataSet
from explorer.networks import describe
from explorer.terminal import Bars, data_options, data_set, folder_options, images_option
from explorer.work.progress import follow
from explorer.workspace import open_workspace


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
    data = data_set(options, bundled=bundled)
    check = follow(data.check(options.data), bars)
    bars.bar.close()
    lines, facts = _networks(data) if data.can_change else ((), {})
    print(json.dumps(check.facts | facts, indent=2) if options.json else "\n".join((*check.lines, *lines)))
    return 0 if check.holds else 1


def _networks(data: DataSet) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The networks beside the user's images: what each is and what was assumed of it, in lines and as plain values."""
    workspace = open_workspace(data)
    lines: list[str] = []
    rows = []
    for source in workspace.all_sources.values():
        card = source.card
        kind = describe(card.network_spec())
        lines.append(f"{card.title}: {kind}, {card.classes} classes, {card.params:,} parameters")
        lines += [f"  {notice}" for notice in source.notices]
        rows.append(
            {
                "file": card.title,
                "kind": kind,
                "classes": card.classes,
                "parameters": card.params,
                "notices": list(source.notices),
            }
        )
    refused = [{"file": file.path.name, "text": file.sentence} for file in workspace.refused]
    said = (*workspace.misfits, *dict.fromkeys(file.sentence for file in workspace.refused))
    return (*lines, *said), {"networks": rows, "refused": refused}
