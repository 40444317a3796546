import time
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from torch import nn

from explorer import runs
from explorer.checkpoints import Card, catalogue, load, stored
from explorer.data import ImageSet
from explorer.measure import accuracy, logits
from explorer.networks import StudentNet, StudentSpec, builder_of
from explorer.runs import DESIGNS, KNOWN_RUNS, TrainingRun, average, execute, finish_card
from explorer.training import Recipe, labels_alone
from explorer.work.progress import follow

SPEC = StudentSpec(3, (4, 5, 6, 7), classes=10)


def net(seed: int) -> StudentNet:
    torch.manual_seed(seed)
    return StudentNet(SPEC)


def test_averaged_weights_lie_between_both_and_batchnorm_is_estimated_anew(shard: ImageSet) -> None:
    first, last = (stored(net(seed), torch.float32) for seed in (0, 1))
    model = net(2)
    average(model, first, last, 0.6, shard.select(slice(1000)))
    state = model.state_dict()
    for key in ("conv1.weight", "layer3.3.weight", "fc.bias"):
        assert torch.allclose(state[key], 0.4 * first[key] + 0.6 * last[key])
    seen: list[torch.Tensor] = []
    model.eval()
    model.conv1.register_forward_hook(lambda module, args, output: seen.append(output))
    with torch.no_grad():
        model(shard.select(slice(1000)).inputs())
    expected = torch.stack([part.mean((0, 2, 3)) for part in seen[0].split(500)]).mean(0)
    assert torch.allclose(model.bn1.running_mean, expected, atol=1e-4)


def test_a_run_of_two_stages_resumes_after_either_and_says_so_on_its_card(
    shard: ImageSet, tmp_path: Path
) -> None:
    recipe = Recipe(epochs=2, batch_size=32)
    run = TrainingRun(
        "two", "two", recipe, spec=SPEC, finish=Recipe(epochs=1, batch_size=32, max_lr=0.01, seed=2)
    )
    images, held_out = shard.select(slice(96)), shard.select(slice(96, 126))

    def steps(folder: str):
        out = tmp_path / folder
        return execute(run, labels_alone, images, held_out, held_out, out=out, work=out / "work")

    whole = follow(steps("whole"), lambda update: None)
    stopped = steps("stopped")
    for update in stopped:
        if update.stage == "training, stage 2" and update.done == 2:
            break
    stopped.close()
    resumed = follow(steps("stopped"), lambda update: None)
    assert whole.recipe["finish"]["epochs"] == 1
    assert whole.recipe["last_share"] == 0.6
    assert resumed.test_accuracy == whole.test_accuracy
    assert resumed.sha256 == whole.sha256
    assert not list((tmp_path / "stopped" / "work").glob("*.resume.pt"))


def test_a_card_says_the_seconds_of_all_sittings_of_both_stages(
    shard: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a clock on which a step takes 2 seconds and averaging 10, with a day between two sittings."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    averaged = runs.average

    def slow_loss(scores: torch.Tensor, labels: torch.Tensor, teacher: torch.Tensor | None) -> torch.Tensor:
        now[0] += 2
        return labels_alone(scores, labels, teacher)

    def slow_average(*args) -> None:
        now[0] += 10
        averaged(*args)

    monkeypatch.setattr(runs, "average", slow_average)
    finish = Recipe(epochs=2, batch_size=32, max_lr=0.01, seed=2)
    run = TrainingRun("two", "two", Recipe(epochs=2, batch_size=32), spec=SPEC, finish=finish)
    images, held_out = shard.select(slice(96)), shard.select(slice(96, 126))

    def steps():
        return execute(run, slow_loss, images, held_out, held_out, out=tmp_path, work=tmp_path / "work")

    for stage, done in ((1, 4), (2, 4)):  # in the second epoch of each stage
        stopped = steps()
        for update in stopped:
            if (update.stage, update.done) == (f"training, stage {stage}", done):
                break
        stopped.close()
        now[0] += 86_400
    assert follow(steps(), lambda update: None).seconds == 2 * 12 + 10


def test_a_card_has_the_accuracies_of_the_stored_weights_on_each_set(shard: ImageSet, tmp_path: Path) -> None:
    run = TrainingRun("one", "one", Recipe(epochs=3, batch_size=16), spec=SPEC)
    held_out, test = shard.select(slice(96, 226)), shard.select(slice(300, 500))
    steps = execute(
        run, labels_alone, shard.select(slice(96)), held_out, test, out=tmp_path, work=tmp_path / "work"
    )
    entry = follow(steps, lambda update: None)
    network = load("one", tmp_path)
    for images, value in ((held_out, entry.validation_accuracy), (test, entry.test_accuracy)):
        assert value == accuracy(logits(network, images.inputs()), images.targets()).value
    assert entry.validation_accuracy != entry.test_accuracy, "or a swap would not be seen"
    assert (entry.images, entry.measured_on) == (200, test.name)


@pytest.mark.parametrize("entry", catalogue().values(), ids=lambda entry: entry.name)
def test_every_shipped_card_tells_the_run_that_it_is_known_by(entry: Card) -> None:
    run = KNOWN_RUNS[entry.name]
    assert entry.title == run.title
    assert entry.recipe == asdict(run.recipe) | finish_card(run)
    assert entry.distillation == run.distillation
    assert builder_of(entry.network).from_dict(entry.spec, entry.classes) == run.spec
    assert isinstance(load(entry.name), nn.Module)


def test_every_design_can_be_trained_both_ways_on_one_recipe() -> None:
    for name, (_, spec, recipe) in DESIGNS.items():
        alone, taught = KNOWN_RUNS[name], KNOWN_RUNS[f"{name}-kd"]
        assert alone.spec == taught.spec == spec
        assert alone.recipe == taught.recipe == recipe
        assert (alone.teacher, taught.teacher) == (None, "teacher")
