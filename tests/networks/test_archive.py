from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torchinfo import summary
from torchvision import models

from explorer.networks import GraphSpec, open_pt2, spec_of
from tests.networks.examples import images, trained_like
from tests.networks.field import FIELD

TORCHVISION: dict[str, Callable[[], nn.Module]] = {
    name: lambda name=name: getattr(models, name)(weights=None, num_classes=7)  # type: ignore[misc]
    for name in ("mobilenet_v3_small", "squeezenet1_1", "shufflenet_v2_x0_5")
}


def export(model: nn.Module, path: Path, size: int = 64, *, static: bool = False) -> Path:
    """A network written as an archive, as its owner would."""
    open_batch = {} if static else {"dynamic_shapes": ({0: torch.export.Dim.DYNAMIC},)}
    torch.export.save(torch.export.export(model, (images(size),), **open_batch), path)
    return path


def totals(model: nn.Module, size: int) -> tuple[int, int]:
    counted = summary(model, (1, 3, size, size), verbose=0)
    return counted.total_params, counted.total_mult_adds


def check_same(opened: nn.Module, model: nn.Module, size: int = 64) -> None:
    """It computes what the original does, for a number of images that it was not exported with."""
    with torch.no_grad():
        torch.testing.assert_close(opened(images(size, 3)), model(images(size, 3)), atol=1e-5, rtol=1e-5)
    assert totals(opened, size) == totals(model, size)


@pytest.mark.parametrize("name", FIELD)
def test_a_network_of_the_field_comes_back_as_it_was(name: str, tmp_path: Path) -> None:
    build, parameters = FIELD[name]
    model = trained_like(build)
    assert sum(weight.numel() for weight in model.parameters()) == parameters
    opened = open_pt2(export(model, tmp_path / "student.pt2"))
    assert not opened.training
    assert list(opened.state_dict()) == list(model.state_dict())
    check_same(opened, model)


@pytest.mark.parametrize("name", ["N4", "N13"])
def test_a_number_of_images_fixed_at_export_is_left_open(name: str, tmp_path: Path) -> None:
    model = trained_like(FIELD[name][0])
    check_same(open_pt2(export(model, tmp_path / "student.pt2", static=True)), model)


@pytest.mark.parametrize("name", TORCHVISION)
def test_a_torchvision_network_comes_back_as_it_was(name: str, tmp_path: Path) -> None:
    model = trained_like(TORCHVISION[name])
    check_same(open_pt2(export(model, tmp_path / "network.pt2")), model)


def test_what_is_opened_carries_a_spec_that_builds_it_again(tmp_path: Path) -> None:
    model = trained_like(FIELD["N12"][0])
    opened = open_pt2(export(model, tmp_path / "student.pt2"))
    spec = spec_of(opened)
    assert isinstance(spec, GraphSpec)
    assert (spec.name, spec.classes) == ("Mobile", 11)
    again = GraphSpec.from_dict(spec.to_dict()).build()
    again.load_state_dict(opened.state_dict())
    check_same(again.eval(), model)


def test_a_network_has_the_name_of_its_class_also_where_it_asks_for_sizes(tmp_path: Path) -> None:
    names = {open_pt2(export(FIELD[name][0](), tmp_path / f"{name}.pt2")).spec.name for name in ("N13", "N4")}
    assert names == {"TwoBranches", "Preconv"}
