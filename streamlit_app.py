"""Entry of the app: ``streamlit run streamlit_app.py``."""

import streamlit as st

from explorer import places, serving
from explorer.start.page_opening import draw_opening

TITLE = "Compression Explorer"

serving.prepare_process()
# A local file: a named icon would be fetched from another host.
st.set_page_config(page_title=TITLE, page_icon=places.ICON, layout="wide")
pages = [
    st.Page(
        places.page("start"),
        title="Start",
        icon=":material/home:",
        default=True,
    ),
    st.Page(
        places.page("architecture"),
        title="Architecture",
        icon=":material/account_tree:",
        url_path="architecture",
    ),
    st.Page(
        places.page("distillation"),
        title="Distillation",
        icon=":material/local_fire_department:",
        url_path="distillation",
    ),
    st.Page(
        places.page("pruning"),
        title="Pruning",
        icon=":material/content_cut:",
        url_path="pruning",
    ),
    st.Page(
        places.page("bits"),
        title="Fewer bits",
        icon=":material/grid_4x4:",
        url_path="bits",
    ),
    st.Page(
        places.page("report"),
        title="Ledger and report",
        icon=":material/summarize:",
        url_path="report",
    ),
    st.Page(
        places.page("your_data"),
        title="Your data",
        icon=":material/folder_open:",
        url_path="your-data",
    ),
]


def draw(page: st.Page) -> None:
    """Draw the page: what is the same on all of them, and what is its own."""
    st.html(places.STYLE)
    head = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
    head.title(page.title if page.url_path else TITLE, width="content")
    beside = head.container(horizontal=True, vertical_alignment="center", width="content", key="beside_title")
    if not page.url_path:
        draw_opening()
    serving.wait_for_house()
    # Not at the top: this brings in torch, and the words above are to be on the screen long before.
    from explorer import ui
    from explorer.walks import page_bar, page_make
    from explorer.your_data.page_choice import choose_workspace

    name, titles = page.url_path or "start", {each.url_path or "start": each.title for each in pages}
    with ui.page(name, [each for each in titles if each != "start"], beside):
        choose_workspace(beside)
        making = page_make.offer(beside)
        page_bar.draw_bar(name, titles)
        page.run()
        if making:
            page_make.make(name)
    ui.start_worker()  # once the first page is drawn: its import of torch would hold that up


draw(st.navigation(pages, position="top"))
