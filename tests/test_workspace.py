import math
import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from explorer import workspace as workspace_module
from explorer.checkpoints import card, catalogue, load, write
from explorer.checkpoints.evidence import LOGITS, write_rows, write_tensors
from explorer.data import BUNDLED, ImageSet, open_data_set
from explorer.errors import ExplorerError
from explorer.measure import accuracy, logits
from explorer.networks import StudentNet, StudentSpec, resnet18_teacher
from explorer.pruning.sweep import SweepRow
from explorer.training import Recipe, view_logits
from explorer.work.progress import Update, follow
from explorer.workspace import (
    Logits,
    NetworkSource,
    Workspace,
    checkpoint_files,
    networks_in,
    open_workspace,
    origin_of,
    signature,
    trained_network,
    uploaded_networks,
)
from tests.data.conftest import cache, dishes, homework  # noqa: F401
from tests.stored import stored_logits, stored_view_logits

TINY = StudentSpec(32, (32, 32, 48, 48), classes=3)
OF_TEN = StudentSpec(4, (4, 6, 8, 8), classes=10)


def save(path: Path, net: nn.Module) -> Path:
    torch.save(net.state_dict(), path)
    return path


def seeded(seed: int, spec: StudentSpec = OF_TEN) -> StudentNet:
    torch.manual_seed(seed)
    return StudentNet(spec).eval()


def upload(name: str, net: nn.Module, folder: Path) -> NetworkSource:
    (source,) = uploaded_networks(name, save(folder / "file.ckpt", net).read_bytes())
    return source


def keep(title: str, net: nn.Module) -> NetworkSource:
    return trained_network(title, net, input_size=64, trained_on="trained here")


def silent(update: Update) -> None:
    del update


def never(update: Update) -> None:
    pytest.fail(f"computed: {update}")


@pytest.fixture
def workspace(dishes: Path) -> Workspace:  # noqa: F811
    """A folder of three classes with a teacher, a student and one for other classes."""
    torch.manual_seed(0)
    save(dishes / "resnet18_teacher.ckpt", resnet18_teacher(3))
    save(dishes / "student.pt", StudentNet(TINY))
    save(dishes / "report.pth", StudentNet(StudentSpec()))
    networks, refused = networks_in(dishes)
    assert refused == ()
    return Workspace(open_data_set(dishes, size=32), networks)


def titles(workspace: Workspace, names: tuple[str, ...]) -> list[str]:
    return [workspace.cards[name].title for name in names]


def test_the_bundled_workspace_is_what_the_lessons_always_had() -> None:
    shipped = open_workspace(BUNDLED)
    assert shipped.teachers == ("teacher",)
    assert set(shipped.cards) == set(catalogue())
    assert "teacher" not in shipped.students
    assert shipped.default_student_of("teacher") == "student-60k-kd"
    images = follow(shipped.images("validation"), silent)
    stored = follow(shipped.logits("teacher", images), never)
    assert torch.equal(stored.values, stored_logits("teacher"))
    assert accuracy(stored.values, images.targets()).value > 0.9


def test_networks_are_recognised_and_those_of_other_classes_said(workspace: Workspace) -> None:
    assert titles(workspace, workspace.teachers) == ["resnet18_teacher.ckpt", "student.pt"]
    teacher = workspace.teachers[0]
    assert titles(workspace, workspace.students_of(teacher)) == ["student.pt"]
    assert workspace.misfits == (
        "report.pth tells 11 classes apart and dishes, your folder has 3, so it can be counted but not measured here: "
        "it needs images of 11 classes.",
    )
    with pytest.raises(
        ExplorerError, match=r"There is no network 'teacher' here; there are resnet18_teacher\.ckpt"
    ):
        workspace.network("teacher")
    with pytest.raises(ExplorerError, match=r"^report\.pth tells 11 classes apart and "):
        workspace.network("report.pth")


def test_any_network_of_the_users_teaches_and_is_taught_and_the_default_is_the_likeliest() -> None:
    small, large = keep("small", seeded(0)), keep("large", seeded(0, StudentSpec(classes=10)))
    named, whole = keep("the Teacher", seeded(1)), keep("whole", resnet18_teacher(10))
    workspace = Workspace(BUNDLED, (small, named, whole, large))
    assert titles(workspace, workspace.teachers) == ["whole", "the Teacher", "large", "small"]
    assert titles(workspace, workspace.students) == ["small", "the Teacher", "large", "whole"]
    teacher = workspace.find("small")
    assert titles(workspace, workspace.students_of(teacher)) == ["the Teacher", "large", "whole"]
    assert workspace.default_student_of(teacher) == named.card.name
    alone = Workspace(BUNDLED, (small,))
    assert alone.teachers == (small.card.name,)
    assert alone.default_student_of(small.card.name) is None
    beside = Workspace(BUNDLED, (*open_workspace(BUNDLED).networks, large))
    assert beside.teachers == ("teacher", large.card.name)
    assert beside.default_student_of("teacher") == "student-60k-kd"


def test_two_uploads_of_one_file_name_are_two_networks_that_can_both_be_chosen(tmp_path: Path) -> None:
    """Titles as keys made one of them unreachable."""
    nets = [seeded(0), seeded(1)]
    uploads = tuple(upload("student.ckpt", net, tmp_path) for net in nets)
    workspace = Workspace(BUNDLED, uploads)
    assert len(set(titles(workspace, workspace.students))) == 2
    for source, net in zip(uploads, nets, strict=True):
        title = f"student.ckpt ({source.card.sha256[:6]})"
        name = workspace.find(title)
        assert workspace.cards[name].title == title
        assert torch.equal(workspace.network(name).fc.weight, net.fc.weight)
    with pytest.raises(
        ExplorerError, match=r"several networks 'student\.ckpt' here: name one of student\.ckpt \("
    ):
        workspace.find("student.ckpt")


def test_a_title_stays_plain_while_no_other_has_it_and_one_file_twice_is_one_network(tmp_path: Path) -> None:
    one = upload("student.ckpt", seeded(0), tmp_path)
    workspace = Workspace(BUNDLED, (one, one, keep("student", seeded(1))))
    assert titles(workspace, workspace.students) == ["student.ckpt", "student"]
    assert workspace.find("student.ckpt") == one.card.name


def test_two_networks_trained_one_after_the_other_are_two_with_results_of_their_own(
    validation: ImageSet,
    cache: Path,  # noqa: F811
) -> None:
    """The second one was shown the first one's figures, since both had the same title."""
    images = validation.select(slice(20))
    first, second = (keep("Trained here, distilled", seeded(seed)) for seed in (0, 1))
    assert first.card.sha256 != second.card.sha256
    assert keep("Trained here, distilled", seeded(0)).card.sha256 == first.card.sha256
    workspace = Workspace(BUNDLED, (first, second))
    assert len(workspace.students) == 2
    one, other = (follow(workspace.logits(name, images), silent) for name in workspace.students)
    assert not torch.equal(one.values, other.values)
    assert one.network != other.network
    again = follow(Workspace(BUNDLED, (second,)).logits(second.card.name, images), never)
    assert torch.equal(again.values, other.values)


def test_a_network_that_is_trained_on_does_not_change_what_was_kept() -> None:
    net = seeded(0)
    source = keep("Trained here", net)
    before = net.fc.weight.detach().clone()
    with torch.no_grad():
        net.fc.weight.add_(1)
    assert torch.equal(source.load().fc.weight, before)
    assert source.load() is not source.load()


@pytest.mark.parametrize("kind", ["catalogue", "file", "upload", "trained"])
def test_every_network_can_be_sent_to_another_process(
    kind: str, workspace: Workspace, tmp_path: Path
) -> None:
    source = {
        "catalogue": lambda: open_workspace(BUNDLED).source("student-5k"),
        "file": lambda: workspace.source("student.pt"),
        "upload": lambda: upload("mine.ckpt", seeded(0), tmp_path),
        "trained": lambda: keep("here", seeded(0)),
    }[kind]()
    again = pickle.loads(pickle.dumps(source))  # noqa: S301 (written here)
    assert again.card == source.card or math.isnan(source.card.test_accuracy)
    assert again.card.sha256 == source.card.sha256
    ours, theirs = source.load(), again.load()
    assert not ours.training
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_only_what_every_copy_has_ships(workspace: Workspace) -> None:
    assert open_workspace(BUNDLED).source("teacher").ships
    assert not workspace.source("student.pt").ships
    assert not keep("here", seeded(0)).ships


def test_logits_are_computed_once_and_kept_by_weights_and_images(
    workspace: Workspace,
    cache: Path,  # noqa: F811
) -> None:
    name = workspace.students[0]
    images = follow(workspace.images("test"), silent)
    updates: list[Update] = []
    computed = follow(workspace.logits(name, images), updates.append).values
    assert updates[-1].done == updates[-1].total == len(images) == 6
    assert torch.equal(computed, logits(workspace.network(name), images.inputs()))
    again = follow(workspace.logits(name, images), never)
    assert torch.equal(again.values, computed)
    (path,) = (cache / "logits").iterdir()
    path.write_bytes(path.read_bytes()[:50])
    assert torch.equal(follow(workspace.logits(name, images), silent).values, computed), "a damaged file"
    other = Workspace(open_data_set(workspace.data.checkpoints, size=64), workspace.networks)
    larger = follow(other.images("validation"), silent)
    assert not torch.equal(follow(other.logits(name, larger), silent).values, computed)
    retrained = upload("student.pt", seeded(1, TINY), cache.parent)
    assert retrained.card.name != name
    here = Workspace(workspace.data, (retrained,))
    assert not torch.equal(follow(here.logits(retrained.card.name, images), silent).values, computed)
    fewer = follow(workspace.logits(name, images.select(slice(3))), silent).values
    assert torch.allclose(fewer, computed[:3], atol=1e-5)


def test_logits_say_how_they_were_really_got(
    workspace: Workspace,
    validation: ImageSet,
    cache: Path,  # noqa: F811
) -> None:
    """What was computed here for a user's network was called the precomputed logits of the shipped ones."""
    mine = keep("Trained here, distilled", seeded(0))
    shipped = Workspace(BUNDLED, (*open_workspace(BUNDLED).networks, mine))
    teacher = follow(shipped.logits("teacher", validation), never)
    student = follow(shipped.logits(mine.card.name, validation), silent)
    assert origin_of(teacher) == (
        "precomputed",
        "logits of Teacher, ResNet-18 on 5,000 validation images (Fashion-MNIST, validation)",
    )
    assert student.origin == "computed"
    assert origin_of(teacher, student) == (
        "computed",
        "logits of Teacher, ResNet-18 and Trained here, distilled on 5,000 validation images "
        "(Fashion-MNIST, validation)",
    )
    some = validation.select(slice(30))
    assert follow(shipped.logits("teacher", some), silent).origin == "computed", "stored for all of them only"
    images = follow(workspace.images("validation"), silent)
    own = follow(workspace.logits(workspace.teachers[0], images), silent)
    assert (own.origin, own.network) == ("computed", "resnet18_teacher.ckpt")
    assert "Fashion-MNIST" not in origin_of(own)[1]
    assert follow(workspace.logits(workspace.teachers[0], images), never).origin == "computed"


def test_figures_of_several_logits_are_precomputed_only_if_all_are() -> None:
    values = torch.zeros(1, 2)
    stored, fresh = (Logits(values, origin, "net", "images") for origin in ("precomputed", "computed"))
    assert [origin_of(*parts)[0] for parts in ((stored,), (stored, stored), (stored, fresh), (fresh,))] == [
        "precomputed",
        "precomputed",
        "computed",
        "computed",
    ]


def test_another_teacher_under_the_shipped_ones_name_is_shown_none_of_its_results(
    tmp_path: Path,
    cache: Path,  # noqa: F811
) -> None:
    """The grid was read without comparing its teacher with the card."""
    shipped = open_workspace(BUNDLED)
    for kind, use in (("sweep", "test"), ("forms", "test"), ("sensitivity", "test"), ("grid", "validation")):
        assert shipped.find_rows(kind, dict, "teacher", use) is not None
    other = upload("x.ckpt", resnet18_teacher(10), tmp_path)
    other = replace(other, card=replace(other.card, name="teacher", title="Teacher, ResNet-18"))
    workspace = Workspace(BUNDLED, (other,))
    for kind, use in (("sweep", "test"), ("forms", "test"), ("sensitivity", "test"), ("grid", "validation")):
        assert workspace.find_rows(kind, dict, "teacher", use) is None
    assert not workspace.has_view_logits("teacher", Recipe(epochs=1))
    assert shipped.has_view_logits("teacher", Recipe(epochs=1))
    assert not shipped.has_view_logits("teacher", Recipe(epochs=1, shift=2))


def test_evidence_of_other_images_is_not_shown(tmp_path: Path) -> None:
    """The same weights on other images: a folder of ten classes beside a copy of the shipped checkpoints."""
    for path in (BUNDLED.checkpoints / "manifest.json", BUNDLED.checkpoints / "student-5k.safetensors"):
        shutil.copy(path, tmp_path)
    source = open_workspace(BUNDLED).source("student-5k")
    test, validation = BUNDLED.load("test"), BUNDLED.load("validation")
    row = SweepRow("global-l1", 0.0, 9, 10, 1, 1, 1, None, None, None, None, 32, 1, False, 1, 1)
    write_rows("sweep", [row], source.card, validation.select(slice(10)), tmp_path)
    write_tensors(LOGITS, {source.card.sha256: torch.zeros(10_000, 10)}, test, "logits", tmp_path)
    workspace = Workspace(_Elsewhere(tmp_path), (source,))
    assert workspace.find_rows("sweep", SweepRow, "student-5k", "test") is None
    assert workspace.find_rows("sweep", SweepRow, "student-5k", "validation") is not None
    assert follow(workspace.logits("student-5k", test), never).origin == "precomputed"
    assert follow(workspace.logits("student-5k", test.select(slice(9))), silent).origin == "computed"


class _Elsewhere(type(BUNDLED)):
    """The bundled images with another folder of checkpoints."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        object.__setattr__(self, "folder", folder)

    @property
    def checkpoints(self) -> Path:
        folder: Path = self.folder
        return folder


def test_a_teachers_view_logits_are_those_that_training_looks_up(workspace: Workspace) -> None:
    images = follow(workspace.images("training"), silent)
    recipe, teacher = Recipe(epochs=1, batch_size=8, shift=1), workspace.teachers[0]
    computed = follow(workspace.view_logits(teacher, images, recipe), silent)
    assert computed.values.shape == (10, 27, 3)
    assert computed.origin == "computed"
    straight = torch.stack(list(view_logits(workspace.network(teacher), images, recipe)))
    assert torch.allclose(computed.values.float(), straight, atol=2e-2)
    flip = next(number for number, view in enumerate(recipe.views) if view == (True, 0, 0))
    mirrored = workspace.network(teacher)(images.inputs().flip(3))
    assert torch.allclose(straight[flip], mirrored, atol=1e-4)
    follow(workspace.view_logits(teacher, images, recipe), never)
    more = follow(workspace.view_logits(teacher, images, replace(recipe, shift=2)), silent)
    assert len(more.values) == 18, "other views are other logits"


def test_the_shipped_teachers_view_logits_are_stored(shard: ImageSet) -> None:
    stored = follow(open_workspace(BUNDLED).view_logits("teacher", shard, Recipe(epochs=1)), never)
    assert stored.origin == "precomputed"
    assert torch.equal(stored.values, stored_view_logits())


def test_a_checkpoint_that_changed_or_gives_nan_is_refused(workspace: Workspace) -> None:
    name = workspace.students[0]
    path = workspace.source(name).path
    assert path is not None
    before = signature(path.parent)
    save(path, StudentNet(TINY))
    os.utime(path, ns=(1, 1))
    assert signature(path.parent) != before
    with pytest.raises(ExplorerError, match=r"student\.pt has changed since it was read"):
        workspace.network(name)
    broken = StudentNet(TINY)
    broken.bn1.running_var.fill_(-1.0)
    source = keep("broken", broken)
    here = Workspace(workspace.data, (source,))
    images = follow(here.images("validation"), silent)
    with pytest.raises(ExplorerError, match="broken answers these images with NaN"):
        follow(here.logits(source.card.name, images), silent)


def test_what_lies_in_a_folder_and_cannot_be_opened_is_said(dishes: Path) -> None:  # noqa: F811
    (dishes / "broken.ckpt").write_bytes(b"x")
    save(dishes / "good.pt", StudentNet(TINY))
    (dishes / "manifest.json").write_text("[]", encoding="utf-8")
    networks, refused = networks_in(dishes)
    assert [source.card.title for source in networks] == ["good.pt"]
    assert [str(file) for file in refused] == [
        f"{dishes / 'manifest.json'} is not a manifest of checkpoints.",
        "broken.ckpt cannot be read: it is truncated or not a checkpoint.",
    ]
    with pytest.raises(ExplorerError, match=r"^broken\.ckpt cannot be read"):
        open_workspace(open_data_set(dishes, size=32)).find("broken.ckpt")
    for number in range(25):
        shutil.copy(dishes / "good.pt", dishes / f"copy{number}.pt")
    networks, refused = networks_in(dishes)
    assert len(networks) == 19
    assert "Only the first 20 of 27 checkpoints" in str(refused[-1])


class Exploit:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("name", ["evil.ckpt", "evil.pt", "a/b/evil.pth", "..\\evil.ckpt"])
def test_an_uploaded_exploit_is_refused_and_does_not_run(tmp_path: Path, name: str) -> None:
    target = tmp_path / "pwned"
    torch.save({"fc.weight": Exploit(target)}, tmp_path / "x.ckpt")
    with pytest.raises(
        ExplorerError, match=r"^evil\.\w+ holds more than weights \(posix\.system\), so it was not"
    ):
        uploaded_networks(name, (tmp_path / "x.ckpt").read_bytes())
    assert not target.exists()


def test_an_upload_of_another_kind_or_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("..", "notes.txt", ""):
        with pytest.raises(ExplorerError, match="is not a checkpoint: its name must end in"):
            uploaded_networks(name, b"x")
    monkeypatch.setattr("explorer.workspace.MAX_MEGABYTES", 0)
    with pytest.raises(ExplorerError, match=r"big\.ckpt has 0 MB: at most 0 MB are taken\."):
        uploaded_networks("big.ckpt", b"x")


# --- Where checkpoints lie and how they are named ---------------------------------------------------------


def put(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return save(path, seeded(seed, TINY))


def test_checkpoints_are_found_two_folders_down_but_not_among_the_images(dishes: Path) -> None:  # noqa: F811
    there = [
        "near.pt",
        "outputs/late.ckpt",
        "outputs/run-1/student_best.ckpt",
        "outputs/run-2/student_best.ckpt",
    ]
    for seed, name in enumerate(there):
        put(dishes / name, seed)
    for name in (
        "training/a.pt",
        "outputs/run-1/deeper/a.pt",
        ".cache/a.pt",
        "__MACOSX/a.pt",
        "evidence/a.pt",
    ):
        put(dishes / name)
    assert [path.relative_to(dishes).as_posix() for path in checkpoint_files(dishes)] == there
    before = signature(dishes)
    put(dishes / "outputs" / "run-2" / "student_best.ckpt", 7)
    assert signature(dishes) != before
    networks, refused = networks_in(dishes)
    assert [source.card.title for source in networks] == there
    assert refused == ()
    assert len({source.card.name for source in networks}) == len(there)


def test_a_folder_of_images_is_not_read_to_its_end(dishes: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    put(dishes / "outputs" / "best.pt")
    monkeypatch.setattr("explorer.workspace.FEW", 5)
    for name in ("bread", "soup"):
        _, folders, seen = workspace_module._listed(dishes / name, 100, whole=False)
        assert (folders, seen) == ([], 5)
    assert len(checkpoint_files(dishes)) == 1
    monkeypatch.setattr("explorer.workspace.MOST_ENTRIES", 8)  # the folder itself is always read
    assert checkpoint_files(dishes) == []


def test_a_network_is_named_by_its_file_or_path_and_a_refused_one_says_why(dishes: Path) -> None:  # noqa: F811
    for number in (1, 2):
        put(dishes / "outputs" / f"run-{number}" / "student_best.ckpt", number)
    put(dishes / "outputs" / "teacher.pt", 3)
    (dishes / "outputs" / "run-1" / "broken.ckpt").write_bytes(b"x")
    here = open_workspace(open_data_set(dishes, size=32))
    names = {source.card.title: name for name, source in here.sources.items()}
    for text in ("teacher.pt", "outputs/teacher.pt", str(dishes / "outputs" / "teacher.pt")):
        assert here.find(text) == names["outputs/teacher.pt"]
    with pytest.raises(
        ExplorerError, match=r"several networks 'student_best\.ckpt' here: name one of outputs/run"
    ):
        here.find("student_best.ckpt")
    for text in ("broken.ckpt", "run-1/broken.ckpt", str(dishes / "outputs" / "run-1" / "broken.ckpt")):
        with pytest.raises(ExplorerError, match=r"^broken\.ckpt cannot be read: it is truncated"):
            here.find(text)
    with pytest.raises(ExplorerError, match=r"^There is no network 'ckpt' here"):
        here.find("ckpt")


def test_two_networks_of_one_file_are_two_in_the_workspace(dishes: Path) -> None:  # noqa: F811
    nets = {"student": seeded(0, TINY), "teacher": seeded(1, TINY)}
    state = {f"{part}.{key}": each for part, net in nets.items() for key, each in net.state_dict().items()}
    torch.save({"state_dict": state}, dishes / "kd.ckpt")
    here = open_workspace(open_data_set(dishes, size=32))
    uploaded = uploaded_networks("kd.ckpt", (dishes / "kd.ckpt").read_bytes())
    images = torch.randn(2, 3, 32, 32)
    for source, (part, net) in zip(here.sources.values(), nets.items(), strict=True):
        assert source.card.title == f"kd.ckpt, {part}"
        assert torch.equal(pickle.loads(pickle.dumps(source)).load()(images), net(images))  # noqa: S301 (written here)
        again = next(each for each in uploaded if each.card.title == source.card.title)
        assert torch.equal(again.load()(images), net(images))
        assert again.notices == source.notices
        assert any("is assumed" in notice for notice in source.notices)


@pytest.mark.parametrize(
    "damage", [lambda whole: whole[:9000], lambda whole: whole[:-1] + bytes([whole[-1] ^ 4])]
)
def test_a_damaged_checkpoint_is_told_by_its_card_and_the_others_are_as_they_were(
    damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    for name in ("student-5k", "student-10k"):
        write(replace(card(name), bytes=0), load(name).state_dict(), tmp_path)
    broken, whole = open_workspace(BUNDLED, tmp_path).sources.values()
    assert broken.path is not None
    broken.path.write_bytes(damage(broken.path.read_bytes()))
    again, other = open_workspace(BUNDLED, tmp_path).sources.values()
    for source in (broken, again):
        with pytest.raises(ExplorerError, match=r"student-5k\.safetensors is damaged: .* fetch it again\.$"):
            source.load()
    with pytest.raises(ExplorerError, match=r"student-5k\.safetensors is damaged: .* fetch it again\.$"):
        load("student-5k", tmp_path)
    assert torch.equal(next(whole.load().parameters()), next(other.load().parameters()))
