"""Checkpoints as people have them: each form of `field.md`'s list, made by hand."""

import argparse
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils import prune
from torch.optim.swa_utils import AveragedModel

from explorer.checkpoints import Opened, open_checkpoint, read_state
from explorer.errors import ExplorerError
from explorer.networks import StudentNet, StudentSpec

TINY = StudentSpec(3, (2, 3, 4, 5), classes=4)
WIDER = StudentSpec(6, (5, 4, 3, 2), classes=4)


def student(spec: StudentSpec = TINY) -> StudentNet:
    torch.manual_seed(0)
    return StudentNet(spec).eval()


def opened(folder: Path, content: Any, name: str = "mine.ckpt") -> Opened:
    torch.save(content, folder / name)
    (found,) = open_checkpoint(folder / name)
    return found


def is_student(found: Opened, net: nn.Module) -> bool:
    images = torch.randn(2, 3, 32, 32)
    return torch.equal(found.model(images), net(images))


def prefixed(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {prefix + key: tensor for key, tensor in state.items()}


def test_the_hooks_of_torchs_pruning_are_taken_off_and_their_masks_applied(tmp_path: Path) -> None:
    net = student()
    for module in (net.conv1, net.layer2[3]):
        prune.l1_unstructured(module, "weight", amount=0.5)
    prune.random_unstructured(net.fc, "bias", amount=1)
    found = opened(tmp_path, net.state_dict())
    assert is_student(found, net)
    zeros = sum(int((tensor == 0).sum()) for tensor in (net.conv1.weight, net.layer2[3].weight, net.fc.bias))
    total = 3 * 3 * 49 + 2 * 3 + 4
    assert f"are applied: {zeros} of the {total} weights in 3 pruned layers are zero." in found.notices[0]
    (again,) = open_checkpoint(tmp_path / "mine.ckpt")
    assert torch.equal(
        read_state(tmp_path / "mine.ckpt")["conv1.weight"], again.model.state_dict()["conv1.weight"]
    )


def test_a_masked_weight_that_is_infinite_is_zero(tmp_path: Path) -> None:
    net = student()
    state = dict(net.state_dict())
    weight = state.pop("fc.weight")
    state["fc.weight_orig"] = torch.where(weight > 0, weight, torch.inf)
    state["fc.weight_mask"] = (weight > 0).float()
    assert torch.equal(opened(tmp_path, state).model.state_dict()["fc.weight"], weight.clamp(min=0))


@pytest.mark.parametrize(
    "prefix",
    [
        "_orig_mod.",
        "module._orig_mod.",
        "_orig_mod.module.",
        "model.",
        "net.",
        "student.",
        "model._orig_mod.net.",
    ],
)
def test_one_prefix_that_all_names_have_is_taken_off(prefix: str, tmp_path: Path) -> None:
    net = student()
    assert is_student(opened(tmp_path, {"state_dict": prefixed(net.state_dict(), prefix), "epoch": 3}), net)


def test_a_compiled_part_of_a_network_has_its_names_back(tmp_path: Path) -> None:
    net = student()
    state = {key.replace("layer2.", "layer2._orig_mod."): tensor for key, tensor in net.state_dict().items()}
    assert is_student(opened(tmp_path, state), net)


def test_of_two_networks_in_one_file_both_are_offered(tmp_path: Path) -> None:
    small, large = student(), student(WIDER)
    state = prefixed(small.state_dict(), "student.") | prefixed(large.state_dict(), "teacher.module.")
    torch.save({"state_dict": state | {"criterion.weight": torch.ones(4)}}, tmp_path / "kd.ckpt")
    first, second = open_checkpoint(tmp_path / "kd.ckpt")
    assert [found.part for found in (first, second)] == ["student", "teacher"]
    assert [found.card.title for found in (first, second)] == ["kd.ckpt, student", "kd.ckpt, teacher"]
    assert first.card.sha256 != second.card.sha256
    assert is_student(first, small)
    assert is_student(second, large)
    assert "What is under criterion is left out: it is no network known here." in first.notices
    assert read_state(tmp_path / "kd.ckpt", "teacher").keys() == large.state_dict().keys()
    with pytest.raises(ExplorerError, match=r"^kd\.ckpt has no part 'assistant': it holds another network"):
        read_state(tmp_path / "kd.ckpt", "assistant")


def test_the_network_and_its_average_in_one_file_are_both_offered(tmp_path: Path) -> None:
    last, best = student(), student()
    best.fc.bias.data.zero_()
    torch.save(
        {"model": last.state_dict(), "best": best.state_dict(), "scores": {"top1": torch.ones(3)}},
        tmp_path / "x.pt",
    )
    first, second = open_checkpoint(tmp_path / "x.pt")
    assert (first.part, second.part) == ("model", "best")
    assert is_student(first, last)
    assert is_student(second, best)


def test_an_averaged_model_is_opened_and_said(tmp_path: Path) -> None:
    net = student()
    average = AveragedModel(net)
    average.update_parameters(net)
    found = opened(tmp_path, {"ema": average.state_dict()})
    assert is_student(found, net)
    assert found.notices[0] == "Its weights are an average over 1 steps of training."


def test_the_one_dictionary_of_tensors_is_found_under_any_keys(tmp_path: Path) -> None:
    net = student()
    adam = torch.optim.Adam(net.parameters())
    net(torch.randn(2, 3, 32, 32)).sum().backward()
    adam.step()
    content = {
        "epoch": 4,
        "callbacks": {"checkpoint": {"best_model_score": torch.tensor(0.8)}},
        "optimizer_states": [adam.state_dict()],
        "optimizer": adam.state_dict(),
        "nets": {"student_net": {"weights": net.state_dict()}},
    }
    found = opened(tmp_path, content)
    assert is_student(found, net)
    assert (found.part, found.card.title) == ("", "mine.ckpt")


def test_numbers_of_batches_may_be_missing(tmp_path: Path) -> None:
    net = student()
    state = {
        key: tensor for key, tensor in net.state_dict().items() if not key.endswith("num_batches_tracked")
    }
    assert is_student(opened(tmp_path, state), net)


@pytest.mark.parametrize("number", [np.float64(0.8), np.float32(0.8), np.int64(3), np.bool_(True)])
def test_numpys_numbers_may_lie_beside_the_weights(number: object, tmp_path: Path) -> None:
    net = student()
    assert is_student(
        opened(tmp_path, {"net": net.state_dict(), "best_acc": number, "all": [number, number]}), net
    )
    allowed = [each[1] for each in torch.serialization.get_safe_globals() if isinstance(each, tuple)]
    assert not [name for name in allowed if name.startswith("numpy")], "allowed for this one reading alone"


def test_numpys_old_names_are_known_too(tmp_path: Path) -> None:
    net, path = student(), tmp_path / "old.ckpt"
    # Numpy 1 wrote numpy.core, which is what a pickle of protocol 2 holds as plain text.
    torch.save({"net": net.state_dict(), "acc": np.float64(1)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    assert b"numpy._core.multiarray" in content
    path.write_bytes(content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    (found,) = open_checkpoint(path)
    assert is_student(found, net)


@pytest.mark.parametrize(
    ("beside", "name"),
    [
        (argparse.Namespace(lr=0.1), "argparse.Namespace"),
        (Path("x"), "pathlib.*Path"),
        (np.dtype("O"), None),
        (np.array([print], dtype=object), "numpy._core.multiarray._reconstruct"),
    ],
)
def test_what_else_lies_beside_the_weights_is_refused_by_its_name(
    beside: object, name: str | None, tmp_path: Path
) -> None:
    torch.save({"net": student().state_dict(), "args": beside}, tmp_path / "x.ckpt")
    if name is None:  # a kind of numbers, which is not looked at
        open_checkpoint(tmp_path / "x.ckpt")
        return
    with pytest.raises(
        ExplorerError, match=rf"^x\.ckpt holds more than weights \({name}\), so it was not opened"
    ):
        open_checkpoint(tmp_path / "x.ckpt")


def test_upper_case_and_other_endings_are_opened(tmp_path: Path) -> None:
    net = student()
    save_file(net.state_dict(), tmp_path / "NET.SAFETENSORS")
    (found,) = open_checkpoint(tmp_path / "NET.SAFETENSORS")
    assert is_student(found, net)
    for name in ("net.pth.tar", "pytorch_model.bin", "net.pkl", "NET.CKPT"):
        assert is_student(opened(tmp_path, net.state_dict(), name), net)
    torch.save(net.state_dict(), tmp_path / "net.tar")
    with pytest.raises(ExplorerError, match=r"^net\.tar is not a checkpoint: its name must end in"):
        open_checkpoint(tmp_path / "net.tar")


@pytest.mark.filterwarnings("ignore")
def test_programs_and_pickles_are_named_for_what_they_are(tmp_path: Path) -> None:
    torch.jit.trace(nn.Sequential(nn.Linear(2, 2)), torch.ones(1, 2)).save(tmp_path / "net.pt")
    with pytest.raises(ExplorerError, match=r"^net\.pt is a TorchScript program, .*torch\.export\.save\("):
        open_checkpoint(tmp_path / "net.pt")
    program = torch.export.export(nn.Sequential(nn.Linear(2, 2)), (torch.ones(1, 2),))
    torch.export.save(program, tmp_path / "net.pt2")
    (tmp_path / "net.pt2").rename(tmp_path / "net.pth")
    with pytest.raises(
        ExplorerError, match=r"^net\.pth is an exported program: give its name the ending \.pt2\."
    ):
        open_checkpoint(tmp_path / "net.pth")
    (tmp_path / "net.pkl").write_bytes(pickle.dumps({"fc.weight": np.ones((2, 2))}))
    with pytest.raises(
        ExplorerError, match=r"^net\.pkl was written by pickle, which can hold code.*torch\.save"
    ):
        open_checkpoint(tmp_path / "net.pkl")


def deep(content: object) -> object:
    for number in range(2000):
        content = {f"k{number}": content}
    return content


def circular() -> object:
    content: dict[str, object] = {"epoch": 1}
    content["self"] = content
    return content


@pytest.mark.parametrize(
    "make", [lambda: deep({}), circular, lambda: {"x": {}}, lambda: None, lambda: torch.ones(2)]
)
def test_odd_contents_are_no_state_dicts(make: Callable[[], object], tmp_path: Path) -> None:
    try:
        torch.save(make(), tmp_path / "odd.ckpt")
    except RecursionError:
        return
    with pytest.raises(ExplorerError, match=r"^odd\.ckpt (is not a state_dict|cannot be read)"):
        open_checkpoint(tmp_path / "odd.ckpt")


def test_what_was_assumed_of_a_recognised_file_is_said(tmp_path: Path) -> None:
    (notice,) = opened(tmp_path, student().state_dict()).notices
    assert notice == (
        "Its names and shapes are those of StudentNet. What they do not tell is assumed: activations: ReLU; strides: 2 "
        "at conv1, layer2.0, layer3.0, layer4.0, else 1; pooling: MaxPool2d of 3 with stride 2. If yours has others, "
        "its answers here are wrong: to be sure, export it with `python -m explorer network export FILE.py:CLASS "
        "--checkpoint mine.ckpt`."
    )
