"""Rounding, held against torch's own fake quantisation."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.bits.rounding import LEAST, MOST, Rounding, relative_error, round_tensor
from explorer.errors import ExplorerError

ROUNDINGS = [
    Rounding(bits, per, symmetric)
    for bits in range(LEAST, MOST + 1)
    for per in ("tensor", "channel")
    for symmetric in (True, False)
]


@pytest.mark.parametrize("rounding", ROUNDINGS, ids=str)
def test_values_are_those_of_torchs_fake_quantisation(rounding: Rounding) -> None:
    torch.manual_seed(rounding.bits)
    weight = torch.randn(6, 3, 5, 5) * torch.logspace(-2, 1, 6)[:, None, None, None]
    weight[2] = weight[2].abs()  # numbers of one sign only
    weight[3] = 0.0
    rounded = round_tensor(weight, rounding)
    low, high = rounding.codes
    scale, zero = rounded.scale, rounded.zero_point
    if rounding.per == "channel":
        theirs = torch.fake_quantize_per_channel_affine(weight, scale, zero.int(), 0, low, high)
    else:
        theirs = torch.fake_quantize_per_tensor_affine(weight, float(scale), int(zero), low, high)
    assert len(scale) == (6 if rounding.per == "channel" else 1)
    # torch multiplies by 1 / scale where we divide: on a tie the last bit decides, by one code.
    assert (rounded.values - theirs).abs().max() <= scale.max() * 1.001
    assert ((rounded.values - theirs).abs() > 1e-6).float().mean() < 0.01
    assert low <= int(rounded.codes.min()) <= int(rounded.codes.max()) <= high


@given(
    st.lists(st.floats(-100, 100, width=32), min_size=2, max_size=12),
    st.sampled_from(ROUNDINGS),
)
@settings(max_examples=200, deadline=None)
def test_no_number_is_off_by_more_than_half_a_step_and_zero_stays_zero(
    numbers: list[float], rounding: Rounding
) -> None:
    tensor = torch.tensor([[*numbers, 0.0]])
    rounded = round_tensor(tensor, rounding)
    step = float(rounded.scale[0])
    # In an affine range the zero point itself is rounded, so an end may be half a step further off.
    most = (0.5 if rounding.symmetric else 1.0) * step
    assert (rounded.values - tensor).abs().max() <= most * 1.001 + 1e-30
    assert rounded.values[0, -1] == 0


def test_more_bits_never_lose_more_and_a_scale_per_channel_saves_small_channels() -> None:
    torch.manual_seed(0)
    weight = torch.randn(8, 4, 3, 3) * torch.logspace(-3, 0, 8)[:, None, None, None]
    errors = [relative_error(weight, round_tensor(weight, Rounding(bits))) for bits in range(LEAST, MOST + 1)]
    assert errors == sorted(errors, reverse=True)
    one, each = (round_tensor(weight, Rounding(4, per)) for per in ("tensor", "channel"))
    assert not one.codes[0].any(), "a channel a thousand times weaker is rounded to nothing"
    assert each.codes[0].any()


def test_what_is_stored_is_codes_scales_and_zero_points() -> None:
    weight = torch.randn(6, 4)
    assert round_tensor(weight, Rounding(3)).bits == 24 * 3 + 6 * 32
    assert round_tensor(weight, Rounding(3, "tensor", symmetric=False)).bits == 24 * 3 + 32 + 3


@pytest.mark.parametrize(("bits", "per"), [(1, "tensor"), (9, "channel"), (4, "row")])
def test_what_cannot_be_is_refused(bits: int, per: str) -> None:
    with pytest.raises(ExplorerError, match=r"2 to 8 bits|per tensor or per channel"):
        Rounding(bits, per)  # type: ignore[arg-type]
