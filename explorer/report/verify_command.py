"""``verify`` from a terminal: every card's accuracy counted again from its weights and images."""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from explorer.checkpoints import SHIPPED, Card
from explorer.data import BUNDLED, DataSet
from explorer.errors import ExplorerError
from explorer.ledger import LedgerRow
from explorer.networks import builder_of
from explorer.report.recount import RECOUNT, recount_spec
from explorer.terminal import (
    checkpoints_option,
    data_options,
    data_set,
    folder_of_networks,
    images_option,
    run_instrument,
)
from explorer.workspace import NetworkSource, networks_in


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``verify`` to the terminal's commands."""
    parser = commands.add_parser(
        "verify",
        help="recompute every card's accuracy from its weights and images; exit status 1 on a difference",
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="of a network; all with a card if none is named"
    )
    data_options(parser)
    images_option(parser)
    checkpoints_option(parser)
    parser.add_argument("--json", action="store_true", help="print a list of JSON objects")
    parser.set_defaults(command=_verify)


def _verify(options: argparse.Namespace) -> int:
    rows, holds = [], True
    for source in _choose(folder_of_networks(options) or SHIPPED, options.names):
        card = source.card
        data = _measured_on(card, options)
        (part,) = run_instrument(RECOUNT, recount_spec([_claim(card, data)], [source], data))
        if part.row is None or part.row.accuracy is None:
            raise ExplorerError(f"{card.name}: {part.problem}")
        row = {
            "name": card.name,
            "params": part.row.params,
            "test_accuracy": part.row.accuracy.value,
            "card_test_accuracy": card.test_accuracy,
        }
        rows.append(row)
        same = (row["params"], row["test_accuracy"]) == (card.params, card.test_accuracy)
        holds &= same
        if not options.json:
            print(
                f"{card.name}: {row['params']:,} parameters, test accuracy {row['test_accuracy']:.4f}, "
                f"card {card.test_accuracy:.4f}: {'holds' if same else 'DIFFERS'}",
                flush=True,
            )
    if options.json:
        print(json.dumps(rows, indent=2))
    return 0 if holds else 1


def _choose(folder: Path, names: Sequence[str]) -> Iterator[NetworkSource]:
    """The networks of a folder that were measured, all or those named."""
    sources, refused = networks_in(folder)
    measured = {source.card.name: source for source in sources if source.card.measured}
    if not measured:
        raise ExplorerError(
            next(map(str, refused), f"{folder} has no network with a measured accuracy on its card.")
        )
    for name in names or measured:
        if name not in measured:
            raise ExplorerError(f"There is no checkpoint {name!r}; there are {', '.join(measured)}.")
        yield measured[name]


def _measured_on(card: Card, options: argparse.Namespace) -> DataSet:
    """The data set that a card's test accuracy was measured on: the bundled one, or the user's folder."""
    named = data_set(options, size=card.input_size)
    for data in (BUNDLED, named):
        if data.name_of("test") == card.measured_on:
            return data
    if named == BUNDLED:
        raise ExplorerError(f"{card.name} was measured on {card.measured_on}: name their folder with --data.")
    raise ExplorerError(
        f"{card.name} was measured on {card.measured_on}, these are {named.name_of('test')}: choose another folder or "
        "number of --images."
    )


def _claim(card: Card, data: DataSet) -> LedgerRow:
    """What a card says of its network, as a row to be recounted."""
    return LedgerRow(
        card.title,
        "distillation",
        builder_of(card.network).title,
        card.params,
        card.params,
        0,
        card.input_size,
        "carried",
        "its card",
        weights=card.sha256,
        correct=round(card.test_accuracy * card.images),
        total=card.images,
        images=card.measured_on,
        images_key=data.key_of("test"),
    )
