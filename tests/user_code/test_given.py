"""Networks as they are named on a command line: files of weights, and code, which is run once."""

import hashlib
import os
from collections.abc import Generator
from pathlib import Path

import pytest
import torch

from explorer.errors import ExplorerError
from explorer.networks import StudentNet, StudentSpec
from explorer.user_code import Code, Given, read_given
from explorer.user_code.given import _keep, _kept
from explorer.user_code.run import Exported
from explorer.work.progress import Update, follow
from tests.user_code.exported import Own, exported_own
from tests.user_code.test_child import write


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


def test_a_file_of_weights_is_opened_where_it_lies(tmp_path: Path) -> None:
    torch.save(StudentNet(StudentSpec(4, (4, 5, 6, 7))).state_dict(), tmp_path / "mine.ckpt")
    source = follow(read_given(Given(str(tmp_path / "mine.ckpt"))), lambda _: None)
    assert (source.card.title, source.path) == ("mine.ckpt", tmp_path / "mine.ckpt")


def test_code_is_exported_once_and_opened_as_the_network_that_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[Code] = []

    def export(code: Code, _: object) -> Generator[Update, None, Exported]:
        runs.append(code)
        yield Update("running", 1, 5)
        return exported_own()

    monkeypatch.setattr("explorer.user_code.given.export", export)
    file = write(tmp_path, "x = 1")
    given = Given(f"{file}:Own", 64)
    first, second = (follow(read_given(given), lambda _: None) for _ in range(2))
    assert len(runs) == 1
    for source in (first, second):
        assert (source.card.title, source.card.classes, source.card.input_size) == (
            "Own (student.py)",
            10,
            64,
        )
        assert source.card.sha256 == hashlib.sha256(exported_own().archive).hexdigest()
        assert "fresh weights" in source.card.dataset
    torch.manual_seed(0)
    original, images = Own().eval(), torch.rand(3, 3, 64, 64)
    assert torch.allclose(first.load()(images), original(images), atol=1e-6)
    file.write_text("x = 2")
    follow(read_given(given), lambda _: None)
    assert len(runs) == 2


@pytest.mark.parametrize("text", ["nowhere.pt2", "nowhere.py:Net"])
def test_a_file_that_is_not_there_is_told(text: str) -> None:
    with pytest.raises(ExplorerError, match="There is no file nowhere"):
        follow(read_given(Given(text)), lambda _: None)


def test_what_was_exported_is_kept_until_one_of_its_files_changes(tmp_path: Path, own_cache: Path) -> None:
    file, beside = write(tmp_path, "import beside"), write(tmp_path, "x = 1", "beside.py")
    code = Code(file, "Net")
    exported = Exported(b"archive", "Net", ("beside.py", "student.py"))
    assert _kept(code) is None
    _keep(code, exported)
    assert _kept(code) == exported
    for other in (
        Code(file),
        Code(file, "Net", size=64),
        Code(file, "Net", classes=3),
        Code(file, "Net", beside),
    ):
        assert _kept(other) is None, "another question"
    beside.write_text("x = 2")
    assert _kept(code) is None
    beside.write_text("x = 1")
    assert _kept(code) == exported
    (archive,) = (own_cache / "compression-explorer" / "programs").glob("*.pt2")
    archive.write_bytes(b"something else")
    assert _kept(code) is None


def test_a_cache_that_cannot_be_written_is_no_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    code = Code(write(tmp_path, "x = 1"))
    _keep(code, Exported(b"archive", "Net", ("student.py",)))
    assert _kept(code) is None


def test_the_stamp_follows_the_files_and_the_size(tmp_path: Path) -> None:
    file = write(tmp_path, "x = 1")
    weights = tmp_path / "w.ckpt"
    weights.write_bytes(b"1")
    given = Given(f"{file}:Net@{weights}")
    before = given.stamp
    assert before == Given(given.text).stamp != Given(given.text, 64).stamp
    for path in (file, weights):
        os.utime(path, ns=(1, 1))
        assert given.stamp != before
        before = given.stamp
