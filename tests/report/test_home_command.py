"""``home``: a checkpoint, pruned, repaired and rounded as asked for, as one page."""

from pathlib import Path

import pytest

from explorer.__main__ import main
from explorer.checkpoints import load
from explorer.data import BUNDLED
from explorer.measure import accuracy, logits
from tests.onefile.test_document import data_of


def test_a_checkpoint_is_written_as_one_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "page.html"
    assert main(["home", "student-5k", "--images", "200", "--out", str(out)]) == 0
    images = BUNDLED.load("test").stratified(200)
    right = accuracy(logits(load("student-5k"), images.inputs()), images.targets())
    said = capsys.readouterr().out
    assert f"{right.value:.1%} right, of 200 test images, each class by its share" in said
    page = out.read_text(encoding="utf-8")
    assert (
        f"Torch gets {right.correct} right, {right.value:.1%}, of 200 test images, each class by its share."
        in page
    )
    assert data_of(page.encode())["parameters"] == 4764


def test_what_is_pruned_refitted_and_rounded_is_so_in_the_page_and_said(tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    options = ["--method", "global-l1", "--ratio", "0.5", "--refit", "64", "--bits", "6", "--images", "100"]
    assert main(["home", "student-5k", *options, "--out", str(out)]) == 0
    page = out.read_text(encoding="utf-8")
    data = data_of(page.encode())
    assert data["zeros"] > 0.4 * data["parameters"]
    assert "codes" in [entry["type"] for entry in data["entries"]["weights"]]
    assert "50%, re-fitted, BatchNorm folded, weights of 6 bits, a scale per channel, symmetric</h1>" in page


def test_codes_can_be_affine_with_a_scale_for_each_tensor(tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    options = ["--bits", "5", "--per", "tensor", "--affine", "--images", "100"]
    assert main(["home", "student-5k", *options, "--out", str(out)]) == 0
    page = out.read_text(encoding="utf-8")
    assert "weights of 5 bits, a scale per tensor, affine</h1>" in page
    coded = [each for each in data_of(page.encode())["entries"]["weights"] if each["type"] == "codes"]
    assert coded
    assert all(len(each["zero"]) == 1 for each in coded)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--method", "global-l1"], "Say both --method and --ratio, or neither."),
        (["--refit", "64"], "Only a pruned network is repaired"),
        (["--bits", "9"], "Numbers are rounded to 2 to 8 bits, not 9."),
    ],
)
def test_what_does_not_go_together_is_refused(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["home", "student-5k", "--images", "100", *options]) == 2
    assert said in capsys.readouterr().err
