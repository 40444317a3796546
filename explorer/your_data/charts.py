"""Charts of the images of a data set."""

from typing import Any

import altair as alt
import pandas as pd

from explorer import palette

COLORS = {"training": palette.TRAINING, "validation": palette.VALIDATION, "test": palette.TEST}


def class_counts(rows: pd.DataFrame) -> Any:
    """Images per class, the splits side by side: columns class, split, images."""
    order = list(dict.fromkeys(rows["class"]))
    splits = [split for split in COLORS if split in set(rows["split"])]
    return (
        alt.Chart(rows)
        .mark_bar()
        .encode(
            x=alt.X("images:Q", title="images"),
            y=alt.Y("class:N", sort=order, title=None),
            yOffset=alt.YOffset("split:N", sort=splits),
            color=alt.Color(
                "split:N",
                title=None,
                scale=alt.Scale(domain=splits, range=[COLORS[split] for split in splits]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=["class", "split", "images"],
        )
        .properties(height=100 + 9 * len(splits) * len(order))
    )
