from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from explorer.architecture.budget import budget
from explorer.architecture.fit import fit_to_limit, grow_to_limit, scale_to_limit, scaled, width_steps
from explorer.errors import ExplorerError
from explorer.networks import MAX_WIDTH, NetworkSpec, ResNetSpec, StudentSpec, cost_of, parameter_count
from tests.networks.nets import SPECS


@settings(max_examples=20, deadline=None)
@given(spec=SPECS, limit=st.integers(1_500, 30_000))
def test_scaling_stops_at_the_largest_factor_that_fits_by_brute_force(spec: StudentSpec, limit: int) -> None:
    """Every factor in fine steps: none that fits is larger."""
    result = scale_to_limit(spec, limit)
    best = cost_of(result).params
    assert best <= limit
    for other in {scaled(spec, step / 4000) for step in range(1, 4 * 4000)}:
        params = cost_of(other).params
        if params <= limit:
            assert params <= best
            assert all(a <= b for a, b in zip(other.channels, result.channels, strict=True))


def assert_full(spec: NetworkSpec, limit: int) -> None:
    """Within the limit, and with a channel more in any one group no longer."""
    assert parameter_count(spec.build()) <= limit
    for group, width in enumerate(spec.channels):
        if width < MAX_WIDTH:
            wider = spec.with_channels((*spec.channels[:group], width + 1, *spec.channels[group + 1 :]))
            assert cost_of(wider).params > limit


@settings(max_examples=40, deadline=None)
@given(spec=SPECS, limit=st.integers(1_500, 60_000))
@example(spec=StudentSpec(1, (1, 1, 1, 40), classes=2, kernel=1), limit=36_037)
def test_fit_leaves_what_fits_and_growing_leaves_no_room_for_a_channel(spec: StudentSpec, limit: int) -> None:
    nearest = fit_to_limit(spec, limit)
    assert (nearest == spec) is (cost_of(spec).params <= limit)
    assert cost_of(nearest).params <= limit
    if nearest == spec:
        fuller = grow_to_limit(spec, limit)
        assert cost_of(fuller).params >= cost_of(spec).params
        assert_full(fuller, limit)


@pytest.mark.parametrize("limit", [60_000, 2_000_000, 11_500_000])
def test_a_resnet_is_fitted_and_grown_as_well(limit: int) -> None:
    whole = ResNetSpec()
    nearest = fit_to_limit(whole, limit)
    assert (nearest == whole) is (limit > 11_182_155)
    assert_full(grow_to_limit(nearest, limit), limit)


def test_what_the_lesson_gave_before_costs_came_from_the_graph() -> None:
    assert fit_to_limit(StudentSpec(), 60_000) == StudentSpec(48, (48, 97, 193, 107))
    assert fit_to_limit(StudentSpec(conv_bias=True, kernel=5), 20_000).channels == (23, 23, 45, 91, 50)
    assert grow_to_limit(StudentSpec(), 100_000).channels == (64, 64, 129, 257, 142)
    assert grow_to_limit(StudentSpec(8, (8, 16, 32, 18)), 60_000).channels == (48, 48, 96, 193, 109)
    uneven = StudentSpec(41, (30, 80, 7, 77), 7)
    assert scale_to_limit(uneven, 32_224).channels == (75, 55, 147, 13, 142)
    assert grow_to_limit(uneven, 32_224).channels == (75, 55, 148, 13, 146)


@pytest.mark.parametrize(("width", "larger"), [(7, 31), (11, 8), (13, 9)])
def test_a_factor_that_floating_point_puts_below_a_half_is_not_missed(width: int, larger: int) -> None:
    wanted = StudentSpec(larger, (larger,) * 4)
    assert scale_to_limit(StudentSpec(width, (width,) * 4), cost_of(wanted).params) == wanted


@pytest.mark.parametrize("width", [2, MAX_WIDTH])
def test_the_first_and_the_last_step_of_the_factor_are_there(width: int) -> None:
    wanted = StudentSpec(width, (width,) * 4)
    assert scale_to_limit(StudentSpec(7, (7,) * 4), cost_of(wanted).params) == wanted


def test_a_width_is_at_least_one_and_at_most_the_largest() -> None:
    spec = StudentSpec(8, (8, 16, 32, 18))
    assert scaled(spec, 0.01).channels == (1, 1, 1, 1, 1)
    assert scaled(spec, 60).channels == (480, 480, 960, MAX_WIDTH, MAX_WIDTH)


def test_everything_but_the_widths_is_kept() -> None:
    spec = StudentSpec(64, (64, 128, 256, 141), 11, kernel=5, conv_bias=True)
    result = fit_to_limit(spec, 60_000)
    assert replace(result, stem=spec.stem, widths=spec.widths) == spec


def test_a_limit_below_the_smallest_network_is_told() -> None:
    smallest = cost_of(StudentSpec(1, (1, 1, 1, 1))).params
    assert fit_to_limit(StudentSpec(), smallest).channels == (1, 1, 1, 1, 1)
    with pytest.raises(ExplorerError, match=f"this wiring with 11 classes .* the smallest has {smallest}"):
        fit_to_limit(StudentSpec(), smallest - 1)
    with pytest.raises(ExplorerError, match="this wiring with 10 classes fits into 100 parameters"):
        grow_to_limit(ResNetSpec(10), 100)


def test_the_limit_itself_is_within() -> None:
    exact = cost_of(StudentSpec()).params
    assert fit_to_limit(StudentSpec(), exact) == StudentSpec()
    assert fit_to_limit(StudentSpec(), exact - 1) != StudentSpec()


def test_growing_ends_where_every_width_is_the_largest_or_nothing_is_left() -> None:
    widest = StudentSpec(MAX_WIDTH, (MAX_WIDTH,) * 4)
    assert grow_to_limit(replace(widest, stem=MAX_WIDTH - 1), 2 * cost_of(widest).params) == widest
    for spec in (StudentSpec(), StudentSpec(41, (30, 80, 7, 77), 7)):
        wider = replace(spec, stem=spec.stem + 1)
        grown = grow_to_limit(spec, cost_of(wider).params)
        assert grow_to_limit(spec, cost_of(grown).params) == grown != spec, "to the last parameter"


def test_eight_channels_more_or_less_cost_what_the_networks_differ_by() -> None:
    rows = width_steps(StudentSpec(), 224).set_index("part")
    more = budget(StudentSpec(64, (64, 128, 256, 149)))
    here = budget(StudentSpec())
    assert list(rows.index) == ["stem", "block 1", "block 2", "block 3", "block 4"]
    assert rows.loc["block 4", "+8: parameters"] == more.total_params - here.total_params
    assert rows.loc["block 4", "+8: mult-adds"] == more.mult_adds - here.mult_adds
    narrow = width_steps(StudentSpec(8, (8, 16, 32, 18)))
    assert narrow["-8: parameters"].isna().tolist() == [True, True, False, False, False]
    assert list(narrow.columns) == [
        *("part", "channels", "+8: parameters", "+8: mult-adds", "-8: parameters", "-8: mult-adds")
    ]
    assert narrow["channels"].tolist() == [8, 8, 16, 32, 18]
    assert narrow.equals(width_steps(StudentSpec(8, (8, 16, 32, 18)), 224, 8))


def test_a_step_may_lead_to_one_channel_and_to_the_most_there_can_be() -> None:
    ends = width_steps(StudentSpec(9, (1, MAX_WIDTH - 8, MAX_WIDTH - 7, 8)), 32)
    assert ends["-8: parameters"].isna().tolist() == [False, True, False, False, True]
    assert ends["+8: mult-adds"].isna().tolist() == [False, False, False, True, False]


def test_the_steps_of_a_resnet_name_the_layer_where_a_part_has_several() -> None:
    rows = width_steps(ResNetSpec(), 64, step=1).set_index("part")
    channels = [64] * 12
    assert len(rows) == len(channels)
    narrower = ResNetSpec(11, (64, 63, *ResNetSpec().channels[2:]))
    here, there = budget(ResNetSpec(), 64), budget(narrower, 64)
    assert rows.loc["block 1, layer1.0.conv1", "-1: parameters"] == there.total_params - here.total_params
    assert rows.loc["block 1, layer1.0.conv1", "-1: mult-adds"] == there.mult_adds - here.mult_adds
