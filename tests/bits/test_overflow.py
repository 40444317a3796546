"""Sums of two products that do not fit into 16 bits: cut off as the instruction does it, counted, and said."""

import json
from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import nn

from explorer.__main__ import main
from explorer.bits.charts import cut_bars
from explorer.bits.network import input_ranges, round_activations, round_network
from explorer.bits.overflow import (
    LayerSums,
    OverflowRow,
    WholeLayer,
    describe_cut,
    overflow_table,
    overflows,
    whole_network,
)
from explorer.bits.rounding import Rounding, round_tensor
from explorer.checkpoints import load
from explorer.data import BUNDLED
from explorer.measure import accuracy, logits
from explorer.runtime.compare import calibration_batches

CALIBRATION = calibration_batches(BUNDLED.load("training"), 32)
IMAGES = BUNDLED.load("test").stratified(20)
SIXTEEN = range(-(2**15), 2**15)


def by_hand(layer: nn.Conv2d, whole: WholeLayer, image: torch.Tensor) -> tuple[torch.Tensor, int, int]:
    """The sums of a convolution over one image (C, H, W), product by product; how many pairs there were and fell."""
    codes = (image / whole.scale + whole.zero).round().clamp(0, 255)
    (up, _), (down, right), (apart, _) = layer.padding, layer.stride, layer.dilation
    assert isinstance(up, int)
    height, width = layer.kernel_size
    padded = nn.functional.pad(codes, (up,) * 4, value=whole.zero).int()
    rows = (padded.shape[1] - apart * (height - 1) - 1) // down + 1
    columns = (padded.shape[2] - apart * (width - 1) - 1) // right + 1
    weights = whole.codes.int()
    sums, pairs, fell = torch.zeros(len(weights), rows, columns), 0, 0
    for output, row, column in product(range(len(weights)), range(rows), range(columns)):
        terms = [
            int(padded[channel, row * down + y * apart, column * right + x * apart])
            * int(weights[output, channel, y, x])
            for y, x, channel in product(range(height), range(width), range(len(image)))
        ]
        terms += [0] * (len(terms) % 2)
        added = [one + other for one, other in zip(terms[::2], terms[1::2], strict=True)]
        pairs += len(added)
        fell += sum(each not in SIXTEEN for each in added)
        total = sum(max(SIXTEEN[0], min(SIXTEEN[-1], each)) for each in added)
        sums[output, row, column] = total - whole.zero * int(weights[output].sum())
    return sums, pairs, fell


@pytest.mark.parametrize("cut", [True, False])
def test_a_convolution_adds_as_it_would_by_hand(cut: bool) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 2, 3, stride=2, padding=1, dilation=2)
    with torch.no_grad():
        layer.weight[0].fill_(1).mul_(torch.rand(3, 3, 3) * 0.2 + 0.9)  # nearly all of them large
    images = torch.rand(2, 3, 9, 9) * 3 - 0.2
    whole = WholeLayer(layer, round_tensor(layer.weight, Rounding(8)), (-0.2, 2.8), cut=cut)
    given = whole(images)
    expected, pairs, fell = zip(*(by_hand(layer, whole, image) for image in images), strict=True)
    assert (whole.sums, whole.cut_off) == (sum(pairs), sum(fell))
    assert 0 < whole.cut_off < whole.sums
    assert layer.bias is not None
    numbers = torch.stack(expected) * whole.steps.reshape(1, -1, 1, 1) + layer.bias.reshape(1, -1, 1, 1)
    assert torch.allclose(given, numbers.float(), atol=1e-5) == cut
    one, first, other, second = whole.largest
    assert one * first + other * second > SIXTEEN[-1]


def test_a_linear_layer_adds_its_neighbours() -> None:
    layer = nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 1.0, 1.0]]))
    whole = WholeLayer(layer, round_tensor(layer.weight, Rounding(8)), (0.0, 1.0), cut=True)
    # 255 x 127 twice is 64,770, of which 32,767 are left; the third stands alone.
    given = whole(torch.ones(1, 3)) / whole.steps
    assert given.item() == pytest.approx(32_767 + 255 * 127)
    assert (whole.sums, whole.cut_off, whole.largest) == (2, 1, (255, 127, 255, 127))


def test_negative_sums_are_cut_off_at_their_own_end() -> None:
    layer = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(-1.0)
    whole = WholeLayer(layer, round_tensor(layer.weight, Rounding(8)), (0.0, 1.0), cut=True)
    assert (whole(torch.ones(1, 2)) / whole.steps).item() == pytest.approx(-32_768)


def test_with_whole_sums_it_is_the_rounded_network_of_the_first_tab() -> None:
    model = load("student-5k")
    rounded = round_network(model, Rounding(8))
    round_activations(rounded.model, input_ranges(rounded.model, CALIBRATION), 8)
    whole = whole_network(model, 8, CALIBRATION, cut=False)
    apart = (logits(whole, IMAGES.inputs()) - logits(rounded.model, IMAGES.inputs())).abs()
    # What lies between two codes may be rounded otherwise, and turns a few logits a little.
    assert apart.median() < 1e-4
    assert apart.max() < 0.5


def test_eight_bits_are_cut_off_seven_never_and_depthwise_layers_not_at_all() -> None:
    rows = [
        row
        for row in overflows(load("student-5k"), IMAGES.inputs(), IMAGES.targets(), CALIBRATION)
        if isinstance(row, OverflowRow)
    ]
    assert [row.bits for row in rows] == [8, 7]
    eight, seven = rows
    cut = {each.layer: each.cut for each in eight.layers}
    assert cut["conv1"] > 0
    assert not any(each.cut for each in seven.layers)
    assert (seven.turned, seven.cut_correct) == (0, seven.correct)
    depthwise = {each.layer for each in eight.layers if not each.sums}
    network = load("student-5k")
    groups = {name for name, part in network.named_modules() if getattr(part, "groups", 1) > 1}
    assert depthwise == groups != set()
    again = whole_network(network, 8, CALIBRATION, cut=True)
    scores = logits(again, IMAGES.inputs())
    assert eight.cut_correct == accuracy(scores, IMAGES.targets()).correct
    assert set(overflow_table(rows)["layer"]) == set(cut) - groups
    assert OverflowRow.from_dict(json.loads(json.dumps(eight.to_dict()))) == eight


ROW = OverflowRow(
    8, 90, 80, 12, 100, (LayerSums("first", 1000, 25, (255, 127, 255, 127)), LayerSums("fc", 10, 0))
)


def test_what_is_cut_off_is_said_with_the_pair_that_is_furthest_off() -> None:
    assert describe_cut([ROW], "test image") == (
        "With 8-bit weights 25 of 1,010 sums of two products are cut off, most often in first (2.50%): 80.0% of 100 "
        "test images right instead of 90.0%; answers that turn: 12. The furthest off, in first: "
        "255 x 127 + 255 x 127 = 64,770 becomes 32,767."
    )
    fits = replace(ROW, bits=7, layers=(LayerSums("first", 1000, 0),), cut_correct=90)
    assert describe_cut([fits], "image") == "With 7-bit weights all 1,000 sums fit: 90.0% right."
    both = describe_cut([fits, ROW], "image")
    assert both.index("8-bit") < both.index("7-bit")
    assert describe_cut([], "image") == ""


def test_what_is_drawn_are_the_layers_where_something_is_cut_off() -> None:
    few = LayerSums("fc", 1_000_000, 2, (255, 127, 255, 127))
    table = overflow_table([replace(ROW, layers=(ROW.layers[0], LayerSums("second", 10, 0), few))])
    chart = cut_bars(table).to_dict()
    assert chart["layer"][0]["encoding"]["y"]["sort"] == ["first", "fc"]
    (values,) = chart["datasets"].values()
    assert [each["label"] for each in values] == ["2.50%", "2 of 1,000,000"]


def test_the_command_prints_its_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["overflow", "student-5k", "--images", "4", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["bits"], row["total"]) for row in rows] == [(8, 4), (7, 4)]
