"""The page of a rounded network holds its codes, and says how it was rounded and what was counted."""

import pytest
import torch

from explorer.bits.network import round_network
from explorer.bits.rounding import Rounding
from explorer.bits.sweep import BitsRow
from explorer.bits.take import rounded_page
from explorer.data import BUNDLED
from explorer.measure import logits
from explorer.onefile.document import first_of_each
from explorer.workspace import open_workspace
from tests.onefile.test_document import data_of

SOURCE = open_workspace(BUNDLED).source("student-5k")


@pytest.mark.parametrize("rounding", [Rounding(4), Rounding(5, "tensor", symmetric=False)])
def test_the_page_is_of_the_rounded_network(rounding: Rounding) -> None:
    row = BitsRow(rounding.bits, rounding.per, rounding.symmetric, 0, 80, 90, 85, 100, 1, 1)
    page = rounded_page(SOURCE, BUNDLED, rounding, row)
    data, network = data_of(page), round_network(SOURCE.load(), rounding)
    images = BUNDLED.load("test")
    shown = images.select(first_of_each(images)).inputs()
    assert torch.allclose(torch.tensor(data["expected"]), logits(network.model, shown), atol=1e-5)
    coded = [each for each in data["entries"]["weights"] if each["type"] == "codes"]
    assert len(coded) == len(network.weights)
    text = page.decode()
    assert f"Weights of {rounding.bits} bits, a scale per {rounding.per}" in text
    assert f"{network.stored_bytes / 1e3:,.0f} kB instead of {network.float_bytes / 1e3:,.0f} kB" in text
    assert "Torch gets 80 of 100 test images right, 80.0%; 85.0% before rounding." in text


def test_what_nobody_counted_is_not_said() -> None:
    assert "Torch gets" not in rounded_page(SOURCE, BUNDLED, Rounding(2), None).decode()
