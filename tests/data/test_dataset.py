"""What is asked of every data set, the bundled one and a user's folder alike."""

import pickle
from pathlib import Path

import pytest

from explorer.data import BUNDLED, USES, DataSet, ImageSet, Use, open_data_set
from explorer.work.progress import follow


@pytest.fixture(params=["bundled", "folder"])
def data(request: pytest.FixtureRequest, dishes: Path) -> DataSet:
    return open_data_set(None if request.param == "bundled" else dishes, 4, 5, 32)


def read(data: DataSet, use: Use) -> ImageSet:
    return follow(data.read(use), lambda update: None)


def test_reading_gives_what_was_promised(data: DataSet) -> None:
    counts = data.counts().groupby("split")["images"].sum()
    for use in USES:
        images = read(data, use)
        assert len(images) == data.sizes[use]
        assert len(images) <= counts[data.split_for(use)]
        assert images.name == data.name_of(use)
        assert images.noun == data.noun(use)
        assert images.classes == data.classes
        assert images.input_size == data.input_size == images.inputs().shape[-1]
        assert images.key == images.whole == data.key_of(use)
        assert f"{len(images):,} {images.noun}s of {data.name}" in data.describe(use)


def test_training_and_validation_images_are_others(data: DataSet) -> None:
    assert read(data, "training").key != read(data, "validation").key
    assert (read(data, "test").key == read(data, "validation").key) == (
        data.split_for("test") == "validation"
    )


def test_it_is_small_when_pickled_and_stays_the_same(data: DataSet) -> None:
    content = pickle.dumps(data)
    assert len(content) < 10_000, "no pixels"
    again = pickle.loads(content)  # noqa: S301 (written here)
    assert again == data
    assert hash(again) == hash(data)
    assert read(again, "validation").key == read(data, "validation").key


def test_data_sets_with_other_images_differ(dishes: Path, homework: Path) -> None:
    keys = [
        BUNDLED.key,
        open_data_set(dishes).key,
        open_data_set(dishes, 4).key,
        open_data_set(dishes, training=5).key,
        open_data_set(dishes, size=32).key,
        open_data_set(homework).key,
    ]
    assert len(set(keys)) == len(keys)
    (dishes / "rice" / "12.png").write_bytes((dishes / "rice" / "1.png").read_bytes())
    assert open_data_set(dishes).key not in keys


def test_the_original_files_are_another_way_to_name_the_bundled_images(originals: Path, dishes: Path) -> None:
    assert open_data_set(originals) is BUNDLED
    assert open_data_set(None) is BUNDLED
    assert open_data_set(dishes) != BUNDLED
