"""What every page is drawn with: errors and notices, charts, tables, downloads, where figures come from."""

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from typing import Any, TypeVar

import pandas as pd
import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator
from streamlit.elements.vega_charts import _convert_altair_to_vega_lite_spec

from explorer import checkpoints, palette
from explorer.data import BUNDLED, ImageSet
from explorer.errors import ExplorerError
from explorer.ledger import Origin
from explorer.markup import escape_markup
from explorer.networks import COUNTED
from explorer.ui import address
from explorer.ui.projector import LARGER, draw_switch, enlarged, projector
from explorer.ui.session import session
from explorer.ui.shared import shipped
from explorer.ui.work import pace, quiet_pages
from explorer.work.kept import Kept, Keyed
from explorer.work.worker import return_freed_memory

ResultType = TypeVar("ResultType")
_KEPT = Kept(64 * 1024**2)
_may_tidy = pace(5)

_BADGES = {
    "measured": ":green-badge[:material/timer: measured here]",
    "precomputed": ":blue-badge[:material/inventory_2: precomputed]",
    "estimated": ":orange-badge[:material/straighten: estimated]",
    "carried": ":gray-badge[:material/link: from a file or link]",
    "computed": ":green-badge[:material/calculate: computed here]",
}

COLUMNS = {
    "ratio": st.column_config.NumberColumn(format="percent"),
    "gone": st.column_config.NumberColumn("parameters gone", format="percent"),
    "accuracy": st.column_config.NumberColumn(format="percent"),
    "accuracy_low": st.column_config.NumberColumn("95% Wilson from", format="percent"),
    "accuracy_high": st.column_config.NumberColumn("95% Wilson to", format="percent"),
    "spread_low": st.column_config.NumberColumn("from", format="percent"),
    "spread_high": st.column_config.NumberColumn("to", format="percent"),
    "spread": st.column_config.TextColumn("from and to are"),
    "parameters": st.column_config.NumberColumn("parameters stored", format="localized"),
    "torchinfo says": st.column_config.NumberColumn(format="localized"),
    "nonzero": st.column_config.NumberColumn("not zero", format="localized"),
    "mult_adds": st.column_config.NumberColumn("multiply-adds", format="localized", help=COUNTED),
    "ms": st.column_config.NumberColumn("ms, median", format="%.2f"),
    "ms_low": st.column_config.NumberColumn("ms, 1st quartile", format="%.2f"),
    "ms_high": st.column_config.NumberColumn("ms, 3rd quartile", format="%.2f"),
    "ms_per_image": st.column_config.NumberColumn("ms per image", format="%.3f"),
    "speed_up": st.column_config.NumberColumn("times as fast", format="%.2f"),
    "file_mb": st.column_config.NumberColumn("file, MB", format="%.3f"),
    "zipped_mb": st.column_config.NumberColumn("compressed, MB", format="%.3f"),
    "file_bytes": st.column_config.NumberColumn("file, bytes", format="localized"),
    "zipped_bytes": st.column_config.NumberColumn("compressed, bytes", format="localized"),
    "images": st.column_config.NumberColumn(format="localized"),
    "counted_on": st.column_config.TextColumn("counted on"),
    "input_size": st.column_config.NumberColumn("input size"),
    "trained_on": st.column_config.NumberColumn("training images", format="localized"),
    "rate": st.column_config.NumberColumn("learning rate, peak"),
    "agreement": st.column_config.NumberColumn("agrees with float32", format="percent"),
}
"""How the figures of networks are written in every table."""


@contextmanager
def page(name: str, pages: Sequence[str], head: DeltaGenerator) -> Iterator[None]:
    """Around everything a page draws: its address, errors as one sentence, a word on what a link got wrong.

    Args:
        name: the last part of the page's path; "start" for the first one.
        pages: those of all pages.
        head: beside the title, where what is the same on every page is chosen.
    """
    with quiet_pages().noise():
        address.arrive(name, pages)
        draw_switch(head)
        notice = st.container()
        try:
            yield
        except ExplorerError as error:
            st.error(escape_markup(str(error)), icon=":material/error:")
        address.write()
        for sentence in session().address.notices:
            notice.warning(escape_markup(sentence), icon=":material/link_off:")
        address.catch_up()
    if _may_tidy():
        return_freed_memory()


def networks_table() -> None:
    """The shipped networks with their measured accuracies, and where those come from."""
    st.dataframe(
        checkpoints.cards_table(shipped().cards.values()),
        hide_index=True,
        column_config={
            "test accuracy": st.column_config.NumberColumn(format="percent"),
            "validation accuracy": st.column_config.NumberColumn(format="percent"),
            "spread_low": st.column_config.NumberColumn("from", format="percent"),
            "spread_high": st.column_config.NumberColumn("to", format="percent"),
            "spread": st.column_config.TextColumn("from and to are"),
            "parameters": st.column_config.NumberColumn(format="localized"),
        },
    )
    provenance(
        "precomputed",
        f"trained on {BUNDLED.provenance}, one seed each, measured on the {BUNDLED.describe('test')}; "
        "python -m explorer verify recomputes every accuracy.",
    )


def kept(call: "partial[ResultType]") -> ResultType:
    """What a pure function brings for these arguments; it is called once for all visitors, and its result only read.

    Args:
        call: the function and its arguments, not called yet: ``partial(family, cards)``. The arguments are compared by
            all that they hold (they are pickled), so for a network give its name or sha256, not its weights.
    """
    return _KEPT.of(call)


def chart(figure: "partial[Any]", alt_text: str, caption: str) -> None:
    """An Altair chart with its text alternative, and under it the sentence that says what to see.

    Args:
        figure: the function that makes it and what it is made of, not called yet:
            ``partial(charts.budget_bar, parts, limit)``. It is made once for all visitors.
        alt_text: what a reader who does not see it is told.
        caption: the sentence under it.
    """
    bare_chart(figure, width="stretch", alt=alt_text)
    st.caption(caption)


def bare_chart(figure: "partial[Any]", rows: pd.DataFrame | None = None, **settings: Any) -> None:
    """The same without a caption, with settings of Streamlit's own.

    Args:
        figure: as above.
        rows: what it draws, where that changes often: the figure itself is then one of the data called "rows".
        settings: of Streamlit's own.
    """
    spec = kept(partial(_finished, figure, projector()))
    st.vega_lite_chart(spec if rows is None else spec | {"datasets": {"rows": rows}}, **settings)


def _finished(figure: "partial[Any]", large: bool) -> dict[str, Any]:
    """A chart as it is sent to the browser, which puts on its own theme: light or dark, the chart is the same."""
    unchecked: Any = _Unchecked(figure())
    # The same conversion as in st.altair_chart; in 1.67 it has no public name.
    spec = dict(_convert_altair_to_vega_lite_spec(unchecked))
    return (enlarged(spec) if large else spec) | {"config": _look(LARGER if large else 1)}


def _look(larger: float) -> dict[str, Any]:
    """Letters and their colours in every chart, so many times as large."""

    def letters(least: int, most: int) -> dict[str, str]:
        # They grow with the plot: a chart that fills a screen is read from the last row.
        return {"expr": f"{larger:g} * clamp(width / 80, {least}, {most})"}

    words = {
        "labelColor": palette.INK,
        "titleColor": palette.INK,
        "labelFontSize": letters(13, 24),
        "titleFontSize": letters(14, 26),
    }
    legend = {
        # Black, Vega-Lite's own, is not seen on the dark theme.
        "symbolFillColor": palette.INK,
        "symbolOpacity": 1,
        "labelLimit": 300 * larger,
        # As many names beside each other as there is room for: on a phone, one below the other.
        "direction": "horizontal",
        "columns": {"expr": f"max(1, floor(width / {larger:g} / clamp(width / 7, 170, 300)))"},
    }
    return {
        # Those of the marks, which a screen reader reads one by one, have no format of their own.
        "numberFormat": ",.4~r",
        "axis": words,
        "legend": words | legend,
        "text": {"color": palette.INK, "fontSize": letters(12, 22)},
    }


class _Unchecked:
    """A chart that is not held against Vega-Lite's schema, which takes longer than making it: tests do that."""

    def __init__(self, figure: Any) -> None:
        self.to_dict = partial(figure.to_dict, validate=False)


def picked(chart: str, selection: str) -> list[dict[str, Any]]:
    """What was clicked in the chart with this key, by the name of its selection: a mapping of fields for each mark."""
    marks: list[dict[str, Any]] = st.session_state[chart]["selection"].get(selection, [])
    return marks


def download(label: str, rows: pd.DataFrame | Callable[[], pd.DataFrame], file: str) -> None:
    """A button that saves a table as CSV, which is written when it is pressed.

    Args:
        label: of the button.
        rows: the table; or, where the page does not need it itself, what makes it, then called when pressed too.
        file: the name it is saved under.
    """

    def written() -> str:
        return (rows() if callable(rows) else rows).to_csv(index=False)

    st.download_button(label, written, file, "text/csv", on_click="ignore", icon=":material/download:")


def picture(images: ImageSet, position: int, side: int = 0) -> bytes:
    """One of the images for ``st.image``, small ones enlarged to about ``side`` pixels; encoded once."""
    return kept(partial(_encoded, Keyed((images.key,), images), position, side))


def _encoded(images: Keyed[ImageSet], position: int, side: int) -> bytes:
    pixels = images.value.images[position]
    times = max(1, side // len(pixels))
    buffer = BytesIO()
    # As Streamlit does itself for photographs; what is grey here is small, and keeps its pixels.
    kind, settings = ("PNG", {}) if pixels.ndim == 2 else ("JPEG", {"quality": 90})
    Image.fromarray(pixels.repeat(times, 0).repeat(times, 1)).save(buffer, kind, **settings)
    return buffer.getvalue()


def contact_sheet(images: ImageSet, positions: Sequence[int], columns: int, side: int) -> str:
    """Several of the images as one picture, row by row, as an address that holds it; encoded once.

    Args:
        images: the images.
        positions: of those that are on it.
        columns: how many stand beside each other.
        side: in pixels of the largest one; what is smaller keeps its pixels.
    """
    return kept(partial(_sheet, Keyed((images.key,), images), tuple(positions), columns, side))


def _sheet(images: Keyed[ImageSet], positions: tuple[int, ...], columns: int, side: int) -> str:
    pixels = images.value.images[list(positions)]
    small = min(side, pixels.shape[1])
    sheet = Image.new(
        "L" if pixels.ndim == 3 else "RGB", (columns * small, -(-len(pixels) // columns) * small)
    )
    for number, each in enumerate(pixels):
        place = number % columns * small, number // columns * small
        sheet.paste(Image.fromarray(each).resize((small, small)), place)
    buffer, kind = BytesIO(), "PNG" if pixels.ndim == 3 else "JPEG"
    sheet.save(buffer, kind, **({} if kind == "PNG" else {"quality": 85}))
    return f"data:image/{kind.lower()};base64,{b64encode(buffer.getvalue()).decode()}"


def provenance(origin: Origin, text: str) -> None:
    """Say where the figures above come from: how they were got, on what, with which settings.

    ``text`` is plain: it may hold the name of a file or a folder, and these may be called anything.
    """
    st.markdown(f"{_BADGES[origin]} :small[{escape_markup(text)}]")
