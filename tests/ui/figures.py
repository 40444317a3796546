"""A chart for the tests of drawing, which tells how often it was made."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

made: list[int] = []


def bars(counts: Sequence[int]) -> alt.Chart:
    made.append(counts[-1])
    rows = pd.DataFrame({"count": counts, "place": range(len(counts))})
    figure: alt.Chart = alt.Chart(rows).mark_bar().encode(x="place:O", y="count:Q")
    return figure
