"""The class board on the page: what everybody on the same link has guessed, and whose design is the smallest."""

import itertools
from collections.abc import Callable
from urllib.parse import urlencode

import streamlit as st

from explorer import ui
from explorer.classroom import Tally, standings
from explorer.classroom.board import new_name
from explorer.classroom.designs import board_design, why_not_entered
from explorer.errors import ExplorerError
from explorer.ledger import LedgerRow
from explorer.pruning.methods import get_method
from explorer.ui import address

LINKED = {"": "Start", "architecture": "Architecture", "distillation": "Distillation", "pruning": "Pruning"}
LEADS = (
    "board",
    "predict",
    "projector",
    "walk",
    "step",
)  # said anew for the class, or of the one who leads alone
REPLICA = "replica"  # the cookie that a proxy in front of several processes gives: see deploy/README.md


def board_tab() -> None:
    """A board: its link, the guesses beside the truth, the designs above the floor."""
    board = ui.board_name()
    if not board:
        _offer_board()
        return
    left, right = st.columns([2, 1], gap="large")
    with left:
        SHOWN[
            address.choice(
                "board_shows", "On the board", tuple(SHOWN), draw=st.segmented_control, required=True
            )
        ](board)
    with right:
        _link(board)


def _offer_board() -> None:
    st.markdown(
        "A board shows what a class guesses: everybody who opens its link predicts before the figures appear, and "
        "the guesses are drawn here, live, beside what was measured. Designs compete on it too."
    )
    st.button(
        "Open a board",
        on_click=lambda: address.put("board", new_name()),
        type="primary",
        icon=":material/co_present:",
    )
    st.caption(
        "Nobody is asked for a name, and nothing is stored: a board lives in the memory of this process, and ends "
        "with it."
    )


def _link(board: str) -> None:
    st.markdown("**The link for the class**")
    page = st.selectbox("It opens", list(LINKED), format_func=LINKED.__getitem__, index=3, key="board_opens")
    asked = st.multiselect(
        "It asks before it shows",
        list(address.PREDICTED),
        [address.EVERYTHING],
        format_func=address.PREDICTED.__getitem__,
        key="board_asks",
        help="A guess has to be committed there first; here on this page nothing is locked.",
    )
    base = (st.context.url or "").split("?")[0].rsplit("/", 1)[0]
    st.code(f"{base}/{_class_link(page, board, asked)}", None, wrap_lines=True)
    st.caption(
        f"It opens that page as it is set now; everybody on **{board}** guesses together. {_where_it_lives()}"
    )


def _class_link(page: str, board: str, asked: list[str]) -> str:
    """The address of a page as it now is, with this board and these questions."""
    own = address.query(page or "start", leave_out=LEADS)
    ours = urlencode([("board", board), *(("predict", key) for key in asked)])
    return f"{page}?{own}&{ours}" if own else f"{page}?{ours}"


def _where_it_lives() -> str:
    replica = st.context.cookies.get(REPLICA)
    if not replica:
        return "It is in the memory of this process: nothing is stored, and it ends with it."
    return (
        f"The app runs in several replicas, and this board is in replica {ui.escape_markup(replica)} alone, until that "
        "ends: its link leads there."
    )


# --- Guesses --------------------------------------------------------------------------------------------


@st.fragment(run_every=ui.LIVE)
def _guesses(board: str) -> None:
    tallies = ui.boards().tallies(board)
    if not tallies:
        st.info(
            "Nobody has guessed yet: send the link, and the guesses appear here.", icon=":material/hourglass:"
        )
        return
    by_key, chosen = {tally.question.identity: tally for tally in tallies}, None
    if len(tallies) > 1:
        chosen = st.selectbox(
            "Question",
            list(by_key),
            None,
            format_func=lambda key: f"{by_key[key].question.text} ({by_key[key].many})",
            placeholder=f"The newest of {len(tallies)}",
            key="board_question",
        )
    _show(by_key.get(chosen or "", tallies[0]))


def _show(tally: Tally) -> None:
    question = tally.question
    st.markdown(f"## {ui.escape_markup(question.text)}")
    allowed = ui.may_reveal(question)
    reveal = st.toggle(
        "Show the answer",
        key=f"reveal_{question.identity[:12]}",
        disabled=not allowed,
        help="On this screen alone." if allowed else "Your link asks you first: guess at the figure itself.",
    )
    ui.draw_tally(tally, reveal=reveal and allowed)
    if reveal and allowed and question.because:
        st.markdown(question.because)


# --- Designs --------------------------------------------------------------------------------------------


def _designs(board: str) -> None:
    floor = address.slider(
        "floor",
        "Accuracy that a design must keep",
        step=0.01,
        format="percent",
        help="Of those that keep it the one with the fewest parameters is first.",
    )
    _standings(board, floor)
    _enter(board)


def _enter(board: str) -> None:
    ships = _ships()
    rows = [row for row in ui.pinned() if not why_not_entered(row, ships)]
    if not rows:
        st.caption(
            "To enter one: train your design (Distillation, Does it help?) or prune a network (Pruning, Curves), "
            "pin it there to the ledger, and come back."
        )
        return
    chosen, enter, leave = st.columns([3, 1, 1], vertical_alignment="bottom")
    number = chosen.selectbox(
        "Your pinned networks",
        range(len(rows)),
        format_func=lambda number: rows[number].title,
        help="Others see what it is and counts, not its title.",
        key="board_design",
    )
    enter.button(
        "Enter it", on_click=_put, args=(board, rows[number]), icon=":material/add:", width="stretch"
    )
    leave.button(
        "Take mine off",
        on_click=lambda: ui.boards().withdraw(board, ui.session().name),
        icon=":material/remove:",
        width="stretch",
    )


def _ships() -> list[str]:
    return [card.sha256 for card in ui.shipped().cards.values()]


def _put(board: str, row: LedgerRow) -> None:
    try:
        design = board_design(row, _ships(), lambda key: get_method(key).title)
        ui.boards().enter(board, design, ui.session().name)
    except ExplorerError as error:
        st.toast(ui.escape_markup(str(error)), icon=":material/error:")


@st.fragment(run_every=ui.LIVE)
def _standings(board: str, floor: float) -> None:
    entered = sorted(ui.boards().designs(board, ui.session().name), key=lambda each: each.design.field)
    for _, group in itertools.groupby(entered, key=lambda each: each.design.field):
        field = list(group)
        first = field[0].design
        rows = standings([(each.design, each.mine) for each in field], floor)
        st.dataframe(rows, hide_index=True, placeholder="--", column_config=ui.COLUMNS)
        kept = int(rows["place"].notna().sum())
        st.caption(
            f"{kept} of {len(rows)} keep {floor:.0%} of {first.right.total:,} images of "
            f"{ui.escape_markup(first.images)}."
        )
    if entered:
        ui.provenance("computed", "parameters and right answers as this process counted them.")
    else:
        st.info(
            "No design is on the board yet: the smallest that is good enough wins.",
            icon=":material/hourglass:",
        )


SHOWN: dict[str, Callable[[str], None]] = {"Guesses": _guesses, "Designs": _designs}
