"""The controls of the architecture lesson, and the design that the address asks for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer import ui
from explorer.architecture.fit import most_channels, scale_to_limit, scaled
from explorer.architecture.presets import COURSES, HOMEWORKS, Course, presets
from explorer.architecture.state import ArchitectureState
from explorer.errors import ExplorerError
from explorer.networks import (
    MAX_CLASSES,
    NetworkSpec,
    StudentSpec,
    channel_groups,
    check_size,
    group_titles,
    params_of,
    unsliceable,
    widths_text,
    wiring_of,
)
from explorer.ui import address

REPORT = StudentSpec()
BY_TERM = {course.key: course for course in COURSES}
OTHER_LIMIT = "own"
TERMS = (*BY_TERM, OTHER_LIMIT)
OWN_DESIGN = "studentnet"
"""The StudentNet whose every setting has a control; all other networks come with theirs."""
FACTORS = (0.5, 0.75, 2.0)
MOST_BOXES = 8
"""More widths than this are edited in a table."""


@dataclass(frozen=True)
class Start:
    """A network as it comes, before its widths are edited, and the side of its images in pixels."""

    spec: NetworkSpec
    size: int


def _titles() -> dict[str, str]:
    """The networks that can be edited, by their name in the address."""
    sources = ui.workspace().all_sources
    titles = {OWN_DESIGN: "StudentNet, from the sample report"}
    titles |= {each.key: each.title for each in presets() if each.spec.kind != REPORT.kind}
    return titles | {name: source.card.title for name, source in sources.items() if name not in titles}


def _start(name: str) -> Start:
    if name == OWN_DESIGN:
        return Start(REPORT, HOMEWORKS[0].size)
    for preset in presets():
        if preset.key == name:
            return Start(preset.spec, preset.course.size)
    card = ui.workspace().all_sources[name].card
    return Start(card.network_spec(), card.input_size)


def current() -> ArchitectureState:
    """The design that the address asks for, where its controls are not drawn.

    Raises:
        ExplorerError: it is too large to be built.
    """
    return _design(address.value, address.value)


def coming() -> ArchitectureState:
    """The design that the controls will be set to which are drawn later in this run.

    Raises:
        ExplorerError: it is too large to be built.
    """
    return _design(address.peek, partial(address.peek_whole_numbers, read=_read_widths))


def _design(value: Callable[..., Any], several: Callable[..., tuple[int, ...]]) -> ArchitectureState:
    name = value("net", options=tuple(_titles()))
    start, course = _start(name), BY_TERM.get(value("limit", options=TERMS))
    spec, low, high = start.spec, *_classes_bounds(start.spec)
    classes = value("classes", default=spec.classes, low=low, high=high)
    if name == OWN_DESIGN:
        address.drop("widths")  # its own keys say them
        widths = tuple(value(f"block{number}") for number in range(1, 5))
        spec = StudentSpec(value("stem"), widths, classes, value("kernel"), value("bias"))
    else:
        widths = several("widths", default=spec.channels, high=most_channels(spec))
        spec = spec.with_channels(widths).with_classes(classes)
    check_size(spec)
    size = value("size", default=start.size, low=min(start.size, 28))
    return ArchitectureState(spec, size, course.limit if course else value("own_limit"))


def asked_course() -> Course | None:
    """The course whose limit is chosen; None for one's own limit."""
    return BY_TERM.get(address.value("limit", options=TERMS))


def controls() -> None:
    """Draw the controls."""
    titles = _titles()
    name = address.choice(
        "net",
        "Network",
        tuple(titles),
        format_func=lambda each: titles[each],
        on_change=_take_start,
        help="The homework's, others to begin with, and those of the workspace; open your own on the page Your data.",
    )
    start = _start(name)
    limit()
    if name == OWN_DESIGN:
        _presets_of_studentnet()
        _widths_of_studentnet()
        left, right = st.columns(2)
        address.choice("kernel", "Depthwise kernel", draw=left.selectbox, help="Side in pixels.")
        _classes(start.spec, right)
        left, right = st.columns(2, vertical_alignment="bottom")
        _size(start, left)
        address.toggle(
            "bias",
            "Conv bias",
            at=right,
            help="A BatchNorm follows each convolution, so a bias there adds parameters and nothing else.",
        )
    else:
        _widths(start.spec)
        left, right = st.columns(2)
        _classes(start.spec, left)
        _size(start, right)


def _classes(spec: NetworkSpec, at: DeltaGenerator) -> None:
    low, high = _classes_bounds(spec)
    address.integer_input(
        "classes",
        "Classes",
        at=at,
        default=spec.classes,
        low=low,
        high=high,
        disabled=low == high,
        help="Food-11 has 11." if low < high else "No layer alone makes the logits, so it stays as it is.",
    )


def _size(start: Start, at: DeltaGenerator) -> None:
    address.integer_input(
        "size",
        "Input size",
        at=at,
        default=start.size,
        low=min(start.size, 28),
        help="Side of the square image, in pixels.",
    )


def _classes_bounds(spec: NetworkSpec) -> tuple[int, int]:
    """The fewest and most classes that this network can have."""
    try:
        spec.with_classes(2 if spec.classes > 2 else 3)
    except ExplorerError:
        return spec.classes, spec.classes
    return 2, MAX_CLASSES


def limit() -> None:
    """Draw what the design is held against."""
    term = address.choice(
        "limit",
        "Limit of",
        TERMS,
        draw=st.pills,
        wrap=True,
        required=True,
        on_change=_take_course,
        help="  \n".join(f"{course.title}: {course.words}." for course in COURSES)
        + "  \nOr a limit of your own.",
    )
    if term == OTHER_LIMIT:
        address.integer_input("own_limit", "Own limit, parameters", help="At most so many.")


def _take_course() -> None:
    """Another course was chosen: where classes and size were those of a course, they become those of this one."""
    course, now = asked_course(), coming()
    if course is not None and (now.spec.classes, now.size) in [(each.classes, each.size) for each in COURSES]:
        address.put("classes", course.classes)
        address.put("size", course.size)


def _presets_of_studentnet() -> None:
    most, named = HOMEWORKS[0].limit, {}
    for preset in presets():
        if isinstance(preset.spec, StudentSpec):
            named[preset.title] = preset.spec
    named[f"The sample's, scaled by one factor to fit {most:,}"] = scale_to_limit(REPORT, most)
    with st.popover("Presets", icon=":material/apps:", width="stretch"):
        for title, spec in named.items():
            st.button(
                title,
                on_click=take,
                args=(spec,),
                width="stretch",
                help=f"{widths_text(spec.channels)}, {spec.classes} classes, {params_of(spec):,} parameters.",
            )


def _widths_of_studentnet() -> None:
    address.integer_input("stem", "Stem channels", help="Output of the 7x7 convolution.")
    for row in (0, 2):
        for number, column in enumerate(st.columns(2), start=row + 1):
            address.integer_input(
                f"block{number}",
                f"Block {number} channels",
                at=column,
                help="Output of this block's pointwise convolution.",
            )


def _widths(start: NetworkSpec) -> None:
    """The width of each channel group of a network, and one step for all of them."""
    titles, most = tuple(group_titles(wiring_of(start)).values()), most_channels(start)
    if not titles:
        st.caption("No width of this network can be changed.")
        _fixed(start)
        return
    draw = _boxes if len(titles) <= MOST_BOXES else _table
    widths = address.whole_numbers(
        "widths",
        lambda begun, key: draw(titles, begun, key, most),
        _read_widths,
        default=start.channels,
        high=most,
    )
    now = start.with_channels(widths)
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.caption("All", width="content")
        for factor in FACTORS:
            st.button(
                f"\u00d7{factor:g}",
                key=f"times {factor}",
                on_click=take,
                args=(scaled(now, factor),),
                help=f"All widths times {factor:g}.",
            )
        st.button("Reset", on_click=take, args=(start,), help="The widths that the network came with.")
    _fixed(start)


def _fixed(start: NetworkSpec) -> None:
    """The widths that have no control, and why."""
    wiring = wiring_of(start)
    editable = {group.title for group in channel_groups(wiring)}
    fixed = {title: why for title, why in unsliceable(wiring).items() if title not in editable}
    if fixed:
        with st.expander(f"{len(fixed)} width{'s' if len(fixed) > 1 else ''} cannot be edited"):
            for title, why in fixed.items():
                st.markdown(f"**{ui.escape_markup(title)}**: {ui.escape_markup(why)}")


def _boxes(titles: Sequence[str], widths: Sequence[int], key: str, most: int) -> None:
    columns = st.columns(2)
    for number, (title, width) in enumerate(zip(titles, widths, strict=True)):
        columns[number % 2].number_input(title, 1, most, width, key=f"{key}{number}")


def _table(titles: Sequence[str], widths: Sequence[int], key: str, most: int) -> None:
    st.data_editor(
        pd.DataFrame({"width": widths, "made in": titles}),
        key=f"{key}table",
        hide_index=True,
        disabled=["made in"],
        height=320,
        column_config={
            "width": st.column_config.NumberColumn(
                min_value=1, max_value=most, step=1, required=True, width="small"
            )
        },
    )


def _read_widths(widths: Sequence[int], key: str) -> tuple[int, ...]:
    """What the boxes or the table with this key are set to, which began at these widths."""
    if len(widths) <= MOST_BOXES:
        return tuple(
            int(st.session_state.get(f"{key}{number}", width)) for number, width in enumerate(widths)
        )
    # Streamlit keeps of an edited table only the cells that were edited.
    edited = st.session_state[f"{key}table"]["edited_rows"]
    return tuple(int(edited.get(row, {}).get("width", width)) for row, width in enumerate(widths))


def take(spec: NetworkSpec) -> None:
    """Put the widths of a network into the controls; of a StudentNet of one's own design, all that it is."""
    if address.value("net", options=tuple(_titles())) != OWN_DESIGN:
        address.put("widths", spec.channels)
        return
    assert isinstance(spec, StudentSpec)
    address.put("stem", spec.stem)
    for number, width in enumerate(spec.widths, start=1):
        address.put(f"block{number}", width)
    address.put("kernel", spec.kernel)
    address.put("classes", spec.classes)
    address.put("bias", spec.conv_bias)


def take_widths(widths: Sequence[int]) -> None:
    """Put widths that were dragged into the controls; what comes from a browser and cannot be is left."""
    spec = coming().spec
    most = most_channels(spec)
    if len(widths) == len(spec.channels) and all(
        isinstance(width, int) and 1 <= width <= most for width in widths
    ):
        take(spec.with_channels(tuple(widths)))


def _take_start() -> None:
    """Another network was chosen: it comes with its own widths, and with its classes and size unless these were set."""
    start = _start(st.session_state["net"])
    address.put("widths", start.spec.channels)
    for key, own in (("classes", start.spec.classes), ("size", start.size)):
        if not address.is_set(key):
            address.put(key, own)
