"""The lesson on networks that are no StudentNet of its own design: the workspace's, shipped and the user's."""

import pytest
import torch
import torchinfo
from streamlit.testing.v1 import AppTest
from torch import nn

from explorer.architecture.fit import fit_to_limit, scaled
from explorer.architecture.presets import FASHION, Preset, passing, presets
from explorer.checkpoints import catalogue
from explorer.networks import NetworkSpec, ResNetSpec, cost_of, spec_of
from explorer.workspace import NetworkSource, trained_network
from tests.app import address, arrive, component, press, said
from tests.conftest import PageOutput
from tests.networks.examples import Concatenation

SIZE = 40
TEACHER = ResNetSpec(10)


def of_mine(kind: type[nn.Module]) -> NetworkSource:
    torch.manual_seed(0)
    model = kind().eval()
    model.spec = spec_of(model)
    return trained_network("mine", model, input_size=SIZE, trained_on="nothing")


MINE = of_mine(Concatenation)
NAME, SPEC = MINE.card.name, MINE.card.network_spec()
WIDER = SPEC.with_channels(tuple(3 * width for width in SPEC.channels))


def written(spec: NetworkSpec) -> str:
    return "-".join(map(str, spec.channels))


def counted(spec: NetworkSpec, size: int) -> tuple[int, int]:
    info = torchinfo.summary(spec.build().eval(), (1, 3, size, size), verbose=0, device="cpu")
    return info.total_params, info.total_mult_adds


def figures(app: AppTest) -> tuple[int, int]:
    sent = component(app, "drawing")
    assert sent["counted"] == {name: sent["said"][name] for name in ("params", "mult_adds")}
    return sent["said"]["params"], sent["said"]["mult_adds"]


def test_a_network_of_ones_own_is_drawn(output: PageOutput) -> None:
    app = arrive("architecture", [MINE], net=NAME, widths=written(WIDER), classes="4")
    assert figures(app) == counted(WIDER.with_classes(4), SIZE)
    assert component(app, "drawing")["widths"] == list(WIDER.channels)
    assert output.tables["steps.csv"]["channels"].tolist() == list(WIDER.channels)
    assert not app.warning


@pytest.mark.parametrize(
    ("tab", "side"),
    [
        ("Layers", "What each costs"),
        ("Layers", "Against standard convolutions"),
        ("Layers", "As code"),
        ("The trained family", "What each costs"),
    ],
)
def test_a_network_of_ones_own_is_shown_from_every_side(tab: str, side: str, output: PageOutput) -> None:
    link = {"net": NAME, "widths": written(WIDER), "classes": "4", "architecture_tab": tab, "layers_as": side}
    app = arrive("architecture", [MINE], **link)
    params = counted(WIDER.with_classes(4), SIZE)[0]
    assert said(app, f"4 classes, {SIZE} pixels: {params:,} parameters, {60_000 - params:,} under the limit")
    assert app.session_state["session"].design == WIDER.with_classes(4)
    assert not app.warning
    if side == "Against standard convolutions":
        assert said(app, "nothing to hold against standard convolutions")
    if side == "As code":
        names: dict[str, type[nn.Module]] = {}
        exec(app.code[0].value, names)  # noqa: S102 (our own code)
        assert {key: value.shape for key, value in names["StudentNet"]().state_dict().items()} == {
            key: value.shape for key, value in WIDER.with_classes(4).build().state_dict().items()
        }


def test_its_widths_are_boxes_that_the_address_follows() -> None:
    app = arrive("architecture", [MINE], net=NAME)
    assert figures(app) == counted(SPEC, SIZE)
    assert address(app) == {"net": [NAME]}
    box = next(each for each in app.number_input if each.key.startswith("widths/"))
    box.set_value(11).run()
    edited = SPEC.with_channels((11, *SPEC.channels[1:]))
    assert address(app) == {"net": [NAME], "widths": [written(edited)]}
    assert figures(app) == counted(edited, SIZE)
    assert app.session_state["session"].design == edited
    press(app, "\u00d72")
    assert address(app)["widths"] == [written(scaled(edited, 2))]
    again = arrive("architecture", [MINE], **address(app))
    assert figures(again) == figures(app)
    press(app, "Reset")
    assert address(app) == {"net": [NAME]}


def test_many_widths_are_a_table() -> None:
    app = arrive("architecture", net="teacher")
    (table,) = app.data_editor
    assert tuple(table.value["width"]) == TEACHER.channels
    app.session_state[table.key] = {
        "edited_rows": {1: {"width": 60}},
        "added_rows": [],
        "deleted_rows": [],
    }
    app.run()
    edited = TEACHER.with_channels((64, 60, *TEACHER.channels[2:]))
    assert figures(app) == counted(edited, 64)
    assert address(app) == {"net": ["teacher"], "widths": [written(edited)]}
    app.query_params.clear()  # a click in the navigation goes to a bare address
    app.switch_page("explorer/report/page.py").run()
    assert address(app)["widths"] == [written(edited)]
    app.switch_page("explorer/architecture/page.py").run()
    assert tuple(app.data_editor[0].value["width"]) == edited.channels, (
        "the table begins anew where it was left"
    )
    press(app, "Fit to 60,000")
    nearest = fit_to_limit(edited, 60_000)
    assert tuple(app.data_editor[0].value["width"]) == nearest.channels
    assert figures(app)[0] == cost_of(nearest).params


class EverySecond(nn.Module):
    """Of one layer's channels every second goes on: their number stands in the code."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.out, self.head = nn.Conv2d(3, 8, 3), nn.Conv2d(4, 5, 1), nn.Linear(5, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.out(self.stem(x)[:, ::2]).mean((2, 3)))


def test_a_width_that_cannot_be_edited_is_told_and_the_others_are_edited() -> None:
    odd = of_mine(EverySecond)
    app = arrive("architecture", [odd], net=odd.card.name, widths="9")
    assert [each.value for each in app.number_input if each.key.startswith("widths/")] == [9]
    assert said(app, "**stem**: ")
    assert said(app, "takes every 2th of 8 channels")
    assert figures(app) == counted(odd.card.network_spec().with_channels((9,)), SIZE)


def test_another_network_comes_with_its_own_widths_classes_and_size() -> None:
    app = arrive("architecture", [MINE], net=NAME, widths=written(WIDER))
    app.selectbox(key="net").set_value("student-60k").run()
    assert address(app) == {"net": ["student-60k"]}
    assert figures(app)[0] == 59_026
    assert (app.session_state["classes"], app.session_state["size"]) == (10, 64)
    app.number_input(key="size").set_value(96).run()
    app.selectbox(key="net").set_value("studentnet").run()
    assert (app.session_state["classes"], app.session_state["size"]) == (11, 96)
    assert address(app) == {"size": ["96"]}


def test_a_link_to_a_network_that_is_not_here_says_what_it_needs() -> None:
    app = arrive("architecture", net="my-lunch", widths="1-2-3")
    (notice,) = app.warning
    assert "(net) = my-lunch, which is not possible here; it opens with studentnet." in notice.value
    assert "open its file on the page “Your data”" in notice.value
    assert address(app) == {}


@pytest.mark.parametrize("widths", ["1-2-3", "0" + "-4" * 11, "-1" * 12, "2000" + "-4" * 11, "a" + "-4" * 11])
def test_impossible_widths_fall_back(widths: str) -> None:
    app = arrive("architecture", net="teacher", widths=widths)
    (notice,) = app.warning
    assert f"(widths) = {widths}, which is not possible here; it opens with 64-64-64-128" in notice.value
    assert app.session_state["session"].design == TEACHER


def test_a_network_that_is_too_large_to_be_built_is_told() -> None:
    app = arrive("architecture", net="teacher", widths="-".join(["1024"] * 12))
    assert any("at most 64,000,000 can be built here" in each.value for each in app.error)


def test_where_not_even_one_channel_everywhere_fits_the_page_says_so_and_goes_on() -> None:
    app = arrive("architecture", [MINE], net=NAME, classes="1000", limit="own", own_limit="2500")
    assert said(
        app, "No network of this wiring with 1000 classes fits into 2,500 parameters: the smallest has"
    )
    assert next(button for button in app.button if "Fit to" in button.label).disabled
    assert said(app, "torchinfo counts the same"), "what is below is drawn"


def test_a_design_of_any_kind_is_pinned_and_is_what_the_report_is_about() -> None:
    app = arrive("architecture", [MINE], net=NAME, widths=written(WIDER))
    press(app, "Pin to the ledger")
    (row,) = app.session_state["session"].pinned
    assert row.recipe == {"network": "graph", "spec": WIDER.to_dict()}
    assert f"widths={written(WIDER)}" in row.link
    app.query_params["report_tab"] = "The six answers"
    app.switch_page("explorer/report/page.py").run()
    assert not app.exception
    assert said(app, "About Concatenation (")
    assert said(app, "Conv2d")
    assert any(
        f"**{cost_of(WIDER).params:,}** parameters against a limit" in each.value for each in app.success
    )


@pytest.mark.parametrize("preset", [each for each in presets() if each.spec.kind != "studentnet"])
def test_a_preset_of_another_kind_opens_by_its_name(preset: Preset) -> None:
    app = arrive("architecture", net=preset.key)
    assert figures(app) == counted(preset.spec, preset.course.size)
    assert address(app) == {"net": [preset.key]}


def test_a_course_brings_its_limit_its_classes_and_its_size_unless_these_were_edited() -> None:
    app = arrive("architecture")
    app.get_by_key("limit").set_value("Fashion-MNIST").run()
    assert (app.session_state["classes"], app.session_state["size"]) == (10, 28)
    assert component(app, "drawing")["limit"] == FASHION.limit
    kept = passing(catalogue().values(), FASHION)
    assert said(app, f"{len(kept)} keep both; the most accurate is {kept[0].title}")
    family = arrive("architecture", architecture_tab="The trained family", **address(app))
    assert said(family, "The dotted line is at 92.4%, what the course asks for.")
    app.number_input(key="size").set_value(32).run()
    app.get_by_key("limit").set_value("Spring 2023").run()
    assert (app.session_state["classes"], app.session_state["size"]) == (10, 32)
    assert address(app) == {"classes": ["10"], "size": ["32"]}
    family = arrive("architecture", architecture_tab="The trained family", **address(app))
    assert not said(family, "The dotted line")


def test_the_limit_is_chosen_beside_the_trained_family_too_and_brings_its_classes_and_size() -> None:
    app = arrive("architecture", architecture_tab="The trained family")
    app.get_by_key("limit").set_value("Fashion-MNIST").run()
    assert said(app, "10 classes, 28 pixels")
    assert said(app, "The dotted line is at 92.4%, what the course asks for.")
    assert said(app, "The most accurate within 100,000 is ")
    tab = {"architecture_tab": ["The trained family"]}
    assert address(app) == tab | {"limit": ["Fashion-MNIST"], "classes": ["10"], "size": ["28"]}
