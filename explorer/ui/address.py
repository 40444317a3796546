"""The address: one table of all its keys, and the controls that are made from it.

A control made here opens at what the address asks for, and what it is set to is written back. The
table says for each key its page, type, default and bounds, and what it is called; a key that is not in it
is an error. Streamlit can bind a control to the address itself, but then (1.67) the address no longer
follows any control that another one, appearing above it, has moved down the page, since the moved
control is registered before its former self is taken away under the same name; and going to another page
first puts an entry without parameters into the history, so that Back opens the page at its defaults. So
the address is read here before the controls are drawn, and written after them.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar
from urllib.parse import parse_qs, urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from explorer import places
from explorer.classroom.board import NAME
from explorer.networks import MAX_CLASSES, MAX_WIDTH, StudentSpec
from explorer.ui.session import session

Kind = Literal["whole number", "whole numbers", "number", "switch", "choice", "choices", "text"]
OptionType = TypeVar("OptionType")
EVERYWHERE = "every page"
EVERYTHING = "all"  # in predict=
PREDICTED: Mapping[str, str] = {
    EVERYTHING: "everything that asks",
    "verdict": "the parameters of a design",
    "layers": "where a network computes",
    "summary": "what torchsummary changes",
    "softening": "the softened answers",
    "loss": "why T squared",
    "dark": "dark knowledge",
    "gains": "what distillation brings",
    "unseen": "the class it never saw",
    "distil": "the training on the page",
    "quiz": "question 2-2",
    "wall": "the wall of photographs",
    "curve": "the sweep",
    "race": "the race",
    "sensitivity": "the sensitive layers",
    "flips": "the answers that turned",
    "coupling": "the coupled channels",
    "bits": "the rounded weights",
}
"""What can be asked before it is shown, as the address calls it, and its name for people."""


@dataclass(frozen=True)
class Key:
    """One key of the address.

    Attributes:
        key: as it stands in the address; also the key of its control.
        page: the page whose control it is, by the last part of its path; "start" is the first page.
        kind: what it stands for.
        default: where it is not in the address; None where the page gives it, because it depends on the data.
        name: what it is called in a sentence.
        low: the smallest number allowed.
        high: the largest number allowed.
        options: what can be chosen; empty where the page gives it, because it depends on the data.
        carried: further pages whose address holds it too, since what they show depends on it.
        missing: a sentence on what to do where a link asks for something that is not here.
        pattern: what a text has to look like.
    """

    key: str
    page: str
    kind: Kind
    default: Any
    name: str
    low: float | None = None
    high: float | None = None
    options: tuple[Any, ...] = ()
    carried: tuple[str, ...] = ()
    missing: str = ""
    pattern: str = ".*"


_DESIGN = StudentSpec()
_REPORT = ("report",)
_ONE_NETWORK = ("report", "bits")


def _width(key: str, default: int, name: str) -> Key:
    return Key(key, "architecture", "whole number", default, name, 1, MAX_WIDTH, carried=_REPORT)


TABLE: Mapping[str, Key] = {
    entry.key: entry
    for entry in (
        Key("walk", EVERYWHERE, "text", "", "the lesson"),
        Key("step", EVERYWHERE, "whole number", 1, "the step", low=1),
        Key("projector", EVERYWHERE, "switch", False, "the larger type for a projector"),
        Key("images_of", EVERYWHERE, "choice", None, "the images to work on", options=("folder", "bundled")),
        Key("validation_images", EVERYWHERE, "choice", None, "the number of validation images"),
        Key("training_images", EVERYWHERE, "choice", None, "the number of training images"),
        Key("side", EVERYWHERE, "choice", None, "the side of the images"),
        Key(
            *("predict", EVERYWHERE, "choices", [], "what is asked before it is shown"),
            options=tuple(PREDICTED),
        ),
        Key(
            *("board", EVERYWHERE, "text", "", "the class board"),
            missing="A board\u2019s name has small letters, digits and hyphens, 32 at most.",
            pattern=f"({NAME})?",
        ),
        Key("shown", "start", "choice", None, "the network that answers"),
        Key("photograph", "start", "whole number", None, "the photograph", low=0),
        Key("limit", "architecture", "choice", None, "the limit", carried=_REPORT),
        Key(
            *("net", "architecture", "choice", None, "the network"),
            carried=_REPORT,
            missing="A network of one's own is not in a link: open its file on the page \u201cYour data\u201d, "
            "then the link again.",
        ),
        Key("widths", "architecture", "whole numbers", None, "the widths", 1, carried=_REPORT),
        Key(
            *("own_limit", "architecture", "whole number", 60_000, "the user's own limit"),
            low=2_500,  # below it not every number of classes has a network at all
            high=10_000_000,
            carried=_REPORT,
        ),
        _width("stem", _DESIGN.stem, "channels of the stem"),
        *(
            _width(f"block{number}", width, f"channels of block {number}")
            for number, width in enumerate(_DESIGN.widths, start=1)
        ),
        Key(
            *("kernel", "architecture", "choice", _DESIGN.kernel, "the depthwise kernel"),
            options=(3, 5, 7),
            carried=_REPORT,
        ),
        Key(
            *("classes", "architecture", "whole number", _DESIGN.classes, "the number of classes"),
            low=2,
            high=MAX_CLASSES,
            carried=_REPORT,
        ),
        Key(
            *("size", "architecture", "whole number", 224, "the input size"),
            low=28,
            high=512,
            carried=_REPORT,
        ),
        Key("bias", "architecture", "switch", False, "the convolutions' bias", carried=_REPORT),
        Key("architecture_tab", "architecture", "choice", None, "the tab"),
        Key("drawn_by", "architecture", "choice", None, "what blocks are drawn by"),
        Key("layers_as", "architecture", "choice", None, "how the layers are shown"),
        Key("summarised", "architecture", "choice", None, "the network that torchsummary is called on"),
        Key("summarised_images", "architecture", "choice", None, "how many images its copies are counted on"),
        Key("teacher", "distillation", "choice", None, "the teacher", carried=_REPORT),
        Key("student", "distillation", "choice", None, "the student", carried=_REPORT),
        Key("image_by", "distillation", "choice", None, "how the image is chosen"),
        Key("image_rank", "distillation", "whole number", 0, "the image", low=0),
        Key("alpha", "distillation", "number", 0.5, "alpha", low=0.0, high=1.0, carried=_REPORT),
        Key(
            *("temperature", "distillation", "number", 1.0, "the temperature"),
            low=0.5,
            high=20.0,
            carried=_REPORT,
        ),
        Key("reverse", "distillation", "switch", False, "the direction of the KL"),
        Key("hard_alpha", "distillation", "switch", False, "what alpha weighs", carried=_REPORT),
        Key("log_scale", "distillation", "switch", False, "the scale of the bars"),
        Key("distillation_tab", "distillation", "choice", None, "the tab"),
        Key("left_out", "distillation", "choice", None, "the class left out"),
        Key("raised", "distillation", "number", 0.0, "the raise of its bias", 0.0, 40.0),
        Key("why", "distillation", "choice", None, "what is explained"),
        Key("pair", "distillation", "choice", None, "the pair of classes"),
        Key("help", "distillation", "choice", None, "what is compared"),
        Key("shared", "distillation", "choice", None, "when an error is shared"),
        Key("distil", "distillation", "choice", None, "the network to train"),
        Key("epochs", "distillation", "whole number", 8, "the epochs", low=2, high=20),
        Key("seconds", "distillation", "whole number", 90, "the seconds at most", low=10, high=300),
        Key("report_tab", "report", "choice", None, "the tab"),
        Key("report_shows", "report", "choice", None, "the document that is shown"),
        Key("words", "report", "text", "", "the words of one\u2019s own"),
        Key("across", "report", "choice", None, "the quantity across"),
        Key("up", "report", "choice", None, "the quantity upwards"),
        Key("on", "report", "choice", None, "what the states are compared on"),
        Key("shipped", "report", "switch", None, "the shipped networks in the chart"),
        Key("ledger", "report", "text", "", "the ledger"),
        Key("path_of", "report", "choice", None, "the network that steps are done with"),
        Key("path_method", "report", "choice", None, "how it is pruned step by step"),
        Key("path_ratio", "report", "number", 0.9, "the share that is pruned step by step", 0.0, 0.95),
        Key("repair", "report", "choice", None, "the repair after the pruning"),
        Key("rounded_to", "report", "choice", None, "the bits that numbers are rounded to"),
        Key("exported_as", "report", "choice", None, "the numbers of the export"),
        Key("path_images", "report", "choice", None, "how many images each step is counted on"),
        Key("path_across", "report", "choice", None, "what each step's accuracy is drawn against"),
        Key("board_shows", "report", "choice", None, "what of the class board is shown"),
        Key("floor", "report", "number", 0.8, "the accuracy that a design must keep", low=0.0, high=1.0),
        Key("checkpoint", "pruning", "choice", None, "the network to prune", carried=_ONE_NETWORK),
        Key("images", "pruning", "choice", None, "how many images are counted", carried=_REPORT),
        Key("pruning_tab", "pruning", "choice", None, "the tab"),
        Key("methods", "pruning", "choices", None, "the methods of the sweep", carried=_REPORT),
        Key("ratios", "pruning", "choice", None, "how the ratios are given", carried=_REPORT),
        Key("highest_ratio", "pruning", "choice", None, "the highest ratio", carried=_REPORT),
        Key("ratio_step", "pruning", "choice", None, "the step between ratios", carried=_REPORT),
        Key("chosen_ratios", "pruning", "choices", None, "the chosen ratios", carried=_REPORT),
        Key("device", "pruning", "choice", None, "the device", carried=_REPORT),
        Key("precision", "pruning", "choice", None, "the precision", carried=_REPORT),
        Key(
            "recalibrate",
            "pruning",
            "whole number",
            0,
            "batches of BatchNorm recalibration",
            0,
            5,
            carried=_REPORT,
        ),
        Key("refit", "pruning", "whole number", 0, "images to re-fit on", 0, 512, carried=_REPORT),
        Key("finetune", "pruning", "whole number", 0, "steps of fine-tuning", 0, 500, carried=_REPORT),
        Key("seeds", "pruning", "whole number", 1, "seeds of what is random", 1, 30, carried=_REPORT),
        Key("curve", "pruning", "choice", None, "which curve is looked at"),
        Key("against", "pruning", "choice", None, "what accuracy is drawn against"),
        Key("guess_method", "pruning", "choice", None, "the method asked about"),
        Key("guess_ratio", "pruning", "choice", None, "the ratio asked about"),
        Key("runtimes", "pruning", "switch", False, "the other runtime among the forms", carried=_REPORT),
        Key("dropped", "pruning", "number", 0.5, "the share of channels dropped", 0.1, 0.9, carried=_REPORT),
        Key("look", "pruning", "choice", None, "what is looked at"),
        Key("method", "pruning", "choice", None, "the method of the one pruned network"),
        Key("ratio", "pruning", "number", 0.8, "the ratio of the one pruned network", 0.0, 0.95),
        Key("rescue", "pruning", "choice", None, "the rescue of the one pruned network"),
        Key("recalibrate_one", "pruning", "whole number", 0, "the one pruned network's batches", 0, 5),
        Key("turned", "pruning", "choice", None, "which answers that turned are shown"),
        Key("flip", "pruning", "whole number", 1, "which of them is looked at", 1, 100_000),
        Key("group", "pruning", "choice", None, "the group of channels"),
        Key("channel", "pruning", "whole number", 0, "the channel", 0, 100_000),
        Key("repaired", "pruning", "choice", None, "the method of the repaired network"),
        Key("rounds", "pruning", "whole number", 1, "rounds of pruning and training", 1, 5),
        Key("rewind", "pruning", "switch", False, "whether the learning rate is rewound"),
        Key("shares", "pruning", "choice", None, "which share of each layer goes"),
        Key("left_whole", "pruning", "choices", None, "the layers that stay whole"),
        Key("epochs_each", "pruning", "whole number", 1, "the epochs of each round", 1, 5),
        Key("short_run", "pruning", "switch", False, "whether a short repair is asked for"),
        Key("repaired_across", "pruning", "choice", None, "what a repair's accuracy is drawn against"),
        Key("budget", "pruning", "number", 0.8, "the share of all weights that is to go", 0.1, 0.95),
        Key("bits_tab", "bits", "choice", None, "the tab"),
        Key("bits", "bits", "whole number", 4, "the bits of a weight", 2, 8),
        Key("scale", "bits", "choice", None, "what has a scale of its own"),
        Key("codes", "bits", "choice", None, "the codes"),
        Key("activations", "bits", "choice", None, "the bits of activations"),
        Key("layer", "bits", "choice", None, "the layer whose weights are shown"),
        Key("compile", "bits", "switch", False, "torch.compile among the runtimes"),
    )
}
"""Every key of the address, in the order in which they are written."""


# --- What a page does: arrive, draw its controls, write -----------------------------------------------


def arrive(page: str, pages: Sequence[str]) -> None:
    """Read the browser's address where it has news: at the first page, on another one, and on Back or Forward.

    In all other runs the controls know better: while a hand is quick, the browser reports an address that is
    older than what the controls are set to.

    Args:
        page: the last part of the page's path; "start" for the first one.
        pages: those of all pages.
    """
    state = session().address
    state.pages, state.slot, state.writes, state.behind = list(pages), st.empty(), 0, False
    first, moved, history = state.page is None, state.page != page, _is_history_navigation()
    state.page = page
    _come_back()
    if not (first or moved or history):
        return
    asked = {key: tuple(st.query_params.get_all(key)) for key in st.query_params}
    # A whole address: what it does not name is at its default. A click in the navigation names nothing,
    # and finds the page as this visitor left it.
    _take(page, asked, whole=first or history or bool(asked))


def _take(page: str, asked: Mapping[str, tuple[str, ...]], *, whole: bool) -> None:
    state = session().address
    known = [entry.key for entry in TABLE.values() if _belongs(entry, page)]
    state.asked |= {key: asked[key] for key in known if key in asked}
    if whole:
        state.asked |= {key: () for key in known if key not in asked}
    state.unknown = tuple(key for key in asked if key not in known)
    state.notices = tuple(f"The link has a {key}, which this page does not know." for key in state.unknown)
    state.written = None


@st.fragment(run_every=timedelta(days=1))
def _come_back() -> None:
    """Nothing, once a day.

    A browser that has lost its server asks the next one for a run at once only if its page runs something by itself.
    Else the page would stand there as drawn by the one that is gone: the first click of some buttons would do nothing,
    and no download would be found.
    """


def _is_history_navigation() -> bool:
    # Streamlit tells its own bound controls so, and nobody else in public (1.67).
    return bool(getattr(get_script_run_ctx(), "is_history_navigation", False))


def _belongs(entry: Key, page: str) -> bool:
    return entry.page in (page, EVERYWHERE) or page in entry.carried


def query(page: str, leave_out: Sequence[str] = ()) -> str:
    """What stands behind the question mark in the address of a page, as it now is, without some of its keys."""
    state = session().address
    pairs = [
        (entry.key, text)
        for entry in TABLE.values()
        if _belongs(entry, page) and entry.key not in leave_out
        for text in state.asked.get(entry.key, state.texts.get(entry.key, ()))
    ]
    return urlencode(pairs)


def link(page: str) -> str:
    """The address of a page as it now is, below that of the app."""
    asked = query(page)
    return f"{page}?{asked}" if asked else page


def follow(page: str, query: str, leave_out: Sequence[str] = ()) -> NoReturn:
    """Open a page as a link with this query would, in this session.

    What belongs to every page, the images for one, stays as it is unless the query names it.

    Args:
        page: the last part of its path.
        query: what stands behind the question mark.
        leave_out: keys of every page that do not stay.
    """
    state = session().address
    everywhere = [entry.key for entry in TABLE.values() if entry.page == EVERYWHERE]
    stays = [key for key in everywhere if key in state.texts and key not in leave_out]
    asked = {key: list(state.texts[key]) for key in stays} | parse_qs(query, keep_blank_values=True)
    # Streamlit makes an entry in the history for a new query, then another one for a new page: so on the way to another
    # page the query stays, and is written anew there.
    shown = asked if page == state.page else parse_qs(state.written or "", keep_blank_values=True)
    state.page = page
    _take(page, {key: tuple(texts) for key, texts in asked.items()}, whole=True)
    st.switch_page(places.page(page.replace("-", "_")), query_params=shown)


def write() -> None:
    """Write the address of the page into the browser, as its controls now are.

    Called at the end of a page, and before work that takes long, so that a link can be copied meanwhile.
    """
    state = session().address
    now = query(state.page or "")
    if now != state.written:
        # Notices are about the link, and the visitor has gone on from there. Not so at a second writing in one
        # run: there the page has only come further, and taken texts of the same link.
        if state.written is not None and not state.writes:
            state.notices = ()
    elif state.writes:
        return
    state.written = now
    state.writes += 1
    with state.slot:
        _writer()(
            # Two elements of one run must not have the same key; the first one of every run is the same element.
            key=f"address_{state.writes}",
            data={
                "page": "" if state.page == "start" else state.page,
                "pages": state.pages,
                "keys": [*TABLE, *state.unknown],
                "query": now,
                "session": session().name,
                "held": session().held(),
            },
        )


def catch_up() -> None:
    """Run the page again where a control was set further than the address said, at the end of a page.

    So it is when a process is gone before it has answered an edit: the browser brings the edit to the next one, whose
    page has drawn from the address what stands above the control.
    """
    if session().address.behind:
        st.rerun()


@st.cache_resource(show_spinner=False)
def _writer() -> Any:
    js = Path(__file__).with_name("address.js").read_text(encoding="utf-8")
    return st.components.v2.component("address", js=js, isolate_styles=False)


# --- What a key now stands for --------------------------------------------------------------------------


def value(key: str, **depends: Any) -> Any:
    """What a key stands for, without a control: what the address asks for, else what was last set, else default.

    Args:
        key: one of the table.
        depends: default, low, high or options in place of the table's, where they depend on the data.
    """
    return _value(_entry(key, **depends))


def peek(key: str, **depends: Any) -> Any:
    """The same before the control of the key is drawn in this run: what it will be set to.

    What a link asks for stays for the control to take, and to tell where it is not possible.
    """
    entry = _entry(key, **depends)
    setting = _setting(entry)
    return entry.default if setting is None else setting


def _entry(key: str, **depends: Any) -> Key:
    """The table's entry with what depends on the data; the first option is the default where there is no other."""
    entry = replace(TABLE[key], **{name: given for name, given in depends.items() if given is not None})
    if entry.default is None and entry.kind == "choice" and entry.options:
        entry = replace(entry, default=entry.options[0])
    return entry


def _value(entry: Key) -> Any:
    key, state = entry.key, session().address
    setting = _setting(entry)
    texts = state.asked.pop(key, ())
    if setting is None and texts:
        state.notices = (
            *state.notices,
            f"The link asks for {entry.name} ({key}) = {', '.join(texts)}, which is not possible here; it "
            f"opens with {', '.join(_written(entry, entry.default)) or 'none'}. {entry.missing}".rstrip(),
        )
        setting = entry.default
    _record(entry, setting)
    return setting


def _setting(entry: Key) -> Any:
    """What a key stands for; None where a link asks for something that is not possible."""
    key, state = entry.key, session().address
    if key in state.asked:
        texts = state.asked[key]
        return _read(entry, texts) if texts else entry.default
    # Of a control on this page, what the hand has set since; of others what was last set there.
    setting = st.session_state[key] if key in st.session_state else state.values.get(key)
    return setting if _allowed(entry, setting) else entry.default


def is_set(key: str) -> bool:
    """Whether a key stands in the address, so that it is not at its default."""
    return bool(session().address.texts.get(key))


def put(key: str, setting: Any) -> None:
    """Set the control of a key, from a callback of another one."""
    session().address.asked.pop(key, None)
    if key in st.session_state:  # else it is not on the page now, and begins with what is recorded here
        st.session_state[key] = setting
    _record(TABLE[key], setting)


def drop(key: str) -> None:
    """Take out of the address a key that means nothing beside what others are set to; it has no control now."""
    state = session().address
    for kept in (state.asked, state.values, state.texts):
        kept.pop(key, None)


def _record(entry: Key, setting: Any) -> None:
    state = session().address
    state.values[entry.key] = setting
    if setting == entry.default:
        state.texts.pop(entry.key, None)
    else:
        state.texts[entry.key] = _written(entry, setting)


def _written(entry: Key, setting: Any) -> tuple[str, ...]:
    """How a setting of a key is written: whole numbers that belong together as one text, which stays readable."""
    return ("-".join(map(str, setting)),) if entry.kind == "whole numbers" else _texts(setting)


def _texts(setting: Any) -> tuple[str, ...]:
    """How a setting is written: the text after its key, several for several choices, one empty one for none."""
    if isinstance(setting, list | tuple):
        return tuple(text for each in setting for text in _texts(each)) or ("",)
    if isinstance(setting, bool):
        return ("yes" if setting else "no",)
    return (f"{setting:g}" if isinstance(setting, float) else str(setting),)


def _read(entry: Key, texts: tuple[str, ...]) -> Any:
    """What the texts of the address stand for; None if that is not allowed here."""
    text = texts[-1]
    try:
        match entry.kind:
            case "whole number":
                setting: Any = int(text)
            case "whole numbers":
                setting = tuple(int(part) for part in text.split("-"))
            case "number":
                setting = float(text)
            case "switch":
                setting = {"yes": True, "no": False}.get(text)
            case "choice":
                setting = _option(entry, text)
            case "choices":
                setting = [] if texts == ("",) else [_option(entry, each) for each in texts]
            case "text":
                setting = text
    except ValueError:
        return None
    return setting if _allowed(entry, setting) else None


def _option(entry: Key, text: str) -> Any:
    return next((option for option in entry.options if _texts(option) == (text,)), None)


def _allowed(entry: Key, setting: Any) -> bool:
    if setting is None:
        return False
    match entry.kind:
        case "whole number" | "number":
            return _in_bounds(entry, setting)
        case "whole numbers":
            return len(setting) == len(entry.default) and all(_in_bounds(entry, each) for each in setting)
        case "choice":
            return setting in entry.options
        case "choices":
            return all(each in entry.options for each in setting)
        case "text":
            return re.fullmatch(entry.pattern, setting, re.DOTALL) is not None
        case _:
            return True


def _in_bounds(entry: Key, number: float) -> bool:
    # Written so that nan, which is neither below nor above anything, is not allowed.
    return (entry.low is None or number >= entry.low) and (entry.high is None or number <= entry.high)


# --- Controls made from the table -----------------------------------------------------------------------
# ``at`` or ``draw`` say where: a column, a container, or the page. What depends on the data is given here in
# place of the table's: default, low, high, options. Everything else is a setting of Streamlit's own control.


def _control(entry: Key, draw: Callable[..., Any], begins: Callable[[Any], dict[str, Any]]) -> Any:
    """Draw a control of the table: it opens where the address says, and the address follows it.

    Args:
        entry: what it stands for.
        draw: draws it, with its key and what ``begins`` gives.
        begins: the settings with which Streamlit draws a new control at a value.
    """
    key, state = entry.key, session().address
    asked, before, setting = key in state.asked, state.drawn.get(key), _value(entry)
    # Left at its default, it follows a default that depends on another control.
    follows = not asked and isinstance(before, Key) and setting == before.default != entry.default
    if follows:
        setting = entry.default
    # With other bounds or options it is another control to Streamlit, which begins anew.
    new = key not in st.session_state or before != entry
    state.drawn[key] = entry
    settings, moves = begins(setting), asked or st.session_state.get(key) != setting
    if (moves and not new) or follows or not settings:
        # It is on the page already, at another value: on Back, or where its value is not possible any more. In all
        # other runs the hand may be further than this run, and setting it here would undo that.
        if moves or new:
            st.session_state[key] = setting
        settings = {}
    drawn = draw(key=key, **settings)
    state.behind = state.behind or (asked and new and drawn != setting)
    _record(entry, drawn)
    return drawn


def integer_input(
    key: str,
    label: str,
    *,
    at: Any = st,
    default: int | None = None,
    low: int | None = None,
    high: int | None = None,
    **settings: Any,
) -> int:
    """A box for a whole number."""
    entry = _entry(key, default=default, low=low, high=high)
    bounds = {"min_value": _whole(entry.low), "max_value": _whole(entry.high)}
    return int(_control(entry, partial(at.number_input, label, **bounds, **settings), _value_of))


@dataclass(frozen=True)
class _Drawn:
    """Controls that together stand for one key, as they were drawn last.

    Attributes:
        entry: what they stand for.
        number: how often they have been drawn anew.
        begun: what they were drawn at then.
        last: what they were set to when they were drawn last.
    """

    entry: Key
    number: int
    begun: tuple[int, ...]
    last: tuple[int, ...]

    @property
    def prefix(self) -> str:
        """What the keys of the controls begin with."""
        return f"{self.entry.key}/{self.number}/"


def whole_numbers(
    key: str,
    draw: Callable[[tuple[int, ...], str], object],
    read: Callable[[tuple[int, ...], str], tuple[int, ...]],
    *,
    default: tuple[int, ...],
    high: int,
) -> tuple[int, ...]:
    """Several whole numbers in one key, set by a table or by several boxes.

    Args:
        key: one of the table.
        draw: draws them at the numbers that it is given, with keys that begin with the text that it is given.
        read: what they are set to now, by the same arguments; it draws nothing.
        default: what they are where the key is not in the address.
        high: the largest allowed.
    """
    entry, state = _entry(key, default=default, high=high), session().address
    setting = _value(entry)
    drawn: Any = state.drawn.get(key)
    # An edited table cannot be set to anything, only drawn anew under another name: when the numbers come from
    # elsewhere (a link, a button), and where Streamlit has forgotten it, since it was not on the page.
    if _is_new(entry, drawn, setting):
        drawn = _Drawn(entry, drawn.number + 1 if drawn else 0, setting, setting)
    draw(drawn.begun, drawn.prefix)
    setting = read(drawn.begun, drawn.prefix)
    state.drawn[key] = replace(drawn, last=setting)
    _record(entry, setting)
    return setting


def peek_whole_numbers(
    key: str,
    read: Callable[[tuple[int, ...], str], tuple[int, ...]],
    *,
    default: tuple[int, ...],
    high: int,
) -> tuple[int, ...]:
    """The same before the boxes or the table are drawn in this run: what they will be set to."""
    entry = _entry(key, default=default, high=high)
    drawn: Any = session().address.drawn.get(key)
    setting: tuple[int, ...] = peek(key, default=default, high=high)
    return setting if _is_new(entry, drawn, setting) else read(drawn.begun, drawn.prefix)


def _is_new(entry: Key, drawn: _Drawn | None, setting: tuple[int, ...]) -> bool:
    return drawn is None or (drawn.entry, drawn.last) != (entry, setting) or not _is_on_page(drawn)


def _is_on_page(drawn: _Drawn) -> bool:
    return any(str(name).startswith(drawn.prefix) for name in st.session_state)


def number_input(key: str, label: str, *, at: Any = st, **settings: Any) -> float:
    """A box for a number."""
    entry = _entry(key)
    bounds = {"min_value": entry.low, "max_value": entry.high}
    return float(_control(entry, partial(at.number_input, label, **bounds, **settings), _value_of))


def integer_slider(key: str, label: str, *, at: Any = st, **settings: Any) -> int:
    """A slider over whole numbers."""
    entry = _entry(key)
    bounds = {"min_value": _whole(entry.low), "max_value": _whole(entry.high)}
    return int(_control(entry, partial(at.slider, label, **bounds, **settings), _value_of))


def slider(key: str, label: str, *, at: Any = st, default: float | None = None, **settings: Any) -> float:
    """A slider over numbers."""
    entry = _entry(key, default=default)
    bounds = {"min_value": entry.low, "max_value": entry.high}
    return float(_control(entry, partial(at.slider, label, **bounds, **settings), _value_of))


def _whole(bound: float | None) -> int | None:
    return None if bound is None else int(bound)


def toggle(key: str, label: str, *, at: Any = st, default: bool | None = None, **settings: Any) -> bool:
    """A switch."""
    entry = _entry(key, default=default)
    return bool(_control(entry, partial(at.toggle, label, **settings), _value_of))


def _value_of(setting: Any) -> dict[str, Any]:
    return {"value": setting}


def choice(
    key: str,
    label: str,
    options: Sequence[OptionType] | None = None,
    *,
    draw: Callable[..., Any] = st.selectbox,
    default: OptionType | None = None,
    **settings: Any,
) -> OptionType:
    """One of several.

    ``draw`` is ``st.selectbox``, ``st.pills``, ``st.segmented_control`` or ``st.select_slider``, of a column
    or of the page.
    """
    entry = _entry(key, default=default, options=None if options is None else tuple(options))

    def begins(setting: Any) -> dict[str, Any]:
        named = {"selectbox": "index", "select_slider": "value"}.get(draw.__name__, "default")
        return {named: entry.options.index(setting) if named == "index" else setting}

    chosen: OptionType = _control(entry, partial(draw, label, entry.options, **settings), begins)
    return chosen


def choices(
    key: str,
    label: str,
    options: Sequence[OptionType] | None = None,
    *,
    default: Sequence[OptionType] | None = None,
    at: Any = st,
    **settings: Any,
) -> list[OptionType]:
    """Any number of several."""
    entry = _entry(
        key,
        default=None if default is None else list(default),
        options=None if options is None else tuple(options),
    )
    chosen: list[OptionType] = _control(
        entry,
        partial(at.multiselect, label, entry.options, **settings),
        lambda setting: {"default": setting},
    )
    return chosen


def tabs(key: str, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Tabs of which only the open one is drawn: its name and where to draw."""
    drawn: list[Any] = []

    def draw(key: str) -> str:
        drawn.extend(st.tabs(list(names), key=key, on_change="rerun"))
        return next((name for name, tab in zip(names, drawn, strict=True) if tab.open), names[0])

    # Streamlit takes tabs with another default for other tabs.
    _control(_entry(key, options=tuple(names)), draw, lambda setting: {})
    return ((name, tab) for name, tab in zip(names, drawn, strict=True) if tab.open)
