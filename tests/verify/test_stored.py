"""What evidence claims is found again, and each claim that is not true is told."""

import importlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from explorer.checkpoints import SHIPPED
from explorer.checkpoints.evidence import FOLDER, LOGITS, SUMS, evidence_files
from explorer.data import BUNDLED
from explorer.distillation import unseen
from explorer.runs import STUDENT_RECIPE
from explorer.verify import kinds, stored
from explorer.verify.finding import Finding
from explorer.verify.kinds import KINDS
from explorer.workspace import networks_in

TRAINED_ONLY = ("grid", "study", "unseen")
"""Kinds of which the shipped files are checked, see below."""


def findings(folder: Path, *networks: Path, everything: bool = True, **options) -> list[Finding]:
    sources = [source for each in networks or (folder,) for source in networks_in(each)[0]]
    steps = stored.check_evidence(folder, sources, (BUNDLED,), everything=everything, **options)
    return [step for step in steps if isinstance(step, Finding)]


def only(folder: Path, name: str) -> None:
    """Leave this file of evidence alone, so that nothing else is computed again."""
    for path in (folder / FOLDER).iterdir():
        if path.name not in (name, SUMS):
            path.unlink()


def differing(found: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.of, finding.claim) for finding in found if finding.verdict == "differs"]


def of(name: str, found: list[Finding], verdict: str) -> list[tuple[str, str]]:
    """What was said of one file: claims and why."""
    return [(each.claim, each.found) for each in found if (each.of, each.verdict) == (name, verdict)]


@pytest.mark.parametrize("shipped", [SHIPPED, unseen.FOLDER], ids=["shipped", "unseen"])
def test_every_shipped_file_belongs_to_a_shipped_network_and_set_and_its_kind_has_a_check(
    shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {file.kind for file in evidence_files(shipped)} <= {*KINDS, LOGITS, STUDENT_RECIPE.views_key}
    monkeypatch.setattr(stored, "_content", lambda *args, **options: iter(()))
    found = findings(shipped, SHIPPED, shipped)
    assert differing(found) == []
    assert len(found) >= 3 * len(evidence_files(shipped))


def test_all_rows_hold_and_it_is_said_what_was_not_checked(folder: Path) -> None:
    found = findings(folder)
    assert differing(found) == []
    held = [(finding.of, finding.claim) for finding in found if finding.verdict == "holds"]
    assert ("sweep-small.json", "random at 50%, fine-tuned") in held
    assert ("wall-small.json", "global-l1 at 50%, re-fitted") in held
    assert ("sensitivity-small.json", "fc at 90%") in held
    assert ("forms-small.json", "sliced") in held
    assert ("views.safetensors", "logits of 10 views of 100 images") in held
    for kind in KINDS:
        if kind not in TRAINED_ONLY:
            assert sum(of == f"{kind}-small.json" for of, _ in held) > 4, f"rows of {kind}"
    left = {(finding.of, finding.claim) for finding in found if finding.verdict == "not checked"}
    assert {each for each in left if each[1] != "milliseconds"} == {
        ("repair-small.json", "what 1 training reached")
    }


def test_milliseconds_are_told_of_where_a_clock_was_read(
    folder: Path, change: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "LONG", 1)  # no row is computed
    for ms in (None, 2.0):
        change(folder, "path-small.json", row(0, ms=ms))
        found = findings(folder, everything=False)
        assert (("path-small.json", "milliseconds") in {(each.of, each.claim) for each in found}) == bool(ms)
        assert not any((each.of, each.claim) == ("homework-small.json", "milliseconds") for each in found)


def test_without_the_other_runtime_it_says_so_and_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.import_module

    def without(name: str, package: str | None = None) -> ModuleType:
        if name.startswith("onnx"):
            raise ImportError(name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", without)
    only(folder, "runtimes-small.json")
    found = findings(folder)
    assert of("runtimes-small.json", found, "differs") == []
    left = dict(of("runtimes-small.json", found, "not checked"))
    left.pop("milliseconds", None)  # a busy machine has none
    (said,) = set(left.values())
    assert re.fullmatch(r"This needs onnx\w*, which is not installed: pip install '.*\[runtime\]'", said)


def test_without_a_compiler_it_says_so_and_goes_on(
    folder: Path, change: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "compiler", lambda: None)
    only(folder, "runtimes-small.json")

    def edit(content: dict) -> None:
        content["rows"] = [content["rows"][0] | {"runtime": "torch.compile"}]

    change(folder, "runtimes-small.json", edit)
    found = findings(folder)
    assert of("runtimes-small.json", found, "differs") == []
    said = dict(of("runtimes-small.json", found, "not checked"))
    assert said["torch.compile, batch 1, one thread"] == "This needs a C++ compiler, and there is none here"


def test_without_all_one_row_of_each_file_is_computed_again_and_the_rest_is_told(folder: Path) -> None:
    found = findings(folder, everything=False)
    assert differing(found) == []
    left = {finding.of: finding.claim for finding in found if finding.found.startswith("--all")}
    assert left["sweep-small.json"] == "3 of 4 rows"
    assert left["wall-small.json"] == "2 of 3 rows"


def test_what_takes_long_is_left_to_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "LONG", 1)
    found = findings(folder, everything=False)
    assert {finding.claim for finding in found if "half a minute" in finding.found} >= {
        "4 of 4 rows",
        "3 of 3 rows",
    }


def copy_one(target: Path, name: str) -> None:
    """Copy one shipped file of evidence, and the list of their sha256."""
    shutil.copytree(SHIPPED / FOLDER, target / FOLDER, ignore=lambda _, names: {*names} - {name, SUMS})


def row(number: int, **values: object) -> Callable[[dict], None]:
    def edit(content: dict) -> None:
        content["rows"][number].update(values)

    return edit


def layer(**values: object) -> Callable[[dict], None]:
    return lambda content: content["rows"][0]["layers"][2].update(values)


def header(**values: object) -> Callable[[dict], None]:
    return lambda content: content.update(values)


@pytest.mark.parametrize(
    ("name", "edit", "told"),
    [
        ("sweep-small.json", row(0, correct=100), "random at 50%"),
        ("sweep-small.json", row(3, params=7), "channels-l1 at 50%, fine-tuned"),
        ("sweep-small.json", row(2, mult_adds=7), "channels-l1 at 50%"),
        ("sensitivity-small.json", row(1, correct=100), "conv1 at 90%"),
        ("forms-small.json", row(1, torchinfo_params=1), "unstructured"),
        ("sweep-small.json", row(2, nonzero=7), "channels-l1 at 50%"),
        ("sensitivity-small.json", row(1, dense_correct=99), "conv1 at 90%"),
        ("homework-small.json", row(1, correct=99), "homework at 50%"),
        ("repair-small.json", row(0, correct=99), "global-l1 at 50%, as pruned"),
        ("repair-small.json", row(2, nonzero=7), "global-l1 at 50%, re-fitted"),
        ("repair-small.json", row(3, params=7), "global-l1 at 50%, fine-tuned for 5 epochs: 7 parameters"),
        (
            "bits-small.json",
            row(0, agreeing=50),
            "8 bits, a scale per channel, symmetric, activations in float32",
        ),
        (
            "bits-small.json",
            layer(weight_error=0.9),
            "8 bits, a scale per channel, symmetric, activations in float32",
        ),
        (
            "bits-small.json",
            layer(bars="1 2 3"),
            "8 bits, a scale per channel, symmetric, activations in float32",
        ),
        ("overflow-small.json", row(0, turned=50), "sums of 8-bit weights"),
        ("overflow-small.json", layer(cut=10**9), "sums of 8-bit weights"),
        ("path-small.json", row(1, correct=99), "Small, removed channels, L1 50%"),
        ("summary-small.json", row(1, moved=0.0), "after one summary"),
        ("sweep-small.json", row(0, guessed=1), "its rows"),
        ("sweep-small.json", header(weights="0" * 64), "weights of its network"),
        ("sweep-small.json", header(checkpoint="large"), "named large"),
        ("sweep-small.json", header(images_key="0" * 32), "its images"),
        ("sweep-small.json", header(images=101), "101 test images"),
    ],
)
def test_each_claim_of_evidence_that_is_not_true_is_told(
    folder: Path, change: Callable, name: str, edit: Callable, told: str
) -> None:
    only(folder, name)
    change(folder, name, edit)
    assert (name, told) in differing(findings(folder))


def test_answers_of_the_wall_that_are_not_the_networks_are_told(folder: Path, change: Callable) -> None:
    def edit(content: dict) -> None:
        rows = content["rows"][0]["confusion"].split("; ")
        content["rows"][0]["confusion"] = "; ".join([rows[1], rows[0], *rows[2:]])

    only(folder, "wall-small.json")
    change(folder, "wall-small.json", edit)
    assert ("wall-small.json", "global-l1 at 50%") in differing(findings(folder))


@pytest.mark.parametrize(
    "values",
    [{"shown": " ".join("0" * 60)}, {"reach": 9.0}, {"threshold": 9.0}, {"weights": "1 2 3"}],
    ids=str,
)
def test_what_else_the_wall_shows_is_held_against_the_network(
    folder: Path, change: Callable, values: dict
) -> None:
    only(folder, "wall-small.json")

    def edit(content: dict) -> None:
        content["rows"] = [content["rows"][0] | values]

    change(folder, "wall-small.json", edit)
    told = of("wall-small.json", findings(folder), "differs")
    assert [claim for claim, _ in told] == ["global-l1 at 50%"]


def test_a_runtime_that_answers_otherwise_is_told(folder: Path, change: Callable) -> None:
    only(folder, "runtimes-small.json")

    def edit(content: dict) -> None:
        content["rows"] = [content["rows"][0] | {"agreeing": 50}]

    change(folder, "runtimes-small.json", edit)
    told = of("runtimes-small.json", findings(folder), "differs")
    assert [claim for claim, _ in told] == ["torch, batch 1, one thread"]


def test_a_kind_that_nobody_knows_how_to_check_is_told(folder: Path, change: Callable) -> None:
    only(folder, "sweep-small.json")
    change(folder, "sweep-small.json", header(kind="guesses"))
    left = [finding for finding in findings(folder) if finding.found == "no check of this kind is known"]
    assert [finding.of for finding in left] == ["sweep-small.json"]


def test_a_file_that_is_not_written_down_or_damaged_or_missing_is_told(folder: Path) -> None:
    evidence = folder / FOLDER
    sums = (evidence / SUMS).read_text(encoding="utf-8").splitlines()
    (evidence / SUMS).write_text("\n".join(line for line in sums if "sweep" not in line), encoding="utf-8")
    (evidence / "forms-small.json").unlink()
    (evidence / "wall-small.json").write_text("{}", encoding="utf-8")
    (evidence / "views.safetensors").unlink()
    assert {of for of, claim in differing(findings(folder, everything=False)) if claim == "sha256"} == {
        "views.safetensors",
        "sweep-small.json",
        "forms-small.json",
        "wall-small.json",
    }


def test_only_the_files_of_the_networks_that_are_asked_for_are_checked(folder: Path) -> None:
    assert findings(folder, asked=frozenset({"0" * 64})) == []


def fewer(content: dict) -> None:
    content["rows"][0]["judged"] -= 7  # as many bytes, so that the answers can still be read


@pytest.mark.parametrize(
    ("name", "edit", "told"),
    [
        ("grid.json", row(2, validation_accuracy=0.90001), "a whole number"),
        ("study-teacher.json", fewer, "judged on"),
    ],
)
def test_what_trainings_say_of_themselves_is_held_against_what_is_known(
    tmp_path: Path, change: Callable, name: str, edit: Callable, told: str
) -> None:
    copy_one(tmp_path, name)

    def of_trainings() -> list[Finding]:
        return [finding for finding in findings(tmp_path, SHIPPED) if finding.of == name]

    assert differing(of_trainings()) == []
    assert any("trainings would tell" in finding.found for finding in of_trainings())
    change(tmp_path, name, edit)
    assert [told in claim for _, claim in differing(of_trainings())] == [True]


def test_a_grid_of_another_teacher_is_told(tmp_path: Path, change: Callable) -> None:
    copy_one(tmp_path, "grid.json")

    def edit(content: dict) -> None:
        content["rows"][0]["settings"]["teacher_logits"] = "teacher-0123456789ab-views-1-20000.safetensors"

    change(tmp_path, "grid.json", edit)
    found = [claim for of, claim in differing(findings(tmp_path, SHIPPED)) if of == "grid.json"]
    assert found == ["alpha 0, T None, seed 1: this teacher's logits"]


def test_the_students_of_the_class_never_seen_are_held_against_their_logits(
    tmp_path: Path, change: Callable
) -> None:
    shutil.copytree(unseen.FOLDER / FOLDER, tmp_path / FOLDER)
    assert differing(findings(tmp_path, SHIPPED, unseen.FOLDER)) == []

    def edit(content: dict) -> None:
        content["rows"][3]["ends"][1][4] = 0.95

    change(tmp_path, "unseen-teacher.json", edit)
    assert differing(findings(tmp_path, SHIPPED, unseen.FOLDER)) == [
        ("unseen-teacher.json", "without Dress, distilled: 0.9500")
    ]
