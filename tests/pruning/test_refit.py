"""Re-fitting against a dense solver, and on a network that was really trained."""

import copy
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from explorer.checkpoints import load
from explorer.data import BUNDLED
from explorer.errors import ExplorerError
from explorer.measure import accuracy, logits
from explorer.networks import maskable_weights
from explorer.pruning.engine import prune_network
from explorer.pruning.methods import METHODS
from explorer.pruning.plan import SweepPlan
from explorer.pruning.refit import FLOOR, RIDGE, refit, refitted, solve
from explorer.pruning.removal import kept_channels
from explorer.pruning.sweep import SweepRow, sweep
from explorer.work.progress import follow
from tests.networks.examples import trained_like
from tests.networks.nets import NETS, images_for


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def system(inputs: int, outputs: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    x, y = (torch.randn(300, count, generator=random) for count in (inputs, outputs))
    return x, y, torch.rand(outputs, inputs, generator=random) > 0.5


def test_each_output_is_the_ridge_solution_over_its_surviving_weights() -> None:
    x, y, keep = system(20, 7)
    start = torch.randn(7, 20, generator=torch.Generator().manual_seed(3))
    fitted = solve(x.T @ x, x.T @ y, keep, start)
    ridge = RIDGE * float((x.T @ x).diagonal().mean()) + FLOOR
    for output in range(7):
        kept = keep[output].nonzero().flatten()
        # The ridge as rows of its own: an ordinary least-squares problem for another solver.
        rows = np.vstack([x[:, kept].numpy(), np.sqrt(ridge) * np.eye(len(kept))])
        wanted = np.concatenate([y[:, output].numpy(), np.sqrt(ridge) * start[output, kept].numpy()])
        expected = np.linalg.lstsq(rows, wanted, rcond=None)[0]
        assert np.allclose(fitted[output, kept].numpy(), expected, atol=1e-4)
        assert not fitted[output, ~keep[output]].any()


def test_blocks_come_near_what_all_columns_at_once_give(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, keep = system(40, 5)
    gram, cross, start = x.T @ x, x.T @ y, torch.zeros(5, 40)
    whole = solve(gram, cross, keep, start)
    monkeypatch.setattr("explorer.pruning.refit.BLOCK", 16)
    blocks = solve(gram, cross, keep, start)
    assert not torch.equal(whole, blocks)

    def error(weights: torch.Tensor) -> float:
        return float((x @ weights.T - y).square().sum())

    assert error(whole) < error(blocks) < error(start)


def test_a_layer_that_sees_nothing_keeps_its_weights() -> None:
    weights, keep = (
        torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        torch.tensor([[1, 1, 0], [1, 1, 1]]).bool(),
    )
    fitted = solve(torch.zeros(3, 3), torch.zeros(3, 2), keep, weights)
    assert torch.allclose(fitted, weights * keep)


@pytest.mark.parametrize("name", sorted(NETS))
def test_a_network_that_lost_nothing_keeps_its_answers(name: str) -> None:
    dense = trained_like(NETS[name])
    same = copy.deepcopy(dense)
    x = images_for(dense)
    before = dense(x)
    list(refit(dense, same, x))
    # Re-fitted to itself only the ridge moves it.
    assert float((same(x) - before).abs().mean()) < 0.2 * float(before.abs().mean()) + 0.05


def test_zeros_stay_and_the_dense_network_is_left_alone() -> None:
    dense = load("student-60k-kd")
    before = copy.deepcopy(dense.state_dict())
    pruned = prune_network(dense, METHODS["global-l1"], 0.9)
    zeros = {name: weight == 0 for name, weight in maskable_weights(pruned).items()}
    training, validation = BUNDLED.load("training"), BUNDLED.load("validation").stratified(3_000)
    fitted = follow(refitted(dense, pruned, {}, training.select(slice(128)).inputs()), id)
    for name, weight in maskable_weights(fitted).items():
        assert torch.equal(weight == 0, zeros[name])
    assert sum(int(zero.sum()) for zero in zeros.values()) == round(
        0.9 * sum(map(torch.numel, zeros.values()))
    )
    assert all(torch.equal(tensor, before[key]) for key, tensor in dense.state_dict().items())
    some = validation.select(slice(500))
    was = accuracy(logits(pruned, some.batches()), some.targets()).value
    now = accuracy(logits(fitted, validation.batches()), validation.targets()).value
    assert was < 0.2
    assert now >= 0.80


def test_removed_channels_stay_removed_and_what_is_left_answers_better() -> None:
    dense = load("student-60k-kd")
    kept = kept_channels(dense, 0.2, METHODS["channels-l1"])
    small = prune_network(dense, METHODS["channels-l1"], 0.2)
    training, validation = BUNDLED.load("training"), BUNDLED.load("validation").select(slice(500))
    fitted = follow(refitted(dense, small, kept, training.select(slice(128)).inputs()), id)
    assert {key: tensor.shape for key, tensor in fitted.state_dict().items()} == {
        key: tensor.shape for key, tensor in small.state_dict().items()
    }
    was, now = (
        accuracy(logits(each, validation.batches()), validation.targets()).correct for each in (small, fitted)
    )
    assert now > was + 50


def test_a_sweep_has_a_row_for_it() -> None:
    data = BUNDLED.load("test").select(slice(100))
    plan = SweepPlan(("global-l1",), (0.8,), repeats=0, refit=32)
    rows = [
        row
        for row in sweep(
            load("student-5k-kd"), data.inputs(), data.targets(), plan, shard=BUNDLED.load("training")
        )
        if isinstance(row, SweepRow)
    ]
    assert [row.recovery for row in rows] == ["none", "re-fitted"]
    assert rows[1].nonzero == rows[0].nonzero
    assert rows[1].correct > rows[0].correct
    with pytest.raises(ExplorerError, match="0 to 512"):
        SweepPlan(refit=513)


def test_only_the_same_network_can_be_refitted() -> None:
    with pytest.raises(ExplorerError, match="shape of the dense one"):
        next(refit(load("student-5k"), load("student-10k"), torch.zeros(1, 3, 64, 64)))
