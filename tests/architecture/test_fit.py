from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from explorer.architecture import fit
from explorer.architecture.budget import budget
from explorer.errors import ExplorerError
from explorer.networks import StudentNet, StudentSpec
from tests.architecture.test_budget import SPECS


def widths(spec: StudentSpec) -> tuple[int, ...]:
    return (spec.stem, *spec.widths)


@settings(max_examples=40, deadline=None)
@given(spec=SPECS, size=st.integers(1, 250))
def test_the_closed_form_is_torchinfos(spec: StudentSpec, size: int) -> None:
    found = budget(spec, size)
    assert fit.cost(spec, size) == fit.Cost(found.total_params, found.mult_adds)


@settings(max_examples=60, deadline=None)
@given(spec=SPECS, limit=st.integers(1_500, 30_000))
def test_the_fit_is_the_largest_of_its_shape_by_brute_force(spec: StudentSpec, limit: int) -> None:
    """Every factor in fine steps, and one past the result: none that fits is larger."""
    found = fit.largest_of_shape(spec, limit)
    best = fit.cost(found).params
    assert best <= limit
    tried = {fit.scaled(spec, step / 4000) for step in range(1, 4 * 4000)}
    for other in tried:
        params = fit.cost(other).params
        if params <= limit:
            assert params <= best
            assert all(a <= b for a, b in zip(widths(other), widths(found), strict=True))


@settings(max_examples=40, deadline=None)
@given(spec=SPECS, limit=st.integers(1_500, 60_000))
def test_fit_leaves_what_fits_and_spend_leaves_no_room_for_a_channel(spec: StudentSpec, limit: int) -> None:
    nearest = fit.fit(spec, limit)
    assert (nearest == spec) is (fit.cost(spec).params <= limit)
    assert fit.cost(nearest).params <= limit
    if nearest != spec:
        return
    fuller = fit.spend(spec, limit)
    assert fit.cost(spec).params <= fit.cost(fuller).params <= limit
    for place in range(5):
        wider = list(widths(fuller))
        wider[place] += 1
        if wider[place] <= 1024:
            assert fit.cost(fit.with_widths(fuller, tuple(wider))).params > limit


def test_everything_but_the_widths_is_kept() -> None:
    spec = StudentSpec(64, (64, 128, 256, 141), 11, kernel=5, conv_bias=True)
    found = fit.fit(spec, 60_000)
    assert replace(found, stem=spec.stem, widths=spec.widths) == spec


def test_a_limit_below_the_smallest_network_is_told() -> None:
    smallest = fit.cost(StudentSpec(1, (1, 1, 1, 1))).params
    assert widths(fit.fit(StudentSpec(), smallest)) == (1, 1, 1, 1, 1)
    with pytest.raises(ExplorerError, match=f"the smallest has {smallest}"):
        fit.fit(StudentSpec(), smallest - 1)


def test_the_limit_itself_is_within() -> None:
    exact = fit.cost(StudentSpec()).params
    assert fit.fit(StudentSpec(), exact) == StudentSpec()
    assert fit.fit(StudentSpec(), exact - 1) != StudentSpec()


def test_eight_channels_more_or_less_cost_what_the_networks_differ_by() -> None:
    rows = fit.steps_of(StudentSpec(), 224).set_index("place")
    more = budget(StudentSpec(64, (64, 128, 256, 149)))
    here = budget(StudentSpec())
    assert rows.loc["block 4", "+8: parameters"] == more.total_params - here.total_params
    assert rows.loc["block 4", "+8: mult-adds"] == more.mult_adds - here.mult_adds
    narrow = fit.steps_of(StudentSpec(8, (8, 16, 32, 18)))
    assert narrow["-8: parameters"].isna().tolist() == [True, True, False, False, False]


def test_the_standard_convolution_is_counted_as_torch_builds_it() -> None:
    spec = StudentSpec(5, (6, 7, 8, 9), kernel=5)
    rows = fit.against_standard(spec)
    network = StudentNet(spec)
    for number, (inputs, outputs, _) in enumerate(spec.blocks, start=1):
        block = network.get_submodule(f"layer{number}")
        separable = sum(module.weight.numel() for module in block if isinstance(module, nn.Conv2d))
        standard = nn.Conv2d(inputs, outputs, 5, bias=False).weight.numel()
        row = rows.iloc[number - 1]
        assert (row["separable"], row["standard"]) == (separable, standard)
        assert row["factor"] == pytest.approx(25 * outputs / (25 + outputs))
