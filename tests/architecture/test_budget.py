import io
from contextlib import redirect_stdout

import pandas as pd
import pytest
import torchinfo
import torchsummary
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from explorer.architecture.budget import budget
from explorer.architecture.fit import fit_to_limit, grow_to_limit
from explorer.errors import ExplorerError
from explorer.networks import (
    ResNetSpec,
    StudentNet,
    StudentSpec,
    parameter_count,
    params_of,
    source_of_spec,
    spec_of,
)
from tests.networks.field import FIELD
from tests.networks.nets import NETS, SPECS, built, images_for


@settings(max_examples=25, deadline=None)
@given(spec=SPECS, size=st.sampled_from([32, 64, 97]))
def test_totals_are_those_of_the_network_of_torchinfo_and_of_torchsummary(
    spec: StudentSpec, size: int
) -> None:
    report, network = budget(spec, size), StudentNet(spec).eval()
    assert report.total_params == parameter_count(network)
    assert report.total_params == sum(layer.params for layer in report.layers)
    theirs = torchinfo.summary(network, (1, 3, size, size), verbose=0, device="cpu")
    assert (report.total_params, report.mult_adds) == (theirs.total_params, theirs.total_mult_adds)
    assert report.mult_adds == sum(layer.mult_adds for layer in report.layers)
    printed = io.StringIO()
    with redirect_stdout(printed):
        torchsummary.summary(network, (3, size, size), device="cpu")
    assert f"Total params: {report.total_params:,}\n" in printed.getvalue()


def test_the_reports_network_is_counted_as_its_audit_says() -> None:
    report = budget(StudentSpec())
    assert (report.total_params, report.mult_adds) == (99_060, 148_073_268)
    assert not report.within(60_000)
    assert report.within(100_000)
    shown = [layer for layer in report.layers if not layer.name.startswith(("layer4", "avgpool", "fc"))]
    assert len(shown) == 22, "the report's table stops at ReLU-22"
    assert sum(layer.params for layer in shown) == 58_304


def test_every_layer_is_in_the_table_under_its_module_name() -> None:
    network = StudentNet(StudentSpec())
    leaves = [name for name, module in network.named_modules() if not list(module.children())]
    assert [layer.name for layer in budget(StudentSpec()).layers] == leaves


def test_the_whole_table_has_row_table_that_torchinfo_prints() -> None:
    report = budget(StudentSpec())
    printed = [line for line in report.text.splitlines() if "[1, " in line]
    rows = report.row_table()
    assert len(printed) == len(rows) == 35
    for line, (_, row) in zip(printed, rows.iterrows(), strict=True):
        assert row["row"] in line
        assert f"[1, {row['output'].replace(' x ', ', ')}]" in line
        count = "--" if pd.isna(row["parameters"]) else f"{row['parameters']:,}"
        assert line.split()[-1] == count
    assert rows["parameters"].sum() == report.total_params
    assert rows["mult-adds"].sum() == report.mult_adds


def test_the_parts_of_a_student_add_up() -> None:
    report = budget(StudentSpec())
    parts = report.part_table()
    assert list(parts["part"]) == ["stem", "block 1", "block 2", "block 3", "block 4", "head"]
    assert parts["parameters"].sum() == report.total_params
    assert parts["mult-adds"].sum() == report.mult_adds


@pytest.mark.parametrize("name", NETS)
def test_any_network_is_counted_as_torchinfo_does_and_left_as_it_is(name: str) -> None:
    model = built(name).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    report = budget(model, 32)
    assert report.image == tuple(images_for(model).shape[1:])
    theirs = torchinfo.summary(built(name), (1, *report.image), verbose=0, device="cpu")
    assert (report.total_params, report.mult_adds) == (theirs.total_params, theirs.total_mult_adds)
    assert report.text == str(theirs)
    assert report.total_params == parameter_count(model)
    unused = parameter_count(model.never) if name == "Odd" else 0
    assert sum(layer.params for layer in report.layers) + unused == report.total_params
    assert sum(layer.mult_adds for layer in report.layers) == report.mult_adds
    assert report.part_table()["parameters"].sum() + unused == report.total_params
    assert model.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(value.equal(before[key]) for key, value in model.state_dict().items())


def test_a_spec_and_the_network_that_it_builds_have_one_budget() -> None:
    spec = ResNetSpec(10, (5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16))
    assert budget(spec, 64) == budget(spec.build(), 64)
    assert budget(spec, 64) != budget(spec, 96)
    parts = budget(spec, 64).part_table()
    assert list(parts["part"]) == ["stem", "block 1", "block 2", "block 3", "block 4", "head"]
    assert parts["parameters"].iloc[-1] == 15 * 10 + 10, "the last residual group"


def test_a_chain_of_layers_has_parts_too() -> None:
    report = budget(built("Chain"), 32)
    assert report.heaviest.name == "cnn.8"
    assert report.busiest.name == "cnn.0"
    assert list(report.part_table()["part"]) == ["cnn.0", "cnn.4", "cnn.8", "fc.0", "fc.2"]


def test_an_image_too_small_for_the_network_is_told() -> None:
    with pytest.raises(ExplorerError, match="An image of 2 pixels is too small"):
        budget(built("Excited"), 2)
    with pytest.raises(ExplorerError, match="uses LSTM"):
        budget(nn.Sequential(nn.LSTM(3, 3)))


@pytest.mark.parametrize("size", [0, -1, 2000, 32.5, True])
def test_an_impossible_input_size_is_refused(size: object) -> None:
    with pytest.raises(ExplorerError, match="input size must be a whole number"):
        budget(StudentSpec(), size)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FIELD)
def test_networks_from_the_field_are_counted_fitted_and_written_at_any_widths(name: str) -> None:
    spec = spec_of(FIELD[name][0]().eval())
    edited = spec.with_channels(tuple(width + 3 for width in spec.channels))
    assert params_of(spec) == FIELD[name][1]
    theirs = torchinfo.summary(edited.build().eval(), (1, 3, 64, 64), verbose=0, device="cpu")
    report = budget(edited, 64)
    assert (report.total_params, report.mult_adds) == (theirs.total_params, theirs.total_mult_adds)
    full = grow_to_limit(fit_to_limit(edited, 20_000), 20_000)
    names: dict[str, type[nn.Module]] = {}
    exec(source_of_spec(full), names)  # noqa: S102 (our own code)
    assert parameter_count(names["StudentNet"]()) == params_of(full) <= 20_000
