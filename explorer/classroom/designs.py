"""Designs on a class board: who needs the fewest parameters and still gets enough images right?"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd

from explorer.errors import ExplorerError
from explorer.ledger import LedgerRow
from explorer.measure import Accuracy
from explorer.networks import all_builders

OWN = "a network of one's own code"


@dataclass(frozen=True)
class BoardDesign:
    """A network that a visitor made or pruned here, as everybody on the board sees it.

    No word of it was typed by anybody: neither the title of its row, nor the name of a class in a file of one's own.

    Attributes:
        network: its kind and widths.
        pruned: how it was pruned; empty if it was not.
        params: parameters stored, zeros included.
        mult_adds: multiply-adds for one image.
        right: right answers, as counted in this process.
        images: on what, for people.
        images_key: key of the whole set.
        identity: of the network in this state on these images.
    """

    network: str
    pruned: str
    params: int
    mult_adds: int
    right: Accuracy
    images: str
    images_key: str
    identity: tuple[str, ...]

    @property
    def field(self) -> tuple[str, int]:
        """What it competes in: only right answers on the same images can be compared."""
        return self.images_key, self.right.total


def why_not_entered(row: LedgerRow, ships: Iterable[str]) -> str:
    """Why a row of the ledger is no design for a board, as a sentence; empty if it is one.

    Args:
        row: of the ledger.
        ships: sha256 of the networks that ship.
    """
    if row.origin == "carried":
        return "Its figures came in a file or link: recompute them here first."
    if row.accuracy is None:
        return "It was not tried on images: train it first."
    if row.weights in set(ships) and not row.recipe:
        return "It ships with the app: make one of your own."
    return ""


def board_design(row: LedgerRow, ships: Iterable[str], title_of: Callable[[str], str]) -> BoardDesign:
    """A row of the ledger as a design.

    Args:
        row: of the ledger.
        ships: sha256 of the networks that ship.
        title_of: what a pruning method is called, by its key.

    Raises:
        ExplorerError: it is none.
    """
    if said := why_not_entered(row, ships):
        raise ExplorerError(said)
    right = row.accuracy
    assert right is not None
    pruned = ""
    if method := row.recipe.get("method"):
        after = f", {row.recipe['recovery']}" if row.recipe.get("recovery") else ""
        pruned = f"{title_of(method)}, {row.recipe['ratio']:.0%}{after}"
    identity = (row.weights, json.dumps(row.recipe, sort_keys=True), row.images_key, str(right.total))
    return BoardDesign(
        _known(row.network),
        pruned,
        row.params,
        row.mult_adds,
        right,
        row.images,
        row.images_key,
        identity,
    )


def _known(network: str) -> str:
    """The kind and widths of a network that is built here; of others nothing, since a stranger named them."""
    titles = (builder.title for builder in all_builders().values())
    built = any(network == title or network.startswith(f"{title} ") for title in titles)
    return network if built else OWN


def standings(designs: Iterable[tuple[BoardDesign, bool]], floor: float) -> pd.DataFrame:
    """The designs of one field: those that keep the floor, the smallest first, then those that do not.

    Args:
        designs: each with whether it is the visitor's own.
        floor: the share of right answers that counts, 0 to 1.

    Returns:
        A row for each, with the place (none below the floor), what decides it, and what it is.
    """
    ordered = sorted(
        designs,
        key=lambda each: (
            each[0].right.value < floor,
            each[0].params,
            -each[0].right.value,
            each[0].mult_adds,
        ),
    )
    rows = []
    for place, (design, mine) in enumerate(ordered, start=1):
        low, high = design.right.interval()
        rows.append(
            {
                "place": place if design.right.value >= floor else None,
                "parameters": design.params,
                "accuracy": design.right.value,
                "accuracy_low": low,
                "accuracy_high": high,
                "mult_adds": design.mult_adds,
                "network": f"{design.network}, {design.pruned}" if design.pruned else design.network,
                "yours": mine,
            }
        )
    return pd.DataFrame(rows)
