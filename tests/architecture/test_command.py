"""``budget`` on networks of any kind: what it counts, and that what it prints can be typed."""

import json
from typing import Any

import pytest
import torch
import torchinfo
from torch import nn

from explorer.__main__ import main
from tests.networks.examples import Residual


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("mine") / "mine.pt2"
    batch = torch.export.Dim("batch")
    program = torch.export.export(
        Residual().eval(), (torch.randn(2, 3, 48, 48),), dynamic_shapes=({0: batch},)
    )
    torch.export.save(program, path)
    return str(path)


def counted(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, Any]]:
    status = main(["budget", *options, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_a_file_of_ones_own_is_counted_as_torchinfo_counts_it(
    archive: str, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = torchinfo.summary(Residual().eval(), (1, 3, 48, 48), verbose=0, device="cpu")
    status, found = counted(capsys, "--network", archive, "--limit", str(theirs.total_params), "--size", "48")
    assert status == 0
    assert (found["total_params"], found["mult_adds"]) == (theirs.total_params, theirs.total_mult_adds)
    assert [group["channels"] for group in found["groups"]] == [6, 5]
    status, _ = counted(capsys, "--network", archive, "--limit", str(theirs.total_params - 1))
    assert status == 1
    wider = nn.Linear(9, 7).weight.numel()
    _, edited = counted(capsys, "--network", archive, "--widths", "9,5", "--classes", "7")
    assert edited["layers"][-1]["params"] == wider + 7


@pytest.mark.parametrize("network", ["archive", "resnet-like", "course-2022", "student-60k-kd", "studentnet"])
def test_what_fits_is_printed_as_options_that_count_the_same(
    network: str, archive: str, capsys: pytest.CaptureFixture[str]
) -> None:
    named = {"archive": ["--network", archive], "studentnet": ["--kernel", "5", "--conv-bias"]}
    options = [*named.get(network, ["--network", network]), "--classes", "9"]
    status, found = counted(capsys, *options, "--limit", "400", "--fit")
    assert status == 1
    assert found["fit"]["total_params"] <= 400 < found["total_params"]
    status, again = counted(capsys, *found["fit"]["options"], "--limit", "400")
    assert status == 0
    assert again["total_params"] == found["fit"]["total_params"]
    main(["budget", *options, "--limit", "400", "--fit"])
    assert f"that fits: {' '.join(found['fit']['options'])}, " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--network", "nothing"], "There is no file nothing"),
        (["--network", "teacher", "--widths", "1,2"], "has 12 channel groups, so it needs 12 widths, not 2"),
        (["--network", "teacher", "--widths", "a"], "must be whole numbers"),
        (["--network", "teacher", "--widths", "0" + ",4" * 11], "at least 1 channel, not 0"),
        (["--network", "teacher", "--widths", "1024" + ",1024" * 11], "at most 64,000,000 can be built"),
        (["--network", "teacher", "--stem", "3"], "are StudentNet's own"),
        (["--network", "teacher", "--network", "student-60k"], "give --network once"),
        (["--network", "course-2023", "--size", "20"], "too small"),
    ],
)
def test_what_cannot_be_counted_is_told(
    options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["budget", *options]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
