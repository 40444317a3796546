import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from explorer.__main__ import main
from explorer.checkpoints import SHIPPED, card
from explorer.checkpoints.evidence import find_rows
from explorer.checkpoints.tables import write_table
from explorer.data import BUNDLED, ImageSet
from explorer.data.fashion_mnist import FashionMNIST
from explorer.distillation import study, study_command
from explorer.distillation.loss import DistillationLoss
from explorer.errors import ExplorerError
from explorer.training import Recipe, labels_alone, train
from explorer.work.progress import follow

TINY = Recipe(epochs=2, batch_size=10, max_lr=0.05)
IMAGES = 20


@pytest.fixture
def plan(originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> study.StudyPlan:
    """Two epochs on 20 images, judged on the first 4 validation images of each class; test images may not be read."""
    monkeypatch.setattr(study, "SCHEDULES", {IMAGES: TINY, 40: TINY})
    monkeypatch.setattr(study, "HALF", IMAGES)
    real = FashionMNIST.load

    def load(self: FashionMNIST, use: str) -> ImageSet:
        assert use == "validation", "no cell may look at test images"
        whole = real(self, "validation")
        few = [np.flatnonzero(whole.labels == label)[:4] for label in range(10)]
        at = np.sort(np.concatenate(few))
        return replace(whole, images=whole.images[at], labels=whole.labels[at], key="few", whole="few")

    monkeypatch.setattr(FashionMNIST, "load", load)
    tables = {}
    for name, count in (("table", 1000), ("validation_table", 40)):
        tables[name] = tmp_path / f"{name}.safetensors"
        torch.manual_seed(count)
        write_table(tables[name], torch.randn(len(TINY.views), count, 10).half())
    return study.StudyPlan("sha", tmp_path / "study", data=originals, **tables)


def cells(**options) -> tuple[study.StudyCell, ...]:
    return study.study_cells(
        (IMAGES,), **({"students": ["student-5k"], "seeds": 1, "unseen": False} | options)
    )


def run(some: tuple[study.StudyCell, ...], plan: study.StudyPlan, **options) -> list[study.CellResult]:
    study.held_results(plan)
    return list(study.run_study(some, plan, jobs=1, backend="threading", **options))


# --- Which cells, on which images -----------------------------------------------------------------------


def test_the_cells_are_all_of_them_the_quickest_first_and_both_of_a_pair_together() -> None:
    some = study.study_cells()
    assert len(some) == len(set(some)) == 5 * 3 * 2 * (4 + 2)
    assert [cell.images for cell in some] == sorted(cell.images for cell in some)
    for plain, taught in zip(some[::2], some[1::2], strict=True):
        assert not plain.distilled
        assert replace(plain, distilled=True) == taught
    assert [cell.seed for cell in some[:30:10]] == [1, 2, 3], (
        "every student has its first seed before a second"
    )
    assert set(study.SCHEDULES) == {*study.SIZES, study.HALF}
    for images, recipe in study.SCHEDULES.items():
        assert recipe.epochs * (images // recipe.batch_size) >= 600, "small sets are really trained"
    with pytest.raises(ExplorerError, match="at least one seed"):
        study.study_cells(seeds=0)
    with pytest.raises(ExplorerError, match="no student 'student-7k'"):
        study.study_cells(students=["student-7k"])


def test_a_choice_is_even_over_the_classes_differs_by_seed_and_lies_in_the_larger_one(
    shard: ImageSet,
) -> None:
    few, many = (study.stratified(shard.labels, count, 1) for count in (500, 2_000))
    assert np.bincount(shard.labels[few]).tolist() == [50] * 10
    assert len(np.unique(few)) == 500
    assert set(few) < set(many)
    assert 0 < len(set(few) & set(study.stratified(shard.labels, 500, 2))) < 200
    assert study.stratified(shard.labels, 5_000, 3).tolist() == list(range(5_000))
    for count in (505, 0, 6_000):
        with pytest.raises(ExplorerError, match="evenly"):
            study.stratified(shard.labels, count, 1)


def test_the_unseen_half_is_learned_from_and_the_other_one_judged_by_both_arms(validation: ImageSet) -> None:
    by_arm = {cell.arm: cell for cell in study.study_cells((500,), students=["report"], seeds=1)}
    half, judged = study.split_of(by_arm["unseen"], validation)
    assert len(half) == len(judged) == study.HALF
    assert not set(half) & set(judged)
    assert np.array_equal(study.split_of(by_arm["seen"], validation)[1], judged)
    assert len(study.split_of(by_arm["training"], validation)[1]) == 5_000
    other = study.split_of(replace(by_arm["unseen"], seed=2), validation)[1]
    assert not np.array_equal(other, judged)


# --- Training -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("distilled", [False, True])
def test_a_cell_is_this_training_and_what_it_got_right(plan: study.StudyPlan, distilled: bool) -> None:
    cell = cells(seeds=2)[2 + distilled]
    assert (cell.seed, cell.distilled) == (2, distilled)
    (result,) = run((cell,), plan)
    training = follow(BUNDLED.read_all_training(plan.data), lambda _: None)
    at = study.stratified(training.labels, IMAGES, 2)
    torch.manual_seed(2)
    student = study.FAMILY["student-5k"].build().to(memory_format=torch.channels_last)
    torch.manual_seed(1000)
    table = torch.randn(len(TINY.views), 1000, 10).half()[:, torch.from_numpy(at)]
    loss = DistillationLoss(0.9, 4.0) if distilled else labels_alone
    list(train(student, training.select(at), None, replace(TINY, seed=2), loss, teacher_logits=table))
    validation = BUNDLED.load("validation")
    with torch.no_grad():
        right = student.eval()(validation.inputs()).argmax(1) == validation.targets()
    assert result.hits.tolist() == right.tolist()
    assert 0 < result.accuracy == pytest.approx(right.float().mean().item())
    assert result.trained_on == training.select(at).key
    assert study.CellResult.from_dict(json.loads(json.dumps(result.to_dict()))) == result


def test_a_pool_of_the_training_images_gives_each_cell_its_own_rows(plan: study.StudyPlan) -> None:
    some = cells(seeds=2)
    training = follow(BUNDLED.read_all_training(plan.data), lambda _: None)
    pool = study.pool_of(some, training)
    assert len(pool) < len(training)
    numbers = torch.arange(len(training), dtype=torch.float32)[None, :, None].expand(10, -1, 10)
    path = plan.folder.parent / "numbers.safetensors"
    write_table(path, numbers[:, torch.from_numpy(pool)])
    validation = BUNDLED.load("validation")
    for cell in (each for each in some if each.distilled):
        images, table = study._lesson(cell, replace(plan, table=path, pool=pool), validation)
        assert table is not None
        assert table[0, :, 0].tolist() == images.positions.tolist()
    assert study.pool_of([], training).size == 0


def test_the_arms_learn_from_other_images_and_are_judged_on_the_same(plan: study.StudyPlan) -> None:
    some = [cell for cell in cells(unseen=True) if cell.arm != "training"]
    results = run(tuple(some), plan)
    assert len({each.judged_on for each in results}) == 1
    assert {each.judged for each in results} == {20}
    trained_on = {
        arm: {each.trained_on for each in results if each.cell.arm == arm} for arm in ("seen", "unseen")
    }
    assert all(len(keys) == 1 for keys in trained_on.values()), "both of a pair learn from the same images"
    assert trained_on["seen"] != trained_on["unseen"]


def test_what_is_there_is_not_trained_again_and_no_cell_is_begun_too_late(plan: study.StudyPlan) -> None:
    some = cells(seeds=2)
    first = run(some[:3], plan)
    assert len(list(plan.folder.glob("*.json"))) == 3
    held = study.held_results(plan)
    assert held == {each.cell: each for each in first}
    assert run(some, plan, minutes=0) == []
    # The evidence alone is enough to go on.
    elsewhere = replace(plan, folder=plan.folder / "new")
    assert study.held_results(elsewhere, first) == held


def test_results_of_another_study_or_damaged_ones_are_told(
    plan: study.StudyPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    (result,) = run(cells()[:1], plan)
    with pytest.raises(ExplorerError, match="trained in another way"):
        study.held_results(replace(plan, teacher="another"))
    monkeypatch.setattr(study, "SCHEDULES", {IMAGES: replace(TINY, epochs=3)})
    with pytest.raises(ExplorerError, match="trained in another way"):
        study.held_results(plan)
    monkeypatch.setattr(study, "SCHEDULES", {})
    with pytest.raises(ExplorerError, match="no schedule for 20 images"):
        study.held_results(plan)
    whole = result.to_dict()
    for damage in ({"judged": 41}, {"right": "?"}, {"student": "me"}, {"arm": "test"}, {"settings": {}}):
        with pytest.raises(ExplorerError, match="no result of a study"):
            study.CellResult.from_dict(whole | damage)
    (plan.folder / "half.json").write_text("{", encoding="utf-8")
    with pytest.raises(ExplorerError, match=r"half\.json is not a result"):
        study.held_results(plan)


# --- The command ----------------------------------------------------------------------------------------


@pytest.fixture
def study_here(
    plan: study.StudyPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Run the command on the small stand-in, with its evidence in a folder of its own."""
    entry, folder = card("teacher"), tmp_path / "networks"
    folder.mkdir()
    monkeypatch.setattr(study_command, "card", lambda name, where: entry)
    monkeypatch.setattr(study_command, "_table", lambda images, *_: tmp_path / "table.safetensors")
    monkeypatch.setattr(study_command, "table_path", lambda *_: tmp_path / "table.safetensors")
    common = ["--students", "student-5k", "--seeds", "1", "--jobs", "1", "--backend", "threading"]
    common += ["--checkpoints", str(folder), "--data", str(plan.data), "--evidence"]

    def command(*options: str) -> tuple[int, str]:
        status = main(["study", *common, *options])
        return status, capsys.readouterr().out

    return command


def test_a_study_goes_on_from_its_evidence_alone(
    study_here: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = []
    real = study.train_cell

    def noted(cell: study.StudyCell, plan: study.StudyPlan) -> study.CellResult:
        trained.append(cell)
        return real(cell, plan)

    monkeypatch.setattr(study, "train_cell", noted)
    status, said = study_here("--rows", "20", "--out", str(tmp_path / "first"))
    assert status == 0
    assert "0 of 2 cells" in said
    assert "student-5k" in said
    assert len(trained) == 2
    status, said = study_here("--rows", "20,unseen", "--out", str(tmp_path / "second"))
    assert "2 of 6 cells" in said
    assert len(trained) == 6, "another folder, but the evidence holds the first two"
    assert len(set(trained)) == 6
    validation = BUNDLED.load("validation")
    stored = find_rows(
        "study", study.CellResult, card("teacher").sha256, validation.whole, tmp_path / "networks"
    )
    assert stored is not None
    assert {row.cell for row in stored.rows} == set(trained), "what a row of cells adds keeps the others"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--rows", "many"], "number of training images or 'unseen'"),
        (["--students", "me"], "no student 'me'"),
    ],
)
def test_a_study_of_nothing_known_ends_with_one_sentence(
    options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["study", *options]) == 2
    assert sentence in capsys.readouterr().err


# --- What ships -----------------------------------------------------------------------------------------


def test_the_shipped_study_is_that_of_the_shipped_teacher_and_of_these_schedules(
    validation: ImageSet, tmp_path: Path
) -> None:
    stored = find_rows("study", study.CellResult, card("teacher").sha256, validation.whole, SHIPPED)
    assert stored is not None
    held = study.held_results(study.StudyPlan(card("teacher").sha256, tmp_path), stored.rows)
    assert set(held) <= set(study.study_cells(seeds=max(cell.seed for cell in held)))
    for result in stored.rows:
        half, judged = study.split_of(result.cell, validation)
        assert result.judged_on == validation.select(judged).key
        if result.cell.arm == "unseen":
            assert result.trained_on == validation.select(half).key
