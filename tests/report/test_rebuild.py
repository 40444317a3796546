import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from torch import nn

from explorer.checkpoints import card, load
from explorer.data import BUNDLED
from explorer.errors import ExplorerError
from explorer.ledger import (
    Finetune,
    LedgerRow,
    Prune,
    Refit,
    Round,
    Step,
    count_network,
    design_row,
    from_link,
    recipe_of,
    to_link,
)
from explorer.measure import accuracy, logits
from explorer.networks import NetworkSpec, ResNetSpec, StudentSpec, parameter_count, spec_of
from explorer.report import rebuild as rebuilding
from explorer.report.receipt import receipt, why_no_receipt
from explorer.work.progress import follow
from explorer.workspace import NetworkSource, open_workspace, trained_network
from tests.networks.examples import Concatenation

ROOT = Path(__file__).parent.parent.parent
SHIPPED = tuple(open_workspace(BUNDLED).sources.values())
STUDENT = card("student-60k").sha256
TRAINING = BUNDLED.key_of("training")


def row(recipe: dict, total: int | None = 30, weights: str = STUDENT) -> LedgerRow:
    """A row of wrong numbers; recomputing it makes them right."""
    return LedgerRow(
        "a row",
        "pruning",
        "StudentNet",
        1,
        1,
        1,
        64,
        "carried",
        "a file",
        weights="" if "spec" in recipe else weights,
        recipe=recipe,
        ms=1.0,
        batch=32,
        correct=0 if total else None,
        total=total,
        images="called anything" if total else "",
        images_key=BUNDLED.key_of("test") if total else "",
    )


def recompute(of: LedgerRow, sources: tuple[NetworkSource, ...] = SHIPPED) -> LedgerRow:
    return follow(rebuilding.recompute(of, sources, (BUNDLED,)), lambda update: None)


def rebuild(recipe: dict, weights: str = STUDENT) -> nn.Module:
    return rebuilding.rebuild("" if "spec" in recipe else weights, recipe, SHIPPED).network


RECIPES: list[dict] = [
    {"spec": StudentSpec(8, (8, 16, 32, 18), conv_bias=True).to_dict()},
    {"network": "resnet18", "spec": ResNetSpec(7, (2, 3) * 6).to_dict()},
    {},
    recipe_of(TRAINING, Prune("layer-l1", 0.5)).to_dict(),
    recipe_of(TRAINING, Prune("channels-random", 0.3, 2)).to_dict(),
    recipe_of(TRAINING, Prune("global-l1", 0.8), Refit(32), Round(8, activations=8)).to_dict(),
]


@pytest.mark.parametrize(
    "recipe", RECIPES, ids=lambda recipe: "-".join(step["do"] for step in recipe.get("steps", [])) or "plain"
)
def test_a_receipt_holds_in_a_fresh_interpreter_and_fails_when_a_number_is_wrong(
    recipe: dict, tmp_path: Path
) -> None:
    right = recompute(row(recipe, None if "spec" in recipe else 30))
    text = receipt(right, SHIPPED)
    assert len(text.splitlines()) < 60
    wrong = replace(right, mult_adds=right.mult_adds + 1, nonzero=right.nonzero + 1)
    for script, status in ((text, 0), (receipt(wrong, SHIPPED), 1)):
        path = tmp_path / "receipt.py"
        path.write_text(script, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, path], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=False
        )
        assert done.returncode == status, done.stderr.decode()


@pytest.mark.parametrize("spec", [StudentSpec(3, (4, 5, 6, 7)), spec_of(Concatenation().eval())])
def test_a_design_of_any_kind_is_pinned_carried_and_rebuilt_as_it_was(
    spec: NetworkSpec, tmp_path: Path
) -> None:
    pinned = design_row(spec.with_channels(tuple(width + 1 for width in spec.channels)), 40)
    (carried,) = from_link(to_link([pinned]))
    again = recompute(carried, ())
    assert replace(again, origin=pinned.origin, where=pinned.where) == pinned
    text = receipt(carried, ())
    assert len(text.splitlines()) < 60
    assert f"assert params == {pinned.params}" in text
    path = tmp_path / "receipt.py"
    path.write_text(text, encoding="utf-8")
    assert subprocess.run([sys.executable, path], env={"PYTHONPATH": str(ROOT)}, check=False).returncode == 0


def test_a_design_of_a_stranger_that_is_too_large_is_refused() -> None:
    wide = {"network": "resnet18", "spec": {"classes": 10, "channels": [1024] * 12}}
    with pytest.raises(ExplorerError, match="at most 64,000,000 can be built here"):
        rebuild(wide)


def test_recomputing_drops_the_milliseconds_and_says_so() -> None:
    pruned = recompute(row(RECIPES[3]))
    assert pruned.ms is None
    assert pruned.batch is None
    assert pruned.origin == "computed"
    assert pruned.nonzero < pruned.params == 59_026
    assert pruned.correct is not None
    assert 0 < pruned.correct <= 30


def test_right_answers_are_those_of_a_plain_loop_over_the_images() -> None:
    images = BUNDLED.load("test").stratified(270)  # more than one batch
    expected = accuracy(logits(rebuild({}), images.inputs()), images.targets())
    again = recompute(row({}, 270))
    assert (again.correct, again.total) == (expected.correct, 270)


def test_a_row_is_looked_up_by_its_weights_and_never_by_a_name() -> None:
    """Two networks of one title: each row gets the figures of its own weights."""
    sources = []
    for name in ("student-5k", "student-5k-kd"):  # of the same widths too
        sources.append(trained_network("student.ckpt", load(name), input_size=64, trained_on="some images"))
    both = tuple(sources)
    rights = {}
    for source in both:
        mine = row({}, 200, source.card.sha256)
        images = BUNDLED.load("test").stratified(200)
        expected = accuracy(logits(source.load(), images.inputs()), images.targets()).correct
        for order in (both, both[::-1]):
            assert recompute(mine, order).correct == expected
        rights[source.card.sha256] = expected
    assert len(set(rights.values())) == 2, "two inputs, two outputs"
    with pytest.raises(ExplorerError, match="no network here has its weights"):
        recompute(row({}, 200, both[0].card.sha256), both[1:])


def test_images_are_looked_up_by_their_key() -> None:
    validation = replace(row({}), images_key=BUNDLED.key_of("validation"), images="Fashion-MNIST, test")
    images = BUNDLED.load("validation").stratified(30)
    expected = accuracy(logits(rebuild({}), images.inputs()), images.targets()).correct
    assert recompute(validation).correct == expected
    with pytest.raises(ExplorerError, match="'my lunch', are not here"):
        recompute(replace(row({}), images="my lunch", images_key="of my lunch"))
    assert f"BUNDLED.load('validation').stratified({validation.total})" in receipt(validation, SHIPPED)


def test_counts_are_those_of_the_network() -> None:
    model = rebuild(RECIPES[4])
    params, nonzero, mult_adds = count_network(model, 64)
    assert params == parameter_count(model) < 59_026
    assert nonzero == sum(int((part != 0).sum()) for part in model.parameters())
    assert mult_adds < count_network(rebuild(RECIPES[2]), 64)[2]
    assert not any(part.is_meta for part in model.parameters()), "the model itself is left alone"


def steps(*done: Step, precision: str = "float32") -> dict:
    return recipe_of(TRAINING, *done, precision=precision).to_dict()


@pytest.mark.parametrize(
    ("weights", "recipe", "sentence"),
    [
        ("", {}, "sha256 not given"),
        ("ab" * 32, {}, "sha256 abababab"),
        (STUDENT, steps(Prune("magic", 0.5)), "no method 'magic'; there are global-l1"),
        (STUDENT, {"steps": [{"do": "prune", "method": ["random"], "ratio": 0.5}]}, "an impossible method"),
        (STUDENT, {"steps": [{"do": "prune", "method": "random", "ratio": "half"}]}, "an impossible ratio"),
        (STUDENT, {"method": "random", "ratio": 0.5}, "does not say in steps"),
        (STUDENT, steps(Prune("random", 2)), "from 0 to below 1"),
        (STUDENT, steps(Prune("random", 0.5), precision="bfloat16"), "measured in bfloat16"),
        (
            STUDENT,
            recipe_of("mine", Finetune()).to_dict(),
            "training images that it was made with are not here",
        ),
        ("", {"spec": {"stem": 0}}, "not those of a StudentNet"),
        ("", {"spec": {"stem": 0, "widths": [1, 1, 1, 1]}}, "between 1 and"),
        ("", {"network": "magic", "spec": {}}, "no kind of network 'magic'"),
        ("", {"network": ["resnet18"], "spec": {}}, "which kind of network"),
        ("", {"network": "resnet18", "spec": []}, "which kind of network"),
        ("", {"network": "resnet18", "spec": {}}, "between 2 and 1000 classes, not 0"),
    ],
)
def test_what_cannot_be_rebuilt_is_told(weights: str, recipe: dict, sentence: str) -> None:
    with pytest.raises(ExplorerError, match=sentence):
        rebuild(recipe, weights)


@pytest.mark.parametrize(
    ("weights", "recipe", "sentence"),
    [
        ("", {}, "does not say how it was made"),
        ("ab" * 32, {}, "do not ship"),
        (STUDENT, recipe_of("mine", Finetune()).to_dict(), "training images of yours"),
        (STUDENT, steps(Prune("random", 0.5), precision="bfloat16"), "measured in bfloat16"),
    ],
)
def test_what_not_every_copy_can_rebuild_has_no_receipt(weights: str, recipe: dict, sentence: str) -> None:
    without = row(recipe, weights=weights)
    assert sentence in why_no_receipt(without, SHIPPED)
    with pytest.raises(ExplorerError, match=sentence):
        receipt(without, SHIPPED)


def test_a_shipped_row_is_its_card() -> None:
    source = next(source for source in SHIPPED if source.card.name == "student-60k")
    shipped = rebuilding.card_row(source, BUNDLED)
    assert (shipped.params, shipped.total) == (59_026, 10_000)
    assert shipped.accuracy is not None
    assert shipped.accuracy.value == source.card.test_accuracy
    assert shipped.file_bytes == source.card.bytes
    assert (shipped.weights, shipped.images_key) == (source.card.sha256, BUNDLED.key_of("test"))
    assert why_no_receipt(shipped, SHIPPED) == ""
