import json
import zipfile
from pathlib import Path

import pytest
import torch
from pypdf import PdfReader

from explorer.__main__ import main
from explorer.checkpoints import load
from explorer.data import BUNDLED
from explorer.ledger import to_json
from explorer.measure import accuracy, logits
from explorer.networks import StudentSpec, cost_of
from tests.stored import stored_logits
from tests.test_ledger import DENSE


def test_the_terminal_writes_the_report_and_its_status_is_the_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = tmp_path / "ledger.json"
    ledger.write_text(to_json([DENSE]), encoding="utf-8")
    page = tmp_path / "report.html"
    assert main(["report", "--out", str(page), "--ledger", str(ledger), "--json"]) == 1, (
        "99,060 is over 60,000"
    )
    numbers = json.loads(capsys.readouterr().out)
    assert numbers["answers"]["1-2"]["total_params"] == 99_060
    assert "Ledger" in page.read_text(encoding="utf-8")
    archive = tmp_path / "report.zip"
    fitting = ["--stem", "48", "--widths", "48,96,192,105"]
    assert main(["report", "--out", str(archive), *fitting]) == 0
    assert "report.md" in zipfile.ZipFile(archive).namelist()
    words = tmp_path / "words.json"
    words.write_text(json.dumps({"words": {"2-2": "Softer."}}), encoding="utf-8")
    paper = tmp_path / "report.pdf"
    assert main(["report", "--out", str(paper), "--words", str(words), *fitting]) == 0
    assert "Softer." in "".join(each.extract_text() for each in PdfReader(paper).pages)
    assert f"6 answers, {len(PdfReader(paper).pages)} pages" in capsys.readouterr().out
    assert main(["report", "--out", str(page), "--audit"]) == 0
    assert "<h1>The audit of the sample report</h1>" in page.read_text(encoding="utf-8")


def test_the_terminal_measures_when_asked(tmp_path: Path) -> None:
    out = tmp_path / "numbers.json"
    arguments = ["--measure", "--checkpoint", "student-60k", "--images", "20", "--ratios", "0,0.5"]
    main(["report", "--out", str(out), *arguments])
    found = json.loads(out.read_text(encoding="utf-8"))["answers"]
    images = BUNDLED.load("validation").stratified(20)
    dense = accuracy(logits(load("student-60k"), images.inputs()), images.targets()).value
    assert found["3-1"].keys() == {"accuracy, homework at 0", "accuracy, homework at 0.5"}
    assert found["3-1"]["accuracy, homework at 0"] == dense
    assert found["3-2"]["parameters, sliced"] < found["3-2"]["parameters, dense"]


def test_every_option_reaches_the_answers(tmp_path: Path) -> None:
    out = tmp_path / "numbers.json"
    arguments = [
        "--stem",
        "12",
        "--widths",
        "20,9,33,17",
        "--classes",
        "7",
        "--size",
        "96",
        "--limit",
        "5000",
    ]
    arguments += ["--alpha", "0.3", "--temperature", "3"]
    assert main(["report", "--out", str(out), *arguments]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))["answers"]
    cost = cost_of(StudentSpec(12, (20, 9, 33, 17), 7), 96)
    assert found["1-2"] == {"total_params": cost.params, "mult_adds": cost.mult_adds, "limit": 5000}
    z, v = stored_logits("student-60k-kd").double(), stored_logits("teacher").double()
    p, q = (v / 3).softmax(1), (z / 3).softmax(1)
    soft = (p * (p.log() - q.log())).sum(1).mean()
    hard = torch.nn.functional.cross_entropy(z, BUNDLED.load("validation").targets())
    expected = {"own alpha": 0.3, "own temperature": 3.0, "own loss": (9 * 0.3 * soft + 0.7 * hard).item()}
    assert {name: found["2-1"][name] for name in expected} == pytest.approx(expected)
    p = (stored_logits("teacher") / 3).softmax(1)
    assert found["2-2"]["entropy at T 3"] == pytest.approx(-(p * p.log()).sum(1).mean().item(), abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--out", "report.doc"], ".html, .pdf, .zip or .json"),
        (["--ledger", "nowhere.json"], "no ledger nowhere.json"),
        (["--words", "nowhere.json"], "no file nowhere.json"),
        (["--alpha", "2"], "between 0 and 1"),
        (["--widths", "1,2"], "needs 4 widths"),
        (["--checkpoint", "nobody", "--measure"], "nobody"),
        (["--measure", "--images", "0"], "1 to 10,000"),
    ],
)
def test_bad_input_gets_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *arguments]) == 2
    assert sentence in capsys.readouterr().err
