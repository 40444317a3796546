import os
import resource
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from explorer.data import ImageSet
from explorer.errors import ExplorerError
from explorer.networks import StudentNet, StudentSpec
from explorer.training import Progress, Recipe, spent, train, view_logits

SPEC = StudentSpec(4, (4, 6, 8, 8), classes=10)
RECIPE = Recipe(epochs=3, batch_size=32, max_lr=0.1, erase=4)


def plain(scores: Tensor, labels: Tensor, teacher: Tensor | None) -> Tensor:
    return functional.cross_entropy(scores, labels)


def fresh() -> StudentNet:
    torch.manual_seed(0)
    return StudentNet(SPEC)


def run(net: StudentNet, shard: ImageSet, recipe: Recipe = RECIPE, **options) -> list[Progress]:
    images, held_out = shard.select(slice(96)), shard.select(slice(96, 126))
    return list(train(net, images, held_out, recipe, options.pop("loss", plain), **options))


def test_training_learns_and_reports_every_step(shard: ImageSet) -> None:
    net = fresh()
    steps = run(net, shard, Recipe(epochs=24, batch_size=32, max_lr=0.1))
    assert [progress.step for progress in steps] == list(range(1, 73))
    assert {progress.steps for progress in steps} == {72}
    measured = [progress.epoch for progress in steps if progress.validation_accuracy is not None]
    assert measured == list(range(1, 25))
    first, last = (sum(p.loss for p in part) / 3 for part in (steps[:3], steps[-3:]))
    assert last < 0.8 * first


def test_without_held_out_images_it_is_the_same_training(shard: ImageSet) -> None:
    counted, silent = fresh(), fresh()
    run(counted, shard)
    steps = list(train(silent, shard.select(slice(96)), None, RECIPE, plain))
    assert {progress.validation_accuracy for progress in steps} == {None}
    for key, tensor in counted.state_dict().items():
        assert torch.equal(tensor, silent.state_dict()[key]), key


def test_no_set_of_images_is_made_into_inputs_at_once(
    shard: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """5,000 images at 64 pixels are 245 MB, and a lesson trains two networks in turn."""
    monkeypatch.setattr(ImageSet, "inputs", lambda self: pytest.fail("all at once"))
    assert run(fresh(), shard)[-1].validation_accuracy is not None


def test_an_interrupted_run_ends_with_the_weights_it_would_have_had(shard: ImageSet, tmp_path: Path) -> None:
    whole = fresh()
    run(whole, shard)
    stopped, state = fresh(), tmp_path / "run.resume.pt"
    steps = train(stopped, shard.select(slice(96)), shard.select(slice(96, 126)), RECIPE, plain, resume=state)
    for _ in range(5):
        next(steps)
    steps.close()
    resumed = fresh()
    rest = run(resumed, shard, resume=state)
    assert rest[0].epoch == 2, "an interruption costs one epoch at most"
    for key, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[key]), key


def test_the_seconds_of_a_run_are_those_of_all_its_sittings(
    shard: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a clock on which every step takes a second, with a day between two sittings."""
    now = [1000.0]
    monkeypatch.setattr("explorer.training.time.monotonic", lambda: now[0])

    def a_second(scores: Tensor, labels: Tensor, teacher: Tensor | None) -> Tensor:
        now[0] += 1
        return plain(scores, labels, teacher)

    whole = run(fresh(), shard, loss=a_second)
    assert [progress.seconds for progress in whole] == list(range(1, 10))
    state = tmp_path / "run.resume.pt"
    for cut in (5, 2):
        steps = train(fresh(), shard.select(slice(96)), None, RECIPE, a_second, resume=state)
        for _ in range(cut):
            next(steps)
        steps.close()
        now[0] += 86_400
    assert spent(state) == 3, "an epoch is done; what was cut off is repeated, and counts once"
    rest = run(fresh(), shard, loss=a_second, resume=state)
    assert [progress.seconds for progress in rest] == [4, 5, 6, 7, 8, 9]
    assert spent(state) == 9
    now[0] += 86_400
    assert run(fresh(), shard, loss=a_second, resume=state) == [], "it is done"
    assert spent(state) == 9


def test_a_resume_file_of_another_recipe_or_network_is_refused(shard: ImageSet, tmp_path: Path) -> None:
    state = tmp_path / "run.resume.pt"
    run(fresh(), shard, resume=state)
    with pytest.raises(ExplorerError, match="another recipe"):
        run(fresh(), shard, Recipe(epochs=4, batch_size=32), resume=state)
    with pytest.raises(ExplorerError, match="another network"):
        run(StudentNet(StudentSpec(5, (4, 6, 8, 8), classes=10)), shard, resume=state)


class Exploit:
    """Runs a command when it is unpickled the unsafe way."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.target}",)


def test_an_exploit_as_resume_file_is_refused_and_does_not_run(shard: ImageSet, tmp_path: Path) -> None:
    target, state = tmp_path / "pwned", tmp_path / "run.resume.pt"
    run(fresh(), shard, resume=state)
    saved = torch.load(state, weights_only=True)
    torch.save(saved | {"recipe": Exploit(target)}, state)
    with pytest.raises(ExplorerError, match="is no unfinished run, or a damaged one: delete it"):
        run(fresh(), shard, resume=state)
    assert not target.exists()


@pytest.mark.parametrize("damage", ["truncated", "text", "other", "parts"])
def test_a_damaged_resume_file_is_told_in_one_sentence(damage: str, shard: ImageSet, tmp_path: Path) -> None:
    state = tmp_path / "run.resume.pt"
    run(fresh(), shard, resume=state)
    if damage == "truncated":
        state.write_bytes(state.read_bytes()[:1000])
    elif damage == "text":
        state.write_text("no pickle", encoding="utf-8")
    elif damage == "other":
        torch.save(torch.zeros(3), state)
    else:
        saved = torch.load(state, weights_only=True)
        torch.save({key: saved[key] for key in ("recipe", "epochs_done", "seconds")}, state)
    with pytest.raises(ExplorerError, match="delete it") as caught:
        run(fresh(), shard, resume=state)
    assert "\n" not in str(caught.value)


def test_the_teachers_logits_follow_the_view_of_every_image(shard: ImageSet) -> None:
    """With a teacher equal to the student before its first step, every looked-up row matches."""
    recipe = Recipe(epochs=1, batch_size=96, shift=2, diagonal=True)
    net = fresh()
    teacher = fresh()
    teacher.train()
    images = shard.select(slice(96))
    with torch.no_grad():
        for _ in range(20):
            teacher(images.inputs())
    net.load_state_dict(teacher.state_dict())
    table = torch.stack(list(view_logits(teacher.eval(), images, recipe)))
    assert table.shape == (50, 96, 10)
    seen = []

    def compare(scores: Tensor, labels: Tensor, rows: Tensor | None) -> Tensor:
        assert rows is not None
        seen.append((rows, labels))
        return functional.cross_entropy(scores, labels)

    net.eval()
    net.train = partial(lambda self, mode=True: self, net)  # type: ignore[method-assign]
    captured = []
    net.register_forward_hook(lambda module, args, output: captured.append(output.detach()))
    run(net, shard, recipe, loss=compare, teacher_logits=table)
    assert torch.allclose(captured[0], seen[0][0], atol=1e-5)
    assert not torch.allclose(captured[0], table[12][torch.argsort(torch.rand(96))], atol=1e-2)


def test_distilling_from_erased_images_is_refused(shard: ImageSet) -> None:
    with pytest.raises(ExplorerError, match="set erase to 0"):
        run(fresh(), shard, teacher_logits=torch.zeros(10, 96, 10))


def test_fewer_images_than_a_batch_are_refused(shard: ImageSet) -> None:
    with pytest.raises(ExplorerError, match="smaller batch"):
        run(fresh(), shard, Recipe(epochs=1, batch_size=128))


@pytest.mark.parametrize("values", [{"epochs": 0}, {"epochs": 1, "max_lr": 0}, {"epochs": 1, "shift": -1}])
def test_an_impossible_recipe_is_refused(values: dict) -> None:
    with pytest.raises(ExplorerError):
        Recipe(**values)


def test_a_disk_that_is_full_ends_a_training_in_a_sentence_and_keeps_the_epochs_before(
    shard: ImageSet, tmp_path: Path
) -> None:
    state = tmp_path / "run.resume.pt"
    steps = train(fresh(), shard.select(slice(96)), None, RECIPE, plain, resume=state)
    for _ in range(4):
        next(steps)
    kept, before = state.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(
            ExplorerError, match=r"run\.resume\.pt cannot be written \(File too large\): make room"
        ):
            list(steps)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert state.read_bytes() == kept
    assert list(tmp_path.iterdir()) == [state]
    again = list(train(fresh(), shard.select(slice(96)), None, RECIPE, plain, resume=state))
    assert again[0].epoch == 2, "it goes on after the epoch that was kept"
