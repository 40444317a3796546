import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from streamlit.testing.v1 import AppTest

from explorer.data import ImageSet
from explorer.data.fashion_mnist import FashionMNIST
from explorer.distillation import grid
from explorer.distillation.live import Race, race
from explorer.errors import ExplorerError
from explorer.evidence import read_shard_views
from explorer.networks import StudentSpec
from explorer.training import Recipe

TINY = StudentSpec(2, (2, 3, 4, 4), classes=10)


@pytest.fixture
def plan(originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> grid.Plan:
    recipe = Recipe(epochs=1, batch_size=64)
    table = tmp_path / "teacher.safetensors"
    save_file({"logits": torch.randn(len(recipe.views), 128, 10).half()}, table)
    real = FashionMNIST.load
    monkeypatch.setattr(FashionMNIST, "load", lambda self, use: real(self, use).select(slice(20)))
    return grid.Plan(TINY, recipe, table, tmp_path / "grid", images=128, data=originals)


def test_a_grid_runs_every_point_once_keeps_each_and_resumes(
    plan: grid.Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = grid.points((0.0, 0.5), (1.0, 4.0), seeds=2)
    assert len(wanted) == 6, "alpha 0 needs one run per seed: T has no influence there"
    first = list(grid.run_grid(wanted[:4], plan, jobs=1, backend="threading"))
    assert len(list(plan.folder.glob("*.json"))) == 4
    trained = []
    monkeypatch.setattr(grid, "run_point", lambda point, plan: trained.append(point) or {})
    list(grid.run_grid(wanted, plan, jobs=1, backend="threading"))
    assert len(trained) == 2, "only the missing points are run"
    rows = grid.summary(first)
    assert {"alpha", "temperature", "mean", "low", "high", "seeds", "difference", "apart"} == set(
        rows.columns
    )


def test_a_real_dask_cluster_runs_the_grid(plan: grid.Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    wanted = grid.points((0.0, 0.5), (4.0,), seeds=1)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        # Had it run in this process, it would fail here.
        monkeypatch.setattr(grid, "train", lambda *_, **__: pytest.fail("not on the cluster"))
        found = list(grid.run_grid(wanted, plan, jobs=2, backend="dask", cluster=cluster.scheduler_address))
        assert cluster.scheduler.transition_counter > 0, "the cluster's workers did it"
        distributed.get_client().close()
    assert {(row["alpha"], row["temperature"]) for row in found} == {(0.0, None), (0.5, 4.0)}
    assert len(list(plan.folder.glob("*.json"))) == 2


def test_the_results_of_another_plan_are_refused(plan: grid.Plan) -> None:
    wanted = grid.points((0.5,), (1.0,), seeds=1)
    list(grid.run_grid(wanted, plan, jobs=1, backend="threading"))
    longer = replace(plan, recipe=Recipe(epochs=2, batch_size=64))
    with pytest.raises(ExplorerError, match="another plan"):
        list(grid.run_grid(wanted, longer, jobs=1, backend="threading"))


def test_a_run_at_alpha_0_stands_in_every_temperature_and_the_verdict_knows_the_noise() -> None:
    def result(alpha: float, temperature: float | None, seed: int, accuracy: float) -> dict:
        return {"alpha": alpha, "temperature": temperature, "seed": seed, "validation_accuracy": accuracy}

    results = [result(0.0, None, 1, 0.900), result(0.0, None, 2, 0.902)]
    results += [result(0.5, 1.0, 1, 0.901), result(0.5, 1.0, 2, 0.901), result(0.5, 4.0, 1, 0.93)]
    rows = grid.summary(results).set_index(["alpha", "temperature"])
    assert rows.loc[(0.0, 4.0), "mean"] == pytest.approx(0.901)
    assert rows.loc[(0.0, 1.0), "seeds"] == 2
    text = grid.verdict(results)
    assert rows.loc[(0.5, 4.0), "difference"] == pytest.approx(2.9)
    assert rows["apart"].tolist() == [False, False, False, True]
    assert "alpha 0.5 at T 4, is +2.90 points" in text
    assert "1 of the 2 distilled cells" in text
    assert "More than that better: alpha 0.5 at T 4 (+2.90)." in text
    assert "worse" not in text
    assert "With one seed a cell, nothing tells" in grid.verdict([results[0], results[2], results[4]])
    assert grid.verdict(results[2:]) == "There is no run with labels alone to compare with."


def test_a_grid_that_was_run_is_shown_with_its_spread_and_its_reference(
    plan: grid.Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = list(grid.run_grid(grid.points((0.0, 1.0), (1.0, 4.0), 2), plan, jobs=1, backend="threading"))
    path = tmp_path / "grid.json"
    path.write_text(json.dumps({"results": results}), encoding="utf-8")
    monkeypatch.undo()
    monkeypatch.setattr(grid, "evidence_path", lambda: path)
    app = AppTest.from_file("../../streamlit_app.py", default_timeout=120)
    app.run()
    app.query_params["d_tab"] = "Evidence"
    app.switch_page("explorer/distillation/page.py").run()
    assert not app.exception
    assert any("Students trained over alpha and T" in title.value for title in app.subheader)
    chart = app.get("vega_lite_chart")[0].proto
    assert "labels alone" in chart.spec
    assert '"half"' in chart.spec, "the spread stands in every cell"
    assert any("Labels alone reach" in text.value for text in app.caption)
    assert any("6 trainings, 1 epochs each" in text.value for text in app.markdown)


def test_backends_that_are_not_here_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ExplorerError, match="no backend 'slurm'"):
        grid.register("slurm")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ExplorerError, match="pip install ray"):
        grid.register("ray")
    with pytest.raises(ExplorerError, match="--cluster tcp"):
        grid.register("dask")
    for values in ({"seeds": 0}, {"alphas": ()}, {"temperatures": ()}):
        with pytest.raises(ExplorerError, match="at least one"):
            grid.points(**values)


def test_a_shipped_grid_is_whole() -> None:
    path = grid.evidence_path()
    if not path.exists():
        pytest.skip("no grid has been trained yet")
    results = json.loads(path.read_text(encoding="utf-8"))["results"]
    assert {(row["alpha"], row["temperature"], row["seed"]) for row in results} >= {
        (point.alpha, point.temperature, point.seed) for point in grid.points()
    }


def test_a_race_trains_both_copies_from_the_same_weights_within_its_time(shard: ImageSet) -> None:
    images = shard.select(slice(256))
    table = torch.randn(10, 256, 10)
    networks, laps = race(Race(TINY, epochs=2), images, images.select(slice(20)), table)
    before = [parameter.clone() for parameter in networks["distilled"].parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, networks["labels alone"].parameters(), strict=True))
    found = list(laps)
    assert [lap.way for lap in found if lap.validation_accuracy is not None] == [
        "labels alone",
        "distilled",
        "labels alone",
        "distilled",
    ]
    assert found[-1].done == 1.0
    assert not torch.equal(before[0], next(networks["distilled"].parameters()))
    _, laps = race(Race(TINY, epochs=20, seconds=1e-6), images, images.select(slice(20)), table)
    assert len(list(laps)) == 1
    with pytest.raises(ExplorerError, match="needs some time"):
        Race(TINY, seconds=0)


def test_the_shipped_logits_of_the_shards_views_are_the_teachers(shard: ImageSet) -> None:
    from explorer.checkpoints import load
    from explorer.training import view_logits

    recipe, sample = Race(TINY).recipe, shard.select(slice(6))
    table = read_shard_views()
    assert table.shape == (len(recipe.views), 5_000, 10)
    fresh = torch.stack(list(view_logits(load("teacher"), sample, recipe)))
    assert torch.allclose(table[:, :6].float(), fresh, atol=0.02, rtol=2e-3)
