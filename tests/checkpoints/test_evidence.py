"""Stored results are found by weights and images, and by nothing else."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from explorer import runs
from explorer.checkpoints import SHIPPED, Card, card, catalogue, load, sha256, write
from explorer.checkpoints.evidence import (
    FOLDER,
    LOGITS,
    SUMS,
    damaged,
    find_rows,
    find_tensor,
    has_tensor,
    write_rows,
    write_tensors,
)
from explorer.data import BUNDLED, ImageSet
from explorer.errors import ExplorerError
from explorer.measure import accuracy, logits
from explorer.networks import StudentNet, StudentSpec
from tests.checkpoints.test_catalogue import card_for
from tests.stored import stored_logits

SAMPLE = slice(100, 140)


@dataclass(frozen=True)
class Row:
    value: int


@pytest.fixture
def network() -> Card:
    return card("student-60k")


def test_rows_are_found_for_the_weights_and_images_they_were_measured_with(
    network: Card, validation: ImageSet, shard: ImageSet, tmp_path: Path
) -> None:
    some = validation.select(slice(40))
    path = write_rows("sweep", (Row(1), Row(2)), network, some, tmp_path, settings={"ratio": 0.5})
    stored = find_rows("sweep", Row, network.sha256, validation.key, tmp_path)
    assert stored is not None
    assert stored.rows == (Row(1), Row(2))
    assert (stored.weights, stored.images_key, stored.images) == (network.sha256, validation.key, 40)
    assert stored.settings == {"ratio": 0.5}
    assert stored.where.startswith(f"{stored.date}, ")
    assert find_rows("sweep", Row, network.sha256, validation.key, tmp_path) is stored, "read once"
    for wrong in (
        ("forms", network.sha256, validation.key),
        ("sweep", card("teacher").sha256, validation.key),
        ("sweep", network.sha256, shard.key),
    ):
        assert find_rows(wrong[0], Row, wrong[1], wrong[2], tmp_path) is None
    path.rename(path.with_name("any-other-name.json"))
    assert find_rows("sweep", Row, network.sha256, validation.key, tmp_path) == stored, "names do not count"


def test_rows_of_retrained_weights_under_the_same_name_and_title_are_not_shown(
    network: Card, validation: ImageSet, tmp_path: Path
) -> None:
    write_rows("sweep", (Row(1),), network, validation, tmp_path)
    retrained = replace(network, sha256="0" * 64)
    assert find_rows("sweep", Row, retrained.sha256, validation.key, tmp_path) is None


def test_only_results_on_a_stratified_choice_or_on_the_first_images_are_stored(
    network: Card, validation: ImageSet, tmp_path: Path
) -> None:
    with pytest.raises(ExplorerError, match="Only results on a stratified choice"):
        write_rows("sweep", (), network, validation.select(slice(5, 9)), tmp_path)
    with pytest.raises(ExplorerError, match="Only tensors of the first images"):
        write_tensors(LOGITS, {}, validation.stratified(9), "logits", tmp_path)


@pytest.mark.parametrize("first", [True, False])
def test_rows_know_which_images_they_were_counted_on(
    first: bool, network: Card, validation: ImageSet, tmp_path: Path
) -> None:
    chosen = validation.select(slice(50)) if first else validation.stratified(50)
    write_rows("sweep", (Row(1),), network, chosen, tmp_path)
    stored = find_rows("sweep", Row, network.sha256, validation.key, tmp_path)
    assert stored is not None
    assert stored.choose(validation).key == chosen.key
    assert stored.counted(BUNDLED, "validation") == (
        "the first 50 validation images" if first else "50 validation images, each class by its share"
    )
    assert stored.is_on(chosen)
    others = (validation.stratified(50) if first else validation.select(slice(50)), validation.stratified(51))
    assert not any(stored.is_on(other) for other in others)


def test_all_images_have_no_share_left_out(network: Card, validation: ImageSet, tmp_path: Path) -> None:
    write_rows("sweep", (Row(1),), network, validation, tmp_path)
    stored = find_rows("sweep", Row, network.sha256, validation.key, tmp_path)
    assert stored is not None
    assert stored.counted(BUNDLED, "validation") == "all 5,000 validation images"
    assert stored.is_on(validation)


LEFT_OUT = "{} is damaged and left out: fetch it again, or compute it again."


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"kind": "sweep"}', None])
def test_a_damaged_file_is_left_out_and_told_by_its_name(
    text: str | None, network: Card, validation: ImageSet, tmp_path: Path
) -> None:
    path = write_rows("sweep", (Row(1),), network, validation, tmp_path)
    write_rows("forms", (Row(7),), network, validation, tmp_path)
    assert damaged(tmp_path) == ()
    whole = path.read_text(encoding="utf-8")
    # None: one figure has changed, so that the file can still be read and says something false.
    path.write_text(whole.replace('"value": 1', '"value": 2') if text is None else text, encoding="utf-8")
    assert find_rows("sweep", Row, network.sha256, validation.key, tmp_path) is None
    assert damaged(tmp_path) == (LEFT_OUT.format("sweep-student-60k.json"),)
    other = find_rows("forms", Row, network.sha256, validation.key, tmp_path)
    assert other is not None, "one damaged file takes no other one down"
    assert other.rows == (Row(7),)
    write_rows("sweep", (Row(3),), network, validation, tmp_path)
    again = find_rows("sweep", Row, network.sha256, validation.key, tmp_path)
    assert again is not None
    assert (again.rows, damaged(tmp_path)) == ((Row(3),), ())


def test_evidence_without_a_list_of_sums_is_taken_as_it_is(
    network: Card, validation: ImageSet, tmp_path: Path
) -> None:
    path = write_rows("sweep", (Row(1),), network, validation, tmp_path)
    (path.parent / SUMS).unlink()
    assert find_rows("sweep", Row, network.sha256, validation.key, tmp_path) is not None
    path.write_text("{", encoding="utf-8")
    assert damaged(tmp_path) == (LEFT_OUT.format(path.name),)


def test_rows_that_do_not_fit_are_told(network: Card, validation: ImageSet, tmp_path: Path) -> None:
    path = write_rows("sweep", (Row(1),), network, validation, tmp_path)
    content = json.loads(path.read_text(encoding="utf-8"))
    (path.parent / SUMS).unlink()
    path.write_text(json.dumps(content | {"rows": [{"other": 1}]}), encoding="utf-8")
    with pytest.raises(ExplorerError, match="is not a stored sweep: compute it again"):
        find_rows("sweep", Row, network.sha256, validation.key, tmp_path)


def test_tensors_are_found_for_exactly_their_images(
    validation: ImageSet, shard: ImageSet, tmp_path: Path
) -> None:
    some = validation.select(slice(6))
    values = torch.randn(6, 10)
    path = write_tensors(LOGITS, {"weights": values}, some, "any", tmp_path)
    stored = find_tensor(LOGITS, "weights", some, tmp_path)
    assert stored is not None
    assert torch.equal(stored, values)
    assert find_tensor("views-1", "weights", some, tmp_path) is None
    assert find_tensor(LOGITS, "others", some, tmp_path) is None
    for images in (
        validation,
        validation.select(slice(5)),
        validation.select(slice(1, 7)),
        shard.select(slice(6)),
    ):
        assert find_tensor(LOGITS, "weights", images, tmp_path) is None
    assert has_tensor(LOGITS, "weights", validation.key, tmp_path)
    assert not has_tensor(LOGITS, "weights", shard.key, tmp_path)
    whole = path.read_bytes()
    for broken in (whole[:40], whole[:-1] + bytes([whole[-1] ^ 1])):
        path.write_bytes(broken)
        assert find_tensor(LOGITS, "weights", some, tmp_path) is None
        assert not has_tensor(LOGITS, "weights", validation.key, tmp_path)
        assert damaged(tmp_path) == (LEFT_OUT.format("any.safetensors"),)


@pytest.mark.parametrize(
    "name", ["teacher", "student-60k-kd", "report", "mobile", "residual", "starter-2022"]
)
def test_the_shipped_logits_are_those_of_the_shipped_weights(name: str, validation: ImageSet) -> None:
    table = stored_logits(name)
    fresh = logits(load(name), validation.select(SAMPLE).inputs())
    assert torch.allclose(table[SAMPLE], fresh, atol=1e-3)
    assert accuracy(table, validation.targets()).value == card(name).validation_accuracy


def test_logits_of_retrained_weights_are_not_the_stored_ones(tmp_path: Path, validation: ImageSet) -> None:
    spec = StudentSpec(3, (2, 3, 4, 5), classes=10)
    for seed in (0, 1):
        torch.manual_seed(seed)
        write(card_for("net", spec), StudentNet(spec).state_dict(), tmp_path)
        if seed == 0:
            assert list(runs.store_logits(["net"], tmp_path)) == ["net"]
            table = find_tensor(LOGITS, card("net", tmp_path).sha256, validation, tmp_path)
            assert table is not None
            assert table.shape == (5_000, 10)
    assert find_tensor(LOGITS, card("net", tmp_path).sha256, validation, tmp_path) is None


def test_all_shipped_evidence_is_of_shipped_weights_and_bundled_images() -> None:
    weights = {one.sha256 for one in catalogue().values()}
    keys = {BUNDLED.key_of(use): BUNDLED.sizes[use] for use in ("training", "validation", "test")}
    assert damaged() == ()
    sums = dict(line.split("  ")[::-1] for line in (SHIPPED / FOLDER / SUMS).read_text().splitlines())
    paths = [path for path in (SHIPPED / FOLDER).iterdir() if path.name != SUMS]
    assert len(paths) >= 8
    assert sums == {path.name: sha256(path) for path in paths}, "every file has its sum"
    for path in paths:
        if path.suffix == ".json":
            content = json.loads(path.read_text(encoding="utf-8"))
            assert content["weights"] in weights, path
            assert 0 < content["images"] <= keys[content["images_key"]], path
        else:
            with safe_open(path, "pt") as file:
                assert set(file.keys()) <= weights, path
                assert int(file.metadata()["images"]) == keys[file.metadata()["images_key"]], path
