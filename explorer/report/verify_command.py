"""``verify`` from a terminal: every card's accuracy counted again from its weights and images."""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from explorer.arguments import checkpoints_option, network_option
from explorer.checkpoints import SHIPPED, Card
from explorer.data import BUNDLED, DataSet
from explorer.errors import ExplorerError
from explorer.ledger import LedgerRow
from explorer.networks import builder_of
from explorer.report.recount import RECOUNT, recount_spec
from explorer.terminal import (
    data_options,
    data_set,
    folder_of_networks,
    given_networks,
    images_option,
    run_instrument,
)
from explorer.workspace import NetworkSource, Workspace, networks_in


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``verify`` to the terminal's commands."""
    parser = commands.add_parser(
        "verify",
        help="recompute every card's accuracy from its weights and images; exit status 1 on a difference",
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="of a network; all with a card if none is named"
    )
    network_option(parser)
    parser.add_argument(
        "--claim",
        type=float,
        metavar="ACCURACY",
        help="the test accuracy that is claimed of your own network, 0 to 1, to four digits",
    )
    data_options(parser)
    images_option(parser)
    checkpoints_option(parser)
    parser.add_argument("--json", action="store_true", help="print a list of JSON objects")
    parser.set_defaults(command=_verify)


def _verify(options: argparse.Namespace) -> int:
    rows, holds = [], True
    for source, data, claimed in _claims(options):
        card = source.card
        (part,) = run_instrument(RECOUNT, recount_spec([_claim(card, data, claimed)], [source], data))
        if part.row is None or part.row.accuracy is None:
            raise ExplorerError(f"{card.name}: {part.problem}")
        counted = part.row.accuracy.value
        row = {
            "name": card.name,
            "params": part.row.params,
            "test_accuracy": counted,
            "card_test_accuracy": claimed,
        }
        rows.append(row)
        same = row["params"] == card.params and _is_claimed(counted, claimed, card)
        holds &= same
        if not options.json:
            print(
                f"{card.name}: {row['params']:,} parameters, test accuracy {counted:.4f}, "
                f"{_verdict(claimed, card, same)}",
                flush=True,
            )
    if options.json:
        print(json.dumps(rows, indent=2))
    return 0 if holds else 1


def _is_claimed(accuracy: float, claimed: float | None, card: Card) -> bool:
    """Whether an accuracy is the one that is claimed: exactly that of a card, to four digits what a person wrote."""
    if claimed is None:
        return True
    return accuracy == claimed if card.measured else round(accuracy, 4) == round(claimed, 4)


def _verdict(claimed: float | None, card: Card, same: bool) -> str:
    if claimed is None:
        return "nothing is claimed of it"
    return f"{'card' if card.measured else 'claimed'} {claimed:.4f}: {'holds' if same else 'DIFFERS'}"


def _claims(options: argparse.Namespace) -> Iterator[tuple[NetworkSource, DataSet, float | None]]:
    """The networks that are verified, each with its images and the accuracy that is claimed of it, if any."""
    if options.claim is not None and (not 0 <= options.claim <= 1 or len(options.network or ()) != 1):
        raise ExplorerError("--claim is an accuracy from 0 to 1, of the one network that --network names.")
    if not options.network or options.names:
        for source in _choose(folder_of_networks(options) or SHIPPED, options.names):
            yield source, _measured_on(source.card, options), source.card.test_accuracy
    if options.network:
        data = data_set(options)
        for source in given_networks(options, data.input_size):
            workspace = Workspace(data, (source,))
            workspace.find(source.card.name)  # refuses what does not fit the images
            yield source, data, options.claim


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


def _claim(card: Card, data: DataSet, claimed: float | None) -> LedgerRow:
    """What is claimed of a network, as a row to be recounted on the test images."""
    total = card.images if card.measured else data.sizes["test"]
    return LedgerRow(
        card.title,
        "distillation",
        builder_of(card.network).title,
        card.params,
        card.params,
        0,
        data.input_size,
        "carried",
        "its card",
        weights=card.sha256,
        correct=round((claimed or 0) * total),
        total=total,
        images=data.name_of("test"),
        images_key=data.key_of("test"),
    )
