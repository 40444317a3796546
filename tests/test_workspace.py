import os
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from explorer.data.folder import ImageFolder
from explorer.data.layout import scan
from explorer.errors import ExplorerError
from explorer.measure import accuracy, logits
from explorer.networks import StudentNet, StudentSpec, resnet18_teacher
from explorer.training import Recipe, view_logits
from explorer.work.progress import Update, follow
from explorer.workspace import Own, Workspace, from_folder, from_upload, signature, trained
from tests.data.conftest import cache, dishes, homework  # noqa: F401

TINY = StudentSpec(32, (32, 32, 48, 48), classes=3)


def save(path: Path, net: nn.Module) -> Path:
    torch.save(net.state_dict(), path)
    return path


@pytest.fixture
def place(dishes: Path) -> Workspace:  # noqa: F811
    """A folder of three classes with a teacher, two students and one for other classes."""
    torch.manual_seed(0)
    save(dishes / "resnet18_teacher.ckpt", resnet18_teacher(3))
    save(dishes / "student.pt", StudentNet(TINY))
    save(dishes / "report.pth", StudentNet(StudentSpec()))
    own, problems = from_folder(dishes)
    assert problems == ()
    return Workspace(ImageFolder(scan(dishes), size=32), own)


def titles(place: Workspace, names: tuple[str, ...]) -> list[str]:
    return [place.cards[name].title for name in names]


def test_the_shipped_workspace_is_what_the_lessons_always_had() -> None:
    shipped = Workspace()
    assert shipped.teachers == ("teacher",)
    assert "student-60k-kd" in shipped.students
    assert len(shipped.classes) == 10
    images = follow(shipped.images("validation"), lambda update: None)
    scores = follow(shipped.logits("teacher", images), lambda update: pytest.fail("computed"))
    assert accuracy(scores, images.targets()).value > 0.9


def test_networks_of_ones_own_are_recognised_and_those_of_other_classes_said(place: Workspace) -> None:
    assert titles(place, place.teachers) == ["resnet18_teacher.ckpt"]
    assert titles(place, place.students) == ["student.pt"]
    assert place.misfits == (
        "report.pth tells 11 classes apart and dishes, your folder has 3, so it can be counted but not measured here: "
        "it needs images of 11 classes.",
    )
    with pytest.raises(ExplorerError, match="There is no network 'teacher' here"):
        place.network("teacher")


def test_an_uploaded_teacher_of_ten_classes_joins_the_shipped_networks(tmp_path: Path) -> None:
    one = from_upload("../../mine.ckpt", save(tmp_path / "x.ckpt", resnet18_teacher(10)).read_bytes())
    shipped = Workspace(own={one.card.name: one})
    assert titles(shipped, shipped.teachers) == ["Teacher, ResNet-18", "mine.ckpt"]
    assert shipped.network(one.card.name) is not one.model, "what mutates works on a copy"


def test_logits_are_computed_once_and_kept_by_weights_and_images(
    place: Workspace,
    cache: Path,  # noqa: F811
) -> None:
    name = place.students[0]
    images = follow(place.images("test"), lambda update: None)
    updates: list[Update] = []
    found = follow(place.logits(name, images), updates.append)
    assert updates[-1].done == updates[-1].total == len(images) == 6
    assert torch.equal(found, logits(place.network(name), images.inputs()))
    again = follow(place.logits(name, images), lambda update: pytest.fail("computed again"))
    assert torch.equal(again, found)
    (path,) = (cache / "logits").iterdir()
    path.write_bytes(path.read_bytes()[:50])
    assert torch.equal(follow(place.logits(name, images), lambda update: None), found), "a damaged file"
    other = Workspace(ImageFolder(scan(place.data.folder.root), size=64), place.own)
    larger = follow(other.images("validation"), lambda update: None)
    assert not torch.equal(follow(other.logits(name, larger), lambda update: None), found)
    torch.manual_seed(1)
    retrained = from_upload("student.pt", save(cache.parent / "s.pt", StudentNet(TINY)).read_bytes())
    assert retrained.card.name != name
    here = Workspace(place.data, {retrained.card.name: retrained})
    assert not torch.equal(follow(here.logits(retrained.card.name, images), lambda update: None), found)


def test_a_teachers_view_logits_are_those_that_training_looks_up(place: Workspace) -> None:
    images = follow(place.images("training"), lambda update: None)
    recipe = Recipe(epochs=1, batch_size=8, shift=1)
    found = follow(place.view_logits(place.teachers[0], images, recipe), lambda update: None)
    assert found.shape == (10, 27, 3)
    straight = torch.stack(list(view_logits(place.network(place.teachers[0]), images, recipe)))
    assert torch.allclose(found.float(), straight, atol=2e-2)
    flip = next(number for number, view in enumerate(recipe.views) if view == (True, 0, 0))
    mirrored = place.network(place.teachers[0])(images.inputs().flip(3))
    assert torch.allclose(straight[flip], mirrored, atol=1e-4)
    follow(place.view_logits(place.teachers[0], images, recipe), lambda update: pytest.fail("again"))


def test_a_checkpoint_that_changed_or_gives_nan_is_refused(place: Workspace) -> None:
    name = place.students[0]
    path = place.own[name].path
    before = signature(path.parent)
    save(path, StudentNet(TINY))
    os.utime(path, ns=(1, 1))
    assert signature(path.parent) != before
    with pytest.raises(ExplorerError, match=r"student\.pt has changed since it was read"):
        place.network(name)
    broken = StudentNet(TINY)
    broken.bn1.running_var.fill_(-1.0)
    one = trained("broken", broken, 3)
    here = Workspace(place.data, {"broken": one})
    images = follow(here.images("validation"), lambda update: None)
    with pytest.raises(ExplorerError, match="broken answers these images with NaN"):
        follow(here.logits("broken", images), lambda update: None)


def test_what_lies_in_the_folder_and_cannot_be_opened_is_said(dishes: Path) -> None:  # noqa: F811
    (dishes / "broken.ckpt").write_bytes(b"x")
    save(dishes / "good.pt", StudentNet(TINY))
    own, problems = from_folder(dishes)
    assert [one.card.title for one in own.values()] == ["good.pt"]
    assert problems == ("broken.ckpt cannot be read: it is truncated or not a checkpoint.",)
    for number in range(25):
        shutil.copy(dishes / "good.pt", dishes / f"copy{number}.pt")
    own, problems = from_folder(dishes)
    assert len(own) == 19
    assert "Only the first 20 of 27 checkpoints" in problems[-1]


class Exploit:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("name", ["evil.ckpt", "evil.pt", "a/b/evil.pth", "..\\evil.ckpt"])
def test_an_uploaded_exploit_is_refused_and_does_not_run(tmp_path: Path, name: str) -> None:
    target = tmp_path / "pwned"
    torch.save({"fc.weight": Exploit(target)}, tmp_path / "x.ckpt")
    with pytest.raises(ExplorerError, match=r"^evil\.\w+ holds more than weights, so it was not opened"):
        from_upload(name, (tmp_path / "x.ckpt").read_bytes())
    assert not target.exists()


def test_an_upload_of_another_kind_or_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("..", "notes.txt", ""):
        with pytest.raises(ExplorerError, match="is not a checkpoint: its name must end in"):
            from_upload(name, b"x")
    monkeypatch.setattr("explorer.workspace.MAX_MEGABYTES", 0)
    with pytest.raises(ExplorerError, match=r"big\.ckpt has 0 MB: at most 0 MB are taken\."):
        from_upload("big.ckpt", b"x")


def test_a_network_trained_here_is_told_apart_by_its_weights() -> None:
    first, second = (trained("here", StudentNet(TINY), 3) for _ in range(2))
    assert isinstance(first, Own)
    assert first.card.sha256 != second.card.sha256
