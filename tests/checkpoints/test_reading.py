import os
import pickle
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from explorer import checkpoints
from explorer.checkpoints import Card, open_checkpoint, read_state, stored
from explorer.errors import ExplorerError
from explorer.networks import StudentNet, StudentSpec, load_weights, recognise, resnet18_teacher

TINY = StudentSpec(3, (2, 3, 4, 5), classes=4)
UNDER = (
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "student",
    "classifier_network",
    "weights",
    "params",
)


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
def test_a_truncated_file_is_refused(suffix: str, tmp_path: Path) -> None:
    state, path = StudentNet(TINY).state_dict(), tmp_path / f"net{suffix}"
    if suffix == ".ckpt":
        torch.save(state, path)
    else:
        save_file(state, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ExplorerError, match="truncated or not a checkpoint"):
        read_state(path)


class Exploit:
    """Runs a command when it is unpickled the unsafe way."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.target}",)


def test_a_pickled_exploit_is_refused_and_does_not_run(tmp_path: Path) -> None:
    target, path = tmp_path / "pwned", tmp_path / "evil.ckpt"
    torch.save({"conv1.weight": Exploit(target)}, path)
    with pytest.raises(ExplorerError, match="holds more than weights"):
        read_state(path)
    plain = tmp_path / "plain.ckpt"
    plain.write_bytes(pickle.dumps(Exploit(target)))
    with pytest.raises(ExplorerError):
        read_state(plain)
    assert not target.exists()


def test_a_checkpoint_of_another_network_is_named(tmp_path: Path) -> None:
    state = StudentNet(TINY).state_dict()
    wider = StudentNet(StudentSpec(3, (2, 3, 4, 6), classes=4))
    with pytest.raises(ExplorerError, match=r"'layer4\.3\.weight' has shape \(5, 4, 1, 1\)"):
        load_weights(wider, state, "net.ckpt")
    with pytest.raises(ExplorerError, match=r"has no 'layer1\.0\.conv1\.weight'"):
        load_weights(
            resnet18_teacher(4),
            {**state, "conv1.weight": torch.zeros(64, 3, 7, 7)}
            | {
                key: tensor
                for key, tensor in resnet18_teacher(4).state_dict().items()
                if key.startswith("bn1")
            },
            "net.ckpt",
        )
    with pytest.raises(ExplorerError, match="this network has no 'extra'"):
        load_weights(StudentNet(TINY), {**state, "extra": torch.zeros(1)}, "net.ckpt")
    with pytest.raises(ExplorerError, match=r"has the names of none of .*ResNet-18.*export it with `python"):
        recognise({"weight": torch.zeros(1)}, "net.ckpt")


@pytest.mark.parametrize(
    "spec", [TINY, StudentSpec(2, (1, 1, 1, 1), 2, kernel=5, conv_bias=True), StudentSpec()]
)
def test_a_studentnet_is_recognised_by_its_shapes(spec: StudentSpec) -> None:
    net = recognise(StudentNet(spec).state_dict(), "net.ckpt")
    assert isinstance(net, StudentNet)
    assert net.spec == spec


def opened_alone(path: Path) -> tuple[Card, nn.Module]:
    (found,) = open_checkpoint(path)
    return found.card, found.model


def saved(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.parametrize("nest", [lambda state: state, *({key} for key in UNDER)])
def test_one_s_own_checkpoint_opens_plain_or_nested_with_or_without_its_prefix(
    nest: Any, tmp_path: Path
) -> None:
    net = StudentNet(TINY)
    state = {f"module.{key}": tensor for key, tensor in net.state_dict().items()}
    content = nest(state) if callable(nest) else {"epoch": 3, "optimizer": {}, nest.pop(): state}
    entry, opened = opened_alone(saved(tmp_path / "mine.ckpt", content))
    assert entry.title == "mine.ckpt"
    assert entry.name == f"mine.ckpt-{entry.sha256[:8]}"
    assert StudentSpec.from_dict(entry.spec) == TINY
    assert entry.params == sum(parameter.numel() for parameter in net.parameters())
    assert not opened.training
    for key, tensor in net.state_dict().items():
        assert torch.equal(opened.state_dict()[key], tensor)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_half_precision_teacher_is_recognised_and_converted(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"teacher{suffix}"
    state = stored(resnet18_teacher(11), torch.float16)
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    entry, opened = opened_alone(path)
    assert (entry.network, entry.classes, entry.params, entry.dtype) == (
        "resnet18",
        11,
        11_182_155,
        "float16",
    )
    assert opened.state_dict()["conv1.weight"].dtype == torch.float32


REPORT = StudentNet(StudentSpec()).state_dict()


def changed(**tensors: torch.Tensor) -> Callable[[Path], object]:
    new = {key.replace("__", "."): tensor for key, tensor in tensors.items()}
    return lambda path: torch.save(REPORT | new, path)


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2 * 2**30)  # a sparse file, it takes no room


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(200 * 2**20))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (huge, "bad.ckpt has 2,048 MB, a checkpoint may have 150 MB: save model.state_dict() alone"),
        (bomb, "bad.ckpt has 200 MB, a checkpoint may have 150 MB"),
        (lambda path: path.write_bytes(b""), "bad.ckpt cannot be read: it is truncated or not a checkpoint."),
        (
            lambda path: path.write_text("hello"),
            "bad.ckpt cannot be read: it is truncated or not a checkpoint.",
        ),
        (lambda path: torch.save({}, path), "bad.ckpt is empty: it holds no tensor."),
        (
            lambda path: torch.save([1], path),
            "bad.ckpt is not a state_dict of tensors: save model.state_dict().",
        ),
        (lambda path: torch.save({"epoch": 1}, path), "bad.ckpt is not a state_dict of tensors"),
        (
            lambda path: torch.save({"weight": torch.ones(1)}, path),
            "bad.ckpt has the names of none of ",
        ),
        (
            lambda path: torch.save(StudentNet(TINY), path),
            "bad.ckpt holds more than weights (explorer.networks.studentnet.StudentNet), so it was not opened",
        ),
        (changed(fc__bias=torch.full((11,), torch.nan)), "'fc.bias' has values that are NaN or infinite"),
        (
            changed(bn1__running_var=torch.full((64,), torch.inf)),
            "'bn1.running_var' has values that are NaN or infinite",
        ),
        (
            changed(fc__bias=torch.zeros(11, dtype=torch.int8)),
            "bad.ckpt: 'fc.bias' is int8, not floating point.",
        ),
        (changed(fc__bias=torch.zeros(11).to_sparse()), "bad.ckpt: 'fc.bias' is sparse, not dense."),
        (changed(fc__bias=torch.zeros(11, device="meta")), "bad.ckpt: 'fc.bias' is empty, not dense."),
        (
            changed(fc__weight=torch.zeros(1, 1).expand(10**9, 141)),
            "bad.ckpt: There must be between 2 and 1000 classes",
        ),
        (changed(layer1__0__weight=torch.zeros(64)), "bad.ckpt: The depthwise kernel must be an odd number"),
        (
            changed(layer2__3__weight=torch.zeros(100, 64, 1, 1)),
            "bad.ckpt: 'layer2.4.weight' has shape (128,), this network needs (100,).",
        ),
        (changed(layer5__weight=torch.zeros(1)), "bad.ckpt: this network has no 'layer5.weight'."),
    ],
)
def test_a_bad_checkpoint_is_refused_in_one_sentence(
    make: Callable[[Path], object], sentence: str, tmp_path: Path
) -> None:
    make(tmp_path / "bad.ckpt")
    with pytest.raises(ExplorerError) as caught:
        open_checkpoint(tmp_path / "bad.ckpt")
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("bad.ckpt")
    assert "\n" not in str(caught.value)


def test_a_file_of_another_kind_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ExplorerError, match=r"notes\.txt is not a checkpoint: its name must end in \.ckpt"):
        open_checkpoint(tmp_path / "notes.txt")


def test_the_limit_that_is_named_is_the_servers() -> None:
    config = tomllib.loads(
        (checkpoints.SHIPPED.parent / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    )
    assert config["server"]["maxUploadSize"] == checkpoints.MAX_MEGABYTES
