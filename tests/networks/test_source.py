"""The files that are written from networks, run on their own and compared with the networks."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.networks import (
    ResNetSpec,
    StudentSpec,
    channel_groups,
    parameter_count,
    remove,
    source_code,
)
from tests.networks.examples import trained_like
from tests.networks.nets import NETS, SPECS, built, images_for

CHECK = """
import runpy, sys, torch
for number in range({count}):
    module = runpy.run_path(f"net{{number}}.py", run_name="__main__")
    saved = torch.load(f"net{{number}}.pt", weights_only=True)
    model = module["get_student_model"]()
    assert isinstance(model, module["StudentNet"])
    model.load_state_dict(saved["state"])
    model.eval()
    with torch.no_grad():
        assert torch.equal(model(saved["images"]), saved["logits"]), number
assert "explorer" not in sys.modules
print("all equal")
"""


def run(text: str, name: str = "StudentNet") -> nn.Module:
    """The network that a file builds."""
    names: dict[str, Any] = {"__name__": "student_net"}
    exec(compile(text, "student_net.py", "exec"), names)  # noqa: S102 (our own text)
    model = names["get_student_model"]()
    assert type(model).__name__ == name
    return model


def assert_the_same(text: str, model: nn.Module, images: Tensor) -> None:
    other = run(text)
    assert parameter_count(other) == parameter_count(model)
    assert f" {parameter_count(model):,} parameters" in text.splitlines()[0]
    assert f"assert total == {parameter_count(model)}\n" in text
    state = model.state_dict()
    assert set(other.state_dict()) == set(state)
    other.load_state_dict(state)
    with torch.no_grad():
        assert torch.equal(other.eval()(images), model.eval()(images))


@settings(max_examples=25, deadline=None)
@given(spec=SPECS, size=st.sampled_from([16, 33, 64]))
def test_a_students_code_computes_what_the_student_does(spec: StudentSpec, size: int) -> None:
    model = trained_like(spec.build)
    assert_the_same(source_code(model), model, torch.randn(2, 3, size, size))


@pytest.mark.parametrize("name", NETS)
def test_any_wirings_code_computes_what_the_network_does(name: str) -> None:
    model = built(name)
    assert_the_same(source_code(model), model, images_for(model))


@pytest.mark.parametrize("name", ["mobilenet_v2", "squeezenet1_1", "mobilenet_v3_small", "densenet121"])
def test_torchvisions_networks_are_written_as_well(name: str) -> None:
    model = trained_like(lambda: torchvision.models.get_model(name, weights=None, num_classes=7))
    assert_the_same(source_code(model), model, torch.randn(1, 3, 64, 64))


def test_a_resnets_code_and_that_of_what_pruning_leaves_of_it() -> None:
    model, images = trained_like(ResNetSpec(5).build), torch.randn(2, 3, 64, 64)
    text = source_code(model)
    assert "        branch = self.layer1[0].conv1(x)\n" in text
    assert "        x = self.layer2[0].downsample(x)\n" in text
    assert_the_same(text, model, images)
    kept = {
        group: torch.arange(group.width)[: 3 + number] for number, group in enumerate(channel_groups(model))
    }
    small = remove(model, kept)
    assert source_code(small) != text
    assert_the_same(source_code(small), small, images)


def test_the_files_run_on_their_own_without_the_explorer(tmp_path: Path) -> None:
    networks = [
        StudentSpec().build(),
        StudentSpec(1, (1, 1, 1, 1), 2).build(),
        StudentSpec(13, (7, 11, 29, 5), 3, kernel=5, conv_bias=True).build(),
        built("Odd"),
        built("Excited"),
    ]
    for number, network in enumerate(networks):
        images = images_for(network, 64)
        with torch.no_grad():
            saved = {
                "state": network.state_dict(),
                "images": images,
                "logits": network.eval()(images),
            }
        torch.save(saved, tmp_path / f"net{number}.pt")
        (tmp_path / f"net{number}.py").write_text(source_code(network), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", CHECK.format(count=len(networks))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "99,060 parameters" in done.stdout
    assert done.stdout.endswith("all equal\n")


def test_the_reports_network_reads_as_a_person_would_write_it() -> None:
    text = source_code(StudentSpec().build())
    assert text.startswith('"""StudentNet (64; 64, 128, 256, 141), 11 classes: 99,060 parameters."""\n')
    forward = text[text.index("    def forward") : text.index("def get_student_model")]
    calls = ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool"]
    assert forward.split("\n") == [
        "    def forward(self, x):",
        *(f"        x = self.{name}(x)" for name in calls),
        "        x = torch.flatten(x, 1)",
        "        return self.fc(x)",
        "",
        "",
        "",
    ]
    assert "        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)\n" in text


def test_another_network_is_another_file_and_the_class_has_the_name_that_is_asked_for() -> None:
    spec = StudentSpec(4, (5, 6, 7, 8), 3)
    texts = {
        source_code(each.build()) for each in (spec, replace(spec, stem=5), replace(spec, conv_bias=True))
    }
    assert len(texts) == 3
    assert run(source_code(spec.build(), "Mine"), "Mine") is not None


def test_the_files_are_laid_out_as_a_formatter_does_it(tmp_path: Path) -> None:
    for name in NETS:
        (tmp_path / f"{name}.py").write_text(source_code(built(name)), encoding="utf-8")
    for number, spec in enumerate((StudentSpec(), ResNetSpec())):
        (tmp_path / f"spec{number}.py").write_text(source_code(spec.build()), encoding="utf-8")
    for command in (["format", "--diff"], ["check", "--select", "F,E,I,W"]):
        arguments = [
            sys.executable,
            "-m",
            "ruff",
            *command,
            "--isolated",
            "--line-length",
            "88",
            str(tmp_path),
        ]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


class Named(nn.Module):
    """Names and modules that need care: a layer with two names, a chain by names, nothing in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(4)
        self.twin = self.norm
        act = nn.ReLU()
        self.chain = nn.Sequential()
        self.chain.add_module("first", nn.Conv2d(3, 4, 3))
        self.chain.add_module("act", act)
        self.empty = nn.Sequential()
        self.listed = nn.Sequential(nn.Sequential(), nn.Conv2d(4, 4, 1), act, nn.Conv2d(4, 4, 1), act)
        self.odd = nn.ModuleDict({"a-b": nn.Conv2d(4, 4, 1), "in": nn.Conv2d(4, 5, 1)})
        self.fc = nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.twin(self.chain(x))
        x = self.empty(self.listed(self.listed(x)))
        x = self.odd["in"](self.odd["a-b"](x))
        return self.fc(nn.functional.dropout(x, 0.4, self.training).mean((2, 3)))


def test_names_that_need_care() -> None:
    model = trained_like(Named)
    text = source_code(model)
    assert_the_same(text, model, torch.randn(2, 3, 16, 16))
    assert "        x = self.chain(x)\n        x = self.norm(x)\n        x = self.listed(x)\n" in text
    assert "training=self.training)" in text
    other = run(text)
    assert other.twin is other.norm
    other.train()
    images = torch.randn(2, 3, 16, 16)
    assert not torch.equal(other(images), other(images)), "dropout drops while it trains"


class InOrder(nn.Module):
    """Runs its layers in the order in which they stand, but is no Sequential."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act = nn.Conv2d(4, 4, 1), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.conv(x))


class Tapped(nn.Module):
    """A Sequential out of which a value is taken on the way, one of others, and one inside another."""

    def __init__(self) -> None:
        super().__init__()
        self.tapped = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        self.of_others = nn.Sequential(InOrder(), InOrder())
        self.outer = nn.Sequential(nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU()))
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.tapped[0](x)
        x = self.tapped[1](x) + x
        return self.fc(self.outer(self.of_others(x)).mean((2, 3)))


def test_only_a_sequential_that_is_run_through_is_called_as_one() -> None:
    model = trained_like(Tapped)
    text = source_code(model)
    assert_the_same(text, model, torch.randn(2, 3, 16, 16))
    assert "        x = self.outer(x)\n" in text


def test_a_sequential_is_a_network_too() -> None:
    model = trained_like(
        lambda: nn.Sequential(
            nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4, 2),
        )
    )
    text = source_code(model)
    assert "class StudentNet(nn.Sequential):" in text
    assert_the_same(text, model, torch.randn(2, 3, 16, 16))


def test_what_cannot_be_written_is_told() -> None:
    conv = nn.Conv2d(3, 3, 1)
    model = nn.Sequential(nn.Sequential(conv, conv), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    with pytest.raises(ExplorerError, match=r"0\.1 is a layer under a second name"):
        source_code(model)
