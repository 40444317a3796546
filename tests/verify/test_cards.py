"""What a card claims is found again, and each claim that is not true is told."""

import json
from pathlib import Path

import pytest

from explorer.checkpoints import MANIFEST, SHIPPED, catalogue
from explorer.checkpoints.evidence import LOGITS, find_tensor, write_tensors
from explorer.data import BUNDLED
from explorer.distillation import unseen
from explorer.verify.cards import check_card
from explorer.verify.finding import Finding
from explorer.workspace import NetworkSource


def findings(folder: Path, name: str, *, count: bool = True) -> list[Finding]:
    entry = catalogue(folder)[name]
    steps = check_card(NetworkSource(entry, folder / entry.file), BUNDLED, count=count)
    return [step for step in steps if isinstance(step, Finding)]


def differing(found: list[Finding]) -> list[str]:
    return [finding.claim for finding in found if finding.verdict == "differs"]


def test_all_claims_of_a_card_hold_and_it_is_said_which_cannot_be_checked(folder: Path) -> None:
    found = findings(folder, "small")
    assert differing(found) == []
    held = [finding.claim for finding in found if finding.verdict == "holds"]
    assert held[0] == "sha256"
    assert any(claim.startswith("validation accuracy") for claim in held)
    assert any(claim.startswith("test accuracy") for claim in held)
    assert "logits of 100 images" in held
    (left,) = [finding for finding in found if finding.verdict == "not checked"]
    assert left.claim == "recipe, training images and seconds"


@pytest.mark.parametrize(
    ("claim", "value", "told"),
    [
        ("bytes", 1, "1 bytes"),
        ("params", 5, "5 parameters"),
        ("dtype", "float16", "float16"),
        ("validation_accuracy", 0.99, "validation accuracy 0.9900"),
        ("test_accuracy", 0.99, "test accuracy 0.9900"),
        ("images", 99, "measured on 99 images"),
        ("distillation", {"teacher": "nobody"}, "taught by nobody"),
        ("sha256", "0" * 64, "weights"),
    ],
)
def test_each_claim_of_a_card_that_is_not_true_is_told(
    folder: Path, claim: str, value: object, told: str
) -> None:
    manifest = folder / MANIFEST
    content = json.loads(manifest.read_text(encoding="utf-8"))
    content["checkpoints"][0][claim] = value
    manifest.write_text(json.dumps(content), encoding="utf-8")
    assert differing(findings(folder, "small")) == [told]


def test_stored_logits_that_are_not_those_of_the_weights_are_told(folder: Path) -> None:
    entry, validation = catalogue(folder)["small"], BUNDLED.load("validation")
    scores = find_tensor(LOGITS, entry.sha256, validation, folder)
    assert scores is not None
    scores[7, 3] += 0.01
    write_tensors(LOGITS, {entry.sha256: scores}, validation, "logits-small", folder)
    assert differing(findings(folder, "small")) == ["logits of 100 images"]


def test_where_accuracies_are_not_counted_it_is_said(folder: Path) -> None:
    claims = {finding.claim: finding.verdict for finding in findings(folder, "small", count=False)}
    assert claims["validation and test accuracy"] == "not checked"
    assert not any(claim.startswith("test accuracy") for claim in claims)


@pytest.mark.parametrize("shipped", [SHIPPED, unseen.FOLDER], ids=["shipped", "unseen"])
def test_what_every_shipped_card_says_of_its_file_and_its_training_holds(shipped: Path) -> None:
    for name in catalogue(shipped):
        assert differing(findings(shipped, name, count=False)) == [], name


def test_a_card_whose_recipe_is_not_the_one_that_trains_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from explorer.verify import cards

    run = cards.KNOWN_RUNS["student-5k"]
    monkeypatch.setattr(cards, "KNOWN_RUNS", {"student-5k-kd": run})
    assert differing(findings(SHIPPED, "student-5k-kd", count=False)) == ["the recipe is that of `train`"]
