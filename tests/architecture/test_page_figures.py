"""What the page shows, compared with the network that its link describes."""

import pandas as pd
import torchinfo
from streamlit.testing.v1 import AppTest

from explorer.architecture.fit import fit_to_limit, grow_to_limit
from explorer.networks import StudentNet, StudentSpec, cost_of, source_code
from tests.app import arrive, component
from tests.charts import data_of, spec_of
from tests.conftest import PageOutput

SIZE = 96
SPEC = StudentSpec(12, (20, 9, 33, 17), 7, kernel=5, conv_bias=True)
LINK = {
    "stem": "12",
    "block1": "20",
    "block2": "9",
    "block3": "33",
    "block4": "17",
    "classes": "7",
    "kernel": "5",
    "bias": "yes",
    "size": str(SIZE),
    "limit": "own",
}
COUNTED = torchinfo.summary(StudentNet(SPEC).eval(), (1, 3, SIZE, SIZE), verbose=0, device="cpu")
PARAMS, MULT_ADDS = COUNTED.total_params, COUNTED.total_mult_adds


def opened(limit: int, **link: str) -> AppTest:
    app = arrive("architecture", **LINK, own_limit=str(limit), **link)
    assert not app.warning
    return app


def press(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception


def shown(app: AppTest) -> StudentSpec:
    """The network that the controls are set to."""
    state = app.session_state
    widths = tuple(state[f"block{number}"] for number in range(1, 5))
    return StudentSpec(state["stem"], widths, state["classes"], state["kernel"], state["bias"])


def test_the_verdict_is_of_this_network_at_this_size_against_this_limit() -> None:
    app = opened(PARAMS - 3)
    sent = component(app, "drawing")
    assert (sent["said"]["params"], sent["said"]["mult_adds"], sent["limit"]) == (
        PARAMS,
        MULT_ADDS,
        PARAMS - 3,
    )
    assert sent["counted"] == {"params": PARAMS, "mult_adds": MULT_ADDS}
    assert tuple(sent["widths"]) == SPEC.channels
    assert not next(button for button in app.button if button.label == f"Fit to {PARAMS - 3:,}").disabled
    layers = {
        name: module for name, module in StudentNet(SPEC).named_modules() if not list(module.children())
    }
    params = {name: sum(each.numel() for each in module.parameters()) for name, module in layers.items()}
    heaviest = max(params, key=lambda name: params[name])
    assert (sent["said"]["heaviest"], sent["said"]["most"]) == (heaviest, params[heaviest])


def test_a_network_of_just_the_limit_is_within_it() -> None:
    app = opened(PARAMS)
    assert not app.error
    assert next(button for button in app.button if button.label == f"Fit to {PARAMS:,}").disabled


def test_the_table_of_layers_is_torchinfos_at_this_size(output: PageOutput) -> None:
    opened(60_000, architecture_tab="Layers")
    table = output.tables["student_net.csv"]
    assert table["parameters"].sum() == PARAMS
    assert table["mult-adds"].sum() == MULT_ADDS
    shares = spec_of(output.figures[-1])
    assert sum(row["amount"] for row in data_of(shares, shares)) == PARAMS + MULT_ADDS


def test_the_steps_are_those_of_this_network_at_this_size(output: PageOutput) -> None:
    opened(60_000)
    rows, here = output.tables["steps.csv"], cost_of(SPEC, SIZE)
    assert rows["channels"].tolist() == list(SPEC.channels)
    for group in range(5):
        for change in (8, -8):
            widths = list(SPEC.channels)
            widths[group] += change
            there = cost_of(SPEC.with_channels(tuple(widths)), SIZE)
            assert rows[f"{change:+}: parameters"][group] == there.params - here.params
            assert rows[f"{change:+}: mult-adds"][group] == there.mult_adds - here.mult_adds


def test_the_ways_out_lead_to_the_chosen_limit_and_keep_kernel_bias_and_classes() -> None:
    app = opened(PARAMS - 3)
    press(app, f"Fit to {PARAMS - 3:,}")
    assert shown(app) == fit_to_limit(SPEC, PARAMS - 3) != SPEC
    app = opened(PARAMS + 900)
    press(app, "Spend what is left")
    assert shown(app) == grow_to_limit(SPEC, PARAMS + 900)
    assert cost_of(shown(app)).params > PARAMS


def test_the_pinned_row_is_of_this_network_at_this_size() -> None:
    app = opened(60_000)
    press(app, "Pin to the ledger")
    (row,) = app.session_state["session"].pinned
    assert row.recipe == {"network": "studentnet", "spec": SPEC.to_dict()}
    assert (row.params, row.input_size) == (PARAMS, SIZE)
    assert row.mult_adds == MULT_ADDS
    assert "stem=12" in row.link
    assert f"size={SIZE}" in row.link


def test_the_code_is_this_networks() -> None:
    assert (
        opened(60_000, architecture_tab="Layers", layers_as="As code").code[0].value.strip()
        == source_code(SPEC.build()).strip()
    )


def test_the_comparison_and_the_family_are_with_this_network(output: PageOutput) -> None:
    opened(60_000, architecture_tab="Layers", layers_as="Against standard convolutions")
    rows = output.tables["against_standard.csv"]
    expected = [25 * a + a * b for a, b, _ in SPEC.blocks], [25 * a * b for a, b, _ in SPEC.blocks]
    assert (rows["separable"].tolist()[-4:], rows["standard"].tolist()[-4:]) == expected
    opened(60_000, architecture_tab="The trained family")
    family = spec_of(output.figures[-2])  # the last one holds those of equal size beside each other
    assert data_of(family, family["layer"][2]) == [{"parameters": PARAMS}]
    drawn = pd.DataFrame(data_of(family, family["layer"][1]))
    assert set(drawn["network"]) == set(output.tables["family.csv"]["network"])


def test_who_is_blamed_has_the_most_parameters_not_the_most_multiply_adds() -> None:
    blamed = component(arrive("architecture"), "drawing")["said"]
    counted = torchinfo.summary(StudentNet(StudentSpec()).eval(), (1, 3, 224, 224), verbose=0, device="cpu")
    leaves = [info for info in counted.summary_list if info.is_leaf_layer]
    heaviest, busiest = max(leaves, key=lambda i: i.num_params), max(leaves, key=lambda i: i.macs)
    assert heaviest is not busiest
    assert (blamed["kind"], blamed["most"]) == (heaviest.class_name, heaviest.num_params)
