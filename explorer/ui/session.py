"""All that is kept for one visitor, in one typed object."""

from dataclasses import replace
from typing import Any, TypeVar
from uuid import uuid4

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer.data import BUNDLED
from explorer.ledger import LedgerRow
from explorer.measure import Accuracy
from explorer.networks import NetworkSpec
from explorer.ui.holdings import ROOM, Holdings
from explorer.work.identity import Identity
from explorer.workspace import NetworkSource, open_workspace

StateType = TypeVar("StateType")
_KEY = "session"


class AddressState:
    """What the address asks for and says; only ``ui.address`` uses it.

    Attributes:
        page: the page that was drawn last; None before the first one.
        asked: texts from the browser's address that no control has taken yet, by key; none for the default.
        values: what each key now stands for.
        texts: how each key that is not at its default is written.
        drawn: what each control was made of when it was drawn last.
        unknown: keys of the browser's address that this page does not know.
        notices: sentences on what could not be opened as asked for.
        written: the query that was last sent to the browser; None after the browser's has been read.
        writes: how often it was sent in this run.
        behind: whether a control of this run was set further than the address said.
        pages: the last parts of the paths of all pages.
        slot: the element that sends it.
    """

    def __init__(self) -> None:
        self.page: str | None = None
        self.asked: dict[str, tuple[str, ...]] = {}
        self.values: dict[str, Any] = {}
        self.texts: dict[str, tuple[str, ...]] = {}
        self.drawn: dict[str, Any] = {}
        self.unknown: tuple[str, ...] = ()
        self.notices: tuple[str, ...] = ()
        self.written: str | None = None
        self.writes = 0
        self.behind = False
        self.pages: list[str] = []
        self.slot = DeltaGenerator()


class Session:
    """One visitor's session.

    Attributes:
        name: of this session and no other, in whatever process.
        workspace: the images and networks that the lessons work on.
        uploads: the uploaded networks, by name.
        refused_uploads: a sentence for each uploaded file that cannot be used, by the file's number.
        opened_uploads: the numbers of the files that were opened.
        trained: networks trained or pruned here, for every lesson to open, by a key of the run that made each:
            a run that goes on replaces its own network and no other.
        accuracies: right answers of the user's networks by images and weights, as measured on the page.
        orders: of those that seem to have their classes in another order than the images, that order.
        pinned: the rows of the ledger.
        ledger_file: the ledger file that was opened last, so that it is opened once.
        ledger_link: the ledger in the address that was opened last.
        runs: for each subject (instrument, weights, images) the run that this visitor looks at.
        stopped: runs that this visitor has stopped.
        wanted: instruments whose result a button elsewhere has asked for: each runs when it is drawn next, unless that
            result is there.
        design: the network of the architecture lesson; None before that was opened.
        address: what the address asks for and says.
    """

    def __init__(self) -> None:
        self.name = uuid4().hex
        self.workspace = open_workspace(BUNDLED)
        self.uploads = Holdings(ROOM, self._forget)
        self.refused_uploads: dict[str, str] = {}
        self.opened_uploads: set[str] = set()
        self.trained = Holdings(ROOM, self._forget)
        self.accuracies: dict[tuple[str, str], Accuracy] = {}
        self.orders: dict[tuple[str, str], tuple[int, ...]] = {}
        self.pinned: tuple[LedgerRow, ...] = ()
        self.ledger_file: str | None = None
        self.ledger_link: str | None = None
        self.runs: dict[tuple[str, str, str], Identity] = {}
        self.stopped: set[Identity] = set()
        self.wanted: set[str] = set()
        self.design: NetworkSpec | None = None
        self.address = AddressState()
        self._states: dict[type, Any] = {}

    def held(self) -> str:
        """What ends with this session, since no address holds it, in words; empty for nothing."""
        things = (
            (len(self.pinned), "pinned row", "pinned rows"),
            (len(self.uploads), "network that you opened", "networks that you opened"),
            (len(self.trained), "network made here", "networks made here"),
        )
        return ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in things if count)

    def _forget(self, network: NetworkSource) -> None:
        """Let go of a network that was dropped while its visitor did nothing; the next run of a page says so."""
        left = tuple(each for each in self.workspace.networks if each.content is not network.content)
        self.workspace = replace(self.workspace, networks=left)

    def keep(self, state: object) -> None:
        """Keep the state of a lesson, in place of an earlier one of its class.

        A lesson's states are classes of its own, which this room does not know: ``last`` finds a state
        by its class, so nothing is named by a string and nothing comes back with another type.
        """
        settings = getattr(type(state), "__dataclass_params__", None)
        if settings is None or not settings.frozen:
            raise TypeError(f"only frozen dataclasses are kept in a session, not {type(state).__name__}")
        self._states[type(state)] = state

    def last(self, kind: type[StateType]) -> StateType | None:
        """The state of this class that was kept last; None if there is none."""
        state: StateType | None = self._states.get(kind)
        return state

    def forget(self, kind: type) -> None:
        """Keep no state of this class any more."""
        self._states.pop(kind, None)


def session() -> Session:
    """The session of the visitor whose page is being drawn."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = Session()
    kept: Session = st.session_state[_KEY]
    return kept
