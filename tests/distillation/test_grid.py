import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import ttest_ind

from explorer.checkpoints import card
from explorer.checkpoints.evidence import SUMS, StoredRows, find_rows, write_rows
from explorer.checkpoints.tables import write_table
from explorer.data import BUNDLED, ImageSet
from explorer.data.fashion_mnist import FashionMNIST
from explorer.distillation import grid
from explorer.distillation.trainings import register_backend
from explorer.errors import ExplorerError
from explorer.networks import StudentSpec
from explorer.training import Recipe
from explorer.workspace import Workspace, open_workspace
from tests.app import arrive
from tests.distillation.places import PLACES

TINY = StudentSpec(2, (2, 3, 4, 4), classes=10)
SETTINGS = grid.GridSettings(TINY, Recipe(epochs=1), 128, "teacher.safetensors")


@pytest.fixture
def plan(originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> grid.GridPlan:
    recipe = Recipe(epochs=1, batch_size=64)
    table = tmp_path / "teacher.safetensors"
    write_table(table, torch.randn(len(recipe.views), 128, 10).half())
    real = FashionMNIST.load
    monkeypatch.setattr(FashionMNIST, "load", lambda self, use: real(self, use).select(slice(20)))
    return grid.GridPlan(TINY, recipe, table, tmp_path / "grid", images=128, data=originals)


def test_a_grid_runs_every_point_once_keeps_each_and_resumes(
    plan: grid.GridPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = grid.grid_points((0.0, 0.5), (1.0, 4.0), seeds=2)
    assert len(points) == 6, "alpha 0 needs one run per seed: T has no influence there"
    first = list(grid.run_grid(points[:4], plan, jobs=1, backend="threading"))
    assert len(list(plan.folder.glob("*.json"))) == 4
    trained = []
    monkeypatch.setattr(grid, "train_point", lambda point, plan: trained.append(point))
    list(grid.run_grid(points, plan, jobs=1, backend="threading"))
    assert len(trained) == 2, "only the missing points are run"
    rows = grid.summarise_grid(first)
    assert {"alpha", "temperature", "mean", "low", "high", "seeds", "difference", "chance"} == set(
        rows.columns
    )


def test_a_real_dask_cluster_runs_the_grid(plan: grid.GridPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    points = grid.grid_points((0.0, 0.5), (4.0,), seeds=1)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        # Had it run in this process, it would fail here.
        monkeypatch.setattr(grid, "train", lambda *_, **__: pytest.fail("not on the cluster"))
        results = list(grid.run_grid(points, plan, jobs=2, backend="dask", cluster=cluster.scheduler_address))
        assert cluster.scheduler.transition_counter > 0, "the cluster's workers did it"
        distributed.get_client().close()
    assert {(result.point.alpha, result.point.temperature) for result in results} == {(0.0, None), (0.5, 4.0)}
    assert len(list(plan.folder.glob("*.json"))) == 2


def test_the_results_of_another_plan_are_refused(plan: grid.GridPlan) -> None:
    points = grid.grid_points((0.5,), (1.0,), seeds=1)
    list(grid.run_grid(points, plan, jobs=1, backend="threading"))
    longer = replace(plan, recipe=Recipe(epochs=2, batch_size=64))
    with pytest.raises(ExplorerError, match="another plan"):
        list(grid.run_grid(points, longer, jobs=1, backend="threading"))


def verdict(results: list[grid.GridResult]) -> str:
    return grid.grid_verdict(results, grid.summarise_grid(results))


def test_a_run_at_alpha_0_stands_in_every_temperature_and_the_verdict_knows_the_noise() -> None:
    def result(alpha: float, temperature: float | None, seed: int, accuracy: float) -> grid.GridResult:
        return grid.GridResult(grid.GridPoint(alpha, temperature, seed), accuracy, 1.0, SETTINGS)

    results = [result(0.0, None, 1, 0.900), result(0.0, None, 2, 0.902)]
    results += [result(0.5, 1.0, 1, 0.901), result(0.5, 1.0, 2, 0.902), result(0.5, 4.0, 1, 0.93)]
    rows = grid.summarise_grid(results).set_index(["alpha", "temperature"])
    assert rows.loc[(0.0, 4.0), "mean"] == pytest.approx(0.901)
    assert rows.loc[(0.0, 1.0), "seeds"] == 2
    text = verdict(results)
    assert rows.loc[(0.5, 4.0), "difference"] == pytest.approx(2.9)
    assert rows["chance"].isna().tolist() == [True, True, False, False]
    assert rows.loc[(0.5, 1.0), "chance"] > 0.5
    assert rows.loc[(0.5, 4.0), "chance"] < 0.01
    assert "alpha 0.5 at T 4, is +2.90 points" in text
    assert "1 of them cannot be told apart" in text
    assert "Really better: alpha 0.5 at T 4 (+2.90, p = " in text
    # Three cells of 2, 2 and 1 seeds: squares of (0.1, 0.1), (0.05, 0.05) points over 2 degrees of freedom.
    assert grid.seed_deviation(results) == pytest.approx(math.sqrt((2e-6 + 0.5e-6) / 2))
    assert "worse" not in text
    assert "With one seed a cell, nothing tells" in verdict([results[0], results[2], results[4]])
    assert verdict(results[2:]) == "There is no run with labels alone to compare with."


def test_the_p_values_are_those_of_the_normal_theory_and_the_same_every_time() -> None:
    """With one cell Dunnett's test is Student's, whose p-value scipy gives in another way."""
    chance = np.random.default_rng(1)
    plain, taught = chance.normal(0.90, 0.002, 4), chance.normal(0.903, 0.002, 4)
    results = [
        grid.GridResult(grid.GridPoint(alpha, None if alpha == 0 else 4.0, seed), float(value), 1.0, SETTINGS)
        for alpha, values in ((0.0, plain), (0.5, taught))
        for seed, value in enumerate(values)
    ]
    (first, second) = (grid.summarise_grid(results)["chance"].iloc[-1] for _ in range(2))
    assert first == second
    assert first == pytest.approx(ttest_ind(taught, plain).pvalue, abs=1e-3)


def test_a_grid_that_was_run_is_shown_with_its_spread_and_its_reference(
    plan: grid.GridPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = list(
        grid.run_grid(grid.grid_points((0.0, 1.0), (1.0, 4.0), 2), plan, jobs=1, backend="threading")
    )
    monkeypatch.undo()
    stored = StoredRows(tuple(results), "grid", "", "", 5_000, {}, "teacher", "2026-01-01", "", "")
    real = Workspace.find_rows
    monkeypatch.setattr(
        Workspace,
        "find_rows",
        lambda self, kind, *rest: stored if kind == "grid" else real(self, kind, *rest),
    )
    app = arrive("distillation", **PLACES["Alpha and T"])
    assert any("Students trained over alpha and T" in title.value for title in app.header)
    chart = app.get("vega_lite_chart")[0].proto
    assert "labels alone" in chart.spec
    assert '"spread"' in chart.spec, "the spread stands in every cell"
    assert any("Labels alone reach" in text.value for text in app.caption)
    assert any("6 trainings, 1 epochs each" in text.value for text in app.markdown)


def test_backends_that_are_not_here_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ExplorerError, match="no backend 'slurm'"):
        register_backend("slurm")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ExplorerError, match="pip install ray"):
        register_backend("ray")
    with pytest.raises(ExplorerError, match="--cluster tcp"):
        register_backend("dask")
    for values in ({"seeds": 0}, {"alphas": ()}, {"temperatures": ()}):
        with pytest.raises(ExplorerError, match="at least one"):
            grid.grid_points(**values)


def test_the_shipped_grid_is_whole_and_that_of_the_shipped_teacher() -> None:
    stored = open_workspace(BUNDLED).find_rows("grid", grid.GridResult, "teacher", "validation")
    assert stored is not None
    assert {result.point for result in stored.rows} >= set(grid.grid_points())
    assert len({result.settings for result in stored.rows}) == 1, "they can be compared"
    (settings,) = {result.settings for result in stored.rows}
    assert settings.teacher_logits.startswith(f"teacher-{card('teacher').sha256[:12]}-")


def test_a_grid_is_stored_for_its_teacher_alone(tmp_path: Path, validation: ImageSet) -> None:
    results = [grid.GridResult(grid.GridPoint(0.5, 4.0, 1), 0.9, 1.0, SETTINGS)]
    teacher = card("teacher")
    write_rows("grid", results, teacher, validation, tmp_path)
    stored = find_rows("grid", grid.GridResult, teacher.sha256, validation.whole, tmp_path)
    assert stored is not None
    assert list(stored.rows) == results
    other = replace(teacher, sha256=card("student-60k").sha256)
    assert find_rows("grid", grid.GridResult, other.sha256, validation.whole, tmp_path) is None


def test_a_damaged_grid_is_told(tmp_path: Path, validation: ImageSet) -> None:
    teacher = card("teacher")
    result = grid.GridResult(grid.GridPoint(0.5, 4.0, 1), 0.9, 1.0, SETTINGS)
    path = write_rows("grid", [result], teacher, validation, tmp_path)
    (path.parent / SUMS).unlink()  # else it would be left out before its rows are looked at
    whole = json.loads(path.read_text(encoding="utf-8"))
    for damage in ({"alpha": 2}, {"seconds": "long"}, {"settings": {}}, {"settings": None}):
        path.write_text(json.dumps(whole | {"rows": [whole["rows"][0] | damage]}), encoding="utf-8")
        with pytest.raises(ExplorerError):
            find_rows("grid", grid.GridResult, teacher.sha256, validation.whole, tmp_path)
