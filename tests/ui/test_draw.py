import json
from io import BytesIO

import numpy as np
from PIL import Image
from streamlit.testing.v1 import AppTest

from explorer import ui
from explorer.data import ImageSet
from tests.app import chart_rows, charts
from tests.ui import figures


def script() -> None:
    from explorer import ui

    ui.provenance("computed", "logits of <img src=x onerror=alert(1)>.ckpt, see `python -m explorer verify`")


def test_the_name_of_a_file_is_neither_html_nor_markdown() -> None:
    app = AppTest.from_function(script).run()
    (text,) = (element.value for element in app.markdown)
    assert r"logits of \<img src=x onerror=alert(1)\>.ckpt, see \`python" in text
    assert not app.markdown[0].allow_html


def charts_page() -> None:
    from functools import partial

    import streamlit as st

    from explorer import ui
    from tests.ui.figures import bars

    last = st.number_input("last", value=3)
    ui.chart(partial(bars, [1, 2, last]), "two bars", "What to see.")
    st.altair_chart(bars([1, 2, last]), alt="two bars")


def test_a_chart_is_made_anew_only_for_what_has_changed() -> None:
    figures.made.clear()
    app = AppTest.from_function(charts_page).run()
    assert not app.exception
    app.run()
    app.number_input[0].set_value(4).run()
    app.number_input[0].set_value(3).run()
    # Each run makes the one that is not kept; that is why the page says ``ui.chart``.
    assert [figures.made.count(3), figures.made.count(4)] == [1 + 3, 1 + 1]
    ours, streamlits = charts(app)
    looks = json.loads(ours.spec)
    assert looks.pop("config"), "letters and colours of the house"
    assert looks == json.loads(streamlits.spec)
    assert list(chart_rows(ours)["count"]) == [1, 2, 3]


def test_a_picture_has_the_pixels_of_the_image_enlarged_as_often_as_fits(validation: ImageSet) -> None:
    for side, times in ((0, 1), (27, 1), (60, 2), (224, 8)):
        drawn = np.asarray(Image.open(BytesIO(ui.picture(validation, 7, side))))
        assert np.array_equal(drawn, validation.images[7].repeat(times, 0).repeat(times, 1))
    some = validation.select(slice(3, 9))
    assert ui.picture(some, 4) == ui.picture(validation, 7) != ui.picture(validation, 4)


def download_page() -> None:
    import pandas as pd
    import streamlit as st

    from explorer import ui

    def table() -> pd.DataFrame:
        st.session_state["made"] = True
        return pd.DataFrame({"a": [1]})

    ui.download("Later", table, "later.csv")


def test_a_table_for_a_download_is_not_made_before_it_is_asked_for() -> None:
    app = AppTest.from_function(download_page).run()
    assert app.get("download_button")
    assert "made" not in app.session_state
