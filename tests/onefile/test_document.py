"""What lies in the file: numbers as small as they can be, photographs, words; nothing that could break out."""

import gzip
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from explorer.bits.network import round_network
from explorer.bits.rounding import Rounding
from explorer.checkpoints import load
from explorer.data import BUNDLED
from explorer.measure import logits
from explorer.onefile import Codes, Described, html_file
from explorer.onefile.document import first_of_each
from explorer.onefile.tensors import TensorStore

IMAGES = BUNDLED.load("test").select(slice(200))


def data_of(page: bytes) -> dict:
    found = re.search(r'<script type="application/json" id="data">([^<]*)</script>', page.decode())
    assert found is not None
    return json.loads(found[1])


def test_the_file_holds_the_photographs_their_labels_and_what_torch_says_to_them() -> None:
    network = load("student-5k")
    data = data_of(html_file(network, IMAGES, Described("A student")))
    positions = first_of_each(IMAGES)
    assert data["captions"] == [f"Test image {position}" for position in positions]
    assert data["labels"] == IMAGES.labels[positions].tolist() == sorted(2 * list(range(10)))
    expected = logits(network, IMAGES.select(positions).inputs())
    assert torch.allclose(torch.tensor(data["expected"]), expected)
    assert (data["parameters"], data["zeros"]) == (4764, 0)


def test_the_same_network_gives_the_same_file() -> None:
    first, second = (html_file(load("student-5k"), IMAGES, Described("A student")) for _ in range(2))
    assert first == second


def test_a_title_or_a_class_with_markup_stays_text() -> None:
    classes = ("</script><script>alert(1)</script>", *IMAGES.classes[1:])
    page = html_file(
        load("student-5k"), replace(IMAGES, classes=classes), Described("<b>bold</b>", ("<i>so</i>",))
    ).decode()
    assert "<b>bold" not in page
    assert "<i>so" not in page
    assert "alert(1)</script>" not in page
    assert data_of(page.encode())["classes"][0] == classes[0]


def test_a_file_asks_for_nothing() -> None:
    page = html_file(load("student-5k"), IMAGES, Described("A student")).decode()
    assert "default-src 'none'" in page
    assert not re.search(r"https?:|\bsrc=|\bhref=|url\(|@import|\bimport\(|\bfetch\(", page)


def test_of_many_classes_each_has_one_photograph_and_there_are_twenty_at_most() -> None:
    many = replace(
        IMAGES, labels=np.arange(200, dtype=np.int64) % 50, classes=tuple(map(str, range(50))), key="many"
    )
    assert first_of_each(many) == list(range(20))


def test_numbers_are_stored_as_float16_only_where_that_loses_nothing() -> None:
    store = TensorStore()
    half, whole = torch.tensor([0.5, -2.25]), torch.tensor([0.1, 1.0])
    assert [store.add("half", half), store.add("whole", whole), store.add("half", half)] == [0, 1, 0]
    assert [entry["type"] for entry in store.entries] == ["float16", "float32"]
    content = gzip.decompress(store.compressed())
    at = store.entries[1]["at"]
    assert np.frombuffer(content[at : at + 8], "<f4").tolist() == pytest.approx([0.1, 1.0])


@pytest.mark.parametrize("symmetric", [True, False])
def test_rounded_weights_are_stored_as_their_codes_and_make_a_smaller_file(symmetric: bool) -> None:
    rounded = round_network(load("student-5k"), Rounding(4, "channel", symmetric))
    codes = {
        f"{layer}.weight": Codes(each.codes, each.scale, each.zero_point)
        for layer, each in rounded.weights.items()
    }
    plain, coded = (
        data_of(html_file(rounded.model, IMAGES, Described("Rounded"), given)) for given in (None, codes)
    )
    kinds = [entry["type"] for entry in coded["entries"]["weights"]]
    assert kinds.count("codes") == len(codes)
    assert coded["weightBytes"] < 0.6 * plain["weightBytes"]


def test_codes_of_other_weights_are_not_taken_for_these() -> None:
    store = TensorStore({"a": Codes(torch.tensor([[1, 2]]), torch.ones(1), torch.zeros(1).long())})
    store.add("a", torch.tensor([[1.0, 3.0]]))
    assert store.entries[0]["type"] == "float16"
