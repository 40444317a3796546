import io
from contextlib import redirect_stdout

import pandas as pd
import pytest
import torchinfo
import torchsummary
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.architecture.budget import blocks, budget
from explorer.errors import ExplorerError
from explorer.networks import StudentNet, StudentSpec, parameter_count

SPECS = st.builds(
    StudentSpec,
    stem=st.integers(1, 40),
    widths=st.tuples(*[st.integers(1, 60)] * 4),
    classes=st.integers(2, 20),
    kernel=st.sampled_from([1, 3, 5, 7]),
    conv_bias=st.booleans(),
)


@settings(max_examples=25, deadline=None)
@given(spec=SPECS, size=st.sampled_from([32, 64, 97]))
def test_totals_are_those_of_the_network_of_torchinfo_and_of_torchsummary(
    spec: StudentSpec, size: int
) -> None:
    found, network = budget(spec, size), StudentNet(spec).eval()
    assert found.total_params == parameter_count(network)
    assert found.total_params == sum(layer.params for layer in found.layers)
    theirs = torchinfo.summary(network, (1, 3, size, size), verbose=0, device="cpu")
    assert (found.total_params, found.mult_adds) == (theirs.total_params, theirs.total_mult_adds)
    assert found.mult_adds == sum(layer.mult_adds for layer in found.layers)
    printed = io.StringIO()
    with redirect_stdout(printed):
        torchsummary.summary(network, (3, size, size), device="cpu")
    assert f"Total params: {found.total_params:,}\n" in printed.getvalue()


def test_the_reports_network_is_counted_as_its_audit_says() -> None:
    found = budget(StudentSpec())
    assert (found.total_params, found.mult_adds) == (99_060, 148_073_268)
    assert not found.within(60_000)
    assert found.within(100_000)
    shown = [layer for layer in found.layers if not layer.name.startswith(("layer4", "avgpool", "fc"))]
    assert len(shown) == 22, "the report's table stops at ReLU-22"
    assert sum(layer.params for layer in shown) == 58_304


def test_every_layer_is_in_the_table_under_its_module_name() -> None:
    network = StudentNet(StudentSpec())
    leaves = [name for name, module in network.named_modules() if not list(module.children())]
    assert [layer.name for layer in budget(StudentSpec()).layers] == leaves


def test_the_whole_table_has_every_row_that_torchinfo_prints() -> None:
    found = budget(StudentSpec())
    printed = [line for line in found.text.splitlines() if "[1, " in line]
    rows = found.every_row()
    assert len(printed) == len(rows) == 35
    for line, (_, row) in zip(printed, rows.iterrows(), strict=True):
        assert row["row"] in line
        assert f"[1, {row['output'].replace(' x ', ', ')}]" in line
        count = "--" if pd.isna(row["parameters"]) else f"{row['parameters']:,}"
        assert line.split()[-1] == count
    assert rows["parameters"].sum() == found.total_params
    assert rows["mult-adds"].sum() == found.mult_adds


def test_the_parts_add_up() -> None:
    found = budget(StudentSpec())
    parts = blocks(found)
    assert list(parts["part"]) == ["stem", "block 1", "block 2", "block 3", "block 4", "head"]
    assert parts["parameters"].sum() == found.total_params
    assert parts["mult-adds"].sum() == found.mult_adds


@pytest.mark.parametrize("size", [0, -1, 2000, 32.5, True])
def test_an_impossible_input_size_is_refused(size: object) -> None:
    with pytest.raises(ExplorerError, match="input size must be a whole number"):
        budget(StudentSpec(), size)  # type: ignore[arg-type]
