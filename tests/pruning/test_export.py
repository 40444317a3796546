import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from explorer.checkpoints import load
from explorer.data import BUNDLED
from explorer.errors import ExplorerError
from explorer.measure import accuracy, logits
from explorer.networks import parameter_count, recognise, remove, resnet18_teacher
from explorer.pruning import export
from explorer.pruning.engine import prune_network
from explorer.pruning.methods import METHODS, get_method
from explorer.pruning.recovery import recalibrate
from explorer.pruning.removal import kept_channels
from tests.onefile.test_document import data_of

ROOT = Path(__file__).parent.parent.parent
IMAGES = 40


def receipt(method: str, ratio: float, recalibrated: int = 0) -> tuple[export.Receipt, nn.Module]:
    test, shard = (BUNDLED.load(split) for split in ("test", "training"))
    test = test.stratified(IMAGES)
    network = prune_network(load("student-60k"), get_method(method), ratio)
    if recalibrated:
        recalibrate(network, shard, recalibrated)
    scores = logits(network, test.inputs())
    return export.receipt(
        network, scores, test.targets(), IMAGES, "student-60k", method, ratio, recalibrated
    ), network


@pytest.mark.parametrize("method", METHODS)
def test_a_pruned_student_opens_again_and_answers_as_before(method: str) -> None:
    shard = BUNDLED.load("training")
    network = prune_network(load("student-60k"), get_method(method), 0.45, images=shard)
    again = export.reopened(export.to_file(network))
    images = BUNDLED.load("test").select(slice(8)).inputs()
    assert parameter_count(again) == parameter_count(network)
    assert torch.equal(logits(again, images), logits(network, images))


@pytest.mark.parametrize("ratio", [0.3, 0.97])
def test_a_sliced_resnet_opens_again_by_its_shapes(ratio: float) -> None:
    torch.manual_seed(0)
    model = resnet18_teacher(7).eval()
    small = remove(model, kept_channels(model, ratio, METHODS["channels-random"]))
    again = export.reopened(export.to_file(small))
    images = torch.randn(2, 3, 64, 64)
    assert torch.equal(again(images), small.eval()(images))
    assert parameter_count(again) == parameter_count(small) < parameter_count(model)


def test_half_precision_is_only_stored_where_nothing_is_lost() -> None:
    network = load("student-60k")
    assert len(export.to_file(network)) > 4 * parameter_count(network)
    network.half().float()
    assert len(export.to_file(network)) < 3 * parameter_count(network)


def test_a_damaged_resnet_is_refused_in_one_sentence() -> None:
    state: dict[str, Tensor] = dict(resnet18_teacher(7).state_dict())
    inner = state | {"layer2.0.conv1.weight": state["layer2.0.conv1.weight"][:, :9]}
    with pytest.raises(
        ExplorerError, match=r"'layer2\.0\.conv1\.weight' has shape \(128, 9, 3, 3\), this network needs"
    ):
        recognise(inner, "it")
    state.pop("bn1.weight")
    with pytest.raises(ExplorerError, match=r"no .bn1\.weight."):
        recognise(state, "it")


def run(text: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    file = folder / "rebuild.py"
    file.write_text(text, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, file], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("method", "ratio", "recalibrated"), [("global-l1", 0.6, 0), ("channels-random", 0.25, 1)]
)
def test_the_script_rebuilds_the_network_in_a_fresh_interpreter(
    method: str, ratio: float, recalibrated: int, tmp_path: Path
) -> None:
    found, network = receipt(method, ratio, recalibrated)
    text = export.script(found)
    assert len(text.splitlines()) < 60
    done = run(text, tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"{found.correct} of {IMAGES}" in done.stdout
    again = export.reopened((tmp_path / f"{export.stem(found)}.safetensors").read_bytes())
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), network.parameters(), strict=True))


def test_the_script_fails_when_a_number_is_wrong(tmp_path: Path) -> None:
    found, _ = receipt("global-l1", 0.6)
    wrong = export.script(found).replace(f"nonzero == {found.nonzero}", f"nonzero == {found.nonzero + 1}")
    assert "AssertionError" in run(wrong, tmp_path).stderr


def test_recalibration_moves_statistics_and_no_weight() -> None:
    (before, plain), (after, moved) = receipt("global-l1", 0.8), receipt("global-l1", 0.8, 1)
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), moved.parameters(), strict=True))
    assert after.correct > before.correct
    assert after.nonzero == before.nonzero


def test_the_receipt_counts_what_is_there() -> None:
    found, network = receipt("channels-l1", 0.5)
    test = BUNDLED.load("test").stratified(IMAGES)
    assert found.correct == accuracy(logits(network, test.inputs()), test.targets()).correct
    assert found.params == parameter_count(network) >= found.nonzero


def test_the_page_to_take_home_holds_the_pruned_network_and_says_what_was_counted() -> None:
    found, network = receipt("channels-l1", 0.25)
    taken = export.TakenAlong(found, export.to_file(network), "", "", found.params)
    page = export.one_page(taken, "A student, 25%", BUNDLED, "test")
    data = data_of(page)
    assert data["parameters"] == found.params
    assert data["labels"] == sorted(2 * list(range(10)))
    text = page.decode()
    assert "<h1>A student, 25%</h1>" in text
    assert f"Torch gets {found.correct:,} right, {found.correct / found.images:.1%}, of " in text
    assert f"of {found.images:,} test images, each class by its share." in text
