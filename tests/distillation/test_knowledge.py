import base64
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from explorer.data import ImageSet
from explorer.distillation import knowledge
from tests.stored import stored_logits


def pixels_of(address: str) -> np.ndarray:
    kind, _, content = address.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(BytesIO(base64.b64decode(content))))


def test_the_mean_soft_labels_are_means_of_softmaxes(validation: ImageSet) -> None:
    teacher = stored_logits("teacher")
    rows = knowledge.mean_soft_labels(teacher, validation, 4.0).set_index(["true", "other"])
    assert len(rows) == 90
    shirt, coat = (validation.classes.index(name) for name in ("Shirt", "Coat"))
    shirts = validation.targets() == shirt
    expected = (teacher[shirts] / 4).softmax(1).mean(0)[coat].item()
    pair = rows.loc[("Shirt", "Coat")]
    assert pair["probability"] == pytest.approx(expected, rel=1e-5)
    coats = (teacher / 4).softmax(1)[:, coat].where(shirts, torch.tensor(-1.0))
    assert pair["positions"] == tuple(coats.topk(3).indices.tolist())
    beside = np.hstack([validation.images[position] for position in pair["positions"]])
    assert np.array_equal(pixels_of(pair["example"]), beside.repeat(2, 0).repeat(2, 1))


def test_a_class_with_few_images_or_none_is_told_as_it_is() -> None:
    images = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4)
    few = ImageSet("few", images, np.array([0, 0, 2]), ("a", "b", "c"))
    teacher = torch.tensor([[0.0, 1.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    rows = knowledge.mean_soft_labels(teacher, few, 1.0)
    assert [tuple(pair) for pair in rows[["true", "other"]].values] == [
        ("a", "b"),
        ("a", "c"),
        ("c", "a"),
        ("c", "b"),
    ]
    assert rows["positions"].tolist() == [(1, 0), (0, 1), (2,), (2,)]
    assert rows["probability"].iloc[2:].tolist() == pytest.approx([1 / 3, 1 / 3])


@pytest.mark.parametrize(
    ("shape", "height", "shown"),
    [
        ((28, 84), 56, (56, 168)),  # twice as large, pixel by pixel
        ((28, 28), 30, (28, 28)),
        ((112, 336, 3), 56, (56, 168, 3)),
        ((40, 40), 56, (40, 40)),
    ],
)
def test_an_image_becomes_an_address_of_about_the_wanted_height(
    shape: tuple[int, ...], height: int, shown: tuple[int, ...]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    written = pixels_of(knowledge.png_address(pixels, height))
    assert written.shape == shown
    if shown == (56, 168):
        assert np.array_equal(written, pixels.repeat(2, 0).repeat(2, 1))
    assert pixels_of(knowledge.png_address(np.zeros((1, 1), np.uint8))).shape == (56, 56)
