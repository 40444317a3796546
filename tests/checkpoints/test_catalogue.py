import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from explorer import checkpoints
from explorer.checkpoints import Card, read_state, stored, write
from explorer.errors import ExplorerError
from explorer.networks import StudentNet, StudentSpec, load_weights, resnet18_teacher

TINY = StudentSpec(3, (2, 3, 4, 5), classes=4)


def card_for(name: str, spec: StudentSpec) -> Card:
    return Card(
        name=name,
        title=name,
        network="studentnet",
        classes=spec.classes,
        params=0,
        dtype="float32",
        bytes=0,
        sha256="",
        dataset="none",
        recipe={},
        validation_accuracy=0.0,
        test_accuracy=0.0,
        torch="",
        seconds=0.0,
        spec=spec.to_dict(),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    for name in ("first", "second"):
        write(card_for(name, TINY), stored(StudentNet(TINY), torch.float32), tmp_path)
    return tmp_path


def test_what_is_written_is_read_again(folder: Path) -> None:
    assert list(checkpoints.catalogue(folder)) == ["first", "second"]
    first, again = checkpoints.load("first", folder), checkpoints.load("first", folder)
    assert not first.training
    assert first is not again
    weights = StudentNet(TINY).state_dict()
    write(card_for("first", TINY), weights, folder)
    assert list(checkpoints.catalogue(folder)) == ["first", "second"]
    replaced = checkpoints.load("first", folder).state_dict()
    assert all(torch.equal(replaced[key], weights[key]) for key in weights)


def test_half_precision_is_stored_in_half_the_bytes_and_loads_as_float32(tmp_path: Path) -> None:
    teacher = resnet18_teacher(10)
    save_file(stored(teacher, torch.float16), tmp_path / "teacher.safetensors")
    assert (tmp_path / "teacher.safetensors").stat().st_size < 23_000_000
    loaded = load_weights(resnet18_teacher(10), read_state(tmp_path / "teacher.safetensors"), "teacher")
    assert loaded.state_dict()["conv1.weight"].dtype == torch.float32


def test_an_unknown_name_is_told_with_the_known_ones(folder: Path) -> None:
    with pytest.raises(ExplorerError, match=r"no checkpoint 'third'; there are first, second\."):
        checkpoints.load("third", folder)


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExplorerError, match=r"no manifest\.json"):
        checkpoints.catalogue(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"checkpoints": [{"name": "x"}]}'])
def test_a_damaged_manifest_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(ExplorerError, match="is not a manifest"):
        checkpoints.catalogue(tmp_path)


def test_a_swapped_file_is_noticed(folder: Path) -> None:
    (folder / "first.safetensors").write_bytes((folder / "second.safetensors").read_bytes())
    with pytest.raises(ExplorerError, match="sha256 differs"):
        checkpoints.load("first", folder)


def test_every_shipped_card_has_its_file_and_nothing_else_lies_about() -> None:
    cards = checkpoints.catalogue()
    for card in cards.values():
        assert (checkpoints.SHIPPED / card.file).stat().st_size == card.bytes
        assert checkpoints.sha256(checkpoints.SHIPPED / card.file) == card.sha256
    files = {path.name for path in checkpoints.SHIPPED.iterdir()}
    assert files == {card.file for card in cards.values()} | {"manifest.json", "evidence", "_unseen"}
    json.loads((checkpoints.SHIPPED / "manifest.json").read_text(encoding="utf-8"))


def test_the_shipped_cards_keep_what_the_explorer_promises() -> None:
    cards = checkpoints.catalogue()
    assert cards["teacher"].test_accuracy >= 0.945
    assert cards["teacher"].bytes <= 23_000_000
    small, taught = cards["student-60k"], cards["student-60k-kd"]
    assert small.spec == taught.spec
    assert small.params <= 60_000
    assert taught.test_accuracy >= max(0.930, small.test_accuracy)
    assert cards["report"].params == cards["report-kd"].params == 98_918
