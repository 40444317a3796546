"""``verify`` from a terminal: what cards and evidence claim, found again from weights and images."""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from tqdm import tqdm

from explorer.arguments import checkpoints_option, network_option
from explorer.checkpoints import SHIPPED, Card
from explorer.data import BUNDLED, DataSet
from explorer.distillation import unseen
from explorer.errors import ExplorerError
from explorer.measure import accuracy, logits
from explorer.terminal import Bars, data_options, data_set, folder_of_networks, given_networks, images_option
from explorer.verify.cards import check_card
from explorer.verify.finding import Finding, compared, unchecked
from explorer.verify.stored import check_evidence
from explorer.work.progress import Update, follow
from explorer.workspace import NetworkSource, Workspace, networks_in

SHOWN = 12
"""Claims of one file or network that are written out."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``verify`` to the terminal's commands."""
    parser = commands.add_parser(
        "verify",
        help="find again what cards and evidence claim, from weights and images; exit status 1 on a difference",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="of a network, with its evidence; everything if none is named",
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
    parser.add_argument(
        "--all",
        action="store_true",
        help="compute every row of the evidence again, not one of each file: hours",
    )
    parser.add_argument("--json", action="store_true", help="print a list of JSON objects")
    parser.set_defaults(command=_verify)


def _verify(options: argparse.Namespace) -> int:
    bars, findings = Bars(), list[Finding]()
    for finding in _followed(_findings(options), bars):
        findings.append(finding)
        if not options.json and finding.verdict == "differs":
            tqdm.write(f"{finding.of}: {finding.claim}: {finding.found}: DIFFERS")
        elif not options.json and options.all:
            tqdm.write(f"{finding.of}: {finding.claim}: {_said(finding)}")
    bars.bar.close()
    if options.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        print("\n".join(_summary(findings)))
    return 1 if any(finding.verdict == "differs" for finding in findings) else 0


def _followed(steps: Iterable[Update | Finding], bars: Bars) -> Iterator[Finding]:
    for step in steps:
        if isinstance(step, Update):
            bars(step)
        else:
            yield step


def _summary(findings: Sequence[Finding]) -> Iterator[str]:
    """What holds, network by network and file by file; then what was not checked, and why; then how many of each."""
    verdicts = Counter(finding.verdict for finding in findings)
    for of, group in groupby(findings, lambda finding: finding.of):
        held = [finding.claim for finding in group if finding.verdict == "holds"]
        if held:
            shown = held if len(held) <= SHOWN else [*held[:SHOWN], f"{len(held) - SHOWN:,} claims more"]
            yield f"{of}: {'; '.join(shown)}: {'holds' if len(held) == 1 else 'hold'}"
    reasons: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        if finding.verdict == "not checked":
            reasons.setdefault((finding.claim, finding.found), []).append(finding.of)
    if reasons:
        yield "Not checked:"
    for (claim, why), whose in reasons.items():
        yield f"  {claim} of {whose[0] if len(whose) == 1 else f'{len(whose)} files or networks'}: {why}."
    differ = verdicts["differs"]
    yield f"{verdicts['holds']:,} claims hold, {differ:,} {'differs' if differ == 1 else 'differ'}."


def _said(finding: Finding) -> str:
    return "holds" if finding.verdict == "holds" else f"not checked, {finding.found}"


def _findings(options: argparse.Namespace) -> Iterator[Update | Finding]:
    """All that is checked: cards, evidence, and what is claimed of networks of the user's own."""
    if options.claim is not None and (not 0 <= options.claim <= 1 or len(options.network or ()) != 1):
        raise ExplorerError("--claim is an accuracy from 0 to 1, of the one network that --network names.")
    if not options.network or options.names:
        folder = folder_of_networks(options) or SHIPPED
        sources = _choose(folder, options.names)
        for source in sources:
            yield from check_card(source, _measured_on(source.card, options))
        yield from _evidence(folder, sources if options.names else (), options)
        if folder == SHIPPED and not options.names:
            yield from _unseen(options)
    if options.network:
        data = data_set(options)
        for source in given_networks(options, data.input_size):
            workspace = Workspace(data, (source,))
            workspace.find(source.card.name)  # refuses what does not fit the images
            yield from _claimed(source, data, options.claim)


def _evidence(
    folder: Path, asked: Sequence[NetworkSource], options: argparse.Namespace
) -> Iterator[Update | Finding]:
    """The evidence in a folder, all of it or that of some networks; what it is a result of may be shipped, too."""
    sources = {source.card.sha256: source for each in {SHIPPED, folder} for source in networks_in(each)[0]}
    data_sets = tuple(dict.fromkeys((BUNDLED, data_set(options))))
    yield from check_evidence(
        folder,
        tuple(sources.values()),
        data_sets,
        everything=options.all,
        asked=frozenset(source.card.sha256 for source in asked),
    )


def _unseen(options: argparse.Namespace) -> Iterator[Update | Finding]:
    """The students of the class never seen: all of them, of one pair the accuracies."""
    sources = _choose(unseen.FOLDER, ())
    # The first one's weights decide whose.
    pair = int(sources[0].card.sha256[:8], 16) % (len(sources) // 2)
    for number, source in enumerate(sources):
        yield from check_card(source, BUNDLED, count=options.all or number // 2 == pair)
    yield from _evidence(unseen.FOLDER, (), options)


def _claimed(source: NetworkSource, data: DataSet, claimed: float | None) -> Iterator[Update | Finding]:
    """The test accuracy of a network of the user's, as a person wrote it: to four digits."""
    card, test = source.card, follow(data.read("test"), Bars())
    scores = logits(source.load(), test.batches())
    counted = accuracy(scores, test.targets())
    said = f"{counted.value:.4f}, {counted.correct:,} of {counted.total:,} images"
    if claimed is None:
        yield unchecked(
            card.title, f"a test accuracy ({said})", "nothing is claimed of it: say it with --claim"
        )
    else:
        holds = round(counted.value, 4) == round(claimed, 4)
        yield compared(card.title, f"test accuracy {claimed:.4f}", holds, f"counted {said}")


def _choose(folder: Path, names: Sequence[str]) -> tuple[NetworkSource, ...]:
    """The networks of a folder that were measured, all or those named."""
    sources, refused = networks_in(folder)
    measured = {source.card.name: source for source in sources if source.card.measured}
    if not measured:
        raise ExplorerError(
            next(map(str, refused), f"{folder} has no network with a measured accuracy on its card.")
        )
    for name in names:
        if name not in measured:
            raise ExplorerError(f"There is no checkpoint {name!r}; there are {', '.join(measured)}.")
    return tuple(measured[name] for name in names or measured)


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
