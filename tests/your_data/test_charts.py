"""The chart of the images, field by field."""

import pandas as pd

from explorer.your_data.charts import COLORS, class_counts
from tests.charts import colors, data_of, fields, spec_of


def test_images_are_across_classes_down_and_the_splits_side_by_side() -> None:
    rows = pd.DataFrame(
        {"class": ["b", "b", "a"], "split": ["validation", "training", "training"], "images": [3, 20, 10]}
    )
    spec = spec_of(class_counts(rows))
    assert fields(spec) == {"x": "images", "y": "class", "yOffset": "split", "color": "split"}
    assert spec["encoding"]["y"]["sort"] == ["b", "a"], "as they come, not by name"
    splits = ["training", "validation"]
    assert spec["encoding"]["yOffset"]["sort"] == splits
    assert colors(spec) == {"domain": splits, "range": [COLORS[split] for split in splits]}
    assert data_of(spec, spec) == rows.to_dict("records")
