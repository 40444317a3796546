"""Which one pruned network is looked at, on the wall and beyond it: what is stored of it, and where it opens."""

from functools import partial
from typing import Any

from explorer import ui
from explorer.pruning.methods import METHODS
from explorer.pruning.selection import PruningSelection
from explorer.pruning.wall import KIND, WallState, settings_of_states
from explorer.pruning.wall_reading import OPENS_AT, OPENS_WITH, WallReading
from explorer.selection import USE
from explorer.ui import address
from explorer.ui.instrument import StoredResult
from explorer.work.kept import Keyed

METHOD: dict[str, Any] = {"options": tuple(METHODS), "default": OPENS_WITH}


def stored_wall(selection: PruningSelection) -> StoredResult[WallState] | None:
    """The wall of this network that ships; None if there is none."""
    stored = ui.workspace().find_rows(KIND, WallState, selection.name)
    if stored is None:
        return None
    return StoredResult(
        stored.rows,
        settings_of_states(stored.rows, stored.images, stored.settings),
        f"{stored.where}; {stored.counted(selection.data, USE)}; {selection.title}.",
    )


def opening_ratio(selection: PruningSelection) -> float:
    """The ratio that this network opens at where no link asks for another one."""
    stored = stored_wall(selection)
    if stored is None:
        return OPENS_AT
    key = (selection.weights, selection.images.whole, stored.where, str(len(stored.parts)))
    return ui.kept(partial(_opening, Keyed(key, stored.parts), selection.data.classes))


def _opening(states: Keyed[tuple[WallState, ...]], classes: tuple[str, ...]) -> float:
    return WallReading(states.value, classes).opening(OPENS_WITH)


def asked_method() -> str:
    """The method that the controls, or the link, ask for."""
    return str(address.value("method", **METHOD))


def asked_ratio(selection: PruningSelection) -> float:
    """The ratio, likewise."""
    return float(address.value("ratio", default=opening_ratio(selection)))
