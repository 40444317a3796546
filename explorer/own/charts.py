"""Charts of one's own images."""

from typing import Any

import altair as alt
import pandas as pd

from explorer import palette

VALIDATION = "#c3cad3"  # a light grey beside the training images' darker one


def counts(rows: pd.DataFrame) -> Any:
    """Images per class, training and validation side by side: columns class, split, images."""
    order = list(dict.fromkeys(rows["class"]))
    return (
        alt.Chart(rows)
        .mark_bar()
        .encode(
            x=alt.X("images:Q", title="images"),
            y=alt.Y("class:N", sort=order, title=None),
            yOffset=alt.YOffset("split:N", sort=["training", "validation"]),
            color=alt.Color(
                "split:N",
                title=None,
                scale=alt.Scale(domain=["training", "validation"], range=[palette.DENSE, VALIDATION]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=["class", "split", "images"],
        )
        .properties(height=120 + 26 * len(order))
    )
