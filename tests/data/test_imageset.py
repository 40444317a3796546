from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.data import BUNDLED, ImageSet
from explorer.data.imageset import Transform
from explorer.errors import ExplorerError

COUNT = 6


def some(seed: int = 0, **changes) -> ImageSet:
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (COUNT, 4, 4), dtype=np.uint8)
    return ImageSet("some", images, np.arange(COUNT, dtype=np.int64) % 2, ("a", "b"), **changes)


def test_a_key_is_never_empty_and_follows_pixels_labels_and_what_is_fed() -> None:
    plain = some()
    assert plain.key
    assert plain.key == some().key
    pixels, labels = plain.images.copy(), plain.labels.copy()
    pixels[-1, -1, -1] ^= 1
    labels[-1] ^= 1
    others = [
        replace(plain, images=pixels, key=""),
        replace(plain, labels=labels, key=""),
        replace(plain, transform=Transform((0.5,), (0.5,)), key=""),
        replace(plain, transform=replace(plain.transform, size=32), key=""),
        replace(plain, images=plain.images.reshape(COUNT, 2, 8), key=""),
    ]
    assert len({plain.key, *(other.key for other in others)}) == 1 + len(others)


@given(
    st.lists(st.integers(0, COUNT - 1), max_size=COUNT), st.lists(st.integers(0, COUNT - 1), max_size=COUNT)
)
def test_two_selections_share_a_key_only_if_they_hold_the_same_images_in_the_same_order(
    one: list[int], other: list[int]
) -> None:
    whole = some()
    assert (whole.select(one).key == whole.select(other).key) == (one == other)
    assert (whole.select(one).key == whole.key) == (one == list(range(COUNT)))
    assert whole.select(one).whole == whole.key


@given(st.integers(0, COUNT), st.integers(0, COUNT))
def test_selecting_in_two_steps_or_in_one_is_the_same(first: int, second: int) -> None:
    whole = some()
    twice, once = whole.select(slice(first)).select(slice(second)), whole.select(slice(min(first, second)))
    assert twice.key == once.key
    assert np.array_equal(twice.images, once.images)


def test_the_first_images_are_told_from_the_last() -> None:
    whole = some()
    assert whole.is_beginning
    assert whole.select(slice(3)).is_beginning
    assert not whole.select(slice(3, None)).is_beginning
    assert not whole.select([1, 0]).is_beginning
    assert whole.select(slice(3)).key != whole.select(slice(3, None)).key


def test_the_first_thousand_test_images_have_a_key_of_their_own() -> None:
    images = BUNDLED.load("test")
    keys = {images.select(slice(count)).key for count in (100, 1000, 9_999, 10_000, 20_000)}
    assert len(keys) == 4
    assert images.select(slice(20_000)).key == images.key


def test_a_stratified_choice_has_each_class_by_its_share_from_beginning_to_end() -> None:
    images = BUNDLED.load("test")
    first, chosen = images.select(slice(1000)), images.stratified(1000)
    assert np.bincount(chosen.labels).tolist() == [100] * 10
    assert np.bincount(first.labels).tolist() != [100] * 10, "the first ones are not so"
    places = chosen.positions
    assert places is not None
    assert (np.diff(places) > 0).all()
    assert places[0] < 100
    assert places[-1] > 9_900
    assert chosen.is_stratified
    assert not first.is_stratified
    for part in (chosen.select(slice(5)), first.stratified(1000), first.stratified(5)):
        assert not part.is_stratified, "of the whole set it is none"
    assert images.stratified(10_000) is images
    assert images.stratified(1000).key == chosen.key != images.stratified(999).key
    assert chosen.caption(0) == f"Test image {places[0]}", "a photograph keeps its number"


@given(st.integers(1, 60), st.lists(st.integers(0, 3), min_size=60, max_size=60))
def test_no_class_has_one_image_more_than_its_share(count: int, labels: list[int]) -> None:
    images = ImageSet("some", np.zeros((60, 1, 1), np.uint8), np.array(labels), tuple("abcd"))
    chosen = images.stratified(count)
    share = np.bincount(labels, minlength=4) * count / 60
    assert len(chosen) == count
    assert (abs(np.bincount(chosen.labels, minlength=4) - share) < 1).all()


def test_captions_name_what_the_images_are_for() -> None:
    assert BUNDLED.load("validation").caption(7) == "Validation image 7"
    assert BUNDLED.load("test").select(slice(9)).caption(7) == "Test image 7"


@pytest.mark.parametrize("count", [0, 7])
def test_more_images_than_there_are_cannot_be_chosen(count: int) -> None:
    with pytest.raises(ExplorerError, match="has 6 images: take 1 to 6"):
        some().stratified(count)


def test_images_without_labels_are_refused() -> None:
    whole = some()
    with pytest.raises(ExplorerError, match="6 images but 5 labels"):
        replace(whole, labels=whole.labels[:5])
